"""Latents in files, and on the way from one to the next; as many as wanted, block by block."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, temporary_beside
from wavegan_tf.core.reading import Unreadable, read_array
from wavegan_tf.core.writing import writing

LATENTS_FILE = "latents.npy"
# Below, the sine that slerp divides by is rounding noise.
_PARALLEL = 1e-6
# Rows of a walk that are made together.
_BLOCK = 1 << 16


class LatentsFile:
    """An npy file, float32 [count, latent_dim], that takes its rows block by block; to be entered.

    It is at its place with its last row. Left before, as by an error, it has the rows up to there. What cannot be
    written raises UserError.
    """

    def __init__(self, path: str, count: int, latent_dim: int):
        """Opens it under a temporary name."""
        self._path, self._temporary, self._dim = path, temporary_beside(path), latent_dim
        self._count, self._rows = count, 0
        self._file: BinaryIO | None = None
        with self._writing():
            self._file = open(self._temporary, "wb")  # noqa: SIM115 - closed with the last row
            self._write_header(count)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Removes the file if something goes wrong: how many of its rows are there is not known then."""
        try:
            with writing(display_name(self._path)):
                yield
        except UserError:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                os.remove(self._temporary)
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
            raise

    def _write_header(self, count: int) -> None:
        assert self._file is not None
        self._file.seek(0)
        # NumPy leaves room for every number of rows.
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, self._dim)}
        np.lib.format.write_array_header_1_0(self._file, header)

    def append(self, z: np.ndarray) -> None:
        """Writes rows, [n, latent_dim]."""
        assert self._file is not None
        with self._writing():
            self._file.write(np.ascontiguousarray(z, "<f4").tobytes())
        self._rows += len(z)
        if self._rows == self._count:
            self._close()

    def _close(self) -> None:
        if self._file is None:
            return
        with self._writing():
            if self._rows < self._count:
                self._write_header(self._rows)
            self._file.close()
            os.replace(self._temporary, self._path)
            self._file = None

    def __enter__(self) -> LatentsFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with contextlib.suppress(*([UserError] if kind else [])):
            self._close()


def walk(
    count: int, blocks: Iterator[np.ndarray], steps: int, between: Callable[[np.ndarray, int], np.ndarray]
) -> tuple[int, Iterator[np.ndarray]]:
    """A walk from each latent to the next.

    Args:
      count: of the latents.
      blocks: of them, [n, latent_dim] each.
      steps: from one latent to the next.
      between: (latents [k, latent_dim], steps) -> [(k - 1) * steps + 1, latent_dim], such as `interpolate`.

    Returns:
      The number of points, and they in blocks: what `between` would give for all latents together.

    Raises:
      UserError: there are fewer than two.
    """
    if count < 2:
        raise UserError(f"--interpolate: needs at least two latents, not {count}")
    return (count - 1) * steps + 1, _gathered(_points(blocks, steps, between))


def _points(
    blocks: Iterator[np.ndarray], steps: int, between: Callable[[np.ndarray, int], np.ndarray]
) -> Iterator[np.ndarray]:
    at_a_time = max(1, _BLOCK // steps)
    last = None
    for block in blocks:
        rows = block if last is None else np.concatenate([last, block])
        for start in range(0, len(rows) - 1, at_a_time):
            yield between(rows[start : start + at_a_time + 1], steps)[:-1]
        last = rows[-1:]
    assert last is not None
    yield last.astype(np.float32)


def _gathered(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same rows, with a small block at the end joined to the one before it."""
    held = next(blocks)
    for block in blocks:
        if len(block) > 1:
            yield held
            held = block
        else:
            held = np.concatenate([held, block])
    yield held


def read_latents(path: str, latent_dim: int) -> np.ndarray:
    """Reads latents from an npy file.

    Returns:
      float32 [n, latent_dim].

    Raises:
      UserError: the file is not an npy file of finite numbers in that shape.
    """
    try:
        z = read_array(path)
    except OSError as error:
        raise UserError(f"--latents_file={path}: cannot be read ({error.strerror or error})") from None
    except Unreadable as error:
        raise UserError(
            f"--latents_file={path}: must be an npy file of plain numbers, as numpy.save writes one ({error})"
        ) from None
    if z.ndim != 2:
        raise UserError(f"--latents_file={path}: has shape {list(z.shape)}, must be [n, {latent_dim}]")
    return checked_latents(z, latent_dim, f"--latents_file={path}")


def checked_latents(z: Any, latent_dim: int, name: str) -> np.ndarray:
    """Latents as a model takes them.

    Args:
      z: numbers, [n, latent_dim] or [latent_dim].
      latent_dim: of the model.
      name: of the argument, for messages.

    Returns:
      float32 [n, latent_dim]; n is 1 for a single vector.

    Raises:
      UserError: they have another shape, or are not finite numbers.
    """
    try:
        z = np.asarray(z)
    except ValueError:
        raise UserError(f"{name}: must be numbers in the shape [n, {latent_dim}]") from None
    if z.dtype.kind not in "fiu":
        raise UserError(f"{name}: must be numbers in the shape [n, {latent_dim}]")
    if z.ndim not in (1, 2) or z.shape[-1] != latent_dim or not len(z):
        raise UserError(f"{name}: has shape {list(z.shape)}, must be [n, {latent_dim}]")
    with np.errstate(over="ignore"):
        z = np.atleast_2d(z).astype(np.float32)
    if not np.isfinite(z).all():
        raise UserError(f"{name}: holds NaN or infinity (or what float32 cannot hold)")
    return z


def interpolate(z: np.ndarray, steps: int) -> np.ndarray:
    """Points on the straight lines from each latent to the next.

    Args:
      z: [n, latent_dim], n > 0.
      steps: from one latent to the next.

    Returns:
      float32 [(n - 1) * steps + 1, latent_dim]; every `steps`-th row is a row of `z`.
    """
    share = (np.arange(steps, dtype=np.float32) / steps)[None, :, None]
    walked = (1 - share) * z[:-1, None] + share * z[1:, None]
    return np.concatenate([walked.reshape(-1, z.shape[1]), z[-1:]]).astype(np.float32)


def slerp(p0: np.ndarray, p1: np.ndarray, t: float) -> np.ndarray:
    """Spherical linear interpolation (Shoemake 1985) as the original's: sin((1-t)w)/sin(w) p0 + sin(tw)/sin(w) p1.

    Args:
      p0: [d], not of length one in general.
      p1: [d].
      t: 0 gives p0, 1 gives p1.

    Returns:
      float64 [d]. Where one of them is zero or both lie on a line, for which the original has NaN, the straight way.
    """
    p0, p1 = np.asarray(p0, np.float64), np.asarray(p1, np.float64)
    lengths = np.linalg.norm(p0) * np.linalg.norm(p1)
    cosine = np.dot(p0, p1) / lengths if lengths > 0 else 1.0
    omega = np.arccos(np.clip(cosine, -1.0, 1.0))
    sine = np.sin(omega)
    if sine < _PARALLEL:
        return (1.0 - t) * p0 + t * p1
    return np.sin((1.0 - t) * omega) / sine * p0 + np.sin(t * omega) / sine * p1


def slerp_walk(z: np.ndarray, steps: int) -> np.ndarray:
    """Points on the spherical ways from each latent to the next.

    Args:
      z: [n, d], n > 0.
      steps: from one latent to the next.

    Returns:
      float32 [(n - 1) * steps + 1, d]; every `steps`-th row is a row of `z`.
    """
    walked = [slerp(a, b, step / steps) for a, b in zip(z[:-1], z[1:], strict=True) for step in range(steps)]
    points = np.concatenate([np.reshape(walked, [-1, z.shape[1]]), z[-1:]]).astype(np.float32)
    points[::steps] = z
    return points


def block_seed(seed: int, block: int) -> int:
    """Seed of the latents of a block but the first, of those that are drawn together."""
    digest = hashlib.blake2b(f"{seed}/{block}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
