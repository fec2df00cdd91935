"""Doing with a SavedModel what TensorFlow Serving does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from wavegan_tf.core.serving import saved_model

# What TensorFlow Serving does: load the graph into a session, by tag, and feed the signature's tensors.
_TENSORFLOW_ALONE = """
import sys
import numpy as np
import tensorflow as tf
model_dir, inputs_path, out_path, output = sys.argv[1:]
inputs = dict(np.load(inputs_path))
tensors = {name: tf.constant(value) for name, value in inputs.items()}
modern = tf.saved_model.load(model_dir).signatures["serving_default"](**tensors)[output].numpy()
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], model_dir)
    signature = meta_graph.signature_def["serving_default"]
    fed = {signature.inputs[name].name: value for name, value in inputs.items()}
    old = session.run(signature.outputs[output].name, fed)
    ops = {node.op for node in session.graph.as_graph_def().node}
    ops |= {node.op for f in session.graph.as_graph_def().library.function for node in f.node_def}
assert not [op for op in ops if "Py" in op], ops
assert not [name for name in sys.modules if name.startswith(("wavegan_tf", "specgan_tf", "gansynth_tf", "librosa"))]
np.savez(out_path, modern=modern, old=old)
"""


def run_with_tensorflow_alone(
    model_dir: Path, inputs: dict[str, np.ndarray], output: str, directory: Path
) -> list[np.ndarray]:
    """serving_default in a process without our code: by TensorFlow 2's loader, and in a TensorFlow 1 session."""
    np.savez(directory / "inputs.npz", **inputs)
    arguments = [str(model_dir), str(directory / "inputs.npz"), str(directory / "out.npz"), output]
    subprocess.run([sys.executable, "-c", _TENSORFLOW_ALONE, *arguments], check=True, timeout=300, cwd=directory)
    out = np.load(directory / "out.npz")
    return [out["modern"], out["old"]]


def log_spectral_distance(a: np.ndarray, b: np.ndarray, frame: int = 128) -> float:
    """Root mean square difference, in dB, of the spectra of waves [n, t]: the mean over frames, levels 80 dB below the
    loudest counting as equal."""

    def levels(waves: np.ndarray) -> np.ndarray:
        cut = waves[:, : waves.shape[1] // frame * frame].reshape(len(waves), -1, frame)
        return np.abs(np.fft.rfft(cut * np.hanning(frame), axis=-1))

    first, second = levels(a), levels(b)
    floor = 1e-4 * first.max()
    difference = 20 * np.log10(np.maximum(first, floor) / np.maximum(second, floor))
    return float(np.sqrt(np.mean(difference**2, axis=-1)).mean())


def assert_half_as_large(half_dir: Path, full_dir: Path) -> None:
    """Checks that the weights of one SavedModel take half the space of another's."""
    sizes = [(folder / "variables" / "variables.data-00000-of-00001").stat().st_size for folder in (half_dir, full_dir)]
    assert 0.5 <= sizes[0] / sizes[1] < 0.6, sizes


def warmup_inputs(model_dir: Path, model: str = "") -> dict[str, dict[str, np.ndarray]]:
    """Inputs of the warm-up request of each signature, as TensorFlow Serving's own protocol reads them."""
    found = {}
    for record in tf.data.TFRecordDataset(str(model_dir / saved_model.WARMUP_FILE)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        assert model in ("", request.model_spec.name) and request.model_spec.signature_name not in found
        found[request.model_spec.signature_name] = {
            name: tf.make_ndarray(value) for name, value in request.inputs.items()
        }
    return found


def assert_warmup_requests_can_be_served(model_dir: Path, model: str) -> None:
    """Checks that there is a request for each signature, and that it can be answered."""
    signatures = tf.saved_model.load(str(model_dir)).signatures
    requests = warmup_inputs(model_dir, model)
    assert sorted(requests) == sorted(signatures)
    for name, inputs in requests.items():
        outputs = signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        assert all(np.isfinite(value.numpy()).all() for value in outputs.values())
