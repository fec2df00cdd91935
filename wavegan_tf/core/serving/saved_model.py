"""Writing SavedModels for TensorFlow Serving, with named signatures.

A SavedModel of WaveGAN or SpecGAN has these signatures (SpecGAN adds more, and GANSynth has its own):

- `serving_default`: z -> G_z, waveforms float32 [n, t, c], and what else the model gives;
- `pcm16`: z -> G_z_int16;
- `latents`: num_samples, seed -> z;
- `sample`: num_samples, seed -> z and what serving_default gives for it.

One whose sounds have labels takes `label` beside z, int32 [n], the number of a name in the `labels` of model.json; its
`sample` takes label and seed, and it has one signature more:

- `between`: z, label, other, share -> what serving_default gives, the label being mixed with another one, of which
  share (float32 [n]) tells how much, in [0, 1].

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


def one_hot_labels(label: tf.Tensor, num_labels: int) -> tf.Tensor:
    """Labels int32 [n] as float32 [n, num_labels], or an error of the served model if one is not in [0, num_labels)."""
    known = tf.reduce_all((label >= 0) & (label < num_labels))
    words = [f"label: must be numbers from 0 to {num_labels - 1}, not", label]
    with tf.control_dependencies([tf.debugging.Assert(known, words, summarize=64)]):
        return tf.one_hot(label, num_labels)


def mixed_labels(label: tf.Tensor, other: tf.Tensor, share: tf.Tensor, num_labels: int) -> tf.Tensor:
    """Two labels int32 [n] as one mixture, float32 [n, num_labels], with `share` [n] of the second."""
    one, two = (one_hot_labels(part, num_labels) for part in (label, other))
    return one + share[:, None] * (two - one)


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
    """The signatures of a generator z -> waveforms whose latents are uniform in [-1, 1); a subclass may add its own.

    Attributes:
      inputs: specs of what every waveform takes: z [n, latent_dim], and label int32 [n] if there are labels.
      request: one of each.
    """

    def __init__(
        self,
        generate: Callable[..., dict[str, tf.Tensor]],
        network: keras.Model | HalfPrecision,
        latent_dim: int,
        num_labels: int = 0,
    ):
        """Defines the signatures.

        Args:
          generate: z [n, latent_dim], and with labels these, int32 [n] or mixed [n, num_labels] -> what serving_default
            gives: G_z, waveforms [n, t, c], and whatever else.
          network: holds the variables that `generate` uses.
          latent_dim: length of a latent vector.
          num_labels: that the generator knows; 0 for one without labels.
        """
        super().__init__(network)
        z_spec = tf.TensorSpec([None, latent_dim], tf.float32, name="z")
        count_spec = tf.TensorSpec([], tf.int32, name="num_samples")
        seed_spec = tf.TensorSpec([], tf.int64, name="seed")
        label_spec = tf.TensorSpec([None], tf.int32, name="label")
        one, label = np.zeros([1, latent_dim], np.float32), np.zeros([1], np.int32)
        self.inputs = [z_spec, label_spec] if num_labels else [z_spec]
        self.request = [one, label] if num_labels else [one]
        # One function that the signatures call, so that the file holds the network's graph once.
        mixed_spec = tf.TensorSpec([None, num_labels], tf.float32)
        generate = tf.function(
            generate, input_signature=[z_spec, mixed_spec] if num_labels else [z_spec], autograph=False
        )

        def generated(z: tf.Tensor, *label: tf.Tensor) -> dict[str, tf.Tensor]:
            return generate(z, *(one_hot_labels(part, num_labels) for part in label))

        def latents(num_samples: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            return draws.uniform_latents(num_samples, latent_dim, latents_seed(seed))

        def sample(num_samples: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
            z = latents(num_samples, seed)
            return {"z": z, **generated(z)}

        def sample_labels(label: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
            z = latents(tf.size(label), seed)
            return {"z": z, **generated(z, label)}

        counted = [np.int32(1), np.int64(0)]
        self.add("serving_default", lambda *given: generated(*given), self.inputs, self.request)
        self.add("pcm16", lambda *given: {"G_z_int16": to_int16(generated(*given)["G_z"])}, self.inputs, self.request)
        self.add(
            "latents", lambda num_samples, seed: {"z": latents(num_samples, seed)}, [count_spec, seed_spec], counted
        )
        if num_labels:
            self.add("sample", sample_labels, [label_spec, seed_spec], [label, np.int64(0)])
            self._add_between(generate, num_labels)
        else:
            self.add("sample", sample, [count_spec, seed_spec], counted)
        self.name_waveforms("G_z")

    def _add_between(self, generate: Signature, num_labels: int) -> None:
        """Adds `between`."""
        others = [tf.TensorSpec([None], tf.int32, name="other"), tf.TensorSpec([None], tf.float32, name="share")]

        def between(z: tf.Tensor, label: tf.Tensor, other: tf.Tensor, share: tf.Tensor) -> dict[str, tf.Tensor]:
            return generate(z, mixed_labels(label, other, share, num_labels))

        request = [*self.request, np.zeros([1], np.int32), np.zeros([1], np.float32)]
        self.add("between", between, [*self.inputs, *others], request)
        self.waveforms["waveform_between"] = {"signature": "between", "output": "G_z"}


def require_new(export_dir: str) -> None:
    """Raises UserError if the version folder exists."""
    if os.path.exists(export_dir):
        raise UserError(f"--export_dir={os.path.abspath(export_dir)}: exists already; name a new version folder")


def export(module: ServedModule, export_dir: str, metadata: Mapping[str, Any]) -> None:
    """Writes a SavedModel, whole or not at all.

    Args:
      module: its signatures and a warm-up request for each.
      export_dir: the version folder, which must not exist yet.
      metadata: becomes assets.extra/model.json; must have `model`, `sample_rate` and `latent_dim`.

    Raises:
      UserError: the folder exists or cannot be written.
    """
    require_new(export_dir)
    export_dir = os.path.abspath(export_dir)
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
