"""Sizes of WaveGAN's networks (paper, tables 3 and 4)."""

from __future__ import annotations

from wavegan_tf.core.dcgan.geometry import Geometry

# Samples after the dense layer, at least.
_FIRST = 16


def geometry(slice_len: int, dim: int, nch: int) -> Geometry:
    """From 16 samples to `slice_len`: [b, 16, 16 dim], [b, 64, 8 dim] ... [b, 4096, dim], [b, 16384, nch].

    All lengths follow one rule, which gives the original's networks for its three: a layer of stride 4 for each factor
    of 4 by which a clip is longer than 16 samples; one of stride 2 if a factor of 2 is left, the last of either
    network; and from 16 to 31 samples after the dense layer, the fewest that reach the length. So the networks are at
    most a sixteenth longer than a clip.

    Args:
      slice_len: samples of a clip, at least 64.
      dim: model size.
      nch: channels.
    """
    doublings = (slice_len // _FIRST).bit_length() - 1
    first = -(-slice_len // 2**doublings)
    if first == 2 * _FIRST:
        first, doublings = _FIRST, doublings + 1
    strides = (4,) * (doublings // 2) + (2,) * (doublings % 2)
    return Geometry(first_shape=(first,), strides=strides, dim=dim, channels=nch, lengths=(slice_len,))
