"""Exported models in Python: sounds as arrays; needs TensorFlow and the folder of the model, no run and no audio."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from wavegan_tf.core import memory, messages
from wavegan_tf.core.checkpoint_index import require_consistent
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.serving import operations
from wavegan_tf.core.serving.arguments import checked_int, checked_seed
from wavegan_tf.core.serving.latents import block_seed, checked_latents, interpolate, slerp_walk
from wavegan_tf.core.serving.metadata import (
    METADATA_FILE,
    MIDDLE_C,
    earlier_signatures,
    model_folder,
    read_metadata,
    require_known,
)
from wavegan_tf.core.serving.rows import labels_between, rows_of

# Latents that are drawn together.
LATENTS_BLOCK = 1 << 16


class GeneratorModel:
    """An exported WaveGAN, SpecGAN or GANSynth.

    Attributes:
      metadata: what assets.extra/model.json says.
      name: "wavegan", "specgan" or "gansynth".
      sample_rate: Hz.
      latent_dim: length of a latent vector.
      pitches: MIDI numbers that it plays; None for a model without pitches.
      labels: names of the kinds of sounds that it makes; None for a model without labels.
    """

    def __init__(self, model_dir: str | os.PathLike[str], model: str | None = None, trust_model: bool = False):
        """Loads it.

        Args:
          model_dir: a version folder that was exported, or `pretrained/NAME` of a model that comes with the project.
          model: whose it must be, such as "wavegan"; None for any.
          trust_model: whether to run it even if it does more than compute, such as reading or writing files.

        Raises:
          UserError: the folder holds no SavedModel of ours, another model's, or one that does more than compute.
        """
        self._dir, self.metadata = model_folder(model_dir), read_metadata(model_dir, model)
        self.name: str = self.metadata["model"]
        self.sample_rate: int = self.metadata["sample_rate"]
        self.latent_dim: int = self.metadata["latent_dim"]
        self.labels: tuple[str, ...] | None = tuple(self.metadata["labels"]) if "labels" in self.metadata else None
        self.pitches: range | None = None
        if "min_pitch" in self.metadata:
            self.pitches = range(self.metadata["min_pitch"], self.metadata["max_pitch"] + 1)
        try:
            foreign = ", ".join(operations.foreign_operations(operations.read_saved_model(self._dir))[:5])
            if foreign and not trust_model:
                raise UserError(
                    f"--model_dir={model_dir}: is a program that does more than compute (it runs {foreign}); give "
                    "--trust_model if you trust whoever made it"
                )
            variables = os.path.join(self._dir, "variables", "variables")
            if os.path.exists(f"{variables}.index"):
                require_consistent(variables)
            with messages.of_ours_alone():
                self._model = tf.saved_model.load(self._dir)  # which its signatures need
            self._outputs = self.metadata.get("signatures") or earlier_signatures(self._model)
            self._check_signatures()
        except UserError:
            raise
        except Exception as error:  # TensorFlow raises anything for a damaged one
            raise UserError(f"--model_dir={model_dir}: cannot be loaded ({one_line(error)})") from None

    def _check_signatures(self) -> None:
        """Raises ValueError if model.json says of the signatures what does not hold."""
        inputs = self._model.signatures["serving_default"].structured_input_signature[1]
        conditions = {"pitch": self.pitches, "label": self.labels}
        wrong = any((name in inputs) != (values is not None) for name, values in conditions.items())
        if inputs["z"].shape.as_list() != [None, self.latent_dim] or wrong:
            taken = " and ".join(f"{name} {spec.shape}" for name, spec in sorted(inputs.items()))
            raise ValueError(f"it takes {taken}, which {METADATA_FILE} does not say")
        for name, place in self._outputs.items():
            if place["output"] not in self._model.signatures[place["signature"]].structured_outputs:
                raise ValueError(f"it has no {place['output']} for the {name} of {METADATA_FILE}")

    def __repr__(self) -> str:
        return f"<{self.name} model of {self._dir}: {self.sample_rate} Hz, {self.latent_dim} latent dimensions>"

    def generate(
        self,
        n: int | None = None,
        *,
        z: Any = None,
        pitch: int | Sequence[int] | None = None,
        label: str | Sequence[str] | None = None,
        seed: int | None = None,
        batch_size: int = 32,
        **inputs: Any,
    ) -> np.ndarray:
        """Generates sounds.

        Args:
          n: how many; by default as many as `z`, `pitch` or `label` have, or one.
          z: latents [n, latent_dim], or one of them [latent_dim] for all sounds; by default random ones.
          pitch: MIDI number of all, or of each, for a model with pitches; by default random ones.
          label: name of all, or names that are taken in turn, of a model's `labels`; "all" for all in turn; by default
            random ones.
          seed: of what is random; None for another result each time.
          batch_size: sounds to compute at a time.
          **inputs: further inputs that the model takes, such as `ngl` of a SpecGAN.

        Returns:
          float32 [n, t, c], in [-1, 1] but for what a model overshoots.

        Raises:
          UserError: an argument is impossible, which the message names.

        >>> import wavegan_tf
        >>> model = wavegan_tf.load_model("pretrained/drums")
        >>> model.generate(2, seed=1).shape
        (2, 16384, 1)
        """
        checked_int(batch_size, "batch_size")
        rows = rows_of(self, n, z, pitch, label, checked_seed(seed))
        return np.stack(list(self.stream(rows, batch_size, **inputs)))

    def interpolate(
        self,
        z0: Any,
        z1: Any,
        steps: int = 10,
        *,
        pitch: int | None = None,
        label: str | tuple[str, str] | None = None,
        batch_size: int = 32,
    ) -> np.ndarray:
        """Generates the sounds on the way from one latent to another.

        The way is straight where latents are uniform (WaveGAN, SpecGAN), spherical where they are normal (GANSynth).

        Args:
          z0: where it begins, [latent_dim].
          z1: where it ends.
          steps: from one to the other.
          pitch: MIDI number of all, for a model with pitches; by default middle C, or the nearest that it plays.
          label: of all, for a model with labels; or two, the first of which becomes the second on the way, which is the
            way from label to label alone where z1 is z0.
          batch_size: sounds to compute at a time.

        Returns:
          float32 [steps + 1, t, c].

        Raises:
          UserError: an argument is impossible, which the message names.

        >>> import wavegan_tf
        >>> model = wavegan_tf.load_model("pretrained/drums")
        >>> first, second = model.latents(2, seed=1)
        >>> model.interpolate(first, second, steps=2).shape
        (3, 16384, 1)
        """
        checked_int(steps, "steps")
        ends = np.concatenate([checked_latents(z, self.latent_dim, name) for name, z in (("z0", z0), ("z1", z1))])
        if len(ends) != 2:
            raise UserError(f"z0, z1: must be one latent vector each, not {len(ends)} together")
        if pitch is None and self.pitches is not None:
            pitch = self.middle_pitch
        points = self.walk(ends, steps)
        if self.labels is None and label is None:
            return self.generate(z=points, pitch=pitch, batch_size=batch_size)
        rows = {"z": points, **labels_between(label, self.labels, self.name, 2, steps)}
        return np.stack(list(self.stream(rows, checked_int(batch_size, "batch_size"))))

    def export_edge(
        self, path: str | os.PathLike[str], weights: str = "float16", title: str | None = None
    ) -> dict[str, Any]:
        """Writes the model as one file for phones and web pages, of TensorFlow Lite's built-in operations.

        Args:
          path: NAME.tflite, with NAME.json beside it, or NAME.html, a page that plays it.
          weights: how the weights are stored: "float32", "float16", or "int8", for WaveGAN alone.
          title: heading of a page; by default one by the model.

        Returns:
          What NAME.json says: `inputs`, `outputs`, `latent` ("uniform" in [-1, 1) or "normal"), and so on.

        Raises:
          UserError: the model lacks something or cannot be converted, or the file cannot be written.

        >>> import tempfile, wavegan_tf
        >>> model = wavegan_tf.load_model("pretrained/drums")
        >>> model.export_edge(tempfile.mkdtemp() + "/drums.tflite")["inputs"]
        [{'name': 'z', 'dtype': 'float32', 'shape': [1, 100]}]
        """
        require_known(self._dir, self.name)
        # The way from a network's output to sound is the model's own, of which this room knows nothing.
        edge = importlib.import_module(f"{self.name}_tf.edge")
        return edge.save(self._dir, self.metadata, os.fspath(path), weights, title)

    def walk(self, z: np.ndarray, steps: int) -> np.ndarray:
        """Points on the ways from each latent of [n, latent_dim] to the next: [(n - 1) * steps + 1, latent_dim]."""
        return (interpolate if self.pitches is None else slerp_walk)(z, steps)

    @property
    def middle_pitch(self) -> int:
        """Middle C, or the pitch of the model that is nearest to it."""
        assert self.pitches is not None
        return min(max(MIDDLE_C, self.pitches[0]), self.pitches[-1])

    def latents(self, n: int, seed: int | None = None) -> np.ndarray:
        """Draws latents as `generate` does: all of `latent_blocks`, float32 [n, latent_dim].

        Args:
          n: how many.
          seed: of the draw; None for others each time.

        Raises:
          UserError: an argument is impossible, which the message names.
        """
        size = memory.FLOAT * checked_int(n, "n") * self.latent_dim
        memory.require_room("n", n, f"{n:,} latents of {self.latent_dim:,} numbers", size)
        return np.concatenate(list(self.latent_blocks(n, checked_seed(seed))))

    def latent_blocks(self, n: int, seed: int) -> Iterator[np.ndarray]:
        """Draws latents, however many, in blocks of at most `LATENTS_BLOCK`: float32 [n, latent_dim] each.

        The first block is what the `latents` signature draws from the seed; each later one has a seed of its own, made
        of this one and its number.
        """
        draw = self._model.signatures["latents"]
        for block, start in enumerate(range(0, n, LATENTS_BLOCK)):
            count = tf.constant(min(n - start, LATENTS_BLOCK), tf.int32)
            key = tf.constant(block_seed(seed, block) if block else seed, tf.int64)
            yield self._run(draw, num_samples=count, seed=key)["z"].numpy()

    def draw_pitches(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """Random pitches of the model, int32 [n]."""
        assert self.pitches is not None
        return generator.integers(self.pitches[0], self.pitches[-1] + 1, n, np.int32)

    def check_pitch(self, pitch: np.ndarray | int) -> None:
        """Raises UserError if the model does not play a pitch."""
        if self.pitches is None:
            raise UserError(f"--pitch={pitch}: a {self.name} model has no pitches")
        for one in np.ravel(pitch):
            if int(one) not in self.pitches:
                low, high = self.pitches[0], self.pitches[-1]
                raise UserError(f"--pitch={one}: the model has pitches from {low} to {high}")

    def stream(
        self, rows: Mapping[str, np.ndarray], batch_size: int, what: str = "waveform", **inputs: Any
    ) -> Iterator[np.ndarray]:
        """Yields the sound of each row, batch by batch.

        Args:
          rows: inputs by name, [n, ...] each: z [n, latent_dim], and pitch or label int32 [n] of a model with these; or
            label, other and share, of labels that are mixed (waveform alone).
          batch_size: rows to compute at a time.
          what: "waveform", or "waveform_int16" for 16-bit samples.
          **inputs: numbers that are the same for all rows, such as `ngl`.

        Returns:
          float32 or int16 [t, c] each.

        Raises:
          UserError: the model does not take these inputs.
        """
        names = "_".join([what, *(["between"] if "other" in rows else []), *sorted(inputs)])
        if names not in self._outputs:
            raise UserError(f"--{next(iter(inputs), what)}: this {self.name} model has no such input")
        function = self._model.signatures[self._outputs[names]["signature"]]
        kinds = function.structured_input_signature[1]
        others = {name: tf.constant(checked_int(value, name, 0), kinds[name].dtype) for name, value in inputs.items()}
        for start in range(0, len(next(iter(rows.values()))), batch_size):
            batch = {name: tf.constant(values[start : start + batch_size]) for name, values in rows.items()}
            made = self._run(function, **batch, **others)[self._outputs[names]["output"]].numpy()
            if made.ndim < 2 or len(made) != len(batch["z"]):
                raise UserError(f"--model_dir={self._dir}: gives {list(made.shape)} for {len(batch['z'])} latents")
            yield from made.reshape(*made.shape[:2], -1)

    def _run(self, function: Any, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Calls a signature; raises UserError for what the model itself does wrong, not for want of memory."""
        try:
            return function(**inputs)
        except tf.errors.ResourceExhaustedError:
            raise
        except tf.errors.OpError as error:
            raise UserError(f"--model_dir={self._dir}: cannot be run ({one_line(error)})") from None
