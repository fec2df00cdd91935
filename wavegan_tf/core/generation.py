"""The generate command of the models whose input is a latent vector: latents in, audio files out."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import tensorflow as tf
from absl import flags, logging

from wavegan_tf.core import audio
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import require
from wavegan_tf.core.serving import ServedModel

LATENTS_FILE = "latents.npy"
INTERPOLATION_NAME = "interpolation"


def define_flags() -> None:
    """Defines the command's flags."""
    flags.DEFINE_string("model_dir", "", "SavedModel to generate with (a version folder that was exported).")
    flags.DEFINE_string("output_dir", "", "Where the audio files and latents.npy go.")
    flags.DEFINE_integer("num_samples", 16, "Clips to generate (with --interpolate: latents to pass through).", 1)
    flags.DEFINE_integer("seed", 0, "Seed of the latents.", 0)
    flags.DEFINE_string("latents_file", "", "npy file of latents [n, latent_dim] to use instead of random ones.")
    flags.DEFINE_boolean("interpolate", False, "Walk in straight lines from each latent to the next.")
    flags.DEFINE_integer("interpolate_steps", 8, "Steps from one latent to the next.", 1)
    flags.DEFINE_enum("format", "wav", ["wav", "flac"], "Audio file format; both have 16 bits.")
    flags.DEFINE_integer("batch_size", 64, "Clips to compute at a time.", 1)


def main(signature: str = "serving_default", **inputs: tf.Tensor) -> None:
    """Generates as the flags say.

    Args:
      signature: which of the model's to call.
      **inputs: what it takes beside z.

    Raises:
      UserError: the model or the latents cannot be used, or the output cannot be written.
    """
    values = flags.FLAGS
    require(model_dir=values.model_dir, output_dir=values.output_dir)
    if values.latents_file and values["num_samples"].present:
        raise UserError("--num_samples: goes without --latents_file, whose rows are all used")
    model = ServedModel(values.model_dir)
    if values.latents_file:
        z = read_latents(values.latents_file, model.latent_dim)
    else:
        z = model.latents(values.num_samples, values.seed)
    if values.interpolate:
        z = interpolate(z, values.interpolate_steps)
    try:
        os.makedirs(values.output_dir, exist_ok=True)
        np.save(os.path.join(values.output_dir, LATENTS_FILE), z)
    except OSError as error:
        raise UserError(f"--output_dir={values.output_dir}: cannot be written ({error.strerror})") from None
    clips = []
    for number, clip in enumerate(model.generate(z, values.batch_size, signature, **inputs)):
        audio.write(os.path.join(values.output_dir, f"{number:06d}.{values.format}"), clip, model.sample_rate)
        if values.interpolate:
            clips.append(clip)
        if (number + 1) % values.batch_size == 0:
            logging.info("%d of %d", number + 1, len(z))
    if clips:
        path = os.path.join(values.output_dir, f"{INTERPOLATION_NAME}.{values.format}")
        audio.write(path, np.concatenate(clips), model.sample_rate)
    logging.info("%d clips of %s in %s", len(z), values.model_dir, values.output_dir)


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
    if len(z) < 2:
        raise UserError(f"--interpolate: needs at least two latents, not {len(z)}")
    share = (np.arange(steps, dtype=np.float32) / steps)[None, :, None]
    walked = (1 - share) * z[:-1, None] + share * z[1:, None]
    return np.concatenate([walked.reshape(-1, z.shape[1]), z[-1:]]).astype(np.float32)
