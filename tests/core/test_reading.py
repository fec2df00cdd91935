"""Files of others: read as they are, or refused in one line, fast and in little memory, whatever they claim."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from specgan_tf import moments
from tests.fuzz import sealed
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import (
    MAX_DESCRIPTION_BYTES,
    Unreadable,
    parse_json,
    read_array,
    read_arrays,
    read_json,
    read_text,
    whole_number,
    whole_records,
)

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def claiming(header):
    text = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def refused(read, path, data):
    """The one line with which a file is refused, within a second and 100 MB."""
    path.write_bytes(data)
    tracemalloc.start()
    begun = time.process_time()
    with pytest.raises(Unreadable) as error:
        read(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - begun < 1 and peak < 100 << 20
    assert len(str(error.value).splitlines()) == 1 and str(error.value).isprintable()
    return str(error.value)


@pytest.mark.parametrize(
    "array", [ARRAY, ARRAY.T, np.zeros((0, 3)), np.int64(7), ARRAY.astype(">f8"), ARRAY.astype("f2")]
)
def test_arrays_are_read_as_numpy_reads_them(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    found, expected = read_array(str(tmp_path / "a.npy")), np.load(tmp_path / "a.npy")
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype and found.flags.writeable
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", x=array, y=ARRAY)
        for one, other in zip(read_arrays(str(tmp_path / "a.npz"), ["y", "x"]), (ARRAY, expected), strict=True):
            np.testing.assert_array_equal(one, other)


NOT_ARRAYS = {
    "nothing": b"",
    "no array": b"RIFF",
    "a huge shape": claiming("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000), }"),
    "a negative shape": claiming("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }"),
    "no tuple": claiming("{'descr': '<f4', 'fortran_order': False, 'shape': 3, }"),
    "an open bracket": claiming("{'descr': '<f4', 'fortran_order': False, 'shape': (3, }"),
    "a line that goes on": claiming("{'descr': '<f4', \\"),
    "code": claiming("{'descr': __import__('os'), 'fortran_order': False, 'shape': (3,), }"),
    "objects": npy(np.array([{}], object), allow_pickle=True),
    "text": npy(np.array(["a"])),
    "too little": npy(ARRAY)[:-1],
    "too much": npy(ARRAY) + b"x",
    "another version": b"\x93NUMPY\7\0" + bytes(90),
}


@pytest.mark.parametrize("data", NOT_ARRAYS.values(), ids=NOT_ARRAYS)
def test_what_is_no_array_is_refused_in_one_line(tmp_path, data):
    refused(read_array, tmp_path / "a.npy", data)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.npy", data)
    refused(lambda path: read_arrays(path, ["x"]), tmp_path / "a.npz", buffer.getvalue())


def test_archives_that_are_damaged_or_would_fill_the_memory_are_refused(tmp_path):
    path, bomb = tmp_path / "a.npz", io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy(np.zeros((1 << 25,), np.float32)))
    assert "the most" in refused(lambda path: read_arrays(path, ["x"]), path, bomb.getvalue())
    whole = io.BytesIO()
    np.savez_compressed(whole, x=np.random.default_rng(0).normal(size=200))
    assert "y.npy" in refused(lambda path: read_arrays(path, ["y"]), path, whole.getvalue())
    generator, survived = random.Random(0), 0
    for _ in range(300):
        data = bytearray(whole.getvalue())
        for _ in range(generator.randint(1, 8)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        path.write_bytes(data)
        try:
            read_arrays(str(path), ["x"])
            survived += 1
        except Unreadable as error:
            assert len(str(error).splitlines()) <= 1
    assert survived < 150


def test_json_is_what_python_reads(tmp_path):
    value = {"a": [1, -2.5, None, True, 10**19, "\N{MUSICAL SYMBOL G CLEF}"], "b": {}}
    for text in (
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        json.dumps(value, indent=1).replace("\n", "\r\n"),
    ):
        for mark in (b"", b"\xef\xbb\xbf"):
            (tmp_path / "a.json").write_bytes(mark + text.encode())
            assert read_json(str(tmp_path / "a.json")) == value


def test_paths_that_are_not_utf8_are_let_through_json(tmp_path):
    name = os.fsdecode(b"kick \xff\xe9.wav")
    (tmp_path / "a.json").write_text(json.dumps({"data_dir": name}))
    assert os.fsencode(read_json(str(tmp_path / "a.json"))["data_dir"]) == b"kick \xff\xe9.wav"


NO_JSON = [
    "", "{", "[" * 100_000, "[" * 100_000 + "]" * 100_000, "9" * 5000, '"\\ud800"', '{"\\uDFFF": 1}', "{'a': 1}", "\0",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_JSON)
def test_other_json_is_refused_in_one_line(tmp_path, text):
    refused(read_json, tmp_path / "a.json", text.encode())
    with pytest.raises(Unreadable):
        parse_json(text)


def test_json_in_another_encoding_is_refused_in_one_line(tmp_path):
    for encoding in ("utf-16", "latin-1"):
        refused(read_json, tmp_path / "a.json", '{"a": "\N{LATIN SMALL LETTER E WITH ACUTE}"}'.encode(encoding))


def test_records_are_counted_by_their_lengths(tmp_path):
    path, sizes = tmp_path / "a.tfrecord", (0, 1, 300)
    whole = b"".join(sealed.record(bytes(size)) for size in sizes)
    ends = np.cumsum([16 + size for size in sizes]).tolist()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        count, fault = whole_records(str(path))
        assert count == sum(end <= length for end in ends) and bool(fault) == (length not in (0, *ends))


@pytest.mark.parametrize("length", [2, 2**31, 2**33, 2**40, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 16, 2**64 - 12])
def test_a_length_beyond_the_file_is_not_believed(tmp_path, length):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(sealed.record(b"whole") + sealed.record(b"x", length))
    assert whole_records(str(path)) == (1, f"it ends in the middle of a record, which claims {length} bytes")


@pytest.mark.parametrize("value", [1, 9, 9.0])
def test_whole_numbers_are_read(value):
    found = whole_number({"n": value}, "n", 1, 9)
    assert found == value and type(found) is int


@pytest.mark.parametrize(
    "value", [0, 10, -1, 2.5, 1e30, float("inf"), float("nan"), True, None, "3", [3], {}, 10**400, "x" * 10_000]
)
def test_other_values_are_refused_in_one_line(value):
    with pytest.raises(Unreadable, match=r"^n is .{1,60}, not a whole number from 1 to 9$"):
        whole_number({"n": value}, "n", 1, 9)
    with pytest.raises(Unreadable, match="^m is None"):
        whole_number({"n": value}, "m", 1, 9)


@pytest.mark.parametrize("place", ["pipe", "zero"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path, place):
    """A pipe that nobody writes into would be waited for, and /dev/zero has no end."""
    path = str(tmp_path / place)
    os.mkfifo(path) if place == "pipe" else os.symlink("/dev/zero", path)
    for read in (read_json, read_text, read_array, whole_records, lambda path: read_arrays(path, ["x"])):
        with pytest.raises(Unreadable, match="^it is not a regular file$"):
            read(path)
        with pytest.raises(IsADirectoryError):
            read(str(tmp_path))
    with pytest.raises(UserError, match="is neither an npz nor a pickle of moments .it is not a regular file"):
        moments.load(path)


def test_texts_of_millions_of_lists_are_refused_at_once():
    assert parse_json("[" + "[]," * 1000 + "{}]")[-2:] == [[], {}]
    begun = time.process_time()
    with pytest.raises(Unreadable, match="^it has more than 2097152 lists and objects$"):
        parse_json("[" + "[]," * (1 << 21) + "[]]")
    assert time.process_time() - begun < 0.5


def test_descriptions_of_runs_and_models_are_small(tmp_path):
    (tmp_path / "x").write_text(" " * MAX_DESCRIPTION_BYTES + "1")
    assert read_json(str(tmp_path / "x")) == 1
    with pytest.raises(Unreadable, match="^it is larger than 1 MiB$"):
        read_json(str(tmp_path / "x"), MAX_DESCRIPTION_BYTES)
