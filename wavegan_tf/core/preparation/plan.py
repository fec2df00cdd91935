"""The plan of a preparation: files in their order, how to decode them, and the shard of each."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wavegan_tf.core.audio.files import extension_of
from wavegan_tf.core.audio.options import Decoding
from wavegan_tf.core.preparation import options, shards
from wavegan_tf.core.preparation.filesystems import absolute
from wavegan_tf.core.preparation.listing import Files

SHARD_BYTES = 256 << 20
# A small set has several shards as well, as each is the work of one process.
_FEWEST, _LEAST_BYTES = 16, 1 << 20

_SMALL_FILES, _SMALL_BYTES = 1000, 1 << 24
# Bytes of samples that a byte of a file is likely to become.
_EXPANSION = {".flac": 2, ".mp3": 12, ".ogg": 12, ".oga": 12, ".opus": 16, ".m4a": 12, ".mp4": 12, ".aac": 12,
              ".wma": 12, ".mp2": 8, ".spx": 20, ".amr": 20, ".webm": 16, ".weba": 16}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan of a preparation.

    Attributes:
      kind: `manifest.AUDIO` or `manifest.NOTES`.
      folder: to be written.
      options: on which samples and the choice of files depend, by flag.
      decoding: how files are decoded.
      skip_bad: report files that cannot be used and go on.
      files: what is to be decoded, in order.
      names: of the files, as runs are to know them.
      classes: int [files], number of the label or pitch of each; None without.
      labels: names of the labels.
      skipped: (name, reason) of files that cannot be used without being decoded.
      left_out: how many others were not chosen, by the flag that decided.
      num_shards: how many; 0 for as many as are about `SHARD_BYTES` each.
    """

    kind: str
    folder: str
    options: Mapping[str, Any]
    decoding: Decoding
    skip_bad: bool
    files: Files
    names: Sequence[str]
    classes: np.ndarray | None = None
    labels: tuple[str, ...] = ()
    skipped: Sequence[tuple[str, str]] = ()
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)
    num_shards: int = 0

    @functools.cached_property
    def _weights(self) -> np.ndarray:
        """About how many bytes of samples each file has."""
        expansions = (_EXPANSION.get(extension_of(path), 1) for path in self.files.paths)
        return 1 + self.files.sizes * np.fromiter(expansions, np.int64, len(self.files))

    @property
    def is_small(self) -> bool:
        """True if the files are decoded in less time than processes take to start."""
        return len(self.files) <= _SMALL_FILES and int(self._weights.sum()) <= _SMALL_BYTES

    @functools.cached_property
    def parts(self) -> list[range]:
        """Places of the files of each shard: successive ones, about as many bytes in each."""
        weights = self._weights
        ends, total = np.cumsum(weights, dtype=np.float64), float(weights.sum())
        count = self.num_shards or max(-(-int(total) // SHARD_BYTES), min(_FEWEST, -(-int(total) // _LEAST_BYTES)))
        count = min(count, len(self.files), options.MOST_SHARDS)
        # A file is of the shard in which its middle lies.
        shard = np.minimum((ends - weights / 2) * count // total, count - 1)
        bounds = np.searchsorted(shard, np.arange(count + 1))
        return [range(int(first), int(last)) for first, last in zip(bounds[:-1], bounds[1:], strict=True)]

    @functools.cached_property
    def key(self) -> str:
        """Names the files, by path, size and time, and all that decides about shards."""
        options = {**self.options, "decoding": dataclasses.asdict(self.decoding)}
        made = hashlib.sha256(json.dumps([shards.MAGIC.decode(), options, len(self.parts)], sort_keys=True).encode())
        for found in self.files:
            made.update(json.dumps([absolute(found.path), found.size, found.changed]).encode())
        if self.classes is not None:
            made.update(json.dumps([list(self.labels), self.classes.tolist()]).encode())
        return made.hexdigest()
