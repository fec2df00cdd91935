"""Training from prepared data beside training from the folder: the same weights, wherever a run goes on from."""

from __future__ import annotations

import dataclasses
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

import gansynth_tf
import specgan_tf
import wavegan_tf
from gansynth_tf.prepare import prepare as prepare_notes
from tests.commands import DRUMS, tiny
from tests.commands import run as run_command
from tests.core.preparation.sounds import IN_MEMORY, prepared
from tests.gansynth.test_prepare import notes, options  # noqa: F401
from wavegan_tf import WaveGANConfig


def weights(folder) -> dict[str, np.ndarray]:
    """All variables of the newest checkpoint of a run."""
    path = tf.train.latest_checkpoint(str(folder))
    reader = tf.train.load_checkpoint(path)
    return {
        name: reader.get_tensor(name)
        for name, kind in reader.get_variable_to_dtype_map().items()
        if kind != tf.string and not re.search("train_time|save_counter", name)
    }


def same(one, other) -> None:
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["wavegan", "specgan"])
def test_weights_are_those_of_a_run_from_the_folder(sounds, drums_set, tmp_path, model):
    module = {"wavegan": wavegan_tf, "specgan": specgan_tf}[model]
    kind = {"wavegan": WaveGANConfig, "specgan": specgan_tf.SpecGANConfig}[model]
    config = kind(
        data_dir=str(sounds), data_labels="folder", data_balance=True, data_pad_end=True, train_batch_size=4,
        train_steps=4, preview_n=2, **{f"{model}_dim": 2, f"{model}_latent_dim": 8},
    )  # fmt: skip
    module.train(config, tmp_path / "folder")
    opened = dataclasses.replace(config, data_dir="", data_prepared=str(drums_set), data_verify=True)
    module.train(dataclasses.replace(opened, train_steps=2), tmp_path / "prepared")
    # It goes on from the folder, and again from what was prepared.
    module.train(dataclasses.replace(config, train_steps=3), tmp_path / "prepared")
    module.train(opened, tmp_path / "prepared")
    same(tmp_path / "folder", tmp_path / "prepared")


@pytest.mark.slow
def test_gansynth(notes, tmp_path):  # noqa: F811
    prepare_notes(options(notes, tmp_path / "set", features="1"), IN_MEMORY)
    config = gansynth_tf.GANSynthConfig(
        data_dir=str(notes), audio_length=2048, data_type="linear", start_height=16, start_width=64,
        num_resolutions=2, normalizer_num_examples=15, seed=3, data_normalizer="specgrams_freq_normalizer",
        fmap_base=16, fmap_max=8, latent_vector_size=4, batch_size_schedule=(2,), stable_stage_num_images=4,
        transition_stage_num_images=4, total_num_images=12, fake_batch_size=1, preview_n=1,
    )  # fmt: skip
    opened = dataclasses.replace(config, data_dir="", data_prepared=str(tmp_path / "set"))
    gansynth_tf.train(config, tmp_path / "folder")
    gansynth_tf.train(opened, tmp_path / "prepared")
    stages = sorted(path.name for path in (tmp_path / "folder").glob("stage_*"))
    assert len(stages) == 3
    for stage in stages:
        same(tmp_path / "folder" / stage, tmp_path / "prepared" / stage)


@pytest.mark.slow
def test_commands(tmp_path):
    """A run goes on from the other place when the command line names that."""
    folder = prepared(DRUMS, tmp_path / "set")
    arguments = [f"--train_dir={tmp_path / 'run'}", *tiny("wavegan")]
    run_command("wavegan_tf.train", *arguments, f"--data_dir={DRUMS}", "--train_steps=1")
    run_command("wavegan_tf.train", *arguments, f"--data_prepared={folder}", "--train_steps=2", "--data_verify")
    run_command("wavegan_tf.train", *arguments, "--train_steps=3")
    errors = run_command("wavegan_tf.train", *arguments, "--train_steps=4", "--data_fast_wav", code=1)
    assert "error: --data_fast_wav=True: the data in " in errors and " were prepared with False; " in errors
    both = [f"--data_prepared={folder}", f"--data_dir={DRUMS}"]
    errors = run_command("wavegan_tf.train", *arguments, *both, code=1)
    assert errors == "error: --data_dir: cannot be combined with --data_prepared\n"
    next(folder.glob("*.audio")).unlink()
    errors = run_command("wavegan_tf.train", *arguments, "--train_steps=4", code=1)
    assert "cannot be mapped into memory (No such file or directory)" in errors
    shutil.rmtree(folder)
    run_command("wavegan_tf.train", *arguments, f"--data_dir={DRUMS}", "--train_steps=4")
