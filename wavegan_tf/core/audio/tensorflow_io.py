"""Decoding inside TensorFlow with tensorflow-io, where that is safe and gives libsndfile's samples.

tensorflow-io has builds only for some versions of TensorFlow and Python; elsewhere `decode` returns None and
audio.py reads the file with soundfile. Measured with tensorflow-io 0.37.1: 16-bit wav decodes to the same
integers as libsndfile; so does 16-bit flac, but some broken flac files are decoded to noise instead of
refused; mp3 and vorbis differ in the last bit; 32-bit and big-endian wav are refused; chunks of odd size
before the data empty a wav file; a header with a block size of 0 kills the process. So only 16-bit wav files
with the plain header of 44 bytes, every field of which is checked here, go this way, and any doubt goes back
to soundfile, as does all audio of a process that has not imported TensorFlow.
"""

from __future__ import annotations

import functools
import importlib
import os
import struct
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from absl import logging

if TYPE_CHECKING:
    import tensorflow as tf

# Of a clip of a second soundfile makes four times as many a second: a call into TensorFlow takes 0.3 ms. Of longer ones
# both take the same time.
MIN_SAMPLES = 1 << 18
# A header may promise what the file does not hold, and tensorflow-io allocates what it promises.
MAX_SAMPLES = 1 << 23
MAX_BYTES = 1 << 26
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def decode(path: str, file: soundfile.SoundFile) -> np.ndarray | None:
    """float32 [t, c] of the whole file, or None if soundfile should read it.

    Args:
      path: the file.
      file: the same file, opened by soundfile at its start; its header decides.
    """
    # To import it takes seconds and half a gigabyte, which a process that only decodes never gets back.
    if "tensorflow" not in sys.modules:
        return None
    if not MIN_SAMPLES <= file.frames * file.channels <= MAX_SAMPLES or os.path.getsize(path) > MAX_BYTES:
        return None
    if not _has_plain_header(path, file):
        return None
    decoder = _wav_decoder()
    if decoder is None:
        return None
    import tensorflow as tf

    try:
        samples = decoder(tf.constant(os.fsencode(path))).numpy()
    except tf.errors.OpError:
        return None
    if samples.shape != (file.frames, file.channels):
        return None
    return samples / np.float32(32768)


def _has_plain_header(path: str, file: soundfile.SoundFile) -> bool:
    """True if the file begins as the simplest 16-bit wav of the frames that soundfile found."""
    with open(path, "rb") as stream:
        head = stream.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return False
    fields = _HEADER.unpack(head)
    riff, _, wave, fmt, fmt_size, tag, channels, rate, byte_rate, block, bits, data, size = fields
    frame = 2 * file.channels
    return (
        (riff, wave, fmt, fmt_size, data) == (b"RIFF", b"WAVE", b"fmt ", 16, b"data")
        and (tag, bits, channels, block) == (1, 16, file.channels, frame)
        and (rate, byte_rate) == (file.samplerate, file.samplerate * frame)
        and size == file.frames * frame <= os.path.getsize(path) - _HEADER.size
    )


@functools.cache
def _wav_decoder() -> Callable[[tf.Tensor], tf.Tensor] | None:
    """A graph from a path to int16 [t, c]; None where tensorflow-io does not load."""

    import tensorflow as tf

    def read(path: tf.Tensor) -> tf.Tensor:
        with tf.device("CPU:0"):
            return tfio.audio.decode_wav(tf.io.read_file(path), dtype=tf.int16)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tfio = importlib.import_module("tensorflow_io")
            # Traced here, so that a library that does not load fails now and not at the first file.
            path = tf.TensorSpec([], tf.string)
            return tf.function(read, input_signature=[path], autograph=False).get_concrete_function()
    except Exception as error:  # a library built for another TensorFlow fails in many ways
        logging.info("tensorflow-io is not used (%s): soundfile decodes all audio", type(error).__name__)
        return None
