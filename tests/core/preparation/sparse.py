"""A prepared set of any size that takes no room on the disk: its samples are holes in files, read as zeros."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wavegan_tf.core.preparation import manifest, shards, tables
from wavegan_tf.core.preparation.manifest import AUDIO, Manifest, Shard
from wavegan_tf.core.preparation.preparing import write_skipped

RATE = 16000


def write_sparse_set(folder: Path, size: int, shard_size: int = 1 << 28, seconds: float = 10.0) -> Manifest:
    """Makes a set of about `size` bytes: int16 files of so many seconds, one channel."""
    folder.mkdir(parents=True)
    samples = int(seconds * RATE)
    room = -(-2 * samples // shards.ALIGNMENT) * shards.ALIGNMENT
    each, count = (shard_size - shards.ALIGNMENT) // room, -(-size // shard_size)
    listed = []
    for number in range(count):
        name = shards.shard_name(number, count)
        with open(folder / name, "wb") as file:
            file.write(shards.MAGIC)
            file.truncate(shards.ALIGNMENT + each * room)
        listed.append(Shard(name, shards.ALIGNMENT + each * room, each, "0" * 64))
    files = each * count
    columns = {
        "lengths": np.full(files, samples),
        "offsets": np.tile(shards.ALIGNMENT + room * np.arange(each), count),
        "divisors": np.ones(files),
        "classes": np.zeros(0),
    }
    digests = tables.write(str(folder), [f"{number}.wav" for number in range(files)], columns)
    write_skipped(str(folder), [])
    options = {"data_sample_rate": RATE, "data_num_channels": 1, "data_normalize": True, "data_fast_wav": False,
               "data_labels": "none"}  # fmt: skip
    made = Manifest(
        kind=AUDIO, key="sparse", options=options, sample_rate=RATE, num_channels=1, files=files,
        samples=files * samples, skipped=0, left_out={}, labels=(), shards=tuple(listed), tables=digests, histograms={},
    )  # fmt: skip
    manifest.write(str(folder), made)
    return made
