import dataclasses
import json

import pytest

from wavegan_tf import config
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan.options import LOSSES
from wavegan_tf.core.errors import UserError
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

# The command line of the original train_wavegan.py, which the paper's runs used.
ORIGINALS = {
    "data_dir": "", "data_sample_rate": 16000, "data_slice_len": 16384, "data_num_channels": 1,
    "data_overlap_ratio": 0.0, "data_first_slice": False, "data_pad_end": False, "data_fast_wav": False,
    "wavegan_latent_dim": 100, "wavegan_kernel_len": 25, "wavegan_dim": 64, "wavegan_batchnorm": False,
    "wavegan_disc_nupdates": 5, "wavegan_loss": "wgan-gp", "wavegan_genr_upsample": "zeros",
    "wavegan_genr_pp": False, "wavegan_genr_pp_len": 512, "wavegan_disc_phaseshuffle": 2,
    "train_batch_size": 64, "train_save_secs": 300, "train_summary_secs": 120, "preview_n": 32,
}  # fmt: skip


def test_names_and_defaults_are_the_originals():
    defaults = dataclasses.asdict(config.WaveGANConfig())
    assert {name: defaults[name] for name in ORIGINALS} == ORIGINALS


def test_ours_beside_them_leave_the_originals_behaviour_as_it_is():
    defaults = dataclasses.asdict(config.WaveGANConfig())
    ours = {name: value for name, value in defaults.items() if name not in ORIGINALS}
    assert ours == {
        "preset": None,
        "data_normalize": True, "data_cache_mb": 2048, "data_cache_dir": "", "data_skip_bad": True,
        "train_steps": 0, "train_time_limit_secs": 0.0, "seed": 0, "distribution": "auto", "jit_compile": None,
        "mixed_precision": "none", "tf32": True, "deterministic": False, "wavegan_disc_phaseshuffle_per_example": False,
        "train_ema_decay": 0.0, "train_learning_rate": 0.0, "train_learning_rate_decay_steps": 0,
        "data_labels": "none", "data_labels_file": "", "data_balance": False,
        "data_prepared": "", "data_verify": False, "data_shuffle_shards": 0, "warm_start": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"wavegan_dim": 0}, "--wavegan_dim=0: must be at least 1"),
        ({"wavegan_latent_dim": 0}, "--wavegan_latent_dim=0: must be at least 1"),
        ({"wavegan_kernel_len": 0}, "--wavegan_kernel_len=0: must be at least 1"),
        ({"wavegan_disc_nupdates": 0}, "--wavegan_disc_nupdates=0: must be at least 1"),
        ({"wavegan_loss": "gan"}, f"--wavegan_loss=gan: must be one of {', '.join(LOSSES)}"),
        ({"wavegan_genr_upsample": "cubic"}, "--wavegan_genr_upsample=cubic: must be one of zeros, nn"),
        ({"wavegan_disc_phaseshuffle": 16}, "--wavegan_disc_phaseshuffle=16: must be at most 15"),
        ({"wavegan_disc_phaseshuffle": -1}, "--wavegan_disc_phaseshuffle=-1: must be at least 0"),
        ({"data_slice_len": 63}, "--data_slice_len=63: must be at least 64"),
        ({"data_slice_len": 1 << 27}, f"--data_slice_len={1 << 27}: must be at most {1 << 26}"),
        (
            {"preset": "drums_44k"},
            "--preset=drums_44k: its values are not taken; WaveGANConfig.from_preset takes them",
        ),
        ({"preview_n": 0}, "--preview_n=0: must be at least 1"),
        (
            {"wavegan_genr_pp": True, "data_num_channels": 2},
            "--wavegan_genr_pp with --data_num_channels=2: the post-processing filter is defined for one channel only",
        ),
    ],
)
def test_impossible_values_are_named(values, message):
    with pytest.raises(UserError) as error:
        config.WaveGANConfig(**values)
    assert error.value.on_command_line == message


@pytest.mark.parametrize("ratio", [1.0, -0.1, 2.0])
def test_overlap_that_does_not_move_on_is_named(ratio):
    with pytest.raises(UserError, match=f"data_overlap_ratio={ratio}"):
        config.WaveGANConfig(data_overlap_ratio=ratio)


@pytest.mark.parametrize("radius", [0, 15])
def test_largest_and_no_phase_shuffle_are_allowed(radius):
    assert config.WaveGANConfig(wavegan_disc_phaseshuffle=radius).wavegan_disc_phaseshuffle == radius


FIXED = {
    "seed", "data_sample_rate", "data_slice_len", "data_num_channels", "data_overlap_ratio", "data_first_slice",
    "data_pad_end", "data_normalize", "wavegan_latent_dim", "wavegan_kernel_len", "wavegan_dim", "wavegan_batchnorm",
    "wavegan_loss", "wavegan_genr_upsample", "wavegan_genr_pp", "wavegan_genr_pp_len", "data_labels", "data_balance",
    "preset", "warm_start",
}  # fmt: skip


def test_what_shapes_the_networks_or_their_data_stays_fixed():
    fields = dataclasses.fields(config.WaveGANConfig)
    assert {field.name for field in fields if field.metadata["resume"] == "fixed"} == FIXED
    assert all(field.metadata["help"].endswith(".") for field in fields)


def test_round_trip_through_the_file_of_a_run(tmp_path):
    path = tmp_path / gan_options.CONFIG_FILE
    ours = config.WaveGANConfig(wavegan_dim=8, wavegan_loss="lsgan", jit_compile=False, data_overlap_ratio=0.25)
    assert not gan_options.run_exists(str(tmp_path))
    gan_options.save_run(ours, str(tmp_path))
    assert gan_options.run_exists(str(tmp_path)) and gan_options.load_run(config.WaveGANConfig, str(tmp_path)) == ours
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "model": "specgan"}))
    with pytest.raises(UserError, match=f"^{path}: is not the configuration of a wavegan run$"):
        gan_options.load_run(config.WaveGANConfig, str(tmp_path))


def test_every_setting_reaches_the_networks():
    ours = config.WaveGANConfig(
        data_slice_len=32768, data_num_channels=2, wavegan_kernel_len=9, wavegan_dim=3, wavegan_latent_dim=7,
        wavegan_batchnorm=True, wavegan_genr_upsample="nn", wavegan_disc_phaseshuffle=4, wavegan_genr_pp_len=100,
    )  # fmt: skip
    shared = {"slice_len": 32768, "nch": 2, "kernel_len": 9, "dim": 3, "use_batchnorm": True, "num_labels": 0}
    assert ours.generator_arguments() == {**shared, "latent_dim": 7, "upsample": "nn", "pp_len": 0}
    assert ours.discriminator_arguments() == {**shared, "phaseshuffle_rad": 4}
    filtered = config.WaveGANConfig(wavegan_genr_pp=True, wavegan_genr_pp_len=100)
    assert filtered.generator_arguments()["pp_len"] == 100


def test_networks_take_these_arguments():
    ours = config.WaveGANConfig(wavegan_dim=1, wavegan_latent_dim=3)
    for network, arguments in (
        (WaveGANGenerator, ours.generator_arguments()),
        (WaveGANDiscriminator, ours.discriminator_arguments()),
    ):
        made = network(**arguments).get_config()
        assert {name: made[name] for name in arguments} == arguments
