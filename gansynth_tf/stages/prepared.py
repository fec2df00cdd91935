"""Features and ranges that gansynth_prepare has computed: how its manifest lists them, and how a run reads them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gansynth_tf.config import GANSynthConfig
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation import manifest
from wavegan_tf.core.preparation.mapping import MappedFiles
from wavegan_tf.core.preparation.samples import verify_files
from wavegan_tf.core.reading import Unreadable, whole_number

RANGES, FEATURES = "gansynth_ranges", "gansynth_features"
FEATURE_FOLDER = "features"


def name_of(size: Sequence[int]) -> str:
    """The name of features of (frames, frequencies)."""
    return "{}x{}".format(*size)


def bounds(
    folder: str, config: GANSynthConfig, key: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Smallest and largest values of the notes' features, float32 [f, 2] each; None if they were not computed.

    Args:
      folder: of the set, on this machine.
      config: the run's options.
      key: those on which the values depend.
    """
    found = manifest.read(folder).extras.get(RANGES)
    if not isinstance(found, dict) or found.get("settings") != depends_on(config, key):
        return None
    try:
        low, high = (np.array(found[name], np.float32) for name in ("low", "high"))
    except (KeyError, TypeError, ValueError):
        return None
    is_sound = low.shape == high.shape and low.ndim == 2 and low.shape[1:] == (2,) and np.isfinite([low, high]).all()
    return (low, high) if is_sound else None


def depends_on(config: GANSynthConfig, key: Mapping[str, Any]) -> dict[str, Any]:
    """All on which features of prepared notes depend, as JSON values."""
    return {**key, "audio_length": config.audio_length}


def reader(
    folder: str, config: GANSynthConfig, key: Mapping[str, Any], size: Sequence[int], row: int, notes: int
) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """A function from the index of a note to its features, float32 [row]; None if they were not prepared.

    Args:
      folder: of the set, on this machine.
      config: the run's options.
      key: those on which features depend.
      size: frames and frequencies.
      row: values of a note.
      notes: how many there are.

    Raises:
      UserError: a file of them is missing, damaged, or of another size than the manifest has.
    """
    listed = manifest.read(folder).extras.get(FEATURES)
    found = listed.get(name_of(size)) if isinstance(listed, dict) else None
    if not isinstance(found, dict) or found.get("settings") != depends_on(config, key):
        return None
    try:
        files = [manifest.shard_of(entry) for entry in found["files"]]
        each = whole_number(found, "notes_per_file", 1, 1 << 40)
    except (Unreadable, KeyError, TypeError) as error:
        raise UserError(f"{display_name(folder)}: its manifest lists no features that can be read ({error})") from None
    counts = [min(each, notes - first) for first in range(0, notes, each)]
    if [(file.files, file.size) for file in files] != [(count, count * row * 4) for count in counts]:
        raise UserError(f"{display_name(folder)}: its features do not fit its notes; prepare the data anew")
    if config.data_verify:
        verify_files(folder, files)
    mapped = MappedFiles([file.size for file in files], [os.path.join(folder, file.name) for file in files])
    with tf.init_scope(), tf.device("CPU:0"):
        values, starts = mapped.tensor(np.float32), tf.constant(mapped.starts // 4)

    @tf.autograph.experimental.do_not_convert
    def read(index: tf.Tensor) -> tf.Tensor:
        first = tf.gather(starts, index // each) + (index % each) * row
        return tf.slice(values, tf.reshape(first, [1]), [row])

    return read
