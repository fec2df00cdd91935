"""Sizes of WaveGAN's networks (paper, tables 3 and 4)."""

from __future__ import annotations

from wavegan_tf.core.dcgan.geometry import Geometry


def geometry(slice_len: int, dim: int, nch: int) -> Geometry:
    """From 16 samples to `slice_len`: [b, 16, 16 dim], [b, 64, 8 dim] ... [b, 4096, dim], [b, 16384, nch]."""
    strides = {16384: [4] * 5, 32768: [4] * 5 + [2], 65536: [4] * 6}[slice_len]
    return Geometry(first_shape=(16,), strides=tuple(strides), dim=dim, channels=nch)
