"""Moments against the original code and NumPy; their files; which ones a run takes."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import tensorflow as tf

from specgan_tf import features, moments
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from tests.originals import SPECGAN, WAVEGAN, assert_near
from wavegan_tf.core.audio import clips
from wavegan_tf.core.errors import UserError

GOLDEN = np.load(SPECGAN / "moments.npz")
CASES = sorted({key.split("/")[0] for key in GOLDEN})


@pytest.mark.parametrize("case", CASES)
def test_moments_are_the_originals(case, tmp_path, monkeypatch):
    settings = json.loads(str(GOLDEN[f"{case}/config"]))
    start = settings.pop("start", None)
    if start is not None:
        monkeypatch.setattr(clips._Order, "_offsets", lambda order, _: tf.fill(order._lengths.shape, np.int64(start)))
    for name in GOLDEN[f"{case}/files"]:
        (tmp_path / name).symlink_to(WAVEGAN / "loader" / "audio" / name)
    options = moments.MomentsOptions(data_dir=str(tmp_path), **settings)
    found = moments.of_store(clips.load_clips(options, str(tmp_path)), seed=0)
    # Files that were resampled or lossy differ in the last bits of the decoder.
    assert_near(found.mean, GOLDEN[f"{case}/mean"], 2e-5)
    assert_near(found.std, GOLDEN[f"{case}/std"], 2e-5)
    if case == "all_first_slice":
        with open(SPECGAN / "moments.pkl", "rb") as file:
            mean, std = pickle.load(file)
        assert_near(found.mean, mean, 2e-5)
        assert_near(found.std, std, 2e-5)


def test_one_pass_gives_what_all_frames_at_once_give():
    rng = np.random.default_rng(0)
    batches = [(10.0 ** rng.uniform(-4, 0) * rng.normal(size=[n, 16384, 1])).astype(np.float32) for n in (3, 1, 5)]
    frames = features.log_magnitudes(np.concatenate(batches)).numpy().reshape(-1, 129).astype(np.float64)
    found = moments.of_batches(batches)
    np.testing.assert_allclose(found.mean, frames.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.std, frames.std(axis=0), rtol=1e-6)
    # The order and the division into batches say nothing.
    again = moments.of_batches([np.concatenate(batches[::-1])])
    np.testing.assert_allclose(again.std, found.std, rtol=1e-6)


def test_a_small_spread_around_a_large_mean_is_not_lost(monkeypatch):
    """Sums of squares in float32 would lose it altogether."""
    rng = np.random.default_rng(1)
    frames = (1000.0 + 1e-2 * rng.normal(size=[40, 128, 129])).astype(np.float32)
    monkeypatch.setattr(features, "log_magnitudes", lambda x, framing: x[..., None])
    found = moments.of_batches(list(tf.constant(frames.reshape(8, 5, 128, 129))))
    np.testing.assert_allclose(found.std, frames.reshape(-1, 129).astype(np.float64).std(axis=0), rtol=1e-4)


def test_each_clip_counts_once(tmp_path):
    """Files of other lengths than a multiple of a clip, overlap, several batches."""
    options = moments.MomentsOptions(
        data_dir=str(WAVEGAN / "loader" / "audio"), data_overlap_ratio=0.5, data_pad_end=True
    )
    store = clips.load_clips(options, str(tmp_path))
    whole = np.concatenate([batch.numpy() for batch in clips.first_epoch(store, batch_size=3, seed=4)])
    once = np.concatenate([batch.numpy() for batch in clips.first_epoch(store, batch_size=1000, seed=4)])
    np.testing.assert_array_equal(whole, once)
    stream = clips.clip_batches(store, batch_size=len(whole), seed=4)
    trained = next(iter(stream)).numpy()
    one, other = (np.sort(x.reshape(len(x), -1), axis=0) for x in (whole, trained))
    np.testing.assert_array_equal(one, other)


def test_no_audio_has_no_moments():
    with pytest.raises(ValueError, match="no audio"):
        moments.of_batches([])


@pytest.fixture
def stored() -> Moments:
    return moments.load(str(SPECGAN / "moments.pkl"))


def equal(one, other) -> bool:
    return np.array_equal(one.mean, other.mean) and np.array_equal(one.std, other.std)


def test_files_of_both_kinds_give_the_same(stored, tmp_path):
    path = tmp_path / "new" / "of_digits"  # no suffix is added
    moments.save(stored, str(path))
    assert equal(moments.load(str(path)), stored)
    assert [p.name for p in path.parent.iterdir()] == ["of_digits"]
    with np.load(path) as archive:
        assert set(archive) == {"mean", "std"}
    with open(SPECGAN / "moments.pkl", "rb") as file:
        mean, std = pickle.load(file)
    assert equal(stored, Moments(mean, std))


def npz(path, **arrays) -> None:
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def half_npz(path) -> None:
    npz(path, mean=ONES, std=ONES)
    path.write_bytes(path.read_bytes()[:300])


def dump(path, value) -> None:
    path.write_bytes(pickle.dumps(value))


ONES = np.ones(129, np.float32)
BAD = {
    "nothing": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("mean,std\n1,2\n"),
    "half an npz": half_npz,
    "no std": lambda path: npz(path, mean=ONES),
    "objects": lambda path: npz(path, mean=np.array([None] * 129), std=ONES),
    "other bins": lambda path: npz(path, mean=np.ones(128), std=np.ones(128)),
    "not a number": lambda path: npz(path, mean=ONES * np.nan, std=ONES),
    "negative": lambda path: npz(path, mean=ONES, std=-ONES),
    "three arrays": lambda path: dump(path, (ONES, ONES, ONES)),
    "a dictionary": lambda path: dump(path, {"mean": ONES, "std": ONES}),
    "a missing file": lambda path: None,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", BAD)
def test_what_holds_no_moments_is_named(name, tmp_path):
    path = tmp_path / "moments"
    BAD[name](path)
    with pytest.raises(UserError) as error:
        moments.load(str(path))
    assert error.value.on_command_line.startswith(f"--data_moments_fp={path}: ") and "\n" not in str(error.value)


def test_a_place_that_cannot_be_written_is_named(stored, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"^data_moments_fp={tmp_path}/file/moments: cannot be written"):
        moments.save(stored, str(tmp_path / "file" / "moments"))


def test_a_place_that_cannot_be_written_is_named_before_anything_is_read(tmp_path, monkeypatch):
    options = moments.MomentsOptions(data_dir=str(tmp_path), data_moments_fp=str(tmp_path))
    monkeypatch.setattr(moments.flags, "from_flags", lambda _: options)
    with pytest.raises(UserError, match=f"^data_moments_fp={tmp_path}: is a folder"):
        moments.main()


@pytest.fixture
def store(tmp_path) -> clips.ClipStore:
    data = tmp_path / "data"
    data.mkdir()
    (data / "d.wav").symlink_to(WAVEGAN / "loader" / "audio" / "d_16k_long_int16.wav")
    return clips.load_clips(SpecGANConfig(data_dir=str(data)), str(tmp_path))


def test_a_run_computes_its_moments_once_and_keeps_them(store, tmp_path):
    config = SpecGANConfig(seed=3)
    run = tmp_path / "run"
    run.mkdir()
    first = moments.of_run(config, str(run), store)
    assert equal(first, moments.of_store(store, 3)) and equal(first, moments.load(str(run / "moments.npz")))
    assert equal(moments.of_run(config, str(run), None), first)


def test_a_run_takes_given_moments_and_holds_to_them(store, stored, tmp_path):
    given = tmp_path / "given.npz"
    moments.save(stored, str(given))
    config = SpecGANConfig(data_moments_fp=str(given))
    run = tmp_path / "run"
    run.mkdir()
    assert equal(moments.of_run(config, str(run), store), stored)
    assert equal(moments.of_run(config, str(run), store), stored)
    moments.save(Moments(stored.mean + 1, stored.std), str(given))
    with pytest.raises(UserError, match=f"^data_moments_fp={given}: differs from {run}/moments.npz"):
        moments.of_run(config, str(run), store)
    given.unlink()  # a run that goes on does not need it any more
    assert equal(moments.of_run(config, str(run), None), stored)


def test_a_directory_without_moments_is_named(tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path}/moments.npz: not found"):
        moments.of_run(SpecGANConfig(), str(tmp_path), None)
