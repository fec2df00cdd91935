"""From a function of TensorFlow to a TensorFlow Lite file, with built-in operations only."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from wavegan_tf.core import messages
from wavegan_tf.core.errors import one_line

OUTPUT = "audio"
_MISSING = re.compile(r"^(?:TF Select|Custom) ops: (.*)$", re.MULTILINE)


class Inconvertible(ValueError):
    """Why a model cannot be converted; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Portable:
    """A model's clip in operations that TensorFlow Lite has.

    Attributes:
      clip: inputs by name, a batch of one -> audio, float32 [1, t, c].
      inputs: of the SavedModel's signature within it, by name.
      latent: how z is distributed, "uniform" in [-1, 1) or "normal".
    """

    clip: Callable[..., tf.Tensor]
    inputs: Mapping[str, tf.TensorSpec]
    latent: str

    @classmethod
    def of(cls, signature: Any, clip: Callable[[dict[str, tf.Tensor]], tf.Tensor], latent: str) -> Portable:
        """What a signature of a SavedModel gives, and what is made of it.

        Args:
          signature: of the SavedModel.
          clip: its outputs -> audio.
          latent: see above.
        """
        return cls(lambda **inputs: clip(signature(**inputs)), signature.structured_input_signature[1], latent)

    @property
    def specs(self) -> list[tf.TensorSpec]:
        """The inputs of a batch of one, z first."""
        names = sorted(self.inputs, key=lambda name: (name != "z", name))
        return [tf.TensorSpec([1, *self.inputs[n].shape[1:]], self.inputs[n].dtype, name=n) for n in names]


def convert(portable: Portable, owner: Any, weights: str = "float32") -> tuple[bytes, list[int]]:
    """Converts a model.

    Args:
      portable: the model.
      owner: holds the variables that it uses.
      weights: how numbers are stored, one of `options.WEIGHTS`; "int8" only those of matrix products and convolutions,
        which are then computed with 8 bits too.

    Returns:
      The file, with the signature "serving_default", whose output is "audio", and the shape of this.

    Raises:
      Inconvertible: TensorFlow Lite lacks an operation.
    """
    specs = portable.specs

    def clip(*given: tf.Tensor) -> dict[str, tf.Tensor]:
        named = {spec.name: value for spec, value in zip(specs, given, strict=True)}
        return {OUTPUT: portable.clip(**named)}

    with messages.of_ours_alone():
        concrete = tf.function(clip, input_signature=specs, autograph=False).get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if weights != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if weights == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            with _silence():
                return converter.convert(), concrete.structured_outputs[OUTPUT].shape.as_list()
        except Exception as error:  # the converter's own, which TensorFlow does not offer
            missing = _MISSING.search(str(error))
            raise Inconvertible(f"TensorFlow Lite has no {missing[1]}" if missing else one_line(error)) from None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Drops what is written to standard error: the converter's compiler writes there past all loggers."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as dropped:
        os.dup2(dropped.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
