"""Models that do more than compute: refused in one line, unless they are trusted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import wavegan_tf
from tests.eval.tiny_models import write_model
from tests.test_architecture import ROOT
from wavegan_tf.core import memory
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.reading import Unreadable
from wavegan_tf.core.serving import operations

SAVER = {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"}
OURS = sorted(path.parent for path in ROOT.glob("*_tf/demo/**/saved_model.pb"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Path(write_model(tmp_path_factory.mktemp("models") / "1"))


def message_of(folder: Path) -> Any:
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def changed(whole: Path, folder: Path, change: Callable[[Any], None]) -> str:
    """A copy of a model whose graph was changed."""
    shutil.copytree(whole, folder)
    message = message_of(folder)
    change(message.meta_graphs[0])
    (folder / "saved_model.pb").write_bytes(message.SerializeToString())
    return str(folder)


class _Module(tf.Module):
    """Modules that run an operation beyond computing, as a hostile SavedModel may."""

    def __init__(self, act: Callable[[tf.Tensor], tf.Tensor]):
        super().__init__()
        self.weight = tf.Variable(1.0)  # for which the model has a saver

        def generate(z: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"G_z": tf.tile(act(self.weight * z[:, :1])[..., None], [1, 50, 1])}

        z = tf.TensorSpec([None, 4], tf.float32, name="z")
        drawn = [tf.TensorSpec([], tf.int32, name="num_samples"), tf.TensorSpec([], tf.int64, name="seed")]
        self.generate = tf.function(generate, input_signature=[z], autograph=False)
        self.pcm16 = tf.function(lambda z: {"G_z_int16": tf.cast(z[..., None], tf.int16)}, input_signature=[z])
        self.latents = tf.function(lambda num_samples, seed: {"z": tf.zeros([num_samples, 4])}, input_signature=drawn)


def hostile(folder: Path, act: Callable[[tf.Tensor], tf.Tensor]) -> str:
    module = _Module(act)
    signatures = {"serving_default": module.generate, "pcm16": module.pcm16, "latents": module.latents}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    (folder / "assets.extra").mkdir()
    metadata = {"model": "wavegan", "sample_rate": 16000, "latent_dim": 4}
    (folder / "assets.extra" / "model.json").write_text(json.dumps(metadata))
    return str(folder)


def _reads(z: tf.Tensor) -> tf.Tensor:
    return z + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)


def _prints(z: tf.Tensor) -> tf.Tensor:
    tf.print("x", output_stream="file:///tmp/never")
    return z


def _restores(z: tf.Tensor) -> tf.Tensor:
    return z + tf.raw_ops.RestoreV2(prefix="x", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])[0]


def _reads_records(z: tf.Tensor) -> tf.Tensor:
    first = tf.data.TFRecordDataset("x").reduce(tf.constant(0, tf.int64), lambda count, _: count + 1)
    return z + tf.cast(first, tf.float32)


def _lists(z: tf.Tensor) -> tf.Tensor:
    return z + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32)


def _in_a_loop(z: tf.Tensor) -> tf.Tensor:
    return tf.while_loop(lambda x: tf.reduce_sum(x) < 3.0, lambda x: [_reads(x)], [z])[0]


ACTS: dict[str, tuple[Callable[[tf.Tensor], tf.Tensor], str]] = {
    "reads a file": (_reads, "ReadFile, StringLength"),
    "reads a file in a loop": (_in_a_loop, "ReadFile, StringLength"),
    "runs Python": (lambda z: tf.ensure_shape(tf.py_function(lambda x: x, [z], tf.float32), [None, 1]), "EagerPyFunc"),
    "runs NumPy": (lambda z: tf.ensure_shape(tf.numpy_function(lambda x: x, [z], tf.float32), [None, 1]), "PyFunc"),
    "prints": (_prints, "PrintV2"),
    "restores": (_restores, "RestoreV2"),
    "reads records": (_reads_records, ".*TFRecordDataset.*"),
    "lists files": (_lists, "MatchingFiles"),
}


@pytest.mark.parametrize(("act", "name"), ACTS.values(), ids=ACTS)
def test_models_that_do_more_than_compute_are_refused(tmp_path, act, name):
    folder = hostile(tmp_path / "1", act)
    with pytest.raises(UserError, match=rf"^model_dir={folder}: is a program that does more than compute \(it runs "
                       rf"{name}\); give trust_model if you trust whoever made it$"):  # fmt: skip
        wavegan_tf.load_model(folder)


def test_a_file_is_written_only_for_those_who_trust(tmp_path):
    target = tmp_path / "written"

    def writes(z: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.io.write_file(str(target), "x")]):
            return tf.identity(z)

    folder = hostile(tmp_path / "1", writes)
    with pytest.raises(UserError, match=r"\(it runs WriteFile\); give trust_model") as error:
        wavegan_tf.load_model(folder)
    assert not target.exists() and "--trust_model" in error.value.on_command_line
    model = wavegan_tf.load_model(folder, trust_model=True)
    assert model.generate(2, seed=0).shape == (2, 50, 1) and target.read_text() == "x"


def test_a_model_that_computes_needs_no_trust(tmp_path):
    model = wavegan_tf.load_model(hostile(tmp_path / "1", tf.tanh))
    assert model.generate(2, seed=0).shape == (2, 50, 1)


@pytest.mark.parametrize("folder", OURS, ids=lambda path: path.name)
def test_our_models_compute_and_nothing_else(folder):
    message = operations.read_saved_model(str(folder))
    assert operations.foreign_operations(message) == []
    nodes = [node.op for function in message.meta_graphs[0].graph_def.library.function for node in function.node_def]
    assert set(nodes) >= SAVER  # of which the list of what is allowed knows nothing
    assert not SAVER & operations.ALLOWED


# Ways to the functions that save and restore.


def _call(graph: Any) -> None:
    """Has the graph call the function that saves once more."""
    node = graph.graph_def.node.add()
    node.CopyFrom(next(n for n in graph.graph_def.node if n.name == graph.saver_def.save_tensor_name.partition(":")[0]))
    node.name = "again"


def _offer(graph: Any) -> None:
    saver = next(f for f in graph.graph_def.library.function if any(n.op == "SaveV2" for n in f.node_def))
    graph.object_graph_def.concrete_functions[saver.signature.name].SetInParent()


def _call_from_a_function(graph: Any) -> None:
    library = graph.graph_def.library.function
    saver = next(f for f in library if any(n.op == "RestoreV2" for n in f.node_def))
    other = next(f for f in library if f is not saver and "sample" in f.signature.name)
    other.node_def.add(name="again", op="StatefulPartitionedCall").attr["f"].func.name = saver.signature.name


def _as_of_tensorflow_1(graph: Any) -> None:
    graph.ClearField("object_graph_def")


def _name_another(graph: Any) -> None:
    graph.saver_def.save_tensor_name = "StatefulPartitionedCall:0"


@pytest.mark.parametrize("way", [_call, _offer, _call_from_a_function, _as_of_tensorflow_1, _name_another])
def test_the_functions_that_save_are_for_the_saver_alone(whole, tmp_path, way):
    folder = changed(whole, tmp_path / "1", way)
    with pytest.raises(UserError, match=r"\(it runs .*(SaveV2|RestoreV2)"):
        wavegan_tf.load_model(folder)


def _fill(graph: Any) -> None:
    tensor = graph.graph_def.node.add(name="big", op="Const").attr["value"].tensor
    tensor.dtype, tensor.float_val[:] = 1, [1.0]
    tensor.tensor_shape.dim.add(size=1 << 40)


def _fill_with_less(graph: Any) -> None:
    _fill(graph)
    graph.graph_def.node[-1].attr["value"].tensor.tensor_shape.dim[0].size = -4


@pytest.mark.parametrize(("change", "reason"), [(_fill, "claims 439[0-9]{10}"), (_fill_with_less, "without a shape")])
def test_constants_that_no_file_holds_are_refused(whole, tmp_path, change, reason):
    with pytest.raises(UserError, match=rf"cannot be loaded \(saved_model.pb (holds a constant )?{reason}"):
        wavegan_tf.load_model(changed(whole, tmp_path / "1", change))


@pytest.mark.parametrize("name", ["fingerprint.pb", "saved_model.pb", "variables/variables.index", "debug/x"])
def test_pipes_in_its_folder_are_refused_and_not_waited_for(whole, tmp_path, name):
    folder = shutil.copytree(whole, tmp_path / "1")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    for read in (wavegan_tf.load_model, operations.read_saved_model):
        with pytest.raises((UserError, Unreadable), match=f"{Path(name).name}: it is not a regular file"):
            read(str(folder))


def test_the_list_names_operations_that_compute():
    from tensorflow.python.framework import op_def_registry

    known = {name: op_def_registry.get(name) for name in operations.ALLOWED}
    stateful = {name for name, definition in known.items() if definition is not None and definition.is_stateful}
    assert sum(definition is not None for definition in known.values()) > 0.97 * len(known)  # of any version
    assert not [name for name in known if any(word in name for word in ("File", "PyFunc", "Dataset", "Print", "Send"))]
    # Of those with a state: variables, random numbers and the calls of functions.
    variables = {
        "AssignAddVariableOp", "AssignSubVariableOp", "AssignVariableOp", "DisableCopyOnRead", "ReadVariableOp",
        "ResourceGather", "VarHandleOp", "VarIsInitializedOp", "VariableShape",
    }  # fmt: skip
    random = {
        "Multinomial", "RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt",
        "StatelessRandomGetAlg", "TruncatedNormal",
    }  # fmt: skip
    assert stateful <= variables | random | {"Assert", "Case", "If", "StatefulPartitionedCall", "While"}


# What model.json says of the model, and what the model itself is.


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"latent_dim": 5}, "cannot be loaded (it takes"),
        ({"latent_dim": 1 << 31}, "cannot be used (latent_dim is 2147483648, not a whole number from 1 to 2147483647)"),
        ({"latent_dim": None}, "cannot be used (latent_dim is None"),
        ({"sample_rate": 0}, "cannot be used (sample_rate is 0, not a whole number from 1 to 768000)"),
        ({"sample_rate": 1e30}, "cannot be used (sample_rate is 1e+30"),
        ({"sample_rate": 2**63}, "cannot be used (sample_rate is 9223372036854775808"),
        ({"slice_len": 1e300}, "cannot be used (slice_len is 1e+300"),
        ({"num_channels": 0}, "cannot be used (num_channels is 0"),
        ({"min_pitch": 0, "max_pitch": float("inf")}, "cannot be used (max_pitch is inf"),
        ({"min_pitch": -(10**15), "max_pitch": 3}, "cannot be used (min_pitch is -1000000000000000"),
        ({"min_pitch": 5, "max_pitch": 4}, "cannot be used (min_pitch is above max_pitch"),
        ({"min_pitch": 5}, "cannot be used (max_pitch is None"),
        ({"min_pitch": 5, "max_pitch": 6}, "cannot be loaded (it takes"),
        ({"model": ["a"]}, "cannot be used (model is no name"),
        ({"signatures": {"waveform": {"signature": "pcm16", "output": "x"}}}, "cannot be loaded (it has no x"),
        ({"signatures": {"waveform": {"signature": "x", "output": "G_z"}}}, "cannot be loaded ("),
        ({"signatures": [1]}, "cannot be loaded ("),
    ],
)  # fmt: skip
def test_numbers_of_model_json_are_those_of_the_model(whole, tmp_path, values, reason):
    folder = tmp_path / "1"
    shutil.copytree(whole, folder)
    path = folder / "assets.extra" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(UserError) as error:
        wavegan_tf.load_model(folder)
    assert str(error.value).startswith(f"model_dir={folder}: ") and reason in str(error.value)
    assert str(error.value).isprintable()


def test_more_sounds_than_the_memory_holds_are_refused_at_once(whole, monkeypatch):
    model = wavegan_tf.load_model(whole)
    monkeypatch.setattr(memory, "of_machine", lambda: 1600)
    assert model.latents(100).shape == (100, 4)
    for call in (model.generate, model.latents):
        with pytest.raises(UserError, match="^n=101: 101 .* need at least .* GiB of memory, and this machine has "):
            call(101)
    with pytest.raises(UserError, match="^n=1000000000000: must be at most 2147483647"):
        model.generate(10**12)
    np.testing.assert_array_equal(model.latents(3, seed=1), model.latents(3, seed=1))


def test_a_model_that_fails_while_it_runs_is_one_line(tmp_path):
    def fails(z: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.debugging.assert_less(z, -9.0, "two\nlines")]):
            return tf.identity(z)

    with pytest.raises(UserError, match=r"^model_dir=.*: cannot be run \(assertion failed: \[two.nlines\]") as error:
        wavegan_tf.load_model(hostile(tmp_path / "1", fails)).generate(2, seed=0)
    assert str(error.value).isprintable()


def test_a_model_that_gives_other_sounds_than_it_is_asked_for_is_named(tmp_path):
    folder = hostile(tmp_path / "1", lambda z: tf.concat([z, z], 0))
    with pytest.raises(UserError, match=r"^model_dir=.*: gives \[4, 50, 1\] for 2 latents"):
        wavegan_tf.load_model(folder).generate(2, seed=0)
