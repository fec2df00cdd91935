"""From a function of TensorFlow to a TensorFlow Lite file, with built-in operations only."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from wavegan_tf.core import messages
from wavegan_tf.core.edge import flatbuffer
from wavegan_tf.core.errors import one_line

OUTPUT = "audio"
_MISSING = re.compile(r"^(?:TF Select|Custom) ops: (.*)$", re.MULTILINE)


class Inconvertible(ValueError):
    """Why a model cannot be converted; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Portable:
    """A model's way from latents to sound in operations that TensorFlow Lite has.

    Attributes:
      network: signature of the SavedModel.
      output: of the signature: what the network makes.
      latent: how z is distributed, "uniform" in [-1, 1) or "normal".
      to_audio: what the network makes of one latent -> audio, float32 [1, t, c]; None where it is that.
    """

    network: Any
    output: str
    latent: str
    to_audio: Callable[[tf.Tensor], tf.Tensor] | None = None

    def __post_init__(self) -> None:
        """Raises ValueError if the signature has no such output."""
        if self.output not in self.network.structured_outputs:
            raise ValueError(f"it gives no {self.output}")

    @property
    def inputs(self) -> list[tf.TensorSpec]:
        """Those of the signature for a batch of one, z first."""
        given = self.network.structured_input_signature[1]
        names = sorted(given, key=lambda name: (name != "z", name))
        return [tf.TensorSpec([1, *given[name].shape[1:]], given[name].dtype, name=name) for name in names]

    def alone(self, **inputs: tf.Tensor) -> tf.Tensor:
        """The network's output."""
        return self.network(**inputs)[self.output]

    def audio(self, **inputs: tf.Tensor) -> tf.Tensor:
        """The sound."""
        made = self.alone(**inputs)
        return made if self.to_audio is None else self.to_audio(made)


def convert(portable: Portable, owner: Any, weights: str = "float32") -> Any:
    """Converts a model.

    Args:
      portable: the model.
      owner: holds the variables that it uses.
      weights: how those of the network are stored, one of `options.WEIGHTS`; with "int8", products and convolutions are
        computed with 8 bits too.

    Returns:
      The objects of a file (see `flatbuffer`), with the signature "serving_default", whose output is "audio".

    Raises:
      Inconvertible: TensorFlow Lite lacks an operation, or float16 a number.
    """
    model = flatbuffer.parse(compiled(portable.audio, portable.inputs, owner, is_int8=weights == "int8"))
    if weights == "float16":
        # What belongs to the network is what a conversion of it alone holds as well.
        alone = model
        if portable.to_audio is not None:
            alone = flatbuffer.parse(compiled(portable.alone, portable.inputs, owner))
        try:
            flatbuffer.halve(model, flatbuffer.constants(alone))
        except flatbuffer.OutOfRange as error:
            raise Inconvertible(str(error)) from None
    flatbuffer.share(model)
    return model


def compiled(
    function: Callable[..., tf.Tensor], inputs: Sequence[tf.TensorSpec], owner: Any, is_int8: bool = False
) -> bytes:
    """A TensorFlow Lite file of a function.

    Args:
      function: of `inputs` by name; its result is called "audio".
      inputs: with whole shapes.
      owner: holds the variables that it uses.
      is_int8: see `convert`.

    Raises:
      Inconvertible: TensorFlow Lite lacks an operation.
    """

    def named(*given: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: function(**{spec.name: value for spec, value in zip(inputs, given, strict=True)})}

    with messages.of_ours_alone():
        try:
            concrete = tf.function(named, input_signature=inputs, autograph=False).get_concrete_function()
            converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            if is_int8:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            with _silence():
                return converter.convert()
        except Exception as error:  # of a graph that is not ours, or the converter's own, which TensorFlow hides
            missing = _MISSING.search(str(error))
            raise Inconvertible(f"TensorFlow Lite has no {missing[1]}" if missing else one_line(error)) from None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Drops what is written to standard error: the converter's compiler writes there past all loggers."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    with tempfile.TemporaryFile() as dropped:
        os.dup2(dropped.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
