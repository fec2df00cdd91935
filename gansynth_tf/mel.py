"""Magenta's mel matrix, its approximate inverse, and products with them that leave their zeros out."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

_BREAK_HERTZ = 700.0
_HIGH_FREQUENCY_Q = 1127.0
# Narrower bands, in bins, would fall between two bins.
_MIN_BANDWIDTH = 1.5
_GROUP = 64


def hertz_to_mel(hertz: np.ndarray | float) -> np.ndarray:
    """Mel scale: 1127 ln(1 + f / 700 Hz)."""
    return _HIGH_FREQUENCY_Q * np.log(1.0 + np.asarray(hertz) / _BREAK_HERTZ)


def mel_to_hertz(mel: np.ndarray | float) -> np.ndarray:
    """The inverse of `hertz_to_mel`."""
    return _BREAK_HERTZ * (np.exp(np.asarray(mel) / _HIGH_FREQUENCY_Q) - 1.0)


def linear_to_mel_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sample_rate: float = 16000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
) -> np.ndarray:
    """Overlapping triangles on the mel scale, none narrower than 1.5 bins (`linear_to_mel_weight_matrix`).

    The bins' frequencies are num_spectrogram_bins numbers from 0 to half the sample rate, both included.

    Returns:
      float64 [num_spectrogram_bins, num_mel_bins]; the first row, of 0 Hz, is zero.

    Raises:
      ValueError: a number makes no sense.
    """
    nyquist = sample_rate / 2.0
    for name, value in (("num_mel_bins", num_mel_bins), ("num_spectrogram_bins", num_spectrogram_bins)):
        if value <= 0:
            raise ValueError(f"{name}={value}: must be positive")
    if sample_rate <= 0:
        raise ValueError(f"sample_rate={sample_rate}: must be positive")
    if not 0 <= lower_edge_hertz < upper_edge_hertz <= nyquist:
        raise ValueError(
            f"lower_edge_hertz={lower_edge_hertz}, upper_edge_hertz={upper_edge_hertz}: must be rising, "
            f"from 0 to half the sample rate, {nyquist}"
        )
    # Three views of one array, as in the original: where a narrow band is widened, the centres and edges of its
    # neighbours move with it, and these see that in their turn.
    edges = np.linspace(hertz_to_mel(lower_edge_hertz), hertz_to_mel(upper_edge_hertz), num_mel_bins + 2)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    least = _MIN_BANDWIDTH * nyquist / num_spectrogram_bins
    for band in range(num_mel_bins):
        if mel_to_hertz(upper[band]) - mel_to_hertz(lower[band]) < least:
            # Half the mel distance of two frequencies that lie `least` apart around the centre.
            half = _HIGH_FREQUENCY_Q * np.arcsinh(0.5 * least / (mel_to_hertz(center[band]) + _BREAK_HERTZ))
            lower[band], upper[band] = center[band] - half, center[band] + half
    low, middle, high = mel_to_hertz(lower), mel_to_hertz(center), mel_to_hertz(upper)
    frequencies = np.linspace(0.0, nyquist, num_spectrogram_bins)[:, None]
    matrix = np.maximum(0.0, np.minimum((frequencies - low) / (middle - low), (high - frequencies) / (high - middle)))
    matrix[0] = 0.0
    return matrix


def mel_to_linear_matrix(matrix: np.ndarray) -> np.ndarray:
    """An approximate inverse: m^T diag(1 / column sums of m m^T) (`_mel_to_linear_matrix`).

    Args:
      matrix: float64 [linear, mel].

    Returns:
      float64 [mel, linear]; columns whose sum vanishes are scaled by that sum.
    """
    sums = np.sum(matrix @ matrix.T, axis=0)
    return matrix.T * np.where(np.abs(sums) > 1e-8, 1.0 / np.where(sums == 0, 1.0, sums), sums)


@dataclasses.dataclass(frozen=True)
class BandedMatrix:
    """A matrix whose columns each have few neighbouring elements, as dense blocks of neighbouring columns.

    Attributes:
      blocks: (first row, float32 [rows, columns]) in the order of the columns.
    """

    blocks: tuple[tuple[int, np.ndarray], ...]

    @classmethod
    def of(cls, matrix: np.ndarray) -> BandedMatrix:
        """The same matrix, in float32."""
        blocks = []
        for column in range(0, matrix.shape[1], _GROUP):
            group = matrix[:, column : column + _GROUP].astype(np.float32)
            rows = np.flatnonzero(group.any(axis=1))
            first, last = (rows[0], rows[-1]) if len(rows) else (0, 0)
            blocks.append((int(first), group[first : last + 1]))
        return cls(tuple(blocks))

    def product(self, x: tf.Tensor) -> tf.Tensor:
        """X [..., rows] times the matrix: [..., columns]."""
        parts = [tf.tensordot(x[..., first : first + len(block)], block, 1) for first, block in self.blocks]
        return tf.concat(parts, axis=-1)
