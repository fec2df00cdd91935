"""An exported SpecGAN in operations of TensorFlow Lite: from spectrograms to waveforms in real arithmetic."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from specgan_tf import features
from specgan_tf.geometry import PAPER, Framing, Moments
from wavegan_tf.core.audio.options import INVERSIONS
from wavegan_tf.core.edge import saving, transforms
from wavegan_tf.core.edge.conversion import Portable
from wavegan_tf.core.options import LARGEST_INT
from wavegan_tf.core.reading import Unreadable, whole_number
from wavegan_tf.core.serving.finishing import Finish


def spectrogram_to_waveform(
    spectrogram: tf.Tensor,
    moments: Moments,
    clip_nstd: float = 3.0,
    iterations: int = 16,
    inversion: str = "original",
    framing: Framing = PAPER,
    samples: int | None = None,
) -> tf.Tensor:
    """`features.spectrograms_to_waveforms` of one spectrogram, float32 [1, frames, 128, c] -> [1, frames * 128, c]."""
    magnitudes = features.spectrograms_to_magnitudes(spectrogram, moments, clip_nstd)[0]
    samples = spectrogram.shape[1] * framing.hop_len if samples is None else samples
    channels = [
        transforms.griffin_lim(magnitudes[:, :, channel], framing.window_len, framing.hop_len, iterations, inversion)
        for channel in range(magnitudes.shape[2])
    ]
    return tf.stack([channel[:samples] for channel in channels], axis=-1)[None]


def make_portable(signatures: Any, metadata: Mapping[str, Any]) -> Portable:
    """The clip of an exported model, given its signatures and its metadata.

    Raises:
      KeyError: these lack something.
      TypeError: something in them is of another kind.
      ValueError: a value is impossible.
    """
    moments = Moments(*(np.array(metadata["moments"][name], np.float32) for name in ("mean", "std")))
    window = whole_number({"window_len": PAPER.window_len, **metadata}, "window_len", 2, LARGEST_INT)
    framing = Framing(window, whole_number({"hop_len": PAPER.hop_len, **metadata}, "hop_len", 1, window))
    if moments.mean.shape != (framing.num_bins,) or moments.std.shape != (framing.num_bins,):
        raise Unreadable(f"moments are not of {framing.num_bins} bins")
    samples = whole_number(metadata, "slice_len", 1, LARGEST_INT)
    clip_nstd, inversion = float(metadata["clip_nstd"]), metadata["inversion"]
    if inversion not in INVERSIONS:
        raise Unreadable(f"inversion is {inversion!r}")
    finish, rate = Finish.of(metadata), whole_number(metadata, "sample_rate", 1, LARGEST_INT)
    ngl = whole_number(metadata, "ngl", 0, LARGEST_INT)

    def to_audio(spectrogram: tf.Tensor) -> tf.Tensor:
        waveform = spectrogram_to_waveform(spectrogram, moments, clip_nstd, ngl, inversion, framing, samples)
        return finish.apply(waveform, rate)

    return Portable(signatures["spectrogram"], "G_z_norm", "uniform", to_audio)


# `GeneratorModel.export_edge` calls it by this name.
save = functools.partial(saving.save, make_portable)
