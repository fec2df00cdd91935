"""Sizes and moments of SpecGAN's spectrograms, and sizes of its networks (section 3.1, tables 5 and 6 of the paper)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from wavegan_tf.core.dcgan.geometry import Geometry

if TYPE_CHECKING:
    import numpy as np

# The original's flag says lin and cub, its functions linear and cubic.
UPSAMPLINGS = {"zeros": "zeros", "nn": "nn", "lin": "linear", "linear": "linear", "cub": "cubic", "cubic": "cubic"}


@dataclasses.dataclass(frozen=True)
class Framing:
    """How a waveform becomes frames of a spectrogram; by default as in the paper, 16 ms at 16 kHz.

    Attributes:
      window_len: samples in a frame, even.
      hop_len: samples from one frame to the next; divides `window_len` into two parts or more.
    """

    window_len: int = 256
    hop_len: int = 128

    @property
    def num_bins(self) -> int:
        """Frequency bins of a frame, 129 in the paper."""
        return self.window_len // 2 + 1

    @property
    def seen_bins(self) -> int:
        """Those that networks see: all without the highest, the Nyquist bin."""
        return self.window_len // 2

    def frames(self, samples: int) -> int:
        """Frames of a clip, the last of them zero-padded."""
        return -(-samples // self.hop_len)


PAPER = Framing()


def geometry(frames: int, dim: int, bins: int = PAPER.seen_bins, nch: int = 1) -> Geometry:
    """From [b, 4, 4, 16 dim] over [b, 8, 8, 8 dim] to [b, 128, 128, nch]; larger ones are larger from the start.

    Always five layers of stride 2; after the dense layer stands a 32nd of the frames and of the bins, rounded up.
    """
    first = (-(-frames // 32), -(-bins // 32))
    return Geometry(first_shape=first, strides=(2,) * 5, dim=dim, channels=nch, lengths=(frames, bins))


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of the log magnitude of each bin, float32 [129], Nyquist bin included.

    All channels have the same.
    """

    mean: np.ndarray
    std: np.ndarray
