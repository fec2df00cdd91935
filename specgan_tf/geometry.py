"""Sizes and moments of SpecGAN's spectrograms, and sizes of its networks (section 3.1, tables 5 and 6 of the paper)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from wavegan_tf.core.dcgan.geometry import Geometry

if TYPE_CHECKING:
    import numpy as np

FRAME_LENGTH, FRAME_STEP = 256, 128
BINS = FRAME_LENGTH // 2  # without the Nyquist bin, which networks do not see
# The original's flag says lin and cub, its functions linear and cubic.
UPSAMPLINGS = {"zeros": "zeros", "nn": "nn", "lin": "linear", "linear": "linear", "cub": "cubic", "cubic": "cubic"}


def geometry(frames: int, dim: int) -> Geometry:
    """From [b, 4, 4, 16 dim] over [b, 8, 8, 8 dim] to [b, 128, 128, 1]; longer ones are longer from the start."""
    return Geometry(first_shape=(frames // 32, 4), strides=(2,) * 5, dim=dim, channels=1)


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of the log magnitude of each bin, float32 [129], Nyquist bin included."""

    mean: np.ndarray
    std: np.ndarray
