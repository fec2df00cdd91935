"""The reader of pickles: arrays that it builds, and all else, which it refuses."""

from __future__ import annotations

import collections
import datetime
import functools
import io
import os
import pickle
import subprocess

import numpy as np
import pytest

from specgan_tf.array_pickle import load_arrays

MEAN, STD = np.linspace(-9, 3, 129, dtype=np.float32), np.linspace(0.1, 4, 129, dtype=np.float32)

# pickle.dumps((np.arange(3, dtype=np.float32), np.arange(3.0)), protocol) by Python 2.7 with NumPy 1.16.
PYTHON_2 = {
    0: b"(cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n(I1\n(I3\ntp6\n"
    b"cnumpy\ndtype\np7\n(S'f4'\np8\nI0\nI1\ntp9\nRp10\n(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\n"
    b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\x80?\\x00\\x00\\x00@'\np13\ntp14\nbg0\n(g1\n(I0\ntp15\ng3\ntp16\nRp17\n(I1\n"
    b"(I3\ntp18\ng7\n(S'f8'\np19\nI0\nI1\ntp20\nRp21\n(I3\nS'<'\np22\nNNNI-1\nI-1\nI0\ntp23\nbI00\n"
    b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00\\x00\\x00\\x00\\x00\\x00\\x00@'"
    b"\np24\ntp25\nbtp26\n.",
    2: b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02U\x01bq\x03\x87q\x04Rq"
    b"\x05(K\x01K\x03\x85q\x06cnumpy\ndtype\nq\x07U\x02f4q\x08K\x00K\x01\x87q\tRq\n(K\x03U\x01<q\x0bNNNJ\xff\xff\xff"
    b"\xffJ\xff\xff\xff\xffK\x00tq\x0cb\x89U\x0c\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@q\rtq\x0ebh\x00h\x01K\x00"
    b"\x85q\x0fh\x03\x87q\x10Rq\x11(K\x01K\x03\x85q\x12h\x07U\x02f8q\x13K\x00K\x01\x87q\x14Rq\x15(K\x03U\x01<q\x16"
    b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x17b\x89U\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\x00\xf0?\x00\x00\x00\x00\x00\x00\x00@q\x18tq\x19b\x86q\x1a.",
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "i2", "u1"])
def test_arrays_of_any_protocol(protocol, dtype):
    arrays = [np.arange(12).astype(dtype).reshape(3, 4), np.asfortranarray(np.ones([2, 3]))]
    found = load_arrays(io.BytesIO(pickle.dumps(tuple(arrays), protocol)))
    for one, other in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    assert len(load_arrays(io.BytesIO(pickle.dumps([MEAN, STD], protocol)))) == 2


@pytest.mark.parametrize("module", ["numpy.core", "numpy._core"])
def test_arrays_of_numpy_1_and_2(module):
    other = "numpy._core" if module == "numpy.core" else "numpy.core"
    data = pickle.dumps((MEAN, STD), 2).replace(f"{other}.multi".encode(), f"{module}.multi".encode())
    assert f"{module}.multiarray".encode() in data
    np.testing.assert_array_equal(load_arrays(io.BytesIO(data))[1], STD)


@pytest.mark.parametrize("protocol", PYTHON_2)
def test_arrays_of_python_2(protocol):
    one, other = load_arrays(io.BytesIO(PYTHON_2[protocol]))
    np.testing.assert_array_equal(one, np.arange(3, dtype=np.float32))
    np.testing.assert_array_equal(other, np.arange(3.0))
    assert (one.dtype, other.dtype) == (np.float32, np.float64)


class Call:
    """Pickles to a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


REFUSED = {
    "command": Call(os.system, "touch {}"),
    "file": Call(open, "{}", "w"),
    "evaluation": Call(eval, "open('{}', 'w')"),
    "process": Call(subprocess.Popen, ["touch", "{}"]),
    "in the tuple": (MEAN, Call(os.system, "touch {}")),
    "in an array": np.array([Call(os.system, "touch {}")], object),
    "attribute": Call(getattr, "", "join"),
    "partial": functools.partial(print),
    "date": datetime.date(2020, 1, 1),
    "ordered": collections.OrderedDict(a=1),
    "numpy scalar": np.float32(1),
    "numpy function": Call(np.fromfile, "/etc/hostname"),
    "objects": np.array([None, 1], object),
    "text": np.array(["a"]),
    "records": np.zeros(2, [("a", "f4")]),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_anything_but_arrays_is_refused(name, protocol, tmp_path):
    trace = tmp_path / "trace"
    data = pickle.dumps(REFUSED[name], protocol)
    if protocol == 0:  # the later ones count the bytes of strings
        data = data.replace(b"{}", str(trace).encode())
    with pytest.raises(ValueError, match=r"asks for|damaged|something else"):
        load_arrays(io.BytesIO(data))
    assert not trace.exists() and not os.path.exists("{}")


@pytest.mark.parametrize("value", [None, 3, "mean", {"mean": MEAN}, (MEAN, 1.0), [(MEAN, STD)], MEAN])
def test_other_plain_values_are_refused(value):
    with pytest.raises(ValueError, match="holds something else than arrays"):
        load_arrays(io.BytesIO(pickle.dumps(value)))


def test_references_and_lies_about_sizes_are_refused():
    data = pickle.dumps((MEAN, STD), 2)
    assert b"K\x81" in data
    for wrong in (
        data.replace(b"K\x81", b"M\xff\xff", 1),  # 65535 elements
        data.replace(b"f4", b"f8"),
        b"\x80\x02U\x01aQ.",  # a persistent reference
        b"cnumpy.core.multiarray\n_reconstruct\n(tR.",  # an array without a state
    ):
        with pytest.raises(ValueError, match=r"asks for|damaged|something else"):
            load_arrays(io.BytesIO(wrong))


def test_damage_is_one_kind_of_error():
    data = pickle.dumps((MEAN, STD))
    rng = np.random.default_rng(0)
    for length in (0, 1, 10, len(data) // 2, len(data) - 1):
        with pytest.raises(ValueError):
            load_arrays(io.BytesIO(data[:length]))
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.integers(len(data))] = rng.integers(256)
        try:
            found = load_arrays(io.BytesIO(bytes(changed)))
        except ValueError:
            continue
        assert all(isinstance(array, np.ndarray) for array in found)


def test_large_files_are_refused_unread():
    with pytest.raises(ValueError, match="16 MiB"):
        load_arrays(io.BytesIO(b"0" * ((1 << 24) + 1)))
