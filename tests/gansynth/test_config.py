"""The options: Magenta's names, the paper's values, the rows of its table, and what is refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from absl import flags as absl_flags

from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.hparams import known_hyperparameters, parse_hparams
from gansynth_tf.presets import CONFIGS, PAPER
from gansynth_tf.train import define_flags, read_config
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import save_options

# Magenta's configs/mel_prog_hires.py, and its defaults (model.py) where that says nothing.
MEL_PROG_HIRES = {
    "train_data_path": "", "data_type": "mel", "audio_length": 64000, "sample_rate": 16000,
    "data_normalizer": "specgrams_prespecified_normalizer", "normalizer_margin": 0.8, "normalizer_num_examples": 1000,
    "mag_normalizer_a": 0.0661371661726, "mag_normalizer_b": 0.113718730221, "p_normalizer_a": 0.8,
    "p_normalizer_b": 0.0, "gradient_penalty_target": 1.0, "gradient_penalty_weight": 10.0,
    "real_score_penalty_weight": 0.001, "generator_ac_loss_weight": 10.0, "discriminator_ac_loss_weight": 10.0,
    "gen_gl_consistency_loss_weight": 0.0, "generator_learning_rate": 8e-4, "discriminator_learning_rate": 8e-4,
    "adam_beta1": 0.0, "adam_beta2": 0.99, "fake_batch_size": 61, "debug_hook": False, "batch_size_schedule": (8,),
    "stable_stage_num_images": 800_000, "transition_stage_num_images": 800_000, "total_num_images": 11_000_000,
    "save_summaries_num_images": 10_000, "train_progressive": True, "train_time_limit": None,
    "train_time_stage_multiplier": 1.0, "latent_vector_size": 256, "kernel_size": 3, "start_height": 2,
    "start_width": 16, "scale_mode": "ALL", "scale_base": 2, "num_resolutions": 7, "simple_arch": False,
    "to_rgb_activation": "tanh", "fmap_base": 4096, "fmap_decay": 1.0, "fmap_max": 256,
}  # fmt: skip


def test_names_and_defaults_are_the_papers():
    defaults = dataclasses.asdict(GANSynthConfig())
    assert {name: defaults[name] for name in MEL_PROG_HIRES} == MEL_PROG_HIRES


def test_every_row_of_the_papers_table_has_a_config():
    found = {name: GANSynthConfig(**{**values, "config": name}) for name, values in PAPER.items()}
    assert {(c.data_type, c.resolutions.final_resolutions) for c in found.values()} == {
        (data_type, size) for data_type in ("linear", "phase", "mel") for size in ((128, 1024), (256, 512))
    }
    for name, config in found.items():
        assert name.startswith(config.data_type) and name.endswith("_hires") == (config.start_height == 2)
        assert config.schedule.num_stages == 13 and config.schedule.stage(12).end_image == 11_000_000


def test_the_presets_at_44_khz_are_the_papers_but_for_sizes_and_what_follows_from_them():
    paper = GANSynthConfig()
    for name, channels in (("mel_44k", 1), ("mel_44k_stereo", 2)):
        config = GANSynthConfig(**CONFIGS[name])
        assert config.resolutions.final_resolutions == (192, 2048) and config.num_channels == channels
        assert config.audio_length / config.sample_rate == paper.audio_length / paper.sample_rate
        # What is silent stays where it is, and frames twice as long make magnitudes twice as large: the loudest of
        # NSynth, which the paper's numbers bring to 0.8, is four times as powerful.
        silent, loudest = np.log(1e-6), (0.8 - paper.mag_normalizer_b) / paper.mag_normalizer_a
        normalized = np.array([silent, loudest + np.log(4)]) * config.mag_normalizer_a + config.mag_normalizer_b
        np.testing.assert_allclose(normalized, [-0.8, 0.8], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "--hparams: is not valid JSON"),
        ("[1]", "--hparams: must be a JSON object"),
        ('{"learning_rate": 1}', "--hparams: unknown hyperparameter 'learning_rate'"),
        ('{"g_fn": "dcgan"}', "g_fn='dcgan': must be 'specgram'"),
        ('{"ps_tasks": 2}', "ps_tasks=2: must be 0, there are no parameter servers"),
        ('{"dataset_name": "mnist"}', "dataset_name='mnist': must be 'nsynth_tfds'"),
    ],
)
def test_hparams_that_are_refused(text, message):
    with pytest.raises(UserError) as error:
        parse_hparams(text)
    assert message in error.value.on_command_line


def test_hparams_as_of_the_original():
    text = '{"g_fn": "specgram", "task": 0, "master": "", "batch_size_schedule": [8, 4], "train_time_limit": null}'
    values = parse_hparams(text)
    assert values == {"batch_size_schedule": [8, 4], "train_time_limit": None}
    assert GANSynthConfig(**values).batch_size_schedule == (8, 4)
    original = {**MEL_PROG_HIRES, "train_root_dir": "/run", "dataset_name": "nsynth_tfds", "g_fn": "specgram"}
    assert known_hyperparameters(original, "here") == {**MEL_PROG_HIRES, "train_root_dir": "/run"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data_type": "cqt"}, "--data_type=cqt: must be one of linear, phase, mel, wave"),
        ({"batch_size_schedule": []}, "--batch_size_schedule: must not be empty"),
        ({"batch_size_schedule": [8, 0]}, "--batch_size_schedule=0: must be at least 1"),
        ({"batch_size_schedule": 8}, "--batch_size_schedule=8: must be a list of integers"),
        ({"batch_size_schedule": [1] * 8}, "has more elements than --num_resolutions=7"),
        ({"fmap_base": 64}, "--fmap_base=64 --fmap_decay=1.0 --num_resolutions=7: leave the last block without"),
        ({"gradient_penalty_target": 0.0}, "--gradient_penalty_target=0.0: must be at least 1e-06"),
        ({"mag_normalizer_a": 0.0}, "--mag_normalizer_a=0.0: must be at least 1e-06"),
        ({"scale_base": 1}, "--scale_base=1: must be at least 2"),
        ({"scale_mode": "W"}, "--scale_mode=W: must be one of ALL, H"),
        ({"adam_beta1": 1.0}, "--adam_beta1=1.0: must be at most 0.9999"),
        ({"to_rgb_activation": "relu"}, "--to_rgb_activation=relu: must be one of tanh, linear"),
        ({"train_time_limit": 0.0}, "--train_time_limit=0.0: must be at least 0.001"),
        ({"data_normalizer": "x"}, "--data_normalizer=x: must be one of none, specgrams_prespecified_normalizer"),
        ({"fmap_decay": 2000.0}, "--fmap_base=4096 --fmap_decay=2000.0 --num_resolutions=7: leave"),
        ({"train_time_limit": 9.0, "train_time_stage_multiplier": 1e-6}, "_multiplier=1e-06: leaves stages without"),
        ({"train_time_limit": 9.0, "train_time_stage_multiplier": 1e30}, "_multiplier=1e+30: leaves stages without"),
        ({"seed": 2**31}, "--seed=2147483648: must be at most 2147483647"),
        ({"adam_beta2": 10**400}, "must be at most 0.9999999"),
        ({"discriminator_learning_rate": 1e39}, "must be at most 3.4028234663852886e+38"),
        ({"config": "mel"}, "--config=mel: must be one of mel_prog_hires"),
    ],
)
def test_impossible_values_are_named(values, message):
    with pytest.raises(UserError) as error:
        GANSynthConfig(**values)
    assert message in error.value.on_command_line


def test_json_and_back():
    config = GANSynthConfig(batch_size_schedule=(8, 4), train_time_limit=3.5)
    assert GANSynthConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.fixture
def parse():
    """Parses a command line of gansynth_train in this process."""
    before = set(absl_flags.FLAGS)
    define_flags()
    yield lambda *arguments: absl_flags.FLAGS(["gansynth_train", *arguments])
    for name in set(absl_flags.FLAGS) - before:
        delattr(absl_flags.FLAGS, name)
    absl_flags.FLAGS.unparse_flags()


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("value", [[], {}, None, True, 5, 0.5, "x", [[]], {"a": []}, 10**400])
def test_a_value_of_any_type_for_any_hyperparameter_is_taken_or_refused_in_one_line(parse, tmp_path, is_new, value):
    """For a new run, and for one that goes on."""
    if not is_new:
        save_options(GANSynthConfig(), str(tmp_path / CONFIG_FILE), MODEL)
    names = [field.name for field in dataclasses.fields(GANSynthConfig)]
    for name in (*names, "g_fn", "ps_tasks", "train_root_dir", "nothing"):
        parse(f"--hparams={json.dumps({'train_root_dir': str(tmp_path), name: value})}")
        try:
            read_config()
        except UserError as error:
            assert name in str(error) and "\n" not in str(error)
