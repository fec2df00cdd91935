"""Small classifiers and folders of clips, for tests."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
from absl import flags

from eval.classifiers import places, registry
from eval.classifiers.labels import LABELS
from eval.classifiers.places import ClassifierInfo
from eval.classifiers.registry import Classifier
from eval.samples import ClipFormat, FolderSamples, find_clips, num_batches
from wavegan_tf.core.errors import UserError


def write_words(folder: Path, count: int, seed: int = 0, labels=LABELS[:4], length: int = 6000) -> Path:
    """Files of 16 bits, each a tone whose frequency tells its label, with noise: <label>_<number>.wav."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, times = np.random.default_rng(seed), np.arange(length) / 16000
    for number in range(count):
        label = number % len(labels)
        wave = 0.5 * np.sin(2 * np.pi * 300 * 2**label * times + rng.uniform(0, 6)) + rng.normal(0, 0.01, length)
        soundfile.write(folder / f"{labels[label]}_{number:03d}.wav", wave, 16000, subtype="PCM_16")
    return folder


def folder_samples(
    folder: Path, clip_format: ClipFormat, n: int | None = None, fix_length: bool = True
) -> FolderSamples:
    """The clips of a folder as eval_score takes them."""
    return FolderSamples(str(folder), find_clips(str(folder), n, "fake_dir"), clip_format, n, fix_length)


def save_classifier(folder: Path, info: ClassifierInfo, seed: int = 0) -> Classifier:
    """An untrained classifier as eval_train_classifier leaves one; there are seeds for which all clips sound alike."""
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    classifier = registry.build(info, info.network)
    classifier.network.save_weights(folder / places.WEIGHTS_FILE)
    registry.save_info(dataclasses.replace(info, test_accuracy=0.5, test_size=8), str(folder))
    return classifier


def call(module, *arguments: str) -> None:
    """Runs a command in this process: `module.define_flags()`, parse, `module.main()`, and its flags are gone again."""
    before = set(flags.FLAGS)
    module.define_flags()
    try:
        flags.FLAGS(["command", *arguments])
        module.main()
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)


@contextlib.contextmanager
def raises_user_error(match: str) -> Iterator[None]:
    """Expects a mistake, with the line that a command prints."""
    with pytest.raises(UserError) as error:
        yield
    lines = (error.value.on_command_line, str(error.value))
    assert any(re.search(match, line) for line in lines), f"{lines[0]!r} does not match {match!r}"


def all_batches(samples):
    """The batches of a set, one by one."""
    return samples.batches(range(num_batches(samples)))
