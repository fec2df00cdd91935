"""Moments that audio_prepare computes beside those that a training computes from the folder."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from specgan_tf import moments
from specgan_tf.config import SpecGANConfig
from specgan_tf.prepare import prepare
from tests.core.preparation.objects import STORED
from tests.core.preparation.sounds import IN_MEMORY, options, write_sounds
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.preparation import ranged, results
from wavegan_tf.core.preparation.loading import load_clips


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    write_sounds(folder)
    return folder


FRAMES = {"data_num_channels": 2, "specgan_window_len": 130, "specgan_hop_len": 65}
SLICINGS: list[dict[str, Any]] = [
    {}, {"data_first_slice": True, **FRAMES}, {"data_pad_end": True, "data_overlap_ratio": 0.75},
]  # fmt: skip


@pytest.mark.parametrize("slicing", SLICINGS)
def test_moments_are_those_of_the_folder(sounds, tmp_path, monkeypatch, slicing):
    monkeypatch.setattr(moments, "BATCH", 3)  # several batches, and several parts
    output = tmp_path / "set"
    made = prepare(options(sounds, output, moments=True, seed=3, **slicing), IN_MEMORY)
    assert not (output / "parts").exists()
    read = SpecGANConfig(data_dir=str(sounds), seed=3, **slicing)
    expected = moments.of_store(load_clips(read, str(tmp_path)), 3, read.framing())
    config = dataclasses.replace(read, data_dir="", data_prepared=str(output))
    store = load_clips(config, str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(moments, "of_store", None)  # nothing is computed
        (tmp_path / "run").mkdir()
        found = moments.of_run(config, str(tmp_path / "run"), store)
    np.testing.assert_array_equal(found.mean, expected.mean)
    np.testing.assert_array_equal(found.std, expected.std)
    # Those of other clips or frames are not taken.
    assert moments.stored(str(output), config, 4) is None
    other = dataclasses.replace(config, data_pad_end=not config.data_pad_end, data_first_slice=False)
    assert moments.stored(str(output), other, 3) is None
    other = dataclasses.replace(config, specgan_window_len=260, specgan_hop_len=65)
    assert moments.stored(str(output), other, 3) is None
    # Another start finds them, and one with other clips replaces them.
    monkeypatch.setattr(moments, "sums", None)
    assert prepare(options(sounds, output, moments=True, seed=3, **slicing), IN_MEMORY) == made


def test_no_moments_where_there_are_none(sounds, tmp_path):
    cases: tuple[dict[str, Any], ...] = ({"moments": False}, {"data_slice_len": 65536})
    for number, changes in enumerate(cases):
        made = prepare(options(sounds, tmp_path / str(number), **{"moments": True, **changes}), IN_MEMORY)
        assert made.extras == {}


@pytest.mark.parametrize("value", [None, [], {"settings": 1}, {"mean": [1.0], "std": [1.0]}, {"mean": "x", "std": "y"},
                                   {"mean": [float("nan")] * 129, "std": [1.0] * 129}])  # fmt: skip
def test_moments_that_are_none_are_computed_anew(sounds, tmp_path, value):
    output = tmp_path / "set"
    prepare(options(sounds, output), IN_MEMORY)
    config = SpecGANConfig(data_prepared=str(output))
    if isinstance(value, dict) and "mean" in value:
        value["settings"] = moments.settings_of(config, 0)
    path = output / "manifest.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "extras": {moments.EXTRA: value}}))
    assert moments.stored(str(output), config, 0) is None


def test_mistakes(sounds, tmp_path):
    for changes, message in (
        ({"data_dir": ""}, "one of data_dir and data_glob must be given, not none"),
        ({"output_dir": ""}, "output_dir must be given"),
        ({"data_labels": "csv"}, "data_labels=csv: requires data_labels_file"),
        ({"data_dir": str(tmp_path / "none")}, "data_dir=.*none: is not a folder"),
        ({"data_dir": str(tmp_path)}, "data_dir=.*: holds no audio file"),
    ):
        with pytest.raises(UserError, match=message):
            values: dict[str, Any] = changes
            prepare(dataclasses.replace(options(sounds, tmp_path / "set"), **values), IN_MEMORY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("slicing", "block"), [*zip(SLICINGS, (100, 4096, 1 << 20), strict=True)])
def test_moments_of_a_remote_set_are_those_of_a_local_one(sounds, tmp_path, monkeypatch, slicing, block):
    """Whatever is read at a time; and the parts are gone, as is what no set has."""
    monkeypatch.setattr(moments, "BATCH", 5)
    monkeypatch.setattr(ranged, "_BLOCK_BYTES", block)
    values = {"moments": True, "seed": 3, "num_shards": 3, **slicing}
    local = prepare(options(sounds, tmp_path / "set", **values), IN_MEMORY)
    STORED.clear()
    remote = prepare(options(sounds, sounds, **{**values, "output_dir": "objects://out/set"}), IN_MEMORY)
    assert remote == local and moments.EXTRA in remote.extras
    names = sorted(path.removeprefix("objects://out/set/") for path in STORED)
    assert names == sorted(str(p.relative_to(tmp_path / "set")) for p in (tmp_path / "set").rglob("*") if p.is_file())


def test_remote_shards_that_cannot_be_read(sounds, monkeypatch):
    """One line that names the shard; parts that are there are not computed again."""
    monkeypatch.setattr(moments, "BATCH", 1)
    STORED.clear()
    prepare(options(sounds, sounds, output_dir="objects://out/set", num_shards=3), IN_MEMORY)
    shard = "objects://out/set/shard-00002-of-00003.audio"
    whole = STORED[shard]
    wanted = options(sounds, sounds, output_dir="objects://out/set", num_shards=3, moments=True)
    write = results.keep

    def keep_and_break(unit, **arrays):
        write(unit, **arrays)
        STORED[shard] = whole[:100]

    with monkeypatch.context() as patch:
        patch.setattr(results, "keep", keep_and_break)
        with pytest.raises(UserError, match=f"^{shard}: is shorter than it was written; prepare the data anew$"):
            prepare(wanted, IN_MEMORY)
    STORED[shard] = whole
    there = {path for path in STORED if "/parts/" in path}
    written: list[str] = []

    def keep_and_note(unit, **arrays):
        written.append(unit["path"])
        write(unit, **arrays)

    monkeypatch.setattr(results, "keep", keep_and_note)
    assert moments.EXTRA in prepare(wanted, IN_MEMORY).extras
    assert there and written and not there & set(written)
