"""The command line of the generate commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from absl import flags as absl_flags

from wavegan_tf.core import effects, flags, memory
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import LARGEST_INT
from wavegan_tf.core.serving import loading
from wavegan_tf.core.serving.metadata import read_metadata, samples_of_clip

if TYPE_CHECKING:
    import numpy as np

    from wavegan_tf.core.serving.generation import Output
    from wavegan_tf.core.serving.model import GeneratorModel

NUM_SAMPLES = 16
MAX_STEPS = 1 << 16
RULES = {
    "interpolate_steps": [effects.only_with("interpolate")],
    "num_samples": [effects.not_with("latents_file", reason=", whose rows are all used")],
}
_NO_SEED = {"seed": [effects.not_with("latents_file")]}


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
    define = absl_flags
    flags.define_path("model_dir", "", "SavedModel to generate with: a version folder, or such as pretrained/drums.")
    define_trust()
    flags.define_path("output_dir", "", "Where the audio files and latents.npy go; a folder without audio.")
    define.DEFINE_boolean("overwrite", False, "Remove what an earlier run wrote into --output_dir, and nothing else.")
    define.DEFINE_integer(
        "num_samples",
        NUM_SAMPLES,
        f"Clips to generate (with --interpolate: latents to pass through, {interpolated} by default).",
        1,
        LARGEST_INT,
    )
    define.DEFINE_integer("seed", 0, seed, 0, 2**63 - 1)
    flags.define_path("latents_file", "", "npy file of latents [n, latent_dim] to use instead of random ones.")
    define.DEFINE_boolean("interpolate", False, f"Walk along {interpolation} from each latent to the next.")
    define.DEFINE_integer("interpolate_steps", 8, "Steps from one latent to the next.", 1, MAX_STEPS)
    define.DEFINE_enum("format", "wav", ["wav", "flac"], "Audio file format; both have 16 bits.")
    define.DEFINE_integer("batch_size", batch_size, "Clips to compute at a time.", 1, LARGEST_INT)


def define_trust() -> None:
    """Defines --trust_model, which every command has that runs a given SavedModel."""
    absl_flags.DEFINE_boolean(
        "trust_model", False,
        "Run a SavedModel even if it does more than compute: it is a program, and may read and write files.",
    )  # fmt: skip


def load_model(model: str) -> GeneratorModel:
    """The model that --model_dir names.

    Args:
      model: whose it must be, such as "wavegan".

    Raises:
      UserError: a flag is missing, the model cannot be used, or no machine holds --batch_size of its clips.
    """
    values = absl_flags.FLAGS
    flags.require(model_dir=values.model_dir, output_dir=values.output_dir)
    metadata = read_metadata(values.model_dir, model)
    memory.require_batch(values.batch_size, metadata["latent_dim"] + samples_of_clip(metadata))
    return loading.load_model(values.model_dir, model, trust_model=values.trust_model)


def output() -> Output:
    """Where the flags send what is generated."""
    from wavegan_tf.core.serving.generation import Output

    values = absl_flags.FLAGS
    return Output(
        folder=values.output_dir,
        overwrite=values.overwrite,
        extension=values.format,
        batch_size=values.batch_size,
        latents_file=values.latents_file,
    )


def choose_latents(model: GeneratorModel, count: int) -> tuple[int, Iterator[np.ndarray]]:
    """The latents of --latents_file, or else `count` random ones.

    Returns:
      How many they are, and they in blocks, float32 [n, latent_dim] each.

    Raises:
      UserError: the file cannot be used.
    """
    from wavegan_tf.core.serving.latents import read_latents

    values = absl_flags.FLAGS
    if values.latents_file:
        z = read_latents(values.latents_file, model.latent_dim)
        return len(z), iter([z])
    return count, model.latent_blocks(count, values.seed)


def define_label() -> None:
    """Defines --label, of the models that may have labels."""
    absl_flags.DEFINE_list(
        "label", [],
        "Label of the clips, for a model that was trained with labels; several with commas between are taken in "
        "turn, and all is all of them. Default: random ones. With --interpolate, from one to the next.",
    )  # fmt: skip


def main(model_name: str, **inputs: Any) -> None:
    """Generates as the flags say, with a model without pitches.

    Args:
      model_name: whose the model must be.
      **inputs: what it is to take in addition to z; None for what is not given.

    Raises:
      UserError: a flag would be ignored, the model or the latents cannot be used, or the output cannot be written.
    """
    values = absl_flags.FLAGS
    flags.require_effect({**RULES, **_NO_SEED})
    model = load_model(model_name)
    from wavegan_tf.core.serving import generation, rows

    count, blocks = choose_latents(model, values.num_samples)
    joined = generation.INTERPOLATION_NAME if values.interpolate else ""
    if values.interpolate:
        count, in_rows = _walk(model, count, blocks)
    else:
        in_rows = rows.in_blocks(blocks, _labels(model, count))
    given = {name: value for name, value in inputs.items() if value is not None}
    generation.write_clips(model, in_rows, count, output(), joined=joined, **given)


def _labels(model: GeneratorModel, count: int) -> Mapping[str, np.ndarray]:
    """The labels of --label in turn, or random ones; nothing of a model without labels."""
    import numpy as np

    from wavegan_tf.core.serving import rows

    values = absl_flags.FLAGS
    if values.label:
        numbers = rows.label_numbers(values.label, model.labels, model.name)
        if len(numbers) > count:
            raise UserError(f"--num_samples={count}: are fewer than the {len(numbers)} labels of --label")
        return {"label": np.resize(numbers, count)}
    if model.labels is None:
        return {}
    return {"label": rows.draw_labels(count, len(model.labels), np.random.default_rng(values.seed))}


def _walk(
    model: GeneratorModel, count: int, blocks: Iterator[np.ndarray]
) -> tuple[int, Iterator[Mapping[str, np.ndarray]]]:
    """The points of --interpolate: from each latent and label to the next; a single latent is that of all labels."""
    import numpy as np

    from wavegan_tf.core.serving import latents, rows

    values = absl_flags.FLAGS
    asked = values.label or None
    if asked is None and model.labels is not None:
        raise UserError(f"--interpolate: requires --label; the model has {', '.join(model.labels)}")
    num_labels = len(rows.label_numbers(asked, model.labels, model.name)) if asked else 0
    if count == 1 and num_labels > 1:
        count, blocks = num_labels, iter([np.repeat(next(blocks), num_labels, axis=0)])
    points, walked = latents.walk(count, blocks, values.interpolate_steps, model.walk)
    others = {}
    if asked:
        others = rows.labels_between(asked, model.labels, model.name, count, values.interpolate_steps)
    return points, rows.in_blocks(walked, others)
