"""Prepared sets on TensorFlow's filesystem in memory."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf


@contextlib.contextmanager
def put(folder: Path) -> Iterator[str]:
    """Yields the address of a copy of a folder, which is there while this is entered."""
    root = f"ram://prepared/{uuid.uuid4().hex}"
    for path in folder.rglob("*"):
        if path.is_file():
            target = f"{root}/{path.relative_to(folder)}"
            tf.io.gfile.makedirs(target.rpartition("/")[0])
            with tf.io.gfile.GFile(target, "wb") as file:
                file.write(path.read_bytes())
    try:
        yield root
    finally:
        tf.io.gfile.rmtree(root)
