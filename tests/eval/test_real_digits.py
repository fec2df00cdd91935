"""Training on real speech, and scores of real digits the classifier never heard beside what is no such speech."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import commands

DIGITS = Path(__file__).parents[1] / "data" / "digits"
COUNT = 50


def score_of(folder, fake, out):
    commands.run(
        "eval.score", f"--fake_dir={fake}", f"--real_dir={DIGITS}/train", f"--classifier_dir={folder}/waveform",
        f"--output_dir={out}", "--num_groups=5",
    )  # fmt: skip
    lines = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    return {line["metric"]: line["value"] for line in lines if line["of"] == "fake"}


@pytest.mark.slow
def test_held_out_digits_score_above_noise_and_above_one_digit_again_and_again(tmp_path):
    commands.run(
        "eval.train_classifier", "--task=sc09", "--networks=waveform", f"--data_dir={DIGITS}/train",
        f"--test_dir={DIGITS}/test", f"--classifier_dir={tmp_path}", "--max_epochs=60", "--patience=60",
    )  # fmt: skip
    info = json.loads((tmp_path / "waveform" / "classifier.json").read_text())
    assert info["test_size"] == COUNT and info["test_accuracy"] > 0.5  # of ten words, from 20 clips each
    rng = np.random.default_rng(0)
    for name in ("noise", "same"):
        (tmp_path / name).mkdir()
    for number in range(COUNT):
        soundfile.write(tmp_path / "noise" / f"{number:02d}.wav", rng.normal(0, 0.1, 8000), 16000)
        shutil.copy(DIGITS / "test" / "3_george_45.flac", tmp_path / "same" / f"3_{number:02d}.flac")
    real, noise, same = (
        score_of(tmp_path, fake, tmp_path / f"of_{fake.name}")
        for fake in (DIGITS / "test", tmp_path / "noise", tmp_path / "same")
    )
    assert real["inception_score"] > 2 * max(noise["inception_score"], same["inception_score"])
    assert same["inception_score"] == pytest.approx(1.0)
    assert real["label_accuracy"] == pytest.approx(100 * info["test_accuracy"])
    for metric in ("fid", "ndb", "js_divergence"):
        assert real[metric] < min(noise[metric], same[metric]), metric
    assert real["d_train"] < noise["d_train"]
    assert same["d_self"] == pytest.approx(0.0) and real["d_self"] > 1
