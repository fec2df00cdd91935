"""SavedModels run from C, without Python and without our code: every signature gives the numbers that it gives here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.served import warmup_inputs

ROOT = Path(__file__).parents[3]
MODELS = {
    "wavegan": ROOT / "wavegan_tf" / "demo" / "pretrained" / "drums",
    "specgan": ROOT / "wavegan_tf" / "demo" / "pretrained" / "specgan_drums",
    "gansynth": ROOT / "gansynth_tf" / "demo" / "pretrained" / "notes",
}
COMPILER = shutil.which("cc") or shutil.which("gcc")

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def predict(tmp_path_factory):
    """The compiled program."""
    program = tmp_path_factory.mktemp("c_api") / "predict"
    package = Path(tf.__file__).parent
    libraries = [f"-l:{library}" for library in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")]
    subprocess.run(
        [
            str(COMPILER), "-std=c11", "-Wall", "-Wextra", "-Werror", "-isystem", tf.sysconfig.get_include(),
            str(ROOT / "tests" / "c_api" / "predict.c"), "-o", str(program), f"-L{package}", *libraries,
            f"-Wl,-rpath,{package}",
        ],
        check=True,
    )  # fmt: skip
    return program


def signatures_of(model_dir: Path):
    """The signatures as the file tells them to whatever loads it."""
    saved = saved_model_pb2.SavedModel.FromString((model_dir / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    return {name: found for name, found in graph.signature_def.items() if not name.startswith("__")}


def run(program, model_dir, signature, inputs, directory):
    """The outputs of a signature by name."""
    arguments = [str(program), str(model_dir), str(len(signature.inputs)), str(len(signature.outputs))]
    for name, info in signature.inputs.items():
        path = directory / f"{name}.in"
        path.write_bytes(inputs[name].tobytes())
        arguments += [info.name, str(info.dtype), str(path), str(inputs[name].ndim), *map(str, inputs[name].shape)]
    for name, info in signature.outputs.items():
        arguments += [info.name, str(directory / name)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = {}
    for name in signature.outputs:
        kind, *shape = map(int, (directory / f"{name}.shape").read_text().split())
        dtype = tf.dtypes.as_dtype(kind).as_numpy_dtype
        found[name] = np.fromfile(directory / name, dtype).reshape(shape)
    return found


# SpecGAN's and GANSynth's networks take their seconds: one model in the quick suite.
@pytest.mark.parametrize(
    "model", ["wavegan", *(pytest.param(model, marks=pytest.mark.slow) for model in ("specgan", "gansynth"))]
)
def test_every_signature_of_a_model(predict, model, tmp_path):
    model_dir = MODELS[model]
    ours = tf.saved_model.load(str(model_dir)).signatures
    signatures, requests = signatures_of(model_dir), warmup_inputs(model_dir)
    assert set(signatures) == set(ours) and len(signatures) >= 4
    for name, signature in signatures.items():
        inputs = {key: np.repeat(value, 3, axis=0) if value.ndim else value for key, value in requests[name].items()}
        if "z" in inputs:
            inputs["z"] = np.random.default_rng(0).uniform(-1, 1, inputs["z"].shape).astype(np.float32)
        (tmp_path / name).mkdir()
        found = run(predict, model_dir, signature, inputs, tmp_path / name)
        expected = ours[name](**{key: tf.constant(value) for key, value in inputs.items()})
        assert set(found) == set(expected)
        for key, value in expected.items():
            assert found[key].dtype == value.numpy().dtype
            # Integers are rounded from sums that may be added up in another order.
            tolerance = 1 if value.dtype.is_integer else 1e-4
            np.testing.assert_allclose(found[key].astype(np.float64), value.numpy(), rtol=0, atol=tolerance)
            assert found[key].std() > 0


def test_what_cannot_be_loaded_is_told(predict, tmp_path):
    done = subprocess.run([str(predict), str(tmp_path), "0", "0"], capture_output=True, text=True)
    assert done.returncode == 1 and "Could not find SavedModel" in done.stderr
