"""Prepared data beside the folder that they were prepared from: the same samples, clips and labels to the bit."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import mmap
import os
import shutil

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tests.core.preparation.sounds import RATE, prepared, tone
from wavegan_tf.core.audio import clips
from wavegan_tf.core.audio.labels import Labelling
from wavegan_tf.core.audio.options import ClipOptions
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.preparation import manifest
from wavegan_tf.core.preparation.loading import load_clips


def both(sounds, folder, cache, labels="none", balanced=False, **options):
    """The store of a folder, and that of what was prepared of it."""
    rule = None if labels == "none" else Labelling(labels)
    read = ClipOptions(data_dir=str(sounds), **options)
    return [
        load_clips(these, str(cache), rule, balanced)
        for these in (read, dataclasses.replace(read, data_dir="", data_prepared=str(folder)))
    ]


def all_samples(store):
    """float32 [total, c] of a store, file by file."""
    audio = store.audio
    return [
        (audio.samples.read if hasattr(audio.samples, "read") else lambda a, n: audio.samples[a : a + n])(
            tf.constant(int(start)), tf.constant(int(length))
        ).numpy()
        for start, length in zip(audio.starts, audio.lengths, strict=True)
    ]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("normalize", [True, False])
def test_samples_are_those_of_the_folder(sounds, tmp_path, channels, normalize):
    decoding = {"data_num_channels": channels, "data_normalize": normalize}
    folder = prepared(sounds, tmp_path / "set", **decoding, num_shards=2)
    read, opened = both(sounds, folder, tmp_path, **decoding, data_pad_end=True)
    assert len(read.audio.files) == len(opened.audio.files) == 9
    assert [str(sounds / name) for name in opened.audio.files] == list(read.audio.files)
    assert len(opened.audio.skipped) == len(read.audio.skipped) == 2
    for one, other in zip(all_samples(read), all_samples(opened), strict=True):
        np.testing.assert_array_equal(one.view(np.uint32), other.view(np.uint32))
    # Both ways of keeping samples are in it.
    divisors = np.load(folder / "tables" / "divisors.npy")
    assert (divisors == 0).any() and (divisors > 0).any()
    assert read.summary == opened.summary


def test_disks_that_share_no_mapped_memory(sounds, tmp_path, monkeypatch):
    """Neither flac nor mp3 nor the tables of a set need it."""
    sounds = shutil.copytree(sounds, tmp_path / "sounds")
    soundfile.write(sounds / "snare" / "i.mp3", tone(20_000), RATE)
    plain, kinds = mmap.mmap, set()

    def refusing(file, size, flags=mmap.MAP_SHARED, **arguments):
        kinds.add(flags)
        if flags & mmap.MAP_SHARED:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return plain(file, size, flags, **arguments)

    monkeypatch.setattr(mmap, "mmap", refusing)
    folder = prepared(sounds, tmp_path / "set")
    read, opened = both(sounds, folder, tmp_path, data_pad_end=True)
    names = [str(sounds / name) for name in opened.audio.files]
    assert names == list(read.audio.files)
    assert {os.path.basename(name) for name in names} >= {"c.flac", "d.flac", "i.mp3"} and kinds


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize(("slicing", "start"), [({}, 0), ({"data_pad_end": True, "data_overlap_ratio": 0.5}, 1007),
                                                ({"data_first_slice": True}, 12)])  # fmt: skip
def test_batches_are_those_of_the_folder(sounds, drums_set, tmp_path, slicing, start, balanced):
    """From any step on, whatever the number of workers."""
    stores = both(sounds, drums_set, tmp_path, "folder", balanced, **slicing)
    assert stores[0].labels == stores[1].labels == ("kick", "snare")
    np.testing.assert_array_equal(stores[0].file_labels, stores[1].file_labels)
    assert stores[0].label_shares == stores[1].label_shares

    def batches(store, worker, workers):
        stream = clips.clip_batches(
            store, batch_size=4, seed=5, start_example=start, worker=worker, num_workers=workers
        )
        found = list(itertools.islice(stream.as_numpy_iterator(), 8))
        return [np.stack(part) for part in zip(*found, strict=True)]

    whole = batches(stores[0], 0, 1)
    parts = [batches(stores[1], worker, 2) for worker in range(2)]
    for column, one, other in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(column, np.concatenate([one, other], axis=1))


def test_first_epoch_in_parts(sounds, drums_set, tmp_path):
    _, store = both(sounds, drums_set, tmp_path, "folder", data_pad_end=True)
    count = clips.count_first_epoch(store, 3)
    whole = np.concatenate(list(clips.first_epoch(store, batch_size=2, seed=3)))
    parts = [clips.first_epoch(store, batch_size=2, seed=3, batches=part) for part in (range(3), range(3, 100))]
    assert len(whole) == count
    np.testing.assert_array_equal(whole, np.concatenate([batch for part in parts for batch in part]))


def test_labels_of_a_run_that_is_continued(drums_set, tmp_path):
    options = ClipOptions(data_prepared=str(drums_set), data_pad_end=True)
    known = ("hat", "kick", "snare")
    store = load_clips(options, str(tmp_path), Labelling("folder", known=known))
    new = load_clips(options, str(tmp_path), Labelling("folder"))
    assert store.labels == known
    np.testing.assert_array_equal(store.file_labels, new.file_labels + 1)
    with pytest.raises(UserError, match="'snare' is no label of the run in this directory, which has hat, kick;"):
        load_clips(options, str(tmp_path), Labelling("folder", known=("hat", "kick")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_sample_rate": 8000}, "data_sample_rate=8000: the data in .* were prepared with 16000; "),
        ({"data_num_channels": 2}, "data_num_channels=2: the data in .* were prepared with 1; "),
        ({"data_normalize": False}, "data_normalize=False: the data in .* were prepared with True; "),
        ({}, "data_labels=none: the data in .* were prepared with folder; "),
        ({"data_dir": "x"}, "data_dir: cannot be combined with data_prepared"),
        ({"data_skip_bad": False}, r"kick/broken.wav: .*set data_skip_bad=true"),
        ({"data_slice_len": 65536}, r"data_prepared=.*: the longest file has 50000 samples, a clip 65536; "),
    ],
)
def test_other_options_are_refused_with_both_values(drums_set, tmp_path, changes, message):
    labelling = None if changes in ({}, {"data_dir": "x"}) else Labelling("folder")
    with pytest.raises(UserError, match=message):
        load_clips(ClipOptions(data_prepared=str(drums_set), **changes), str(tmp_path), labelling)


def test_places_that_hold_no_prepared_data(tmp_path):
    for place, message in ((tmp_path / "gone", "is not a folder"), (tmp_path, "manifest.json: not found; ")):
        with pytest.raises(UserError, match=message):
            load_clips(ClipOptions(data_prepared=str(place)), str(tmp_path))


def copied(folder, tmp_path):
    """A copy of a set that may be changed."""
    import shutil

    return shutil.copytree(folder, tmp_path / "copy")


@pytest.mark.parametrize("name", ["manifest.json", "skipped.csv", *(f"tables/{table}" for table in (
    "lengths.npy", "offsets.npy", "divisors.npy", "classes.npy", "name_ends.npy", "names.bin"))])  # fmt: skip
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "other"])
def test_damaged_files_are_named(drums_set, tmp_path, name, damage):
    folder = copied(drums_set, tmp_path)
    path = folder / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "other":
        changed = bytearray(data)
        changed[-2] ^= 1
        path.write_bytes(bytes(changed))
    else:
        path.write_bytes(b"" if damage == "empty" else data[: len(data) // 2])
    if (name, damage) != ("skipped.csv", "other"):
        with pytest.raises(UserError, match=name):
            load(folder, tmp_path, data_verify=True)


def load(folder, tmp_path, **options):
    return load_clips(ClipOptions(data_prepared=str(folder), **options), str(tmp_path), Labelling("folder"))


def test_damaged_shards_are_named(drums_set, tmp_path):
    """By size always, by checksum if asked for."""
    folder = copied(drums_set, tmp_path)
    shard = manifest.read(str(folder)).shards[1]
    path = folder / shard.name
    data = bytearray(path.read_bytes())
    data[shard.size // 2] ^= 1
    path.write_bytes(bytes(data))
    load(folder, tmp_path)
    with pytest.raises(UserError, match=f"{shard.name}: is damaged: its sha256 is [0-9a-f]+, .* has {shard.sha256}; "):
        load(folder, tmp_path, data_verify=True)
    path.write_bytes(bytes(data[:-1]))
    message = f"{shard.name}: has {shard.size - 1} bytes and not {shard.size}; "
    with pytest.raises(UserError, match=message):
        load(folder, tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=rf"{shard.name}: cannot be mapped into memory \(No such file or directory\)"):
        load(folder, tmp_path)


@pytest.mark.parametrize("rate", [8000, 22_050])
def test_resampled_files_of_any_length_are_those_of_the_folder(tmp_path, rate):
    """A resampler gives its last samples in blocks of any size, none included."""
    (tmp_path / "sounds").mkdir()
    for samples in (1, 2, 3, 100, 16_383, 16_384, 65_535, 65_536, 65_537, 131_072):
        soundfile.write(tmp_path / "sounds" / f"{samples}.wav", tone(samples, 2, samples), RATE, "PCM_16")
    decoding = {"data_num_channels": 2, "data_sample_rate": rate}
    folder = prepared(tmp_path / "sounds", tmp_path / "set", **decoding)
    read, opened = both(tmp_path / "sounds", folder, tmp_path, **decoding, data_pad_end=True)
    assert read.audio.lengths.tolist() == opened.audio.lengths.tolist()
    for one, other in zip(all_samples(read), all_samples(opened), strict=True):
        np.testing.assert_array_equal(one.view(np.uint32), other.view(np.uint32))
