import csv
import itertools
import json
import logging
import math
import os
import signal
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from eval import train_classifier
from eval.classifiers import fit, labelled_audio, registry
from eval.classifiers import progress as fit_progress
from eval.classifiers.labelled_audio import LabelledAudio, read_words
from eval.classifiers.labels import LABELS
from eval.classifiers.options import FitOptions
from eval.classifiers.pitch import PitchClassifier, num_parameters
from eval.classifiers.places import ClassifierInfo, find_places
from eval.classifiers.registry import Classifier
from eval.features import classifier_log_mel
from gansynth_tf.notes import loading
from tests import commands
from tests.eval.small import call, raises_user_error, write_words
from wavegan_tf.core import flags, memory
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.stop import Stop

FAST = ["--max_epochs=2", "--batch_size=8"]


@pytest.mark.slow
def test_words_from_the_command_line(tmp_path):
    data = write_words(tmp_path / "data", 40)
    errors = commands.run(
        "eval.train_classifier", "--task=sc09", f"--data_dir={data}", f"--classifier_dir={tmp_path}/out",
        "--networks=waveform", "--max_epochs=10", "--batch_size=4", "--noaugment",
    )  # fmt: skip
    assert "Traceback" not in errors
    folder = tmp_path / "out" / "waveform"
    info = json.loads((folder / "classifier.json").read_text())
    (classifier,) = registry.find(str(tmp_path / "out"))
    assert info["more"]["hash"] == classifier.hash()
    split = json.loads((folder / "split.json").read_text())
    assert sorted(name for part in split.values() for name in part) == sorted(path.name for path in data.iterdir())
    assert not set(split["train"]) & set(split["test"]) and len(split["test"]) == info["test_size"] >= 3
    # Four tones three octaves apart: anything that learns tells them apart, on clips that it never saw.
    assert info["test_accuracy"] == 1.0
    rows = list(csv.reader((folder / "confusion.csv").read_text().splitlines()))
    counts = np.array([row[1:] for row in rows[1:]], int)
    assert counts.sum() == np.trace(counts) == info["test_size"]
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert list((folder / "logs").rglob("events*"))


def test_notes_with_families(tmp_path, capsys):
    call(
        train_classifier, "--task=pitch", "--data_dir=gansynth_tf/demo/notes", f"--classifier_dir={tmp_path}",
        "--audio_length=2400", "--sample_rate=8000", "--pitch_width=1", "--pitch_family", "--max_epochs=1",
        "--data_min_pitch=50",
    )  # fmt: skip
    (classifier,) = registry.find(str(tmp_path))
    info = classifier.info
    assert info.labels[0] == "50" and info.labels[-1] == "84" and "brass" in info.families
    assert (info.clip_len, info.sample_rate, info.width) == (2400, 8000, 1)
    assert f"of {info.test_size} families right" in capsys.readouterr().out


def test_a_test_folder_of_its_own(tmp_path, capsys):
    data, other = write_words(tmp_path / "data", 24), write_words(tmp_path / "other", 8, seed=1)
    call(
        train_classifier, "--task=sc09", f"--data_dir={data}", f"--test_dir={other}",
        f"--classifier_dir={tmp_path}/out", "--networks=waveform", *FAST,
    )  # fmt: skip
    split = json.loads((tmp_path / "out" / "waveform" / "split.json").read_text())
    assert sorted(split["test"]) == sorted(path.name for path in other.iterdir())
    assert len(split["train"]) + len(split["validation"]) == 24
    with raises_user_error("holds a classifier already"):
        call(
            train_classifier, "--task=sc09", f"--data_dir={data}", f"--classifier_dir={tmp_path}/out",
            "--networks=waveform", *FAST,
        )  # fmt: skip


def test_the_loss_is_keras_cross_entropy_of_each_head():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6, 5)).astype(np.float32)
    classes = np.array([[0, 1], [2, 0], [1, -1], [0, -1], [1, 1], [2, 0]])
    truth = np.concatenate([classes, fit.known_weights(classes)], axis=1).astype(np.float32)
    ours = float(fit.heads_loss((3, 2))(tf.constant(truth), tf.constant(logits)))

    def cross_entropy(truth, part):
        part = part - np.log(np.exp(part).sum(axis=1, keepdims=True))
        return -np.mean(part[np.arange(len(truth)), truth])

    known = classes[:, 1] >= 0
    expected = cross_entropy(classes[:, 0], logits[:, :3]) + cross_entropy(classes[known, 1], logits[known, 3:])
    assert ours == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("unknown", ["some", "none", "all"])
def test_the_validation_loss_is_the_mean_over_the_known_classes_in_batches_of_every_size(unknown):
    rng, n = np.random.default_rng(1), 11
    classes = np.stack([rng.integers(0, 3, 20), rng.integers(0, 2, 20)], axis=1)
    if unknown != "none":
        classes[np.arange(20) % 3 > 0 if unknown == "some" else slice(None), 1] = -1
    waves = rng.normal(size=(20, 4)).astype(np.float32)
    network = keras.Sequential([keras.layers.Input([4]), keras.layers.Dense(5)])
    info = ClassifierInfo("pitch", "pitch", ("60", "61", "62"), ("bass", "brass"), clip_len=4)
    classifier = Classifier(info, network, tf.identity, "pitch")
    audio = LabelledAudio(("x",) * 20, classes, np.full(20, 4), (), lambda index: tf.constant(waves)[index])
    chosen = np.arange(3, 3 + n)
    logits, expected = network(waves[chosen]).numpy().astype(float), 0.0
    for head, part in enumerate((logits[:, :3], logits[:, 3:])):
        truth = classes[chosen, head]
        errors = [math.log(sum(map(math.exp, row))) - row[c] for row, c in zip(part, truth, strict=True) if c >= 0]
        expected += sum(errors) / max(len(errors), 1)
    network.compile("sgd", fit.heads_loss((3, 2)), metrics=[fit.first_head_accuracy(3)])
    for size in (2, 3, 4, n - 1, n, n + 1):
        data = fit.batches(audio, chosen, classifier, FitOptions(batch_size=size), training=False)
        found = network.evaluate(data, verbose=0, return_dict=True)
        assert found["loss"] == pytest.approx(expected, rel=1e-5), size
        assert found["accuracy"] == pytest.approx(np.mean(logits[:, :3].argmax(axis=1) == classes[chosen, 0]))


# Nothing of this is there: what is wrong besides is found before it is looked for.
X = ("--data_dir=nowhere", "--classifier_dir=x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task=sc09", "--classifier_dir=x"], "--data_dir must be given"),
        (["--task=sc09", "--data_dir=x"], "--classifier_dir must be given"),
        (["--data_dir=x", "--classifier_dir=x"], "--task must be given"),
        (["--task=sc09", "--data_dir=nowhere", "--classifier_dir=x"], "nowhere: is not a folder"),
        (["--task=pitch", "--classifier_dir=x"], "one of --data_dir, --tfds_data_dir, --train_data_path and"),
        (["--task=sc09", "--data_dir=DATA", "--classifier_dir=x", "--networks=resnet"], "--networks=resnet: must be"),
        (["--task=sc09", "--data_dir=DATA", "--classifier_dir=x", "--test_fraction=0"], "there are none for --test_"),
        ([*X, "--task=sc09", "--validation_fraction=0"], "--validation_fraction=0.0: must be above 0"),
        ([*X, "--task=sc09", "--validation_fraction=.9", "--test_fraction=.1"], "=0.1: must be below 1 together"),
        ([*X, "--task=sc09", "--networks="], "--networks=: must be among log_mel"),
        ([*X, "--task=sc09", "--networks=log_mel,log_mel"], "names log_mel twice"),
        ([*X, "--task=sc09", "--data_min_pitch=3"], "--data_min_pitch: requires --task=pitch"),
        ([*X, "--task=sc09", "--pitch_family"], "--pitch_family: requires --task=pitch"),
        ([*X, "--task=pitch", "--networks=pitch"], "--networks: requires --task=sc09"),
        (["--task=sc09", "--data_dir=DATA", "--classifier_dir=x", "--test_dir=nowhere"], "--test_dir=nowhere: is not"),
        ([*X, "--task=pitch", "--test_dir=x", "--test_fraction=0.2"], "cannot be combined with --test_dir"),
        (["--task=sc09", "--data_dir=DATA", "--classifier_dir=DATA/tone.wav"], "cannot be written"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = write_words(tmp_path / "data", 12)
    (data / "zero_000.wav").rename(data / "zero_tone.wav")
    with raises_user_error(message):
        call(
            train_classifier,
            *(part.replace("DATA/tone.wav", f"{data}/zero_tone.wav").replace("DATA", str(data)) for part in arguments),
        )
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("place", ["--train_data_path=notes.tfrecord", "--tfds_data_dir=tfds", "--data_dir=folder"])
def test_notes_of_every_kind_can_be_tested_on_a_folder(place, monkeypatch, tmp_path):
    asked = []

    def load_notes(options, cache_dir):
        asked.append({name: getattr(options, name) for name in ("data_dir", "tfds_data_dir", "train_data_path")})
        raise UserError("--data_dir=other: is no folder" if len(asked) == 2 else "--data_dir=folder: is no folder")

    monkeypatch.setattr(train_classifier, "find_audio_files", lambda *_: [])  # as if the folders were there
    monkeypatch.setattr(loading, "load_notes", load_notes)
    arguments = ["--task=pitch", place, "--test_dir=other", f"--classifier_dir={tmp_path}/new/x"]
    with raises_user_error("--data_dir=folder: is no folder"):
        call(train_classifier, *arguments)
    monkeypatch.setattr(labelled_audio, "labelled_notes", None)
    monkeypatch.setattr(train_classifier, "main", lambda: train_classifier._read(read(), ["60"]))
    with raises_user_error("--test_dir=other: is no folder"):
        call(train_classifier, *arguments)
    assert asked[1] == {"data_dir": "other", "tfds_data_dir": "", "train_data_path": ""}
    name, value = place[2:].split("=")
    assert asked[0] == {"data_dir": "", "tfds_data_dir": "", "train_data_path": "", name: value}
    assert not list(tmp_path.iterdir())


def read():
    return flags.from_flags(train_classifier.ClassifierNotes)


# Of two passes, each of two batches to learn from and one for validation, then of validation and test.
@pytest.mark.parametrize(("batch", "passes"), [(2, 0), (5, 1), (8, 2)])
def test_a_signal_ends_the_command_and_keeps_what_is_whole(batch, passes, tmp_path, monkeypatch, capsys, caplog):
    checks, check = itertools.count(1), fit_progress.check

    def check_after_a_signal(stop):
        if next(checks) == batch:
            os.kill(os.getpid(), signal.SIGINT)
        check(stop)

    monkeypatch.setattr(fit_progress, "check", check_after_a_signal)
    data = write_words(tmp_path / "data", 24)
    with caplog.at_level(logging.INFO, logger="absl"):
        call(
            train_classifier, "--task=sc09", f"--data_dir={data}", f"--classifier_dir={tmp_path}/out",
            "--networks=waveform,log_mel", *FAST,
        )  # fmt: skip
    # One more check, of the next thing that would be done.
    assert next(checks) <= batch + 2 and "SIGINT: stopping; not trained: log_mel" in caplog.text
    out = capsys.readouterr().out
    if not passes:
        assert out == "waveform: SIGINT in the first epoch, of which nothing is kept\n"
        with raises_user_error("holds no classifier"):
            registry.load_all(find_places(str(tmp_path / "out")))
        return
    assert f"best of {passes} epochs is " in out and ", kept without a test on SIGINT: " in out
    (classifier,) = registry.load_all(find_places(str(tmp_path / "out")))
    info = json.loads((tmp_path / "out" / "waveform" / "classifier.json").read_text())
    assert (info["test_accuracy"], info["test_size"], info["more"]["passes"]) == (None, 0, passes)
    assert info["more"]["hash"] == classifier.hash()
    assert not (tmp_path / "out" / "waveform" / "confusion.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_line_within_seconds(number, tmp_path):
    data = write_words(tmp_path / "data", 80)
    process = commands.command(
        "eval.train_classifier", "--task=sc09", f"--data_dir={data}", f"--classifier_dir={tmp_path}/out",
        "--max_epochs=100", "--patience=100", "--batch_size=4",
    )  # fmt: skip
    commands.wait_for((tmp_path / "out" / "log_mel" / "best.weights.h5").exists, process)
    time.sleep(1.0)
    process.send_signal(number)
    started = time.monotonic()
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and time.monotonic() - started < 10, errors
    assert f"{number.name}: stopping; not trained: waveform" in errors and "kept without a test" in out
    (classifier,) = registry.load_all(find_places(str(tmp_path / "out")))
    assert classifier.info.test_accuracy is None


def test_missing_matplotlib_is_found_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(train_classifier, "_read", None)
    data = write_words(tmp_path / "data", 4)
    with raises_user_error(r"^matplotlib is missing: pip install 'adversarial-audio-tf\[eval\]'$"):
        call(train_classifier, "--task=sc09", f"--data_dir={data}", f"--classifier_dir={tmp_path}/out")


def test_training_that_comes_to_nothing_says_so(tmp_path):
    data = write_words(tmp_path / "data", 40)
    with raises_user_error("no epoch came to a finite validation loss"):
        call(
            train_classifier, "--task=sc09", f"--data_dir={data}", f"--classifier_dir={tmp_path}/out",
            "--networks=waveform", "--learning_rate=1e30", *FAST,
        )  # fmt: skip


def test_options_are_checked():
    with raises_user_error("--optimizer='?adamax'?: must be one of adam, sgd"):
        FitOptions(optimizer="adamax")


@pytest.mark.parametrize("batch_size", [4, 12])
def test_recalibrated_norms_have_the_means_over_all_clips(batch_size, tmp_path):
    audio = read_words(str(write_words(tmp_path, 12)))
    classifier = registry.build(ClassifierInfo("sc09", "log_mel", LABELS), "log_mel")
    options = FitOptions(batch_size=batch_size, augment=False)
    fit.recalibrate(classifier, audio, np.arange(12), options, Stop())
    log_mel = np.concatenate([classifier_log_mel(audio.wave(tf.constant(i))[None]) for i in range(12)])
    norm, whole = classifier.network.norms[0], log_mel.var(axis=(0, 1))
    np.testing.assert_allclose(norm.moving_mean, log_mel.mean(axis=(0, 1)), rtol=1e-4)
    if batch_size == 12:
        np.testing.assert_allclose(norm.moving_variance, whole, rtol=1e-3)
    else:  # the variance within batches, which are drawn by chance, is that of all less that of the batches' means
        assert np.all(norm.moving_variance < 1.001 * whole) and np.all(norm.moving_variance > 0.5 * whole)


def test_only_training_clips_are_varied_and_only_on_demand(tmp_path):
    audio = read_words(str(write_words(tmp_path, 12)))
    plain = np.concatenate([classifier_log_mel(audio.wave(tf.constant(i))[None]) for i in range(12)])
    classifier = registry.build(ClassifierInfo("sc09", "log_mel", LABELS), "log_mel")

    def totals(augment, training):
        options = FitOptions(batch_size=4, augment=augment)
        found = fit.batches(audio, np.arange(12), classifier, options, training)
        return np.sort(np.concatenate([np.mean(features, axis=(1, 2)) for features, _ in found]))

    expected = np.sort(plain.mean(axis=(1, 2)))
    np.testing.assert_allclose(totals(True, False), expected, rtol=1e-4)
    np.testing.assert_allclose(totals(False, True), expected, rtol=1e-4)
    assert np.abs(totals(True, True) - expected).max() > 0.5


@pytest.mark.slow
def test_the_log_mel_network_starts_with_a_small_last_norm_and_ends_with_means_of_all_clips(tmp_path, monkeypatch):
    saved_class, recalibrate = [], fit.recalibrate

    def recalibrate_and_answer_one_class(classifier, audio, train, options, stop):
        recalibrate(classifier, audio, train, options, stop)
        first, _ = (index for index in range(len(audio.names)) if index not in train)
        saved_class.extend([int(audio.classes[first, 0])] * 2)
        classifier.network.dense.bias.assign(100.0 * np.eye(len(LABELS))[saved_class[0]])

    monkeypatch.setattr(fit, "recalibrate", recalibrate_and_answer_one_class)
    data, test = write_words(tmp_path / "data", 12), write_words(tmp_path / "test", 4, seed=1)
    call(
        train_classifier, "--task=sc09", f"--data_dir={data}", f"--test_dir={test}", f"--classifier_dir={tmp_path}/out",
        "--networks=log_mel", "--max_epochs=1", "--batch_size=5", "--learning_rate=1e-6", "--noaugment",
    )  # fmt: skip
    (classifier,) = registry.find(str(tmp_path / "out"))
    first, *_, last = classifier.network.norms
    np.testing.assert_allclose(last.gamma, 0.1, atol=1e-4)
    names = json.loads((tmp_path / "out" / "log_mel" / "split.json").read_text())["train"]
    audio = read_words(str(data), LABELS)
    chosen = [audio.names.index(name) for name in names]
    heard = np.concatenate([classifier_log_mel(audio.wave(tf.constant(i))[None]) for i in chosen])
    assert len(chosen) == 10  # two whole batches: none is skipped
    np.testing.assert_allclose(first.moving_mean, heard.mean(axis=(0, 1)), rtol=1e-4)

    info = json.loads((tmp_path / "out" / "log_mel" / "classifier.json").read_text())
    validation = [index for index in range(12) if index not in chosen]
    said = fit.answers(classifier, audio, np.array(validation), FitOptions(), Stop())[:, 0]
    assert said.tolist() == saved_class and info["more"]["validation_accuracy"] == 0.5


@pytest.mark.parametrize(("shape", "frames"), [((5, 0, 3), 128), ((7, 11, 2), 1), ((61, 11, 4), 37)])
def test_parameters_of_the_pitch_classifier_are_counted(shape, frames):
    num_pitches, num_families, width = shape
    network = PitchClassifier(num_pitches, num_families, frames, width)
    network.build(None)
    counted = num_parameters(num_pitches, num_families, frames, width)
    assert counted == sum(math.prod(variable.shape) for variable in network.trainable_variables)


@pytest.mark.parametrize(
    ("task", "flag"),
    [("sc09", "batch_size=2000000000"), ("pitch", "batch_size=2000000000"), ("pitch", "pitch_width=1024"),
     ("pitch", "audio_length=10000000")],
)  # fmt: skip
def test_sizes_that_no_machine_holds_are_refused_before_anything_is_read(tmp_path, monkeypatch, task, flag):
    monkeypatch.setattr(memory, "of_machine", lambda: 2**33)
    words = write_words(tmp_path / "words", 4)
    with raises_user_error(f"^{flag}: .* need at least .* GiB of memory, and this machine has 8.0 GiB"):
        call(
            train_classifier, f"--task={task}", f"--data_dir={words}", f"--classifier_dir={tmp_path}/out",
            f"--{flag}",
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == [words]
