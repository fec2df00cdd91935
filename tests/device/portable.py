"""Programs of XLA that TensorFlow has compiled and JAX runs: what `run` and `train` share on the device."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class Failure(Exception):
    """Something that keeps the iteration from running; its message is one line."""


def read(folder: Path, name: str, format: int, command: str) -> dict[str, Any]:
    """The manifest of an export by this command, which has this name and format.

    Raises:
      Failure: there is none, or it is of another version.
    """
    path = folder / name
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{folder}: is not what `python -m tests.device {command}` wrote ({error})") from None
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if version != format:
        raise Failure(f"{path}: is of format {version}, and this program reads format {format}; export it anew")
    return manifest


def import_jax() -> Any:
    """JAX, with its exports and 64-bit integers, which count the updates.

    Raises:
      Failure: it is not installed, too old, or sees no device.
    """
    try:
        import jax
        import jax.export

        jax.config.update("jax_enable_x64", True)
        jax.devices()
    except ImportError as error:
        wanted = "pip install 'jax>=0.4.30' absl-py, for an NVIDIA GPU 'jax[cuda12]'"
        raise Failure(f"JAX is missing or too old ({error}): {wanted}; the project's extra is [device]") from None
    except RuntimeError as error:
        raise Failure(f"JAX {jax.__version__} finds no device ({line_of(error)})") from None
    return jax


def spec_of(spec: Mapping[str, Any]) -> Any:
    """Shape and dtype of a manifest's entry, as JAX takes them."""
    import jax

    return jax.ShapeDtypeStruct(tuple(spec["shape"]), np.dtype(spec["dtype"]))


def types_of(entry: Mapping[str, Any], specs: Mapping[str, Any]) -> tuple[list[list[Any]], list[Any]]:
    """Types of an iteration's arguments, in lists of what it changes, what it reads and its inputs; and of its results.

    Args:
      entry: of a manifest, which names them.
      specs: shapes and dtypes of the variables.
    """
    types = [[spec_of(specs[name]) for name in entry[part]] for part in ("changes", "reads")]
    metrics = [spec_of({"shape": [], "dtype": "float32"}) for _ in entry["metrics"]]
    return [*types, [spec_of(spec) for spec in entry["inputs"].values()]], metrics + types[0]


def load(path: Path, types: list[list[Any]], results: list[Any]) -> Callable[..., Any]:
    """A function of lists of arrays of these types out of a StableHLO program.

    JAX loads what JAX has exported: an empty function of the same types is, and the program put in its place.

    Raises:
      Failure: the file is missing, or JAX cannot export.
    """
    import jax
    import jax.export
    import jax.numpy as jnp

    def empty(*_: Any) -> list[Any]:
        return [jnp.zeros(result.shape, result.dtype) for result in results]

    try:
        program = path.read_bytes()
        exported = jax.export.export(jax.jit(empty, keep_unused=True))(*(spec for part in types for spec in part))
    except OSError as error:
        raise Failure(f"{path.parent}: is not whole ({error}); export it anew") from None
    exported = dataclasses.replace(exported, mlir_module_serialized=program)
    return lambda *parts: exported.call(*(value for part in parts for value in part))


def line_of(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def check_memory(error: Exception) -> None:
    """Raises Failure if an error says that the device's memory does not suffice."""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        raise Failure(f"out of memory on the device: export a smaller --batch or --dim ({line_of(error)})") from None
