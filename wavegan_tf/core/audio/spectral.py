"""Short-time Fourier transforms and Griffin-Lim phase estimation: pure functions of tensors, for CPU, GPU and XLA."""

from __future__ import annotations

import tensorflow as tf

from wavegan_tf.core.audio.options import INVERSIONS

FAST_MOMENTUM = 0.99

# Below this sum of squared windows a sample was seen by no frame and stays zero: the first of all, under a Hann window.
UNSEEN = 1e-10
# The smallest sum of squared Hann windows that overlap by half. Where the first frame rises the sum is smaller: what
# stands there hardly shows in the magnitudes, and Griffin-Lim would pile the frame's energy up there into a click
# thousands of times full scale.
LEAST_GAIN = 0.5


def stft(x: tf.Tensor, frame_length: int, frame_step: int, pad_end: bool = False) -> tf.Tensor:
    """Short-time Fourier transform under a periodic Hann window; frames begin at sample 0, without centring.

    Args:
      x: float32 [b, t].
      frame_length: samples in a frame, even.
      frame_step: samples from one frame to the next.
      pad_end: zero-pad so that every sample begins or lies in a frame: ceil(t / frame_step) frames.

    Returns:
      complex64 [b, frames, frame_length / 2 + 1].
    """
    return tf.signal.stft(x, frame_length, frame_step, fft_length=frame_length, pad_end=pad_end)


def inverse_stft(
    spectra: tf.Tensor, frame_length: int, frame_step: int, compensate: bool, least_gain: float = UNSEEN
) -> tf.Tensor:
    """Windows the frames again and adds them up where they overlap.

    Args:
      spectra: complex64 [b, frames, frame_length / 2 + 1].
      frame_length: as in `stft`.
      frame_step: as in `stft`.
      compensate: divide by the sum of the squared windows, which gives the signal whose transform is nearest to
        `spectra` (Griffin and Lim 1984, eq. 6) and undoes `stft`. Without it the windows stay in the result, as in the
        original SpecGAN.
      least_gain: where that sum is smaller, the result fades to zero instead; only with `compensate`.

    Returns:
      float32 [b, (frames - 1) * frame_step + frame_length].
    """
    x = tf.signal.inverse_stft(spectra, frame_length, frame_step, fft_length=frame_length)
    if not compensate:
        return x
    squares = tf.signal.hann_window(frame_length) ** 2
    gain = tf.signal.overlap_and_add(tf.tile(squares[None], [tf.shape(spectra)[1], 1]), frame_step)
    return tf.where(gain > UNSEEN, x / tf.maximum(gain, least_gain), 0.0)


def griffin_lim(
    magnitudes: tf.Tensor, frame_length: int, frame_step: int, iterations: int | tf.Tensor, method: str = "original"
) -> tf.Tensor:
    """Estimates a signal from the magnitudes of its short-time Fourier transform, from zero phase on.

    Args:
      magnitudes: float32 [b, frames, frame_length / 2 + 1], not negative.
      frame_length: as in `stft`.
      frame_step: as in `stft`.
      iterations: times that the phase is taken from the transform of the signal; 0 leaves it zero.
      method: "original": with the uncompensated inverse, as SpecGAN's `invert_spectra_griffin_lim`; "exact": Griffin
        and Lim's algorithm; "fast": the same accelerated by momentum (Perraudin, Balazs and Sondergaard 2013). The
        last two fade in over the first third of a frame.

    Returns:
      float32 [b, (frames - 1) * frame_step + frame_length].

    Raises:
      ValueError: unknown method.
    """
    if method not in INVERSIONS:
        raise ValueError(f"method={method!r}: must be one of {', '.join(INVERSIONS)}")
    compensate = method != "original"
    step_back = FAST_MOMENTUM / (1.0 + FAST_MOMENTUM) if method == "fast" else 0.0
    magnitudes = tf.cast(magnitudes, tf.complex64)

    def invert(spectra: tf.Tensor) -> tf.Tensor:
        return inverse_stft(spectra, frame_length, frame_step, compensate, LEAST_GAIN)

    def improve(i: tf.Tensor, spectra: tf.Tensor, previous: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rebuilt = stft(invert(spectra), frame_length, frame_step)
        ahead = rebuilt - step_back * previous if step_back else rebuilt
        phase = ahead / tf.cast(tf.maximum(tf.abs(ahead), 1e-8), tf.complex64)
        return i + 1, magnitudes * phase, (rebuilt if step_back else previous)

    # Only the momentum needs the transform before the last.
    start = tf.zeros_like(magnitudes) if step_back else tf.zeros([], tf.complex64)
    _, spectra, _ = tf.while_loop(
        lambda i, *_: i < iterations, improve, [tf.constant(0), magnitudes, start], parallel_iterations=1
    )
    return invert(spectra)


def spectral_convergence(magnitudes: tf.Tensor, x: tf.Tensor, frame_length: int, frame_step: int) -> tf.Tensor:
    """How far a signal's magnitudes are from those asked for: || |stft(x)| - magnitudes || / || magnitudes ||.

    Args:
      magnitudes: float32 [b, frames, frame_length / 2 + 1].
      x: float32 [b, t] with as many frames.
      frame_length: as in `stft`.
      frame_step: as in `stft`.

    Returns:
      float32 [b], 0 for equal; in dB, 20 log10 of it.
    """
    difference = tf.abs(stft(x, frame_length, frame_step)) - magnitudes
    return tf.norm(difference, axis=[1, 2]) / tf.norm(magnitudes, axis=[1, 2])
