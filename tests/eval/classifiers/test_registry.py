import dataclasses
import fcntl
import hashlib
import json
import os
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow as tf

from eval.classifiers import places, registry
from eval.classifiers.labels import LABELS
from eval.classifiers.pitch import PitchClassifier, make_features
from eval.classifiers.places import WEIGHTS_FILE, ClassifierInfo
from eval.classifiers.waveform import WaveformClassifier
from tests.eval.small import raises_user_error, save_classifier
from tests.originals import EVAL, assert_near
from wavegan_tf.core.errors import UserError

WORDS = ClassifierInfo("sc09", "waveform", ("a", "b", "c"))
NOTES = ClassifierInfo("pitch", "pitch", tuple(map(str, range(60, 66))), ("bass", "brass"), 4800, 8000, width=2)


def gather(network, info, waves):
    """What a classifier says, by its own network called plainly."""
    features = make_features(info.clip_len, info.sample_rate).waves_to_data(tf.constant(waves)[..., None])
    return network(features if info.task == "pitch" else tf.constant(waves), training=False).numpy()


@pytest.mark.parametrize("info", [WORDS, NOTES], ids=["waveform", "pitch"])
def test_saved_and_loaded_a_classifier_says_the_same(info, tmp_path):
    saved = save_classifier(tmp_path / info.network, info)
    (loaded,) = registry.find(str(tmp_path))
    waves = np.random.default_rng(0).normal(0, 0.1, (3, info.clip_len)).astype(np.float32)
    ours = loaded.outputs(waves)
    expected = gather(saved.network, info, waves)[:, : len(info.labels)]
    assert_near(ours.logits, expected, 1e-5)
    assert_near(ours.scores, np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True), 1e-5)
    assert_near(loaded.network.dense(ours.features).numpy(), expected, 1e-5)
    assert loaded.hash() == saved.hash() and len(loaded.hash()) == 64
    assert loaded.info.test_accuracy == 0.5 and loaded.info.labels == info.labels
    assert loaded.name == info.network


def test_weights_are_read_where_they_cannot_be_locked(tmp_path):
    saved = save_classifier(tmp_path, WORDS)
    with open(tmp_path / WEIGHTS_FILE, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # a lock of HDF5's own fails then, as on a disk that has none
        assert registry.load(str(tmp_path)).hash() == saved.hash()
        registry.load_weights(saved.network, str(tmp_path))
    assert h5py.File.__name__ == "File"


def test_the_hash_is_that_of_the_weights(tmp_path):
    classifier = save_classifier(tmp_path, WORDS)
    digest = hashlib.sha256(b"".join(np.asarray(v).tobytes() for v in classifier.network.weights)).hexdigest()
    assert classifier.hash() == digest
    classifier.network.dense.bias.assign([0.0, 0.0, 1e-3])
    assert classifier.hash() != digest


def test_both_networks_of_a_task_are_found(tmp_path):
    for network in ("log_mel", "waveform"):
        save_classifier(tmp_path / network, ClassifierInfo("sc09", network, ("a", "b")))
    assert [found.name for found in registry.find(str(tmp_path))] == ["log_mel", "waveform"]
    assert [found.name for found in registry.find(f"{tmp_path}/waveform")] == ["waveform"]


def test_the_originals_checkpoint_is_taken_as_it_is(tmp_path):
    with zipfile.ZipFile(EVAL / "sc09_classifier_checkpoint.zip") as archive:
        archive.extractall(tmp_path)
    io = np.load(EVAL / "sc09_classifier_io.npz")
    for place in (tmp_path, tmp_path / "best_acc-103005"):
        (found,) = registry.find(str(place))
        ours = found.outputs(io["x"])
        assert_near(ours.logits, io["logits"], 1e-5)
        assert found.info.labels == LABELS
        assert not found.info.is_published  # random weights under the same name: told by their checksums


def test_the_published_weights_are_known_by_their_checksums(tmp_path, monkeypatch):
    with zipfile.ZipFile(EVAL / "sc09_classifier_checkpoint.zip") as archive:
        archive.extractall(tmp_path)
    digest = hashlib.sha256((tmp_path / "best_acc-103005.index").read_bytes()).hexdigest()
    monkeypatch.setattr(registry, "PUBLISHED_INDEX", digest)
    assert registry.find(str(tmp_path))[0].info.is_published


def test_classifiers_of_two_tasks_are_refused(tmp_path):
    save_classifier(tmp_path / "a", WORDS)
    save_classifier(tmp_path / "b", NOTES)
    with raises_user_error("different tasks"):
        registry.find(f"{tmp_path}/a,{tmp_path}/b")


def test_a_folder_without_a_classifier_is_refused(tmp_path):
    with raises_user_error("holds no classifier"):
        registry.find(str(tmp_path))


@pytest.mark.parametrize("damage", ["json", "network", "weights"])
def test_a_damaged_folder_is_one_line(tmp_path, damage):
    save_classifier(tmp_path, WORDS)
    path = tmp_path / places.INFO_FILE
    if damage == "json":
        path.write_text("{")
    elif damage == "network":
        path.write_text(json.dumps({**json.loads(path.read_text()), "network": "pitch"}))
    else:
        (tmp_path / places.WEIGHTS_FILE).write_bytes(b"no weights")
    with raises_user_error("classifier.json: cannot be used"):
        registry.find(str(tmp_path))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"sample_rate": 1e30}, "sample_rate is 1e+30, not a whole number from 1 to 768000"),
        ({"sample_rate": 2**31}, "sample_rate is 2147483648"),
        ({"sample_rate": 0}, "sample_rate is 0"),
        ({"clip_len": 10**12}, "clip_len is 1000000000000"),
        ({"clip_len": "4800"}, "clip_len is '4800'"),
        ({"width": 0}, "width is 0"),
        ({"width": 2**30}, "best.weights.h5 has "),
        ({"labels": [str(i % 128) for i in range(10**5)]}, "best.weights.h5 has "),
        ({"labels": [str(i % 128) for i in range(10**6)]}, "it is larger than 1 MiB"),
        ({"labels": []}, "labels are missing"),
        ({"labels": ["sixty"]}, "labels are missing, or no MIDI numbers"),
        ({"labels": "60"}, "labels is no list of names"),
        ({"labels": [60]}, "labels is no list of names"),
        ({"families": None}, "families is no list of names"),
        ({"test_accuracy": float("nan")}, "test_accuracy is no number from 0 to 1"),
        ({"test_accuracy": [1]}, "test_accuracy is no number from 0 to 1"),
        ({"test_size": -1}, "test_size is -1"),
        ({"is_published": 1}, "test_accuracy is no number from 0 to 1, or is_published neither true nor false"),
        ({"task": ["pitch"]}, ""),
        ({"task": "x\ny"}, ""),
    ],
)  # fmt: skip
def test_numbers_that_no_classifier_has_are_refused_in_one_line(tmp_path, values, reason):
    save_classifier(tmp_path, NOTES)
    path = tmp_path / places.INFO_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(UserError) as error:
        registry.find(str(tmp_path))
    assert f"classifier.json: cannot be used ({reason}" in str(error.value) and str(error.value).isprintable()


def _claim(file):
    file.create_dataset("big", (1 << 33,), "f4")  # of which nothing is written


def _link(file):
    file.create_dataset("elsewhere", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def _assemble(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "x", (4,))
    file.create_virtual_dataset("assembled", layout)


@pytest.mark.parametrize(
    ("change", "reason"), [(_claim, "claims 3435"), (_link, "names other files"), (_assemble, "names other files")]
)
def test_weights_that_claim_more_than_they_hold_are_refused(tmp_path, change, reason):
    save_classifier(tmp_path, NOTES)
    with h5py.File(tmp_path / places.WEIGHTS_FILE, "r+") as file:
        change(file)
    with raises_user_error(f"cannot be used .best.weights.h5 {reason}"):
        registry.find(str(tmp_path))


def test_the_waveform_network_hears_the_whole_clip():
    network = WaveformClassifier(4)
    network.build(None)
    waves = np.random.default_rng(0).normal(0, 0.1, (2, 16384)).astype(np.float32)
    for place in (0, 8000, 16383):
        changed = waves.copy()
        changed[:, place] += 1.0
        assert np.abs(network(changed) - network(waves)).max() > 1e-5
    assert network.features(tf.constant(waves)).shape == (2, 512)


def test_the_baselines_size_of_the_pitch_network():
    # Kernels of the layers that the published baseline lists, at its width, on 128 x 1024 x 2.
    network = PitchClassifier(61, width=128)
    network.build(None)
    kernels = [tuple(layer.kernel.shape) for layer in network.convolutions]
    channels = [128, 128, 128, 256, 256, 256, 512, 512, 512]
    inputs = [2, *channels[:-1]]
    sizes = [5, *[4] * 8]
    assert kernels == [(size, size, i, o) for size, i, o in zip(sizes, inputs, channels, strict=True)]
    assert tuple(network.hidden.kernel.shape) == (1 * 2 * 512, 1024)
    assert tuple(network.dense.kernel.shape) == (1024, 61)


@pytest.mark.parametrize(("length", "frames"), [(64000, 128), (4800, 8), (2048, 1), (100, 1), (64001, 128)])
def test_notes_of_every_length_have_features(length, frames):
    assert make_features(length, 16000).spec_shape == (frames, 1024)


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (("a/waveform",), ["waveform"]),
        (("a/waveform", "b/waveform", "b/log_mel"), ["a/waveform", "b/waveform", "log_mel"]),
        (("x/a/waveform", "y/a/waveform"), ["x/a/waveform", "y/a/waveform"]),
        (("x/a", "y/a"), ["x/a/waveform", "y/a/waveform"]),
        (("first", "second"), ["first/waveform", "second/waveform"]),
        (("log_mel", "other"), ["log_mel/waveform", "other/waveform"]),
    ],
)
def test_names_tell_classifiers_of_a_kind_apart(places, names, tmp_path, monkeypatch):
    assert names_of(places, tmp_path, monkeypatch) == names


def test_names_differ_as_file_names_as_well(tmp_path, monkeypatch):
    names = names_of(("a_b/waveform", "z/a/b/waveform", "b/waveform"), tmp_path, monkeypatch)
    assert len({name.replace("/", "_") for name in names}) == 3 and names[1] == "a/b/waveform"


def names_of(places, folder, monkeypatch):
    """Names of the classifiers in these folders; one in a folder log_mel is of that kind."""
    built = registry.build(WORDS, "waveform")

    def load(place):
        kind = "log_mel" if place.endswith("/log_mel") and len(places) > 2 else "waveform"
        return dataclasses.replace(built, name=kind, place=place)

    for place in places:
        (folder / place).mkdir(parents=True)
        registry.save_info(WORDS, str(folder / place))
    monkeypatch.setattr(registry, "load", load)
    return [classifier.name for classifier in registry.find(",".join(str(folder / place) for place in places))]


def test_a_classifier_that_is_named_twice_is_refused(tmp_path):
    save_classifier(tmp_path / "waveform", WORDS)
    with raises_user_error("waveform is named twice"):
        registry.find(f"{tmp_path},{tmp_path}/waveform")


def test_weights_are_written_whole_and_never_by_hdf5_itself(tmp_path, monkeypatch):
    """HDF5 ends the process with a segmentation fault where it has to close a file on a full disk."""
    network = registry.build(ClassifierInfo("sc09", "waveform", ("a", "b")), "waveform").network
    registry.save_weights(network, str(tmp_path))
    other = registry.build(ClassifierInfo("sc09", "waveform", ("a", "b")), "waveform").network
    other.load_weights(tmp_path / WEIGHTS_FILE)
    for variable, wanted in zip(other.trainable_variables, network.trainable_variables, strict=True):
        np.testing.assert_array_equal(variable, wanted)
    before, opened = (tmp_path / WEIGHTS_FILE).read_bytes(), h5py.File

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match=f"{WEIGHTS_FILE}: cannot be written .the disk is full."):
        registry.save_weights(network, str(tmp_path))
    assert (tmp_path / WEIGHTS_FILE).read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    assert h5py.File is opened
