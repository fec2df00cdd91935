"""The classifier of notes that GANSynth's inception score, FID, pitch accuracy and pitch entropy come from.

After the paper (section 4) and the baseline that Magenta once published (nsynth/baseline/models/pitch.py): strided
convolutions over log magnitude and instantaneous frequency, each followed by batch normalisation and a leaky ReLU.
That baseline's loss and its output sizes contradict each other, and its weights were never published, so this follows
its layers and no number of it. `width` 128 is its size.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

from gansynth_tf.features import Features

_BINS, _OVERLAP = 1024, 0.75
# Kernel, stride over time, stride over frequency, filters in units of `width`.
_CONVOLUTIONS = (
    (5, 2, 2, 1), (4, 2, 2, 1), (4, 2, 2, 1), (4, 2, 2, 2), (4, 2, 2, 2), (4, 2, 2, 2), (4, 2, 2, 4), (4, 2, 2, 4),
    (4, 1, 2, 4),
)  # fmt: skip
_LAST_FILTERS = 8
_SLOPE = 0.2


def make_features(audio_length: int, sample_rate: int) -> Features:
    """The linear log magnitudes and instantaneous frequencies of notes: GANSynth's, of 1024 frequencies.

    Args:
      audio_length: samples of a note; 64 000 make the 128 frames of the paper.
      sample_rate: Hz.
    """
    return Features("linear", (num_frames(audio_length), _BINS), audio_length, sample_rate, _OVERLAP)


def num_frames(audio_length: int) -> int:
    """Frames of the features of a note of so many samples."""
    step = int((1 - _OVERLAP) * 2 * _BINS)
    frames = max(1, math.ceil((audio_length - 2 * _BINS) / step) + 1)
    return 1 << (frames - 1).bit_length()


def _layer_shapes(frames: int, width: int) -> list[tuple[int, int, int]]:
    """Frames, frequencies and channels of the features, and of what each convolution makes of them."""
    shapes = [(frames, _BINS, 2)]
    for _, over_time, over_frequency, units in _CONVOLUTIONS:
        time, frequency, _ = shapes[-1]
        shapes.append((-(-time // over_time), -(-frequency // over_frequency), units * width))
    return shapes


def num_parameters(num_pitches: int, num_families: int, frames: int, width: int) -> int:
    """Numbers that are trained in a `PitchClassifier`, whose arguments these are."""
    shapes, hidden = _layer_shapes(frames, width), _LAST_FILTERS * width
    channels = [shape[-1] for shape in shapes]
    kernels = sum(k**2 * a * b for (k, *_), a, b in zip(_CONVOLUTIONS, channels, channels[1:], strict=False))
    norms = 2 * (sum(channels) + hidden)
    return kernels + norms + math.prod(shapes[-1]) * hidden + (hidden + 1) * (num_pitches + num_families)


def num_values(frames: int, width: int) -> int:
    """Numbers that the layers of a `PitchClassifier` make of a note, with its features."""
    return sum(math.prod(shape) for shape in _layer_shapes(frames, width))


@keras.saving.register_keras_serializable("adversarial_audio_eval")
class PitchClassifier(keras.Model):
    """Features [b, frames, 1024, 2] -> logits [b, pitches + families].

    Args:
      num_pitches: classes of the first logits.
      num_families: of the instruments, whose logits come after those of the pitches; 0 for none.
      frames: of the features, which decides the size of the last layers.
      width: filters of the first layers; 128 in the baseline.
    """

    def __init__(self, num_pitches: int, num_families: int = 0, frames: int = 128, width: int = 32, **kwargs):
        super().__init__(**kwargs)
        self.num_pitches, self.num_families, self.frames, self.width = num_pitches, num_families, frames, width
        self.convolutions = [
            layers.Conv2D(units * width, kernel, (over_time, over_frequency), padding="same", use_bias=False)
            for kernel, over_time, over_frequency, units in _CONVOLUTIONS
        ]
        self.input_norm = layers.BatchNormalization(momentum=0.9)
        self.norms = [layers.BatchNormalization(momentum=0.9) for _ in (*self.convolutions, None)]
        self.hidden = layers.Dense(_LAST_FILTERS * width, use_bias=False)
        self.dense = layers.Dense(num_pitches, name="dense")
        self.family_dense = layers.Dense(num_families, name="family_dense") if num_families else None

    def build(self, input_shape) -> None:
        """Makes all variables."""
        self.input_norm.build((None, None, None, 2))
        size, channels = (self.frames, _BINS), 2
        for convolution, norm in zip(self.convolutions, self.norms[:-1], strict=True):
            convolution.build((None, *size, channels))
            size = tuple(-(-length // stride) for length, stride in zip(size, convolution.strides, strict=True))
            channels = convolution.filters
            norm.build((None, *size, channels))
        self.hidden.build((None, math.prod(size) * channels))
        self.norms[-1].build((None, self.hidden.units))
        for dense in (self.dense, self.family_dense):
            if dense is not None:
                dense.build((None, self.hidden.units))
        self.built = True

    def features(self, specgrams, training: bool = False):
        """Input of the last layers: [b, 8 * width]."""
        x = self.input_norm(specgrams, training=training)
        for convolution, norm in zip(self.convolutions, self.norms[:-1], strict=True):
            x = ops.leaky_relu(norm(convolution(x), training=training), _SLOPE)
        x = self.hidden(ops.reshape(x, [ops.shape(x)[0], -1]))
        return ops.leaky_relu(self.norms[-1](x, training=training), _SLOPE)

    def call(self, specgrams, training: bool = False):
        """Logits of the pitches, followed by those of the families if there are any."""
        features = self.features(specgrams, training=training)
        if self.family_dense is None:
            return self.dense(features)
        return ops.concatenate([self.dense(features), self.family_dense(features)], axis=-1)

    def compute_output_shape(self, input_shape):
        """[b, pitches + families]."""
        return (input_shape[0], self.num_pitches + self.num_families)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("num_pitches", "num_families", "frames", "width")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
