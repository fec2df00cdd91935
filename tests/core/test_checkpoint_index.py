"""Indices of checkpoints whose checksums are right, and whose claims would end the process or take its memory."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.fuzz import sealed
from tests.originals import GOLDENS
from wavegan_tf.core.checkpoint_index import require_consistent
from wavegan_tf.core.reading import Unreadable

VALUES = np.array([1.0, 2.0], "<f4").tobytes()
LENGTH = (3).to_bytes(4, "little")
TEXT = sealed.varint(3) + sealed.checksum(LENGTH) + b"abc"
SUMMED = LENGTH + sealed.checksum(LENGTH) + b"abc"


def write(folder, entries, header=sealed.HEADER, data=VALUES):
    """A checkpoint with these entries; returns its prefix."""
    (folder / "m.index").write_bytes(sealed.index([(b"", header), *entries]))
    (folder / "m.data-00000-of-00001").write_bytes(data)
    return str(folder / "m")


def one(dims=(2,), **more):
    return [(b"a", sealed.entry(VALUES, dims, **more))]


def test_what_tensorflow_reads_is_consistent(tmp_path):
    entries = [
        (b"a", sealed.entry(VALUES, [2])), (b"b", sealed.entry(b"", [0, 7], offset=8)),
        (b"t", sealed.entry(SUMMED, [1], 7, offset=8, size=len(TEXT))), (b"x", sealed.entry(b"\1", [], 10, offset=16)),
    ]  # fmt: skip
    prefix = write(tmp_path, entries, data=VALUES + TEXT + b"\1")
    require_consistent(prefix)
    reader = tf.train.load_checkpoint(prefix)
    assert reader.get_tensor("a").tolist() == [1.0, 2.0] and reader.get_tensor("t").tolist() == [b"abc"]
    assert reader.get_tensor("b").shape == (0, 7) and reader.get_tensor("x")


@pytest.mark.parametrize("path", sorted(GOLDENS.rglob("*.index")), ids=lambda path: path.stem)
def test_the_originals_checkpoints_are_consistent(path):
    require_consistent(str(path).removesuffix(".index"))


CLAIMS = {
    "more than the file": one([1 << 33], size=1 << 35),
    "more than it has": one([1 << 40]),
    "less than it has": one([1]),
    "2^124 elements": one([1 << 62, 1 << 62]),
    "none of 2^124": one([1 << 62, 1 << 62, 0], size=0),
    "a negative dimension": one([-5]),
    "300 dimensions": one([1] * 300),
    "an unknown type": one(dtype=999),
    "no type": one(dtype=0),
    "a resource": one(dtype=20),
    "a variant": one(dtype=21),
    "another part": one(shard=5),
    "a part before the first": one(shard=-1),
    "a place behind the end": one(offset=1 << 62),
    "a place before the beginning": one(offset=-9),
    "a negative size": one(size=-9),
    "slices": one(more=sealed.message(7, sealed.message(1, sealed.number(2, 1 << 40)))),
    "no entry": [(b"a", b"\xff\xff")],
    "no name": [(b"\xff", sealed.entry(VALUES, [2]))],
    "the same bytes for all": [(bytes([97 + i]), sealed.entry(VALUES, [2])) for i in range(9)],
    "2^31 texts": [(b"a", sealed.entry(VALUES, [1 << 31], 7))],
    "a text of 2^40 letters": [(b"a", sealed.entry(sealed.varint(1 << 40), [1], 7))],
}


@pytest.mark.parametrize("entries", CLAIMS.values(), ids=CLAIMS)
def test_claims_that_nothing_holds_are_refused(tmp_path, entries):
    with pytest.raises(Unreadable) as error:
        require_consistent(write(tmp_path, entries, data=(sealed.varint(1 << 40) + VALUES)[-8:]))
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "header",
    [sealed.number(1, 1 << 30), sealed.number(1, 0), sealed.number(1, 1) + sealed.number(2, 1), b"\xff"],
    ids=["parts", "no part", "byte order", "no header"],
)
def test_other_headers_are_refused(tmp_path, header):
    with pytest.raises(Unreadable):
        require_consistent(write(tmp_path, one(), header))
    (tmp_path / "m.index").write_bytes(sealed.index(one()))
    with pytest.raises(Unreadable, match="no header"):
        require_consistent(str(tmp_path / "m"))


def test_a_cut_or_a_changed_byte_is_refused_or_leaves_the_claims_true(tmp_path):
    prefix = write(tmp_path, one())
    whole = (tmp_path / "m.index").read_bytes()
    for place in range(len(whole)):
        (tmp_path / "m.index").write_bytes(whole[:place])
        with pytest.raises(Unreadable):
            require_consistent(prefix)
        (tmp_path / "m.index").write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        try:
            require_consistent(prefix)
        except Unreadable as error:
            assert str(error).isprintable()


def test_a_search_that_begins_within_an_entry_is_refused(tmp_path):
    """TensorFlow's search would find another entry there than one who reads all of them in turn."""
    prefix = write(tmp_path, one())
    data = bytearray((tmp_path / "m.index").read_bytes())
    size = len(sealed._block([(b"", sealed.HEADER), *one()]))
    data[size - 8 : size - 4] = (3).to_bytes(4, "little")
    (tmp_path / "m.index").write_bytes(data)
    with pytest.raises(Unreadable, match="within another"):
        require_consistent(prefix)


def test_a_missing_part_is_named(tmp_path):
    prefix = write(tmp_path, one())
    (tmp_path / "m.data-00000-of-00001").unlink()
    with pytest.raises(Unreadable, match="^m.data-00000-of-00001: No such file"):
        require_consistent(prefix)
