"""Waveforms <-> log magnitude and instantaneous frequency, on a linear or a mel axis (section 2 of the paper).

The representations are those of the paper's table 1: IF ("linear"), Phase ("phase"), IF-Mel ("mel"), and waveforms
("wave"). Magenta's specgrams_helper.py and data_helpers.py define them.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import tensorflow as tf

from gansynth_tf import mel, phase
from gansynth_tf.mel import BandedMatrix
from gansynth_tf.representation import DATA_TYPES, PARTS, fault, num_samples
from wavegan_tf.core.audio import spectral
from wavegan_tf.core.errors import UserError

LOG_EPSILON = 1e-6


def _safe_log(x: tf.Tensor) -> tf.Tensor:
    return tf.math.log(x + LOG_EPSILON)


def _channels(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """[b, t, f] and [b, t, f] -> [b, t, f, 2]; on a CPU, many times faster than a stack along the last axis."""
    return tf.transpose(tf.stack([first, second], axis=1), [0, 2, 3, 1])


def crop_or_pad(waves: tf.Tensor, length: int, channels: int = 1) -> tf.Tensor:
    """Waves [b, t, c] -> [b, length, channels].

    Longer ones lose their end; shorter ones get zeros on both sides, the odd one first. Channels are repeated as often
    as needed, then cropped.
    """
    missing = tf.maximum(0, length - tf.shape(waves)[1])
    after = missing // 2
    waves = tf.pad(waves, [[0, 0], [missing - after, after], [0, 0]])[:, :length]
    waves = tf.tile(waves, [1, 1, -(-channels // waves.shape[2])])[:, :, :channels]
    return tf.ensure_shape(waves, [None, length, channels])


def split_channels(x: tf.Tensor, num_channels: int) -> tf.Tensor:
    """Takes channels apart: what sounds have of each in turn, [b, ..., c k] -> sounds of one channel, [b c, ..., k]."""
    if num_channels == 1:
        return x
    *inner, last = x.shape[1:]
    axes = len(inner)
    x = tf.reshape(x, [-1, *inner, num_channels, last // num_channels])
    x = tf.transpose(x, [0, axes + 1, *range(1, axes + 1), axes + 2])
    return tf.reshape(x, [-1, *inner, last // num_channels])


def join_channels(x: tf.Tensor, num_channels: int) -> tf.Tensor:
    """Undoes `split_channels`: [b c, ..., k] -> [b, ..., c k]."""
    if num_channels == 1:
        return x
    *inner, last = x.shape[1:]
    axes = len(inner)
    x = tf.reshape(x, [-1, num_channels, *inner, last])
    x = tf.transpose(x, [0, *range(2, axes + 2), 1, axes + 2])
    return tf.reshape(x, [-1, *inner, num_channels * last])


class Features:
    """A representation of sounds of one length, and the way there and back.

    "Specgrams" are [b, frames, bins, 2]: natural log of the magnitude (of the power, on the mel axis), and
    instantaneous frequency in half turns a frame (or phase in half turns, for "phase"). Spectra and specgrams are those
    of one channel; the data of a sound are its channels' specgrams, each after the other along the last axis.
    """

    def __init__(
        self,
        data_type: str,
        spec_shape: tuple[int, int],
        audio_length: int,
        sample_rate: int,
        overlap: float = 0.75,
        mel_downscale: int = 1,
        discard_dc: bool = True,
        use_unwrap: bool = True,
        num_channels: int = 1,
    ):
        """Sets the sizes.

        Args:
          data_type: one of `DATA_TYPES`.
          spec_shape: frames and frequency bins of the data; samples and 1 for "wave".
          audio_length: samples of a sound.
          sample_rate: Hz.
          overlap: of successive frames, as a part of a frame.
          mel_downscale: linear bins for each mel bin.
          discard_dc: skip the bin of 0 Hz, else that of half the sample rate.
          use_unwrap: see `phase.instantaneous_frequency`.
          num_channels: of the sounds.

        Raises:
          UserError: the sizes do not fit together.
        """
        if data_type not in DATA_TYPES:
            raise ValueError(f"data_type={data_type!r}: must be one of {', '.join(DATA_TYPES)}")
        self.data_type, self.spec_shape, self.audio_length = data_type, spec_shape, audio_length
        self.sample_rate, self._mel_downscale = sample_rate, mel_downscale
        self._discard_dc, self._use_unwrap = discard_dc, use_unwrap
        self.num_channels = num_channels
        frames, bins = self.spec_shape
        reason = fault(data_type, spec_shape)
        if reason:
            raise UserError(reason)
        if self.is_spectral:
            self.frame_length = 2 * bins
            self.frame_step = int((1.0 - overlap) * self.frame_length)
        samples = num_samples(data_type, spec_shape, overlap)
        if samples < audio_length:
            raise UserError(
                f"--audio_length={audio_length}: {frames} frames of {bins} frequencies hold only {samples} samples"
            )
        self.padding = samples - audio_length

    @property
    def is_spectral(self) -> bool:
        """False for waves."""
        return self.data_type != "wave"

    @property
    def data_shape(self) -> tuple[int, int, int]:
        """Shape of the data of a sound."""
        return (*self.spec_shape, PARTS * self.num_channels)

    def apart(self, data: tf.Tensor) -> tf.Tensor:
        """Data of sounds [b, t, f, 2 c] -> those of their channels, [b c, t, f, 2]."""
        return split_channels(data, self.num_channels)

    @property
    def missing_bins(self) -> tuple[int, int]:
        """Frequencies of a whole spectrum below and above those of the data."""
        return (1, 0) if self._discard_dc else (0, 1)

    def waves_to_spectra(self, waves: tf.Tensor) -> tf.Tensor:
        """Waves [b, t, 1] -> complex64 [b, frames, bins]; all padding stands before the sound."""
        padded = tf.pad(waves[:, :, 0], [[0, 0], [self.padding, 0]])
        spectra = spectral.stft(padded, self.frame_length, self.frame_step)
        return spectra[:, :, 1:] if self._discard_dc else spectra[:, :, :-1]

    def spectra_to_waves(self, spectra: tf.Tensor) -> tf.Tensor:
        """Complex64 [b, frames, bins] -> waves [b, t, 1]."""
        waves = tf.signal.inverse_stft(
            tf.pad(spectra, [[0, 0], [0, 0], self.missing_bins]),
            self.frame_length,
            self.frame_step,
            window_fn=tf.signal.inverse_stft_window_fn(self.frame_step),
        )
        return waves[:, self.padding :, None]

    def spectra_to_specgrams(self, spectra: tf.Tensor) -> tf.Tensor:
        """Complex64 [b, frames, bins] -> [b, frames, bins / mel_downscale, 2], on the linear axis."""
        magnitudes, second = self._polar(spectra)
        return _channels(_safe_log(magnitudes), second)

    def _polar(self, spectra: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Magnitudes, and what stands in the second channel."""
        real, imaginary = tf.math.real(spectra), tf.math.imag(spectra)
        # On a CPU, many times faster than tf.abs and tf.math.angle.
        magnitudes = tf.sqrt(tf.square(real) + tf.square(imaginary))
        angles = tf.math.atan2(imaginary, real)
        if self.data_type == "phase":
            return magnitudes, angles / math.pi
        return magnitudes, phase.instantaneous_frequency(angles, use_unwrap=self._use_unwrap)

    def specgrams_to_spectra(self, specgrams: tf.Tensor) -> tf.Tensor:
        """The inverse of `spectra_to_specgrams`."""
        second = specgrams[..., 1]
        angles = second * math.pi if self.data_type == "phase" else phase.wrapped_phase(second)
        return phase.polar_to_complex(tf.exp(specgrams[..., 0]), angles)

    def specgrams_to_melspecgrams(self, specgrams: tf.Tensor) -> tf.Tensor:
        """Linear axis -> mel axis: [b, frames, bins / mel_downscale, 2]."""
        return self._to_melspecgrams(tf.exp(2.0 * specgrams[..., 0]), specgrams[..., 1])

    def _to_melspecgrams(self, powers: tf.Tensor, frequency: tf.Tensor) -> tf.Tensor:
        return _channels(_safe_log(self._to_mel.product(powers)), self._combined(self._to_mel, frequency))

    def melspecgrams_to_specgrams(self, melspecgrams: tf.Tensor) -> tf.Tensor:
        """Mel axis -> linear axis, as near as that goes."""
        power = self._to_linear.product(tf.exp(melspecgrams[..., 0]))
        return _channels(0.5 * _safe_log(power), self._combined(self._to_linear, melspecgrams[..., 1]))

    def _combined(self, matrix: BandedMatrix, frequency: tf.Tensor) -> tf.Tensor:
        """Instantaneous frequency of the sums, over frequencies, of unwrapped phases.

        The original sums the frequencies up to phases, combines these and takes the differences; the combination of
        the frequencies is the same.
        """
        return phase.wrap_frames(matrix.product(frequency), use_unwrap=self._use_unwrap)

    def waves_to_data(self, waves: tf.Tensor) -> tf.Tensor:
        """Waves [b, t, c] -> float32 [b, *data_shape]."""
        waves = split_channels(waves, self.num_channels)
        return join_channels(self._to_data(waves), self.num_channels)

    def _to_data(self, waves: tf.Tensor) -> tf.Tensor:
        """`waves_to_data` of one channel."""
        if not self.is_spectral:
            before = self.padding // 2
            padded = tf.pad(waves, [[0, 0], [before, self.padding - before], [0, 0]])[:, :, None]
            return tf.concat([padded, padded], axis=-1)
        spectra = self.waves_to_spectra(waves)
        if self.data_type != "mel":
            return self.spectra_to_specgrams(spectra)
        magnitudes, frequency = self._polar(spectra)
        # The power that `specgrams_to_melspecgrams` finds again in the logarithm.
        return self._to_melspecgrams(tf.square(magnitudes + LOG_EPSILON), frequency)

    def data_to_waves(self, data: tf.Tensor) -> tf.Tensor:
        """Float32 [b, *data_shape] -> waves [b, t, c]."""
        if self.is_spectral:
            waves = self.spectra_to_waves(self.data_to_spectra(data))
        else:
            before = self.padding // 2
            waves = self.apart(data)[:, before : before + self.audio_length, 0, :1]
        return join_channels(waves, self.num_channels)

    def data_to_spectra(self, data: tf.Tensor) -> tf.Tensor:
        """Float32 [b, *data_shape] -> complex64 [b c, frames, bins] of all channels; not for waves."""
        data = self.apart(data)
        specgrams = self.melspecgrams_to_specgrams(data) if self.data_type == "mel" else data
        return self.specgrams_to_spectra(specgrams)

    def amplify(self, data: tf.Tensor, gains: tf.Tensor) -> tf.Tensor:
        """Data of sounds float32 [b, *data_shape] -> those of the same sounds, multiplied by gains > 0, float32 [b]."""
        if not self.is_spectral:
            return data * gains[:, None, None, None]
        log_gains = tf.math.log(gains) * (2.0 if self.data_type == "mel" else 1.0)
        is_magnitude = tf.constant([1.0, 0.0] * self.num_channels)
        return data + log_gains[:, None, None, None] * is_magnitude

    @functools.cached_property
    def _mel_matrix(self) -> np.ndarray:
        bins = self.spec_shape[1]
        return mel.linear_to_mel_matrix(bins // self._mel_downscale, bins, self.sample_rate, 0.0, self.sample_rate / 2)

    @functools.cached_property
    def _to_mel(self) -> BandedMatrix:
        return BandedMatrix.of(self._mel_matrix)

    @functools.cached_property
    def _to_linear(self) -> BandedMatrix:
        return BandedMatrix.of(mel.mel_to_linear_matrix(self._mel_matrix))
