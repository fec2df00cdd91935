"""The generate commands: latents in, audio files out."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf
from absl import flags, logging

from wavegan_tf.core import audio
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import require
from wavegan_tf.core.generated import claim_folder
from wavegan_tf.core.serving import ServedModel
from wavegan_tf.core.tracking import Progress

LATENTS_FILE = "latents.npy"
INTERPOLATION_NAME = "interpolation"
NUM_SAMPLES = 16


def define_flags(
    batch_size: int = 64, interpolation: str = "straight lines", interpolated: int = NUM_SAMPLES
) -> None:
    """Defines the flags that all generate commands have.

    Args:
      batch_size: its default.
      interpolation: what --interpolate walks along.
      interpolated: latents that it passes through by default.
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
    flags.DEFINE_integer("seed", 0, "Seed of the latents.", 0, tf.int64.max)
    flags.DEFINE_string("latents_file", "", "npy file of latents [n, latent_dim] to use instead of random ones.")
    flags.DEFINE_boolean("interpolate", False, f"Walk in {interpolation} from each latent to the next.")
    flags.DEFINE_integer("interpolate_steps", 8, "Steps from one latent to the next.", 1)
    flags.DEFINE_enum("format", "wav", ["wav", "flac"], "Audio file format; both have 16 bits.")
    flags.DEFINE_integer("batch_size", batch_size, "Clips to compute at a time.", 1)


def load_model(model: str) -> ServedModel:
    """The model that --model_dir names.

    Args:
      model: whose it must be, such as "wavegan".

    Raises:
      UserError: a flag is missing, or the model cannot be used.
    """
    values = flags.FLAGS
    require(model_dir=values.model_dir, output_dir=values.output_dir)
    if values.latents_file and values["num_samples"].present:
        raise UserError("--num_samples: goes without --latents_file, whose rows are all used")
    return ServedModel(values.model_dir, model)


def choose_latents(model: ServedModel, count: int) -> np.ndarray:
    """The latents of --latents_file, or else `count` random ones: float32 [n, latent_dim].

    Raises:
      UserError: the file cannot be used.
    """
    values = flags.FLAGS
    if values.latents_file:
        return read_latents(values.latents_file, model.latent_dim)
    return model.latents(count, values.seed)


def prepare_output(z: np.ndarray, names: Sequence[str]) -> None:
    """Makes --output_dir ready for clips, by --overwrite, and keeps the latents there.

    Args:
      z: latents.
      names: of the clips' files, without extension.

    Raises:
      UserError: it holds audio already or cannot be written, or the latents would go over those that were given.
    """
    output_dir, given = flags.FLAGS.output_dir, flags.FLAGS.latents_file
    path = os.path.join(output_dir, LATENTS_FILE)
    try:
        if given and os.path.exists(path) and os.path.samefile(path, given):
            raise UserError(f"--output_dir={output_dir}: {LATENTS_FILE} there is --latents_file; name another folder")
        files = [LATENTS_FILE, *(f"{name}.{flags.FLAGS.format}" for name in names)]
        claim_folder(output_dir, files, flags.FLAGS.overwrite)
        np.save(f"{path}.tmp.npy", z)
        os.replace(f"{path}.tmp.npy", path)
    except OSError as error:
        raise UserError(f"--output_dir={output_dir}: cannot be written ({error.strerror})") from None


def with_progress(clips: Iterable[np.ndarray], count: int, what: str = "clip") -> Iterator[np.ndarray]:
    """Passes `count` clips on, and shows how far it is, by the name of `what` they are."""
    progress = Progress(0, count, label=what, rate=f"{what}s/s")
    for number, clip in enumerate(clips):
        yield clip
        progress.update(number + 1, {})
    progress.close()


def write_clips(clips: Iterable[np.ndarray], names: Sequence[str], sample_rate: int, joined: str = "") -> None:
    """Writes each clip [t] or [t, c] into --output_dir, and shows how far it is.

    Args:
      clips: as many as `names`.
      names: of the files, without extension.
      sample_rate: Hz.
      joined: name of a file with all clips, each after the other; none if it is empty.

    Raises:
      AudioError: a file cannot be written.
    """
    values, kept = flags.FLAGS, []
    for name, clip in zip(names, with_progress(clips, len(names)), strict=True):
        audio.write(os.path.join(values.output_dir, f"{name}.{values.format}"), clip, sample_rate)
        if joined:
            kept.append(clip)
    if kept:
        audio.write(os.path.join(values.output_dir, f"{joined}.{values.format}"), np.concatenate(kept), sample_rate)
    logging.info("%d clips of %s in %s", len(names), values.model_dir, values.output_dir)


def main(model_name: str, signature: str = "serving_default", **inputs: tf.Tensor) -> None:
    """Generates as the flags say.

    Args:
      model_name: whose the model must be.
      signature: which of the model's to call.
      **inputs: what it takes beside z.

    Raises:
      UserError: the model or the latents cannot be used, or the output cannot be written.
    """
    values = flags.FLAGS
    model = load_model(model_name)
    z = choose_latents(model, values.num_samples)
    if values.interpolate:
        z = interpolate(z, values.interpolate_steps)
    names, joined = [f"{number:06d}" for number in range(len(z))], INTERPOLATION_NAME if values.interpolate else ""
    prepare_output(z, [*names, joined] if joined else names)
    clips = model.generate({"z": z}, "G_z", values.batch_size, signature, **inputs)
    write_clips(clips, names, model.sample_rate, joined)


def read_latents(path: str, latent_dim: int) -> np.ndarray:
    """Reads latents from an npy file.

    Returns:
      float32 [n, latent_dim].

    Raises:
      UserError: the file is not an npy file of finite numbers in that shape.
    """
    try:
        with open(path, "rb") as file:
            z = np.load(file, allow_pickle=False)
    except OSError as error:
        raise UserError(f"--latents_file={path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, EOFError, MemoryError, OverflowError, zipfile.BadZipFile):
        z = None
    if not isinstance(z, np.ndarray) or z.dtype.kind not in "fiu":
        raise UserError(f"--latents_file={path}: must be an npy file of plain numbers (numpy.save writes one)")
    if z.ndim != 2 or z.shape[1] != latent_dim or not len(z):
        raise UserError(f"--latents_file={path}: has shape {list(z.shape)}, must be [n, {latent_dim}]")
    with np.errstate(over="ignore"):
        z = z.astype(np.float32)
    if not np.isfinite(z).all():
        raise UserError(f"--latents_file={path}: holds NaN or infinity (or what float32 cannot hold)")
    return z


def require_two(z: np.ndarray) -> None:
    """Raises UserError where there is no way to walk: for fewer than two latents."""
    if len(z) < 2:
        raise UserError(f"--interpolate: needs at least two latents, not {len(z)}")


def interpolate(z: np.ndarray, steps: int) -> np.ndarray:
    """Points on the straight lines from each latent to the next.

    Args:
      z: [n, latent_dim].
      steps: from one latent to the next.

    Returns:
      [(n - 1) * steps + 1, latent_dim]; every `steps`-th row is a row of `z`.

    Raises:
      UserError: fewer than two latents.
    """
    require_two(z)
    share = (np.arange(steps, dtype=np.float32) / steps)[None, :, None]
    walked = (1 - share) * z[:-1, None] + share * z[1:, None]
    return np.concatenate([walked.reshape(-1, z.shape[1]), z[-1:]]).astype(np.float32)
