"""SpecGAN's options against the original's command line."""

from __future__ import annotations

import dataclasses

import pytest

from specgan_tf.config import SpecGANConfig
from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan.presets import CLIPS
from wavegan_tf.core.errors import UserError

# The command line of the original train_specgan.py.
ORIGINALS = {
    "data_dir": "", "data_moments_fp": "", "data_sample_rate": 16000, "data_overlap_ratio": 0.0,
    "data_first_slice": False, "data_pad_end": False, "data_fast_wav": False, "specgan_latent_dim": 100,
    "specgan_kernel_len": 5, "specgan_dim": 64, "specgan_batchnorm": False, "specgan_disc_nupdates": 5,
    "specgan_loss": "wgan-gp", "specgan_genr_upsample": "zeros", "specgan_ngl": 16, "train_batch_size": 64,
    "train_save_secs": 300, "train_summary_secs": 120, "preview_n": 32,
}  # fmt: skip
# What the original has as constants, or does not have.
OURS = {
    "data_slice_len": 16384, "data_num_channels": 1, "specgan_clip_nstd": 3.0, "specgan_output_activation": "tanh",
    "specgan_window_len": 256, "specgan_hop_len": 128, "preset": None,
    "specgan_inversion": "original", "specgan_disc_phaseshuffle": 0, "specgan_disc_phaseshuffle_per_example": False,
}  # fmt: skip


def test_names_and_defaults_are_the_originals():
    defaults = dataclasses.asdict(SpecGANConfig())
    assert {name: defaults[name] for name in {**ORIGINALS, **OURS}} == {**ORIGINALS, **OURS}
    assert {name for name in defaults if "specgan" in name} == {n for n in {**ORIGINALS, **OURS} if "specgan" in n}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"specgan_dim": 0}, "--specgan_dim=0: must be at least 1"),
        ({"specgan_loss": "gan"}, "--specgan_loss=gan: must be one of dcgan, lsgan, wgan, wgan-gp"),
        (
            {"specgan_genr_upsample": "bilinear"},
            "--specgan_genr_upsample=bilinear: must be one of zeros, nn, lin, linear, cub, cubic",
        ),
        ({"specgan_output_activation": "elu"}, "--specgan_output_activation=elu: must be one of tanh, linear, relu"),
        ({"specgan_inversion": "slow"}, "--specgan_inversion=slow: must be one of original, exact, fast"),
        ({"specgan_ngl": -1}, "--specgan_ngl=-1: must be at least 0"),
        ({"specgan_clip_nstd": 0.0}, "--specgan_clip_nstd=0.0: must be at least 1e-06"),
        ({"specgan_clip_nstd": -1.0}, "--specgan_clip_nstd=-1.0: must be at least 1e-06"),
        ({"specgan_clip_nstd": float("nan")}, "--specgan_clip_nstd=nan: must be a finite number"),
        ({"specgan_disc_phaseshuffle": 8}, "--specgan_disc_phaseshuffle=8: must be at most 7"),
        (
            {"data_slice_len": 255},
            "--data_slice_len=255: must be at least a frame of the spectrogram, 256 samples by "
            "--specgan_window_len=256",
        ),
        ({"specgan_window_len": 62}, "--specgan_window_len=62: must be at least 64"),
        ({"specgan_window_len": 257}, "--specgan_window_len=257: must be even"),
        (
            {"specgan_window_len": 0, "specgan_hop_len": 0, "data_sample_rate": 1999},
            "--specgan_window_len=0: must be at least 64 (at --data_sample_rate=1999 16 ms are 0 samples)",
        ),
        (
            {"specgan_window_len": 704},
            "--specgan_hop_len=128: a frame of 704 samples must be 2, 3, 4 ... times as long, as for "
            "--specgan_hop_len=352",
        ),
        (
            {"specgan_hop_len": 256},
            "--specgan_hop_len=256: a frame of 256 samples must be 2, 3, 4 ... times as long, as for "
            "--specgan_hop_len=128",
        ),
        (
            {"data_slice_len": 4096, "specgan_disc_phaseshuffle": 2},
            "--specgan_disc_phaseshuffle=2: must be at most 1 with --data_slice_len=4096, whose layers are too short "
            "for more",
        ),
        ({"preset": "sc10"}, f"--preset=sc10: must be one of {', '.join(CLIPS)}"),
    ],
)
def test_impossible_values_are_named(values, message):
    with pytest.raises(UserError) as error:
        SpecGANConfig(**values)
    assert error.value.on_command_line == message


def test_what_shapes_the_networks_or_their_data_stays_fixed():
    fields = dataclasses.fields(SpecGANConfig)
    fixed = {field.name for field in fields if field.metadata["resume"] == "fixed" and "specgan" in field.name}
    assert fixed == {
        "specgan_latent_dim", "specgan_kernel_len", "specgan_dim", "specgan_batchnorm", "specgan_loss",
        "specgan_genr_upsample", "specgan_output_activation", "specgan_clip_nstd",
        "specgan_window_len", "specgan_hop_len",
    }  # fmt: skip
    assert all(field.metadata["help"].endswith(".") for field in fields)


def test_round_trip_through_the_file_of_a_run(tmp_path):
    ours = SpecGANConfig(specgan_dim=8, specgan_inversion="fast", specgan_ngl=3, data_moments_fp="m.npz")
    gan_options.save_run(ours, str(tmp_path))
    assert gan_options.load_run(SpecGANConfig, str(tmp_path)) == ours


def test_every_setting_reaches_the_networks():
    ours = SpecGANConfig(
        data_slice_len=65536, specgan_kernel_len=3, specgan_dim=1, specgan_latent_dim=7, specgan_batchnorm=True,
        specgan_genr_upsample="cub", specgan_disc_phaseshuffle=4, specgan_output_activation="relu",
    )  # fmt: skip
    shared = {"frames": 512, "bins": 128, "nch": 1, "kernel_len": 3, "dim": 1, "use_batchnorm": True, "num_labels": 0}
    generator = {**shared, "latent_dim": 7, "upsample": "cub", "activation": "relu"}
    discriminator = {**shared, "phaseshuffle_rad": 4}
    assert (ours.generator_arguments(), ours.discriminator_arguments()) == (generator, discriminator)
    for network, arguments in ((SpecGANGenerator, generator), (SpecGANDiscriminator, discriminator)):
        made = network(**arguments).get_config()
        assert {name: made[name] for name in arguments} == arguments
