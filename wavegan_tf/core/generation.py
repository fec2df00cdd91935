"""The generate commands: latents in, audio files out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import flags, logging

from wavegan_tf.core import audio, effects, memory
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import require
from wavegan_tf.core.generated import NumberedFiles, claim_folder
from wavegan_tf.core.latents import LATENTS_FILE, LatentsFile, interpolate, read_latents, walk
from wavegan_tf.core.serving import METADATA_FILE, ServedModel, read_metadata
from wavegan_tf.core.tracking import Progress

INTERPOLATION_NAME = "interpolation"
NUM_SAMPLES = 16
MAX_STEPS = 1 << 16
RULES = {
    "interpolate_steps": [effects.only_with("interpolate")],
    "num_samples": [effects.not_with("latents_file", reason=", whose rows are all used")],
}
_NO_SEED = {"seed": [effects.not_with("latents_file")]}
_MAX_WAV_BYTES = 2**32 - 4096


def define_flags(
    batch_size: int = 64,
    interpolation: str = "straight lines",
    interpolated: int = NUM_SAMPLES,
    seed: str = "Seed of the latents.",
) -> None:
    """Defines the flags that all generate commands have.

    Args:
      batch_size: its default.
      interpolation: what --interpolate walks along.
      interpolated: latents that it passes through by default.
      seed: help of --seed.
    """
    flags.DEFINE_string("model_dir", "", "SavedModel to generate with (a version folder that was exported).")
    flags.DEFINE_string("output_dir", "", "Where the audio files and latents.npy go; a folder without audio.")
    flags.DEFINE_boolean("overwrite", False, "Remove what an earlier run wrote into --output_dir, and nothing else.")
    flags.DEFINE_integer(
        "num_samples",
        NUM_SAMPLES,
        f"Clips to generate (with --interpolate: latents to pass through, {interpolated} by default).",
        1,
        tf.int32.max,
    )
    flags.DEFINE_integer("seed", 0, seed, 0, tf.int64.max)
    flags.DEFINE_string("latents_file", "", "npy file of latents [n, latent_dim] to use instead of random ones.")
    flags.DEFINE_boolean("interpolate", False, f"Walk in {interpolation} from each latent to the next.")
    flags.DEFINE_integer("interpolate_steps", 8, "Steps from one latent to the next.", 1, MAX_STEPS)
    flags.DEFINE_enum("format", "wav", ["wav", "flac"], "Audio file format; both have 16 bits.")
    flags.DEFINE_integer("batch_size", batch_size, "Clips to compute at a time.", 1, tf.int32.max)


def load_model(model: str) -> ServedModel:
    """The model that --model_dir names.

    Args:
      model: whose it must be, such as "wavegan".

    Raises:
      UserError: a flag is missing, the model cannot be used, or no machine holds --batch_size of its clips.
    """
    values = flags.FLAGS
    require(model_dir=values.model_dir, output_dir=values.output_dir)
    metadata = read_metadata(values.model_dir, model)
    memory.require_batch(values.batch_size, metadata["latent_dim"] + _samples_of_clip(metadata))
    return ServedModel(values.model_dir, model)


def choose_latents(model: ServedModel, count: int) -> tuple[int, Iterator[np.ndarray]]:
    """The latents of --latents_file, or else `count` random ones.

    Returns:
      How many they are, and they in blocks, float32 [n, latent_dim] each.

    Raises:
      UserError: the file cannot be used.
    """
    values = flags.FLAGS
    if values.latents_file:
        z = read_latents(values.latents_file, model.latent_dim)
        return len(z), iter([z])
    return count, model.latent_blocks(count, values.seed)


def prepare_output(names: Collection[str], clips: NumberedFiles | None = None) -> None:
    """Makes --output_dir ready for latents.npy and for clips, by --overwrite.

    Args:
      names: of files, with extension.
      clips: further files, which are numbered.

    Raises:
      UserError: it holds audio already or cannot be written, or the latents would go over those that were given.
    """
    output_dir, given = flags.FLAGS.output_dir, flags.FLAGS.latents_file
    path = os.path.join(output_dir, LATENTS_FILE)
    try:
        if given and os.path.exists(path) and os.path.samefile(path, given):
            raise UserError(f"--output_dir={output_dir}: {LATENTS_FILE} there is --latents_file; name another folder")
        claim_folder(output_dir, [LATENTS_FILE, *names], flags.FLAGS.overwrite, clips)
    except OSError as error:
        raise UserError(f"--output_dir={output_dir}: cannot be written ({error.strerror})") from None


def latents_of_output(count: int, model: ServedModel) -> LatentsFile:
    """The file of latents in --output_dir, open for `count` of them."""
    return LatentsFile(os.path.join(flags.FLAGS.output_dir, LATENTS_FILE), count, model.latent_dim)


def with_progress(clips: Iterable[np.ndarray], count: int, what: str = "clip") -> Iterator[np.ndarray]:
    """Passes `count` clips on, and shows how far it is, by the name of `what` they are."""
    progress = Progress(0, count, label=what, rate=f"{what}s/s")
    for number, clip in enumerate(clips):
        yield clip
        progress.update(number + 1, {})
    progress.close()


def write_clips(
    model: ServedModel,
    blocks: Iterator[Mapping[str, np.ndarray]],
    count: int,
    *,
    output: str,
    signature: str = "serving_default",
    joined: str = "",
    **inputs: tf.Tensor,
) -> None:
    """Generates and writes clips one by one into --output_dir, with their latents, and shows how far it is.

    Args:
      model: generates them.
      blocks: its inputs, in any number of blocks: z [n, latent_dim], and pitch int32 [n] if it takes pitches.
      count: of the clips.
      output: which of the model's outputs is the waveform.
      signature: which of the model's to call.
      joined: name of a file with all clips, each after the other; none if it is empty.
      **inputs: what the signature takes besides.

    Raises:
      UserError: the folder or a file cannot be written, or a batch does not fit into memory.
    """
    values = flags.FLAGS
    end = f".{values.format}"
    files = NumberedFiles(count, f"000000{'_midi000' if model.metadata['model'] == 'gansynth' else ''}{end}")
    if joined:
        _check_length(model, count)
    prepare_output([joined + end] if joined else [], files)
    with latents_of_output(count, model) as kept:

        def written() -> Iterator[np.ndarray]:
            for number, (clip, pitch) in enumerate(made()):
                audio.write(os.path.join(values.output_dir, files.name(number, pitch)), clip, model.sample_rate)
                yield clip

        def made() -> Iterator[tuple[np.ndarray, int]]:
            for block in blocks:
                kept.append(block["z"])
                pitches = block.get("pitch", np.zeros(len(block["z"]), np.int32))
                clips = model.generate(block, output, values.batch_size, signature, **inputs)
                yield from zip(clips, map(int, pitches), strict=True)

        try:
            _drain(with_progress(written(), count), os.path.join(values.output_dir, joined + end), joined, model)
        except (tf.errors.ResourceExhaustedError, MemoryError):
            raise UserError(f"--batch_size={values.batch_size}: does not fit into memory; give a smaller one") from None
    logging.info("%d clips of %s in %s", count, values.model_dir, values.output_dir)


def _drain(clips: Iterator[np.ndarray], path: str, joined: str, model: ServedModel) -> None:
    """Takes all clips, and writes them into one file besides if there is to be one."""
    if not joined:
        for _ in clips:
            pass
        return
    first = next(clips)
    blocks = (clip for part in ([first], clips) for clip in part)
    audio.write_blocks(path, blocks, model.sample_rate, 1 if first.ndim == 1 else first.shape[1])


def _samples_of_clip(metadata: Mapping[str, Any]) -> int:
    """Samples of all channels of a model's clips; 0 if it does not tell."""
    length = metadata.get("slice_len", metadata.get("audio_length", 0))
    try:
        return int(length) * int(metadata.get("num_channels", 1))
    except (TypeError, ValueError) as error:
        name = flags.FLAGS.model_dir
        raise UserError(f"--model_dir={name}: {METADATA_FILE} cannot be used ({error!r})") from None


def _check_length(model: ServedModel, count: int) -> None:
    """Raises UserError if a wav file cannot hold so many clips."""
    size = 2 * count * _samples_of_clip(model.metadata)
    if flags.FLAGS.format == "wav" and size > _MAX_WAV_BYTES:
        raise UserError(
            f"--format=wav: a wav file holds 4 GiB, and {count} clips in one are {size / 2**30:.1f}; give "
            "--format=flac or fewer steps"
        )


def main(model_name: str, signature: str = "serving_default", **inputs: Any) -> None:
    """Generates as the flags say.

    Args:
      model_name: whose the model must be.
      signature: which of the model's to call.
      **inputs: what it takes beside z.

    Raises:
      UserError: a flag would be ignored, the model or the latents cannot be used, or the output cannot be written.
    """
    values = flags.FLAGS
    effects.require_effect({**RULES, **_NO_SEED})
    model = load_model(model_name)
    count, blocks = choose_latents(model, values.num_samples)
    if values.interpolate:
        count, blocks = walk(count, blocks, values.interpolate_steps, interpolate)
    joined = INTERPOLATION_NAME if values.interpolate else ""
    rows: Iterator[Mapping[str, np.ndarray]] = ({"z": block} for block in blocks)
    write_clips(model, rows, count, output="G_z", signature=signature, joined=joined, **inputs)
