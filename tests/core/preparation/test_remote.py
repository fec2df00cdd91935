"""Data on remote filesystems: prepared from and to one by Beam, and read from one by TensorFlow."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

from specgan_tf.prepare import prepare
from tests.core.preparation.objects import STORED
from tests.core.preparation.remote_sets import put
from tests.core.preparation.sounds import IN_MEMORY, options, prepared, shards_of
from wavegan_tf.core.audio.labels import Labelling
from wavegan_tf.core.audio.options import ClipOptions
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.preparation import manifest
from wavegan_tf.core.preparation.loading import load_clips


@pytest.fixture
def objects(sounds):
    """The sounds in that store."""
    STORED.clear()
    for path in sounds.rglob("*.*"):
        STORED[f"objects://sounds/{path.relative_to(sounds)}"] = path.read_bytes()
    yield STORED
    STORED.clear()


def test_from_and_to_a_remote_filesystem(sounds, objects, drums_set):
    """The same shards and tables as from a folder to a folder; nothing is done twice."""
    changes = {"data_dir": "objects://sounds", "output_dir": "objects://out/set", "data_labels": "folder"}
    made = prepare(options(sounds, sounds, num_shards=3, **changes), IN_MEMORY)
    local = manifest.read(str(drums_set))
    assert made.tables == local.tables and made.shards == local.shards
    found = {path.removeprefix("objects://out/set/"): data for path, data in objects.items() if "://out/" in path}
    assert {name: data for name, data in found.items() if name.endswith(".audio")} == shards_of(drums_set)
    assert sorted(found) == sorted(str(p.relative_to(drums_set)) for p in drums_set.rglob("*") if p.is_file())
    assert b"objects://sounds/kick/broken.wav" in found["skipped.csv"]
    before = dict(objects)
    prepare(options(sounds, sounds, num_shards=3, **changes), IN_MEMORY)
    assert dict(objects) == before
    with pytest.raises(UserError, match="data_sample_rate=8000: output_dir=.* was begun with 16000"):
        prepare(options(sounds, sounds, num_shards=3, data_sample_rate=8000, **changes), IN_MEMORY)


def test_patterns(sounds, objects, tmp_path):
    folder = prepared(sounds, tmp_path / "set", data_dir="", data_glob="objects://sounds/**/[a-c].*")
    assert (folder / "tables" / "names.bin").read_bytes() == b"kick/a.wavkick/b.wavkick/c.flac"
    for changes, message in (
        ({"data_glob": "objects://sounds/*.mp3"}, "matches no file"),
        ({"data_glob": "nowhere://sounds/*"}, r"nowhere://sounds/\*: cannot be listed"),
        ({"data_dir": "objects://none", "data_glob": ""}, "data_dir=objects://none: holds no audio file"),
    ):
        with pytest.raises(UserError, match=message):
            prepared(sounds, tmp_path / "other", **{"data_dir": "", **changes})


@pytest.fixture
def address(drums_set):
    """A prepared set on TensorFlow's filesystem in memory."""
    with put(drums_set) as root:
        yield root


def test_training_reads_a_copy(drums_set, address, tmp_path):
    """Copied once, and completed where a copy was cut off."""
    def load(place):
        return load_clips(ClipOptions(data_prepared=str(place)), str(tmp_path), Labelling("folder"))

    read, copied = load(drums_set), load(address)
    np.testing.assert_array_equal(read.audio.lengths, copied.audio.lengths)
    assert read.audio.samples.content == copied.audio.samples.content
    (folder,) = tmp_path.iterdir()
    assert shards_of(folder) == shards_of(drums_set)
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.audio")}
    cut, *others = sorted(times)
    cut.write_bytes(b"")
    load(address)
    assert shards_of(folder) == shards_of(drums_set)
    assert all(path.stat().st_mtime_ns == times[path] for path in others)


def test_remote_sets_that_cannot_be_read(address, tmp_path):
    shard = sorted(tf.io.gfile.glob(f"{address}/*.audio"))[0]
    with tf.io.gfile.GFile(shard, "ab") as file:  # this filesystem appends in any case
        file.write(b"more")
    for place, message in (
        ("ram://none", r"ram://none/manifest.json: cannot be read"),
        ("nowhere://none", r"nowhere://none/manifest.json: cannot be read \(File system scheme .nowhere. not"),
        (address, rf"{re.escape(shard)}: has \d+ bytes and not \d+; prepare the data anew"),
    ):
        with pytest.raises(UserError, match=message):
            load_clips(ClipOptions(data_prepared=place), str(tmp_path))
