"""Audio files to waveforms and back: decode, resample, map channels, normalise the peak, write.

Waveforms are float32 [t, c] with full scale 1.0. Decoding works in blocks, so that a recording of any length
is read in bounded memory. Every reader gives int16 / 32768 for 16-bit sources: it does not matter which one
ran.
"""

from __future__ import annotations

import contextlib
import os
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import soundfile

from wavegan_tf.core.audio import ffmpeg, tensorflow_io
from wavegan_tf.core.audio.conversion import MAX_SECONDS as MAX_SECONDS
from wavegan_tf.core.audio.conversion import Unusable, convert
from wavegan_tf.core.audio.ffmpeg import FFmpegFile
from wavegan_tf.core.audio.files import extension_of
from wavegan_tf.core.audio.joined import Section, sections, warn_of_loss
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name, replacing
from wavegan_tf.core.writing import why

BLOCK_FRAMES = 1 << 18


class AudioError(UserError):
    """A file that can't be used; the message is "<path>: <reason>"."""


def decode(
    path: str, sample_rate: int | None = None, num_channels: int = 1, normalize: bool = True, fast_wav: bool = False
) -> np.ndarray:
    """Decodes one file as the original's loader does.

    Args:
      path: any format that libsndfile reads (wav, flac, ogg, mp3, ...), or ffmpeg where it is installed.
      sample_rate: Hz; a file at another rate is resampled (soxr HQ, the same samples as `librosa.load`). None
        keeps the file's rate.
      num_channels: of the result. Any number is averaged to 1; 1 is duplicated to 2; else they must agree.
      normalize: divide by the largest absolute sample, so that the peak is 1. Silence stays silence.
      fast_wav: read with scipy: 16-bit integer and 32-bit float wav only, no resampling.

    Returns:
      float32 [t, num_channels], t > 0.

    Raises:
      AudioError: the file is missing, broken or empty, has samples that are not finite, or does not fit the
        arguments.
    """
    audio = np.concatenate(list(decode_blocks(path, sample_rate, num_channels, fast_wav)))
    return normalize_peak(audio) if normalize else audio


def normalize_peak(audio: np.ndarray) -> np.ndarray:
    """Audio divided by its largest absolute sample; silence as it is."""
    return audio / peak_divisor(float(np.max(np.abs(audio))))


def peak_divisor(peak: float) -> np.float32:
    """The divisor of samples that brings their peak to 1; 1 for silence."""
    return np.float32(peak if peak > 0 else 1.0)


def decode_blocks(
    path: str, sample_rate: int | None = None, num_channels: int = 1, fast_wav: bool = False
) -> Iterator[np.ndarray]:
    """`decode` without normalisation, in pieces: yields float32 [t, num_channels].

    Raises:
      AudioError: as `decode`. A fault may show only at the last block: use none of them before all have come.
    """
    with _named_errors(path):
        rate, blocks = _scipy_blocks(path) if fast_wav else _open(path, sample_rate)
        if fast_wav and sample_rate not in (None, rate):
            raise Unusable(f"is at {rate} Hz, not {sample_rate}, and --data_fast_wav cannot resample")
        yield from convert(blocks, rate, sample_rate, num_channels)


def probe(path: str) -> tuple[int, int]:
    """Sample rate in Hz and number of channels of a file, by whatever decodes it.

    Raises:
      AudioError: nothing does.
    """
    with _named_errors(path), contextlib.ExitStack() as stack:
        parts = [stack.enter_context(part) for part in sections(path)]
        with contextlib.suppress(soundfile.LibsndfileError, IndexError), _StraightOn(parts[0]) as part:
            return part.samplerate, part.channels
        with _open_file(path) as file:
            return file.samplerate, file.channels


@contextlib.contextmanager
def _named_errors(path: str) -> Iterator[None]:
    """Refuses what is no regular file, and turns all that decoding may raise into an AudioError of this path."""
    try:
        _check_regular(path)
        yield
    except Exception as error:  # decoders of broken files raise anything
        raise AudioError(f"{display_name(path)}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, soundfile.LibsndfileError):
        return f"cannot be decoded ({error.error_string.rstrip('.') or 'broken data'})"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return f"cannot be decoded ({one_line(error)})"


def _check_regular(path: str) -> None:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise Unusable("is not a regular file")
    if status.st_size == 0:
        raise Unusable("is empty (0 bytes)")


def _open(path: str, wanted_rate: int | None) -> tuple[int, Iterator[np.ndarray]]:
    """Sample rate and blocks, float32 [t, the file's channels], by the reader that fits."""
    parts = sections(path)
    if parts:
        # Where libsndfile lacks the codec, ffmpeg reads the file as a whole.
        with contextlib.suppress(soundfile.LibsndfileError):
            return _open_parts(parts, path)
    file = _open_file(path)
    if isinstance(file, soundfile.SoundFile) and wanted_rate in (None, file.samplerate):
        audio = tensorflow_io.decode(path, file)
        if audio is not None:
            file.close()
            warn_of_loss(path, file.frames - len(audio))
            return file.samplerate, iter([audio])
    return file.samplerate, _blocks(file, path)


def _open_parts(parts: list[Section], path: str) -> tuple[int, Iterator[np.ndarray]]:
    """The rate and the blocks of the parts of a file, one after another."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(_StraightOn(stack.enter_context(part))) for part in parts]
        if len({(file.samplerate, file.channels) for file in files}) > 1:
            raise Unusable("is joined of parts that differ in sample rate or channels")
        held = stack.pop_all()

    def blocks() -> Iterator[np.ndarray]:
        with held:
            for file in files:
                yield from _blocks(file, path)

    return files[0].samplerate, blocks()


def _open_file(path: str) -> soundfile.SoundFile | FFmpegFile:
    """The file at its start, by libsndfile or else by ffmpeg: its content decides, not its name.

    Raises:
      Unusable: neither reads it.
    """
    try:
        return _StraightOn(os.fsencode(path))
    except soundfile.LibsndfileError as error:
        refusal = error.error_string.rstrip(".") or "broken data"
    if not ffmpeg.is_installed():
        raise Unusable(f"cannot be decoded ({refusal}); ffmpeg reads more formats, but is not installed")
    try:
        return FFmpegFile(path)
    except Unusable as error:
        raise Unusable(f"cannot be decoded by libsndfile ({refusal}), and {error}") from None


def _blocks(file: soundfile.SoundFile | FFmpegFile, path: str) -> Iterator[np.ndarray]:
    frames = BLOCK_FRAMES // max(1, file.channels // 4)  # a header may claim a thousand channels
    with file:
        if isinstance(file, FFmpegFile):
            yield from file.blocks(frames)
            return
        left = file.frames
        # Asked for more than there is, libsndfile takes a tag at the end of a FLAC file for a broken frame.
        while len(block := file.read(min(frames, left), dtype="float32", always_2d=True)):
            yield block
            left -= len(block)
        warn_of_loss(path, left)


class _StraightOn(soundfile.SoundFile):
    """A file that is read from its beginning to its end.

    After every block of a file that can be sought in, soundfile seeks to where it is already. In the last packet of an
    Opus stream that ends elsewhere: what is left would be read wrong.
    """

    def seekable(self) -> bool:
        return False


def _scipy_blocks(path: str) -> tuple[int, Iterator[np.ndarray]]:
    from scipy.io import wavfile

    warnings.filterwarnings("ignore", category=wavfile.WavFileWarning)
    rate, samples = wavfile.read(path)
    if samples.dtype not in (np.int16, np.float32):
        raise Unusable(f"holds {samples.dtype} samples, and --data_fast_wav reads int16 and float32 only")
    if samples.dtype == np.int16:
        samples = samples / np.float32(32768)
    return rate, iter([np.asarray(samples, np.float32).reshape(len(samples), -1)])


def to_int16(x: np.ndarray) -> np.ndarray:
    """Samples with full scale 1.0 as int16: times 32767, clipped, truncated toward zero as the original's."""
    x = np.asarray(x, np.promote_types(x.dtype, np.float32))  # half precision has no 32767
    return np.clip(x * 32767.0, -32767.0, 32767.0).astype(np.int16)


def write(path: str, x: np.ndarray, sample_rate: int) -> None:
    """Writes a waveform as 16-bit wav or flac, by the path's extension; it appears whole or not at all.

    Args:
      path: ends in .wav or .flac; its folder exists.
      x: float [t] or [t, c], full scale 1.0; louder samples are clipped.
      sample_rate: Hz.

    Raises:
      AudioError: another extension, samples that are not finite, or the file can't be written.
    """
    write_blocks(path, [x], sample_rate, 1 if x.ndim == 1 else x.shape[1])


def write_blocks(path: str, blocks: Iterable[np.ndarray], sample_rate: int, num_channels: int) -> None:
    """`write` for a waveform that comes in pieces, [t] or [t, num_channels] each."""
    name, extension = display_name(path), extension_of(path)
    if extension not in (".wav", ".flac"):
        raise AudioError(f"{name}: the extension must be .wav or .flac")
    container = extension[1:].upper()
    try:
        with replacing(path) as temporary, _Sink(temporary) as sink, soundfile.SoundFile(
            sink, "w", sample_rate, num_channels, "PCM_16", format=container
        ) as file:
            for block in blocks:
                if not np.isfinite(block).all():
                    raise AudioError(f"{name}: not written, the audio holds samples that are not finite")
                file.write(to_int16(block))
                sink.check()
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        reason = error.error_string if isinstance(error, soundfile.LibsndfileError) else why(error)
        raise AudioError(f"{name}: cannot be written ({reason.rstrip('.')})") from error


class _Sink:
    """A new file for libsndfile to write, which keeps the system's error: libsndfile says no more than "System error".

    To be entered; leaving it raises that error.
    """

    def __init__(self, path: str):
        self._file = open(path, "w+b")  # noqa: SIM115 - closed when it is left
        self._error: OSError | None = None

    def check(self) -> None:
        """Raises the first error there has been."""
        if self._error is not None:
            raise self._error

    def _try(self, operation: Callable[..., int | None], *arguments: Any) -> int:
        """The operation's result, or 0 from the first error on."""
        if self._error is None:
            try:
                return operation(*arguments) or 0
            except OSError as error:
                self._error = error
        return 0

    def write(self, data: bytes) -> int:
        return self._try(self._file.write, data)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._try(self._file.seek, offset, whence)

    def tell(self) -> int:
        return self._try(self._file.tell)

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *_: object) -> None:
        self._try(self._file.close)
        if not self._file.closed:
            with contextlib.suppress(OSError):
                self._file.close()
        self.check()
