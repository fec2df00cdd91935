"""eval_resynthesize: real clips through SpecGAN's spectrogram and back, or through an audio codec.

Scored like generated ones, they show what this alone costs: no SpecGAN can score higher than real clips that went
through its spectrogram, its clipping and its Griffin-Lim, and no set of mp3 files higher than real mp3 files.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from absl import flags as absl_flags
from absl import logging

from eval.clips import CLIP_LEN, SAMPLE_RATE, fit_length
from wavegan_tf.core import effects, flags
from wavegan_tf.core.audio.files import extension_of, find_audio_files
from wavegan_tf.core.audio.options import INVERSIONS
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.flags import require_effect
from wavegan_tf.core.folders import output_folder
from wavegan_tf.core.writing import writing

if TYPE_CHECKING:
    from specgan_tf.geometry import Moments

# Codec -> libsndfile's format and subtype.
_CODECS = {
    "none": ("WAV", "PCM_16"), "ulaw": ("WAV", "ULAW"), "mp3": ("MP3", "MPEG_LAYER_III"), "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
}  # fmt: skip
_LOSSY = ("mp3", "vorbis", "opus")
# libsndfile refuses more, and this makes mp3 files of the smallest size.
_MOST_COMPRESSION = 0.9999
_OF_SPECTROGRAMS = [effects.only_with("spectrogram")]
_RULES = {
    "moments_dir": _OF_SPECTROGRAMS, "inversion": _OF_SPECTROGRAMS, "ngl": _OF_SPECTROGRAMS,
    "compression": [effects.only_with("codec", values=_LOSSY)],
}  # fmt: skip
_LOSSLESS = (".wav", ".flac")
_BATCH = 64


def read_normalized(paths: Sequence[str]) -> Iterator[np.ndarray]:
    """Clips as SpecGAN is trained on them: peak-normalised, float32 [b, 16384, 1].

    Raises:
      AudioError: a file cannot be used.
    """
    from wavegan_tf.core.audio import decode

    for start in range(0, len(paths), _BATCH):
        chosen = paths[start : start + _BATCH]
        yield np.stack([fit_length(decode.decode(path, SAMPLE_RATE)[:, 0])[:, None] for path in chosen])


def through_spectrogram(clips: np.ndarray, of_data: Moments, inversion: str, iterations: int) -> np.ndarray:
    """Waveforms [b, t, 1] -> SpecGAN's spectrograms -> waveforms [b, t, 1]."""
    import tensorflow as tf

    from specgan_tf.features import spectrograms_to_waveforms, waveforms_to_spectrograms

    spectrograms = waveforms_to_spectrograms(tf.constant(clips), of_data)
    return spectrograms_to_waveforms(spectrograms, of_data, iterations=iterations, inversion=inversion).numpy()


def through_codec(clip: np.ndarray, codec: str, compression: float) -> np.ndarray:
    """One clip [t] encoded and decoded, cut to its length.

    Args:
      clip: float32 in [-1, 1], at 16 kHz.
      codec: one of `_CODECS`.
      compression: 0 for the least, 1 for the most (libsndfile's compression level); has no meaning for none and ulaw.
    """
    import soundfile

    container, subtype = _CODECS[codec]
    level = min(compression, _MOST_COMPRESSION) if codec == "mp3" else compression
    options = {"compression_level": level} if codec in _LOSSY else {}
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(clip, -1.0, 1.0), SAMPLE_RATE, subtype, format=container, **options)
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer, dtype="float32")
    return fit_length(decoded, len(clip))


def output_names(names: Sequence[str]) -> list[str]:
    """Names of the outputs: the clips' own, folders and extensions included, no two alike.

    Wav and flac files, which hold the clips without loss, keep their names; others get `.wav` after theirs.

    Args:
      names: of the files, relative to their folder.
    """
    taken = {name for name in names if extension_of(name) in _LOSSLESS}
    chosen = []
    for name in names:
        output = name
        while extension_of(output) not in _LOSSLESS or (output != name and output in taken):
            output += ".wav"
        taken.add(output)
        chosen.append(output)
    return chosen


def main() -> None:
    """Reads the flags and writes the clips."""
    values = absl_flags.FLAGS
    require_effect(_RULES)
    flags.require(data_dir=values.data_dir, output_dir=values.output_dir)
    paths = find_audio_files(values.data_dir)
    if os.path.isdir(values.output_dir) and os.listdir(values.output_dir):
        raise UserError(f"--output_dir={values.output_dir}: holds files; name a new or an empty folder")
    fitted_on = find_audio_files(values.moments_dir, "moments_dir") if values.moments_dir else paths
    names = output_names([os.path.relpath(path, values.data_dir) for path in paths])
    with output_folder(values.output_dir, "output_dir"):
        of_data = _moments(fitted_on) if values.spectrogram else None
        _write(paths, [os.path.join(values.output_dir, name) for name in names], of_data)


def _moments(paths: Sequence[str]) -> Moments:
    """SpecGAN's moments of some files."""
    import tensorflow as tf

    from specgan_tf import moments

    return moments.of_batches(tf.constant(batch) for batch in read_normalized(paths))


def _write(paths: Sequence[str], outputs: Sequence[str], of_data: Moments | None) -> None:
    """Writes the clips after the codec that the flags name, and through the spectrogram too if there are moments."""
    from wavegan_tf.core.audio import decode
    from wavegan_tf.core.progress import Progress

    values = absl_flags.FLAGS
    progress, done = Progress(0, len(paths), label="clip", rate="clips/s"), 0
    for clips in read_normalized(paths):
        if of_data is not None:
            clips = through_spectrogram(clips, of_data, values.inversion, values.ngl)
        for clip in clips[:, :, 0]:
            heard = through_codec(clip, values.codec, values.compression)
            with writing(display_name(outputs[done])):
                os.makedirs(os.path.dirname(outputs[done]), exist_ok=True)
            decode.write(outputs[done], heard[:, None], SAMPLE_RATE)
            done += 1
            progress.update(done, {})
    progress.close()
    logging.info("%d clips of %d samples in %s", done, CLIP_LEN, values.output_dir)


def define_flags() -> None:
    """Defines the command's flags."""
    flags.define_path("data_dir", "", "Folder of real clips; each is peak-normalised, as for training.")
    flags.define_path("output_dir", "", "Folder for the clips, 16 bits, 16384 samples, each under its own name.")
    absl_flags.DEFINE_boolean("spectrogram", True, "Go through SpecGAN's spectrogram and back.")
    flags.define_path("moments_dir", "", "Folder that the spectrogram's moments are of. Default: --data_dir.")
    absl_flags.DEFINE_enum("inversion", "original", list(INVERSIONS), "How spectrograms become sound.")
    absl_flags.DEFINE_integer("ngl", 16, "Iterations of Griffin-Lim.", 0, 2**31 - 1)
    absl_flags.DEFINE_enum("codec", "none", list(_CODECS), "Codec to go through in addition.")
    flags.define_float("compression", 0.5, "Of mp3, vorbis, opus: 0 for the best sound, 1 for fewest bytes.", 0, 1)


def run() -> None:
    """Entry point of eval_resynthesize."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
