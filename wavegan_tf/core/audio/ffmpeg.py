"""Decoding by the program ffmpeg, where it is installed: all that libsndfile does not read.

Called here rather than by audioread, which takes four channels (quad) for one, and rounds to 16 bits.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator

import numpy as np

from wavegan_tf.core.audio.conversion import Unusable

# Sun's au: a magic number, the offset of the samples, their size, the encoding, Hz and channels.
_HEADER = struct.Struct(">4sIIIII")
_MAGIC, _FLOAT32 = b".snd", 6


def is_installed() -> bool:
    """True if there is an ffmpeg to call."""
    return shutil.which("ffmpeg") is not None


class FFmpegFile:
    """The first sound of a file; to be entered, and read once.

    Attributes:
      samplerate: Hz.
      channels: of the sound.
    """

    def __init__(self, path: str):
        """Starts ffmpeg and waits for the beginning of the sound.

        Raises:
          Unusable: ffmpeg finds no sound in the file.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        # Neither a name with a colon, nor what a playlist names, leads away from this machine.
        source = "file:" + os.path.abspath(path)
        command = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file", "-i", source, "-map", "0:a:0"]
        self._process = subprocess.Popen(
            [*command, "-c:a", "pcm_f32be", "-f", "au", "-protocol_whitelist", "file,pipe", "pipe:1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        head = self._read(_HEADER.size)
        if len(head) < _HEADER.size:
            self._fail()
        magic, offset, _, encoding, self.samplerate, self.channels = _HEADER.unpack(head)
        if (magic, encoding) != (_MAGIC, _FLOAT32) or self.samplerate < 1 or self.channels < 1:
            self.close()
            raise Unusable(f"header gives {self.samplerate} Hz and {self.channels} channels")
        self._read(offset - _HEADER.size)

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """Float32 [up to frames, channels], until the sound is over.

        Raises:
          Unusable: ffmpeg ends with an error.
        """
        size = 4 * self.channels
        while block := self._read(frames * size):
            whole = block[: len(block) // size * size]
            yield np.frombuffer(whole, ">f4").astype(np.float32).reshape(-1, self.channels)
        if self._process.wait():
            self._fail()

    def _read(self, count: int) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.read(count)

    def _fail(self) -> None:
        """Raises Unusable with what ffmpeg has printed last."""
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines() or ["no reason given"]
        self.close()
        raise Unusable(f"cannot be decoded by ffmpeg ({lines[-1].rpartition(': ')[2].strip()})")

    def close(self) -> None:
        """Ends ffmpeg."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def __enter__(self) -> FFmpegFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
