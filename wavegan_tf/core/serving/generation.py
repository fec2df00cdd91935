"""Writing what a model generates into a folder: any number of clips, with their latents."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from wavegan_tf.core.audio import decode
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.serving.generated import NumberedFiles, claim_folder
from wavegan_tf.core.serving.latents import LATENTS_FILE, LatentsFile
from wavegan_tf.core.serving.metadata import samples_of_clip
from wavegan_tf.core.serving.model import GeneratorModel

INTERPOLATION_NAME = "interpolation"
_MAX_WAV_BYTES = 2**32 - 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Output:
    """Where generated clips go.

    Attributes:
      folder: for the audio files and latents.npy.
      overwrite: remove what an earlier run wrote there, and nothing else; else a folder with audio is refused.
      extension: "wav" or "flac", of 16 bits.
      batch_size: clips to compute at a time.
      latents_file: that the latents come from, which is not to be written over; "" for none.
    """

    folder: str
    overwrite: bool = False
    extension: str = "wav"
    batch_size: int = 64
    latents_file: str = ""

    def prepare(self, names: Collection[str], clips: NumberedFiles | None = None) -> None:
        """Makes the folder ready for latents.npy and for clips.

        Args:
          names: of files, with extension.
          clips: further files, which are numbered.

        Raises:
          UserError: it holds audio already or cannot be written, or the latents would go over those that were given.
        """
        path = os.path.join(self.folder, LATENTS_FILE)
        if self.latents_file and os.path.exists(path) and os.path.samefile(path, self.latents_file):
            raise UserError(f"--output_dir={self.folder}: {LATENTS_FILE} there is --latents_file; name another folder")
        claim_folder(self.folder, [LATENTS_FILE, *names], self.overwrite, clips)

    def latents(self, count: int, model: GeneratorModel) -> LatentsFile:
        """The file of latents, open for `count` of them."""
        return LatentsFile(os.path.join(self.folder, LATENTS_FILE), count, model.latent_dim)


def with_progress(clips: Iterable[np.ndarray], count: int, what: str = "clip") -> Iterator[np.ndarray]:
    """Passes `count` clips on, and shows how far it is, by the name of `what` they are."""
    progress = Progress(0, count, label=what, rate=f"{what}s/s")
    for number, clip in enumerate(clips):
        yield clip
        progress.update(number + 1, {})
    progress.close()


def write_clips(
    model: GeneratorModel,
    blocks: Iterator[Mapping[str, np.ndarray]],
    count: int,
    output: Output,
    *,
    joined: str = "",
    **inputs: Any,
) -> None:
    """Generates and writes clips one by one, with their latents, and shows how far it is.

    Args:
      model: generates them.
      blocks: its inputs, in any number of blocks: z [n, latent_dim], and pitch or label int32 [n] if it takes these;
        or labels that are mixed, see `GeneratorModel.stream`.
      count: of the clips.
      output: where they go.
      joined: name of a file with all clips, each after the other; none if it is empty.
      **inputs: what the model takes in addition, such as `ngl`.

    Raises:
      UserError: the folder or a file cannot be written, or a batch does not fit into memory.
    """
    end = f".{output.extension}"
    # A note's file name gives its pitch, as `gansynth_train --data_dir` reads it; others give their labels, as
    # `eval_score --fake_dir` does.
    files = NumberedFiles(count, f"000000{'' if model.pitches is None else '_midi000'}{end}", list(model.labels or ()))
    if joined:
        _check_length(model, count, output.extension)
    output.prepare([joined + end] if joined else [], files)
    with output.latents(count, model) as kept:

        def written() -> Iterator[np.ndarray]:
            for number, (clip, pitch, label) in enumerate(made()):
                decode.write(os.path.join(output.folder, files.name(number, pitch, label)), clip, model.sample_rate)
                yield clip

        def made() -> Iterator[tuple[np.ndarray, int, int | None]]:
            for block in blocks:
                count = len(block["z"])
                kept.append(block["z"])
                pitches = block.get("pitch", np.zeros(count, np.int32)).tolist()
                # What is between two labels is of neither.
                is_labelled = "label" in block and "other" not in block
                labels = block["label"].tolist() if is_labelled else [None] * count
                yield from zip(model.stream(block, output.batch_size, **inputs), pitches, labels, strict=True)

        try:
            _drain(with_progress(written(), count), os.path.join(output.folder, joined + end), joined, model)
        except (tf.errors.ResourceExhaustedError, MemoryError):
            raise UserError(f"--batch_size={output.batch_size}: does not fit into memory; give a smaller one") from None
    logging.info("%d clips of this %s in %s", count, model.name, output.folder)


def _drain(clips: Iterator[np.ndarray], path: str, joined: str, model: GeneratorModel) -> None:
    """Takes all clips, and writes them into one file as well if there is to be one."""
    if not joined:
        for _ in clips:
            pass
        return
    first = next(clips)
    blocks = (clip for part in ([first], clips) for clip in part)
    decode.write_blocks(path, blocks, model.sample_rate, first.shape[1])


def _check_length(model: GeneratorModel, count: int, extension: str) -> None:
    """Raises UserError if a wav file cannot hold so many clips."""
    size = 2 * count * samples_of_clip(model.metadata)
    if extension == "wav" and size > _MAX_WAV_BYTES:
        raise UserError(
            f"--format=wav: a wav file holds 4 GiB, and {count} clips in one are {size / 2**30:.1f}; give "
            "--format=flac or fewer steps"
        )
