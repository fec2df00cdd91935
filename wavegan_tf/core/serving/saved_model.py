"""Writing SavedModels for TensorFlow Serving, with named signatures.

A SavedModel of WaveGAN or SpecGAN has these signatures (SpecGAN adds more, and GANSynth has its own):

- `serving_default`: z -> G_z, waveforms float32 [n, t, c], and what else the model gives;
- `pcm16`: z -> G_z_int16;
- `latents`: num_samples, seed -> z;
- `sample`: num_samples, seed -> z and what serving_default gives for it.

Beside them stand `assets.extra/model.json` with what a client has to know, and warm-up requests for TensorFlow Serving.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from wavegan_tf.core import draws, messages
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, temporary_beside
from wavegan_tf.core.folders import made_folder
from wavegan_tf.core.serving.metadata import METADATA_FILE
from wavegan_tf.core.writing import write_file, writing

WARMUP_FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")

Signature = Callable[..., dict[str, tf.Tensor]]


def to_int16(x: tf.Tensor) -> tf.Tensor:
    """16-bit PCM as the original writes it: times 32767, clipped to +-32767, truncated toward zero."""
    return tf.cast(tf.clip_by_value(x * 32767.0, -32767.0, 32767.0), tf.int16)


def latents_seed(seed: tf.Tensor) -> tf.Tensor:
    """Seed for stateless random functions from the one that a client sends, int64 []."""
    return tf.random.experimental.stateless_fold_in(draws.purpose_seed(0, 0, "served/z"), seed)


class HalfPrecision:
    """A network whose weights are kept as float16, half the size, and computed with in the network's own type.

    Rounding to 11 bits moves a weight by at most a 2048th of itself.

    Attributes:
      variables: the weights, in the order of the network's.
    """

    def __init__(self, network: keras.Model):
        """Copies the weights of `network`.

        Raises:
          UserError: a weight is beyond float16's range.
        """
        self._network = network
        self.variables = [
            keras.Variable(tf.cast(variable.value, tf.float16), dtype="float16", trainable=False)
            for variable in network.variables
        ]
        for variable, half in zip(network.variables, self.variables, strict=True):
            if not np.isfinite(half.numpy()).all():
                raise UserError(f"--float16: {variable.path} has weights beyond float16's range; leave the flag out")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the network with the rounded weights."""
        pairs = zip(self._network.variables, self.variables, strict=True)
        rounded = [(variable, tf.cast(half.value, variable.dtype)) for variable, half in pairs]
        with keras.StatelessScope(state_mapping=rounded):
            return self._network(*args, **kwargs)


class ServedModule(tf.Module):
    """A generator's signatures, each with a warm-up request.

    Attributes:
      endpoints: the signatures by name.
      warmup_requests: inputs of a request for each.
      waveforms: the signatures that give sound, for model.json: by what they give, each signature and its output.
    """

    def __init__(self, network: keras.Model | HalfPrecision):
        """Holds the variables of `network`, which the signatures use."""
        super().__init__()
        # Held one by one: in a Keras 3 model TensorFlow does not follow lists of layers, and what it does not follow is
        # missing from the saver that a TensorFlow 1 session (and so TensorFlow Serving) restores with.
        self.weights = [variable.value for variable in network.variables]
        self.endpoints: dict[str, Signature] = {}
        self.warmup_requests: dict[str, Mapping[str, Any]] = {}
        self.waveforms: dict[str, dict[str, str]] = {}

    def name_waveforms(self, output: str) -> None:
        """Says that serving_default has `output`, waveforms as float32, and pcm16 the same as 16-bit samples."""
        self.waveforms["waveform"] = {"signature": "serving_default", "output": output}
        self.waveforms["waveform_int16"] = {"signature": "pcm16", "output": f"{output}_int16"}

    def add(self, name: str, function: Signature, specs: Sequence[tf.TensorSpec], request: Sequence[Any]) -> None:
        """Adds a signature.

        Args:
          name: of the signature.
          function: one argument for each of `specs` -> tensors by name.
          specs: named inputs.
          request: their values in the warm-up request.
        """
        self.endpoints[name] = tf.function(function, input_signature=specs, autograph=False)
        self.warmup_requests[name] = {spec.name: value for spec, value in zip(specs, request, strict=True)}


class LatentsModule(ServedModule):
    """The signatures of a generator z -> waveforms whose latents are uniform in [-1, 1); a subclass may add its own."""

    def __init__(
        self,
        generate: Callable[[tf.Tensor], dict[str, tf.Tensor]],
        network: keras.Model | HalfPrecision,
        latent_dim: int,
    ):
        """Defines the signatures.

        Args:
          generate: z [n, latent_dim] -> what serving_default gives: G_z, waveforms [n, t, c], and whatever else.
          network: holds the variables that `generate` uses.
          latent_dim: length of a latent vector.
        """
        super().__init__(network)
        z_spec = tf.TensorSpec([None, latent_dim], tf.float32, name="z")
        drawn = [tf.TensorSpec([], tf.int32, name="num_samples"), tf.TensorSpec([], tf.int64, name="seed")]
        # One function that the signatures call, so that the file holds the network's graph once.
        generate = tf.function(generate, input_signature=[z_spec])

        def latents(num_samples: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            return draws.uniform_latents(num_samples, latent_dim, latents_seed(seed))

        def sample(num_samples: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
            z = latents(num_samples, seed)
            return {"z": z, **generate(z)}

        one, counted = np.zeros([1, latent_dim], np.float32), (np.int32(1), np.int64(0))
        self.add("serving_default", lambda z: generate(z), [z_spec], [one])
        self.add("pcm16", lambda z: {"G_z_int16": to_int16(generate(z)["G_z"])}, [z_spec], [one])
        self.add("latents", lambda num_samples, seed: {"z": latents(num_samples, seed)}, drawn, counted)
        self.add("sample", sample, drawn, counted)
        self.name_waveforms("G_z")


def export(module: ServedModule, export_dir: str, metadata: Mapping[str, Any]) -> None:
    """Writes a SavedModel, whole or not at all.

    Args:
      module: its signatures and a warm-up request for each.
      export_dir: the version folder, which must not exist yet.
      metadata: becomes assets.extra/model.json; must have `model`, `sample_rate` and `latent_dim`.

    Raises:
      UserError: the folder exists or cannot be written.
    """
    export_dir = os.path.abspath(export_dir)
    if os.path.exists(export_dir):
        raise UserError(f"--export_dir={export_dir}: exists already; name a new version folder")
    shown = f"--export_dir={display_name(export_dir)}"
    with made_folder(os.path.dirname(export_dir), shown):
        # TensorFlow Serving takes a folder for a version only if its name is a number.
        temporary = temporary_beside(export_dir)
        try:
            with writing(shown):
                with messages.of_ours_alone():
                    tf.saved_model.save(module, temporary, signatures=dict(module.endpoints))
                os.makedirs(os.path.join(temporary, os.path.dirname(METADATA_FILE)), exist_ok=True)
                text = json.dumps({**metadata, "signatures": module.waveforms}, indent=2)
                write_file(os.path.join(temporary, METADATA_FILE), f"{text}\n", shown)
                with tf.io.TFRecordWriter(os.path.join(temporary, WARMUP_FILE)) as writer:
                    for signature, inputs in module.warmup_requests.items():
                        writer.write(prediction_log(str(metadata["model"]), signature, inputs))
                os.rename(temporary, export_dir)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def prediction_log(model: str, signature: str, inputs: Mapping[str, Any]) -> bytes:
    """A serialised `tensorflow.serving.PredictionLog` that holds one predict request.

    The message is put together from its field numbers (prediction_log.proto, predict.proto, model.proto), because
    TensorFlow does not contain it and tensorflow-serving-api is too heavy to require for four requests.
    """
    spec = _field(1, model.encode()) + _field(3, signature.encode())
    request = _field(1, spec)
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(2, _field(1, name.encode()) + _field(2, tensor))
    return _field(6, _field(1, request))


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited protocol buffer field."""
    length, size = len(payload), b""
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + payload
