"""One wav of generated clips from the same latents at each checkpoint (the original's `preview` mode)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from wavegan_tf.core.audio import decode
from wavegan_tf.core.reading import Unreadable, read_array
from wavegan_tf.core.writing import npy, write_file, writing

_BATCH = 64


class Preview:
    """Writes preview/<step>.wav into the directory of a run."""

    def __init__(
        self,
        train_dir: str,
        draw: Callable[[], tf.Tensor],
        to_audio: Callable[..., tf.Tensor],
        gap: int,
        rate: int,
        num_labels: int = 0,
    ):
        """Draws the latents and keeps them as preview/z.npy; a run that continues takes those it finds there.

        Args:
          train_dir: the run.
          draw: latents [n, latent_dim].
          to_audio: latents, and labels int32 [n] if there are any -> waveforms [n, t, c].
          gap: samples of silence after each clip.
          rate: samples per second.
          num_labels: the clips of all latents come for each label in turn; 0 without labels.

        Raises:
          UserError: they cannot be written.
        """
        self._to_audio, self._gap, self._rate = to_audio, gap, rate
        self._directory = os.path.join(train_dir, "preview")
        self._make_folder()
        path = os.path.join(self._directory, "z.npy")
        drawn, kept = draw().numpy(), _load(path)
        if kept is None or kept.shape != drawn.shape:
            write_file(path, npy(drawn))
            kept = drawn
        self._rows: tuple[np.ndarray, ...] = (kept,)
        if num_labels:
            numbers = np.repeat(np.arange(num_labels, dtype=np.int32), len(kept))
            self._rows = (np.tile(kept, [num_labels, 1]), numbers)

    def _make_folder(self) -> None:
        # It may be removed at any time, to make room.
        with writing(self._directory), contextlib.suppress(FileExistsError):
            os.mkdir(self._directory)

    def write(self, step: int) -> None:
        """Writes all clips, each after the other.

        Raises:
          UserError: they cannot be written.
        """
        starts = range(0, len(self._rows[0]), _BATCH)
        parts = [np.asarray(self._to_audio(*(row[at : at + _BATCH] for row in self._rows))) for at in starts]
        sound = np.pad(np.concatenate(parts), [(0, 0), (0, self._gap), (0, 0)])
        path = os.path.join(self._directory, f"{step:08d}.wav")
        self._make_folder()
        decode.write(path, sound.reshape(-1, sound.shape[-1]), self._rate)


def _load(path: str) -> np.ndarray | None:
    """Latents that were written whole; None for anything else."""
    try:
        return read_array(path)
    except (OSError, Unreadable):
        return None
