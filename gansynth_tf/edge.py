"""An exported GANSynth in operations of TensorFlow Lite: from features to waves in real arithmetic."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from gansynth_tf.features import Features
from wavegan_tf.core.edge import saving, transforms
from wavegan_tf.core.edge.conversion import Portable
from wavegan_tf.core.reading import Unreadable


def cumulative_phase(frequency: tf.Tensor) -> tf.Tensor:
    """`phase.wrapped_phase` but for whole turns, without float64.

    Sums of twice as many frames at each step, wrapped before they grow, lose a few of the last bits.

    Args:
      frequency: half turns a frame, [b, t, f].

    Returns:
      Half turns in [-1, 1), the same shape.
    """
    frames, x, shift = frequency.shape[1], _wrap(frequency), 1
    while shift < frames:
        x = _wrap(x + tf.pad(x[:, : frames - shift], [[0, 0], [shift, 0], [0, 0]]))
        shift *= 2
    return x


def data_to_waves(features: Features, data: tf.Tensor) -> tf.Tensor:
    """`Features.data_to_waves` of one sound, float32 [1, *data_shape] -> [1, t, c], without complex numbers."""
    if not features.is_spectral:
        return features.data_to_waves(data)
    channels = tf.split(data, features.num_channels, axis=-1)
    return tf.concat([_channel_to_wave(features, channel) for channel in channels], axis=-1)


def _channel_to_wave(features: Features, data: tf.Tensor) -> tf.Tensor:
    """`data_to_waves` of one channel's spectral data."""
    specgrams = features.melspecgrams_to_specgrams(data) if features.data_type == "mel" else data
    second = specgrams[..., 1]
    angles = math.pi * (second if features.data_type == "phase" else cumulative_phase(second))
    magnitudes, missing = tf.exp(specgrams[..., 0]), [[0, 0], list(features.missing_bins)]
    real, imaginary = (tf.pad((magnitudes * part(angles))[0], missing) for part in (tf.cos, tf.sin))
    frames = transforms.inverse_rfft(real, imaginary, features.frame_length)
    frames *= transforms.synthesis_window(features.frame_length, features.frame_step)
    return transforms.overlap_add(frames, features.frame_step)[None, features.padding :, None]


def make_portable(signatures: Any, metadata: Mapping[str, Any]) -> Portable:
    """The note of an exported model, given its signatures and its metadata.

    Raises:
      KeyError: these lack something.
      TypeError: something in them is of another kind.
      ValueError: a value is impossible.
      UserError: the sizes do not fit together.
    """
    frames, bins, channels = metadata["data_shape"]
    given = signatures["specgram"].structured_outputs["data"].shape.as_list()
    if given[1:] != [frames, bins, channels]:
        raise Unreadable(f"data_shape is {metadata['data_shape']}, and the model gives {given[1:]}")
    features = Features(
        metadata["data_type"],
        (frames, bins),
        metadata["audio_length"],
        metadata["sample_rate"],
        num_channels=metadata.get("num_channels", 1),
    )
    if features.data_shape[-1] != channels:
        raise Unreadable(f"data_shape is {metadata['data_shape']}, and num_channels {features.num_channels}")
    return Portable(signatures["specgram"], "data", "normal", lambda data: data_to_waves(features, data))


def _wrap(half_turns: tf.Tensor) -> tf.Tensor:
    """Moved into [-1, 1) by whole turns."""
    return half_turns - 2.0 * tf.floor(0.5 * half_turns + 0.5)


# `GeneratorModel.export_edge` calls it by this name.
save = functools.partial(saving.save, make_portable)
