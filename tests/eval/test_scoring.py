import dataclasses
import json
import os
import random
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.spatial.distance
import soundfile
import tensorflow as tf

from eval import score_table, scoring
from eval.classifiers import registry, sc09
from eval.classifiers.labels import LABELS
from eval.classifiers.places import ClassifierInfo
from eval.features import classifier_log_mel, pooled_log_mel, similarity_log_mel
from eval.gathering.statistics import gather
from eval.metric_names import METRICS
from eval.metrics import gaussian_distance, inception_score, ndb
from eval.samples import Batch, ClipFormat
from tests.eval.small import all_batches, folder_samples, raises_user_error, write_words
from tests.originals import EVAL
from wavegan_tf.core.errors import UserError

INFO = ClassifierInfo("sc09", "waveform", LABELS)


@pytest.fixture(scope="module")
def classifier():
    return registry.build(INFO, "waveform")


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    real = folder_samples(write_words(folder / "real", 80), ClipFormat(labels=LABELS))
    fake = folder_samples(write_words(folder / "fake", 45, seed=1), ClipFormat(labels=LABELS))
    return fake, real


def clips_of(samples):
    batches = list(all_batches(samples))
    return np.concatenate([b.clips for b in batches]), np.concatenate([b.classes for b in batches])


class SlowSamples:
    """Clips that come 32 at a time, the first of which take a minute, the others two seconds each."""

    place, model, changed = "a slow model", "wavegan", 0

    def __init__(self, count, clock):
        self.count, self.clock = count, clock

    def __len__(self):
        return self.count

    def identity(self):
        return str(self.count)

    def batches(self, numbers):
        for start in (32 * number for number in numbers):
            self.clock.append(self.clock[-1] + (2.0 if start else 60.0))
            yield Batch(np.zeros([min(32, self.count - start), 1], np.int16), np.zeros(1))


@pytest.mark.parametrize(
    ("count", "said"),
    [(32, ""), (1056, ""), (1088, "fake: 1088 clips at 16 clips/s take about 0:01:02\n"),
     (50000, "fake: 50000 clips at 16 clips/s take about 0:51:59\n")],
)  # fmt: skip
def test_a_pass_over_a_minute_says_how_long_it_takes_once_measured(count, said, tmp_path, monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[-1])
    gather(SlowSamples(count, clock), [], [], str(tmp_path), "fake")
    lines = capsys.readouterr().err.splitlines(keepends=True)
    assert "".join(line for line in lines if "take about" in line) == said
    assert lines[0].startswith(f"fake 32/{count}  0.533 clips/s") and lines[-1].startswith(f"fake {count}/{count}  ")


def test_every_score_is_that_of_all_clips_at_once(classifier, sets, tmp_path):
    fake, real = sets
    scores, statistics = scoring.score(fake, real, [classifier], METRICS, str(tmp_path), 10, 0)
    found = {(score.metric, score.of): score for score in scores}
    (fakes, classes), (reals, _) = clips_of(fake), clips_of(real)
    of_fakes, of_reals = (classifier.outputs(c.astype(np.float32) / 32767) for c in (fakes, reals))
    expected = inception_score(of_fakes.scores[:40], 10)  # 45 clips do not make 10 groups
    assert found["inception_score", "fake"].value == pytest.approx(expected.mean, rel=1e-5)
    assert found["inception_score", "fake"].spread == pytest.approx(expected.std, rel=1e-2)
    assert found["inception_score", "fake"].n == 40
    assert found["inception_score", "real"].value == pytest.approx(inception_score(of_reals.scores, 10).mean, rel=1e-5)
    right = np.mean(np.argmax(of_fakes.scores, axis=1) == classes)
    assert found["label_accuracy", "fake"].value == pytest.approx(100 * right)
    answers, by_class = np.argmax(of_fakes.scores, axis=1), found["label_accuracy", "fake"].classes
    assert by_class is not None and sum(n for _, n in by_class.values()) == np.count_nonzero(classes != -1)
    for label, (value, n) in by_class.items():
        number = LABELS.index(label)
        assert n == np.count_nonzero(classes == number)
        assert value == pytest.approx(100 * np.mean(answers[classes == number] == number))
    features = [of.features.astype(float) for of in (of_fakes, of_reals)]
    moments = [(rows.mean(axis=0), np.cov(rows.T)) for rows in features]
    fid = gaussian_distance(*moments[0], *moments[1])
    assert found["fid", "fake"].value == pytest.approx(fid, rel=1e-3)
    rows = [pooled_log_mel(tf.constant(c.astype(np.float32) / 32767)).numpy() for c in (fakes, reals)]
    bins = ndb(rows[1], rows[0])
    assert found["ndb", "fake"].bins == len(bins.different) == 50
    assert found["ndb", "fake"].value == bins.ndb and found["js_divergence", "fake"].value == bins.js_divergence
    features = [similarity_log_mel(c).numpy().reshape(len(c), -1).astype(float) for c in (fakes, reals)]
    own, train = (scipy.spatial.distance.cdist(features[0], other) for other in features)
    np.fill_diagonal(own, np.inf)
    assert found["d_self", "fake"].value == pytest.approx(own.min(axis=1).mean(), rel=1e-6)
    assert found["d_train", "fake"].value == pytest.approx(train.min(axis=1).mean(), rel=1e-6)
    assert found["d_train", "fake"].spread == pytest.approx(train.min(axis=1).std(), rel=1e-6)
    np.testing.assert_allclose(statistics.probabilities[0], of_fakes.scores, atol=1e-6)


def test_files_are_scored_as_the_original_scores_them(tmp_path):
    io = np.load(EVAL / "sc09_classifier_io.npz")
    clips = [(np.roll(x, 400 * i) * 32767).astype(np.int16) for i, x in enumerate(io["x"])]
    (tmp_path / "clips").mkdir()
    for i, clip in enumerate(clips):
        soundfile.write(tmp_path / "clips" / f"{i}.wav", clip, 16000)
    keras.utils.set_random_seed(1)
    network = sc09.build_classifier()
    kernel = network.dense.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape) * 0.5)
    log_mel = dataclasses.replace(registry.build(ClassifierInfo("sc09", "log_mel", LABELS), "log_mel"), network=network)
    samples = folder_samples(tmp_path / "clips", ClipFormat())
    (score,), statistics = scoring.score(samples, None, [log_mel], ["inception_score"], str(tmp_path), 2, 0)

    order = [0, 1, 2, 3]
    random.Random(0).shuffle(order)
    x = classifier_log_mel(np.stack([clips[i] for i in order]).astype(np.float32) / np.float32(32767))
    logits = network(x).numpy().astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = [np.exp(np.mean(np.sum(g * np.log(g / g.mean(0)), 1))) for g in (p[:2], p[2:])]
    np.testing.assert_allclose(statistics.probabilities[0], p, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(inception_score(statistics.probabilities[0], 2).group_scores, expected, rtol=1e-4)
    assert len(set(np.round(expected, 3))) == 2 and expected[0] > 1.001
    assert score.value == pytest.approx(np.mean(expected), rel=1e-4)
    assert score.spread == pytest.approx(np.std(expected), rel=1e-2)
    assert json.dumps([score.value, score.spread])  # plain numbers


def test_boxes_are_means_of_the_log_mel_spectrogram():
    waves = np.random.default_rng(0).normal(0, 0.1, (2, 16384)).astype(np.float32)
    ours = pooled_log_mel(tf.constant(waves)).numpy().reshape(2, 32, 32)
    expected = classifier_log_mel(tf.constant(waves)).numpy().reshape(2, 32, 4, 32, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_what_is_not_asked_for_is_not_computed(classifier, sets, tmp_path):
    scores, statistics = scoring.score(sets[0], None, [classifier], ["inception_score"], str(tmp_path), 10, 0)
    assert [(score.metric, score.of) for score in scores] == [("inception_score", "fake")]
    assert statistics.neighbours is None and statistics.rows is None and statistics.fits == [None]
    assert not (tmp_path / "fake.f32").exists()


def test_the_order_of_real_clips_noise_and_one_clip_again_and_again(classifier, sets, tmp_path):
    _, real = sets
    rng = np.random.default_rng(0)
    folders = {name: tmp_path / name for name in ("other", "noise", "same")}
    write_words(folders["other"], 80, seed=5)
    write_words(folders["noise"], 80)
    write_words(folders["same"], 80)
    first = soundfile.read(sorted(folders["same"].iterdir())[0])[0]
    for name in ("noise", "same"):
        for path in folders[name].iterdir():
            wave = rng.normal(0, 0.2, 6000) if name == "noise" else first
            soundfile.write(path, wave, 16000, subtype="PCM_16")
    found = {}
    for name, folder in folders.items():
        samples = folder_samples(folder, ClipFormat(labels=LABELS))
        scores, _ = scoring.score(samples, real, [classifier], METRICS, str(tmp_path), 10, 0)
        found[name] = {score.metric: score.value for score in scores if score.of == "fake" and score.value is not None}
    assert found["same"]["inception_score"] == pytest.approx(1.0, abs=1e-5)
    assert found["same"]["d_self"] == 0 < found["other"]["d_self"]
    assert found["other"]["d_train"] < found["noise"]["d_train"]
    for metric in ("fid", "ndb", "js_divergence"):
        assert found["other"][metric] < min(found["noise"][metric], found["same"][metric]), metric


def test_an_empty_set_is_one_line(tmp_path):
    class Empty:
        place, model, changed = "nowhere", "", 0

        def __len__(self):
            return 0

        def identity(self):
            return ""

        def batches(self, numbers):
            return iter(())

    with raises_user_error("nowhere: holds no clips"):
        gather(Empty(), [], ["d_self"], str(tmp_path), "fake")


def sets_of(folder, real, fake):
    return tuple(
        folder_samples(write_words(folder / name, count, seed), ClipFormat(labels=LABELS))
        for seed, (name, count) in enumerate((("fake", fake), ("real", real)))
    )


@pytest.mark.parametrize(("real", "fake"), [(1, 1), (3, 2), (13, 24)])
def test_small_sets_have_the_scores_that_were_measured_and_reasons_for_the_others(classifier, real, fake, tmp_path):
    ours, theirs = sets_of(tmp_path, real, fake)
    scores, _ = scoring.score(ours, theirs, [classifier], METRICS, str(tmp_path), 10, 0)
    found = {(score.metric, score.of): score for score in scores}
    assert all(np.isfinite(score.value) if score.value is not None else score.note for score in scores)
    for of, n in (("fake", fake), ("real", real)):
        inception = found["inception_score", of]
        assert (inception.groups, inception.n) == ((1, n) if n < 10 else (10, n - n % 10))
        assert (inception.spread is None) == (n < 10)
        assert inception.note == (
            f"one group, as {n} clips do not fill 10" if n < 10 else f"{n - n % 10} of {n} clips, the rest fills no "
            "group of 10"
        )  # fmt: skip
    assert found["ndb", "fake"].bins == found["js_divergence", "fake"].bins == real
    assert (found["d_self", "fake"].value is None) == (fake == 1)
    assert (found["d_train", "fake"].spread is None) == (fake == 1)
    assert (found["fid", "fake"].value is None) == (min(real, fake) == 1)
    lines = score_table.records(scores, {})
    path = score_table.append(lines, str(tmp_path))

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    read = [json.loads(line, parse_constant=refuse) for line in Path(path).read_text().splitlines()]
    for line, score in zip(read, scores, strict=True):
        assert line["value"] == score.value and line.get("k") == score.groups and line.get("bins") == score.bins
        assert bool(line.get("reason")) == (score.value is None)
    text = score_table.side_by_side(scores, "sc09", "wavegan")
    assert f"NDB (of {real})" in text and "of 50)" not in text and f"{real} bins, not 50" not in text


def test_bins_are_no_more_than_there_are_clips_that_differ(tmp_path):
    fake, real = sets_of(tmp_path, 60, 5)
    paths = sorted((tmp_path / "real").iterdir())
    for path in paths[7:]:
        path.write_bytes(paths[0].read_bytes())
    scores, _ = scoring.score(fake, real, [], ["ndb", "ndb_over_k"], str(tmp_path), 10, 0)
    assert [score.bins for score in scores] == [7, 7]
    number, share = (score.value for score in scores)
    assert number is not None and share == pytest.approx(number / 7)


def test_a_classifier_that_says_no_numbers_leaves_the_other_scores(classifier, sets, tmp_path):
    broken = registry.build(INFO, "broken")
    broken.network.dense.bias.assign(np.full(10, np.nan))
    broken.network.convolutions[-1].kernel.assign(np.full_like(broken.network.convolutions[-1].kernel, np.inf))
    names = ["inception_score", "label_accuracy", "fid"]
    with np.errstate(invalid="ignore"):
        scores, _ = scoring.score(sets[0], sets[1], [broken, classifier], names, str(tmp_path), 10, 0)
    found = {(score.classifier.name, score.metric, score.of): score for score in scores if score.classifier}
    assert len(found) == len(scores) == 10
    for (name, metric, _), score in found.items():
        assert (score.value is None) == (name == "broken"), (name, metric)
    assert "are not numbers from 0 on that sum to 1" in found["broken", "inception_score", "fake"].note
    assert "not finite" in found["broken", "fid", "fake"].note


def test_unknown_classes_and_too_many_features_are_reasons(tmp_path):
    log_mel = registry.build(ClassifierInfo("sc09", "log_mel", LABELS), "log_mel")
    write_words(tmp_path / "x", 4, labels=("cat", "dog"))
    samples = folder_samples(tmp_path / "x", ClipFormat(labels=LABELS))
    scores, _ = scoring.score(samples, samples, [log_mel], ["label_accuracy", "fid"], str(tmp_path), 10, 0)
    notes = {(score.metric, score.of): (score.value, score.n, score.note) for score in scores}
    assert notes["label_accuracy", "fake"] == (None, 0, "it is not known what the clips are meant to be")
    assert notes["fid", "fake"][0] is None and "log_mel has 8192 features" in notes["fid", "fake"][2]


def test_a_number_that_json_does_not_know_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        score_table.append([{"value": 1.0}, {"value": float("nan")}], str(tmp_path))
    assert not (tmp_path / "scores.jsonl").exists()


def test_a_pipe_in_place_of_the_records_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "scores.jsonl")
    with pytest.raises(UserError, match="scores.jsonl cannot be read .it is not a regular file"):
        score_table.read(str(tmp_path))
    with pytest.raises(UserError, match="scores.jsonl: cannot be written .it is not a regular file"):
        score_table.append([{"value": 1.0}], str(tmp_path))
