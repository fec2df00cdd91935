import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import latents
from wavegan_tf.core.serving.latents import slerp_walk


def test_walk_has_the_latents_at_its_ends_and_equal_steps_between():
    z = np.random.default_rng(1).uniform(-1, 1, [3, 7]).astype(np.float32)
    walk = latents.interpolate(z, 4)
    assert walk.shape == (9, 7) and walk.dtype == np.float32
    np.testing.assert_array_equal(walk[::4], z)
    for start in (0, 4):
        steps = np.diff(walk[start : start + 5], axis=0)
        np.testing.assert_allclose(steps, np.tile((walk[start + 4] - walk[start]) / 4, [4, 1]), atol=2e-7)


def test_walk_in_one_step_is_the_latents_themselves():
    z = np.random.default_rng(2).uniform(-1, 1, [5, 3]).astype(np.float32)
    np.testing.assert_array_equal(latents.interpolate(z, 1), z)


def test_walk_needs_two_latents():
    with pytest.raises(UserError, match="^interpolate: needs at least two latents, not 1$"):
        latents.walk(1, iter([np.zeros([1, 3], np.float32)]), 4, latents.interpolate)


@pytest.mark.parametrize("between", [latents.interpolate, slerp_walk])
@pytest.mark.parametrize("block", [2, 3, 4, 8, 9])
def test_a_walk_in_blocks_is_the_walk_through_all(monkeypatch, between, block):
    """Over numbers of latents around a block, and steps around one."""
    monkeypatch.setattr(latents, "_BLOCK", block)
    for count in {2, block - 1, block, block + 1, 2 * block + 1} - {1}:
        z = np.random.default_rng(count).normal(size=[count, 3]).astype(np.float32)
        for steps in {1, block - 1, block, block + 1, 3 * block}:
            blocks = iter([z[start : start + block] for start in range(0, count, block)])
            total, points = latents.walk(count, blocks, steps, between)
            found = list(points)
            expected = between(z, steps)
            assert total == len(expected)
            np.testing.assert_array_equal(np.concatenate(found), expected)
            assert all(len(part) > 1 for part in found[1:]) and max(map(len, found)) <= 2 * max(block, steps)


@pytest.mark.parametrize("sizes", [[5], [2, 3], [1, 1, 3], []])
def test_a_file_of_latents_has_the_rows_that_were_written(tmp_path, sizes):
    """All of them at once at its place; of five, as many as came before an error."""
    path, z = tmp_path / "latents.npy", np.random.default_rng(0).normal(size=[5, 3]).astype(np.float32)
    blocks = np.split(z, np.cumsum(sizes)[:-1]) if sizes else []
    with latents.LatentsFile(str(path), 5, 3) as file:
        for block in blocks:
            assert not path.exists()
            file.append(block)
        if blocks:
            np.testing.assert_array_equal(np.load(path), z)
    with pytest.raises(ZeroDivisionError), latents.LatentsFile(str(path), 10**9, 3) as file:
        for block in blocks:
            file.append(block)
        raise ZeroDivisionError
    np.testing.assert_array_equal(np.load(path), z[: sum(sizes)])
    assert [entry.name for entry in tmp_path.iterdir()] == ["latents.npy"]


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int8", "uint64", ">f4"])
def test_numbers_of_any_kind_are_read(tmp_path, kind):
    z = np.array([[0, 1, 2], [1, 0, 3]]).astype(kind)
    np.save(tmp_path / "z.npy", z)
    read = latents.read_latents(str(tmp_path / "z.npy"), 3)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, [[0, 1, 2], [1, 0, 3]])


def test_order_in_memory_does_not_matter(tmp_path):
    z = np.asfortranarray(np.random.default_rng(3).normal(size=[4, 3]).astype(np.float32))
    np.save(tmp_path / "z.npy", z)
    np.testing.assert_array_equal(latents.read_latents(str(tmp_path / "z.npy"), 3), z)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, z=np.zeros([2, 3]))
    return buffer.getvalue()


def zip_of_text():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    return buffer.getvalue()


def header_of(shape, dtype="<f4"):
    """An npy file whose header promises more than it holds."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize("wrapped", [False, True], ids=["pickle", "npy of objects"])
def test_pickles_are_refused_and_not_executed(tmp_path, wrapped):
    witness, path = tmp_path / "executed", tmp_path / "z.npy"
    data = np.array([Malicious(witness)], object)
    path.write_bytes(npy(data, allow_pickle=True) if wrapped else pickle.dumps(Malicious(witness)))
    with pytest.raises(UserError, match=f"^latents_file={path}: must be an npy file of plain numbers"):
        latents.read_latents(str(path), 3)
    assert not witness.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"0.1 0.2 0.3\n",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff{",
        npy(np.zeros([2, 3]))[:-5],
        b"PK\x03\x04 and so on",
        npz(),
        zip_of_text(),
        npy(np.array([["a", "b", "c"]])),
        npy(np.zeros([2, 3], complex)),
        npy(np.zeros([2, 3], bool)),
        header_of((10**13, 3)),
        header_of((10**30, 3)),
        header_of((2, 3), "|O"),
    ],
    ids=["empty", "text", "magic", "header", "cut", "broken zip", "npz", "zip", "strings", "complex", "bool", "huge",
         "astronomical", "objects"],
)  # fmt: skip
def test_files_that_hold_no_array_of_numbers_are_named(tmp_path, content):
    path = tmp_path / "z.npy"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^latents_file={path}: must be an npy file of plain numbers") as error:
        latents.read_latents(str(path), 3)
    assert "\n" not in str(error.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UserError, match=f"^latents_file={tmp_path}/z.npy: cannot be read .*No such file"):
        latents.read_latents(str(tmp_path / "z.npy"), 3)
    with pytest.raises(UserError, match=f"^latents_file={tmp_path}: cannot be read .*directory"):
        latents.read_latents(str(tmp_path), 3)


@pytest.mark.parametrize(("shape", "said"), [((3,), "[3]"), ((2, 4), "[2, 4]"), ((0, 3), "[0, 3]"), ((), "[]")])
def test_wrong_shapes(tmp_path, shape, said):
    path = tmp_path / "z.npy"
    np.save(path, np.zeros(shape, np.float32))
    with pytest.raises(UserError) as error:
        latents.read_latents(str(path), 3)
    assert str(error.value) == f"latents_file={path}: has shape {said}, must be [n, 3]"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_float32_cannot_hold(tmp_path, value):
    path = tmp_path / "z.npy"
    np.save(path, np.array([[0.0, 1.0, value]]))
    with pytest.raises(UserError, match=f"^latents_file={path}: holds NaN or infinity"):
        latents.read_latents(str(path), 3)
