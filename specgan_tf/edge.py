"""An exported SpecGAN in operations of TensorFlow Lite: from spectrograms to waveforms in real arithmetic."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from specgan_tf import features
from specgan_tf.geometry import BINS, FRAME_LENGTH, FRAME_STEP, Moments
from wavegan_tf.core.audio.options import INVERSIONS
from wavegan_tf.core.edge import saving, transforms
from wavegan_tf.core.edge.conversion import Portable
from wavegan_tf.core.options import LARGEST_INT
from wavegan_tf.core.reading import Unreadable, whole_number


def spectrogram_to_waveform(
    spectrogram: tf.Tensor, moments: Moments, clip_nstd: float = 3.0, iterations: int = 16, inversion: str = "original"
) -> tf.Tensor:
    """`features.spectrograms_to_waveforms` of one spectrogram, float32 [1, frames, 128, 1] -> [1, frames * 128, 1]."""
    magnitudes = features.spectrograms_to_magnitudes(spectrogram, moments, clip_nstd)[0]
    x = transforms.griffin_lim(magnitudes, FRAME_LENGTH, FRAME_STEP, iterations, inversion)
    return x[None, : spectrogram.shape[1] * FRAME_STEP, None]


def make_portable(signatures: Any, metadata: Mapping[str, Any]) -> Portable:
    """The clip of an exported model, given its signatures and its metadata.

    Raises:
      KeyError: these lack something.
      TypeError: something in them is of another kind.
      ValueError: a value is impossible.
    """
    moments = Moments(*(np.array(metadata["moments"][name], np.float32) for name in ("mean", "std")))
    if moments.mean.shape != (BINS + 1,) or moments.std.shape != (BINS + 1,):
        raise Unreadable(f"moments are not of {BINS + 1} bins")
    clip_nstd, inversion = float(metadata["clip_nstd"]), metadata["inversion"]
    if inversion not in INVERSIONS:
        raise Unreadable(f"inversion is {inversion!r}")
    ngl = whole_number(metadata, "ngl", 0, LARGEST_INT)

    def to_audio(spectrogram: tf.Tensor) -> tf.Tensor:
        return spectrogram_to_waveform(spectrogram, moments, clip_nstd, ngl, inversion)

    return Portable(signatures["spectrogram"], "G_z_norm", "uniform", to_audio)


# `GeneratorModel.export_edge` calls it by this name.
save = functools.partial(saving.save, make_portable)
