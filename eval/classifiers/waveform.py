"""A second classifier of clips, on their raw samples.

A classifier that sees log-mel spectrograms cannot hear what a spectrogram leaves out: SpecGAN, whose sound is made from
a spectrogram, is spared errors of phase that everybody hears. One-dimensional convolutions on the samples, after Dai et
al., "Very Deep Convolutional Neural Networks for Raw Waveforms" (2017), are not so kind. No published score is by this
network; it ranks models that were scored by the same weights.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

_FIRST_KERNEL, _FIRST_STRIDE, _KERNEL = 80, 4, 9
# Filters and stride of each layer: 16 384 samples become 4096, 1024, 256, 128, 64, 32 positions.
_BLOCKS = ((48, 4), (96, 4), (128, 2), (192, 2), (256, 2))
_DROPOUT = 0.3


@keras.saving.register_keras_serializable("adversarial_audio_eval")
class WaveformClassifier(keras.Model):
    """Waveforms [b, t] -> logits [b, classes].

    Args:
      num_classes: of the logits.
    """

    def __init__(self, num_classes: int, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.convolutions = [layers.Conv1D(32, _FIRST_KERNEL, _FIRST_STRIDE, padding="same", use_bias=False)]
        self.convolutions += [
            layers.Conv1D(filters, _KERNEL, stride, padding="same", use_bias=False) for filters, stride in _BLOCKS
        ]
        self.norms = [layers.BatchNormalization(momentum=0.9) for _ in self.convolutions]
        self.dropout = layers.Dropout(_DROPOUT)
        self.dense = layers.Dense(num_classes, name="dense")

    def build(self, input_shape) -> None:
        """Makes all variables."""
        channels = 1
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            convolution.build((None, None, channels))
            channels = convolution.filters
            norm.build((None, None, channels))
        self.dense.build((None, 2 * channels))
        self.built = True

    def features(self, waves, training: bool = False):
        """Input of the dense layer: the mean and the maximum over time, [b, 512]."""
        x = waves[..., None]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = ops.relu(norm(convolution(x), training=training))
        return self.dropout(ops.concatenate([ops.mean(x, axis=1), ops.max(x, axis=1)], axis=-1), training=training)

    def call(self, waves, training: bool = False):
        """Logits [b, classes]."""
        return self.dense(self.features(waves, training=training))

    def compute_output_shape(self, input_shape):
        """[b, classes]."""
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "num_classes": self.num_classes}
