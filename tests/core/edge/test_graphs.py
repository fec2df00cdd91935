"""Slices that only add axes, in the graphs of SavedModels."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.test_architecture import ROOT
from wavegan_tf.core.edge import graphs
from wavegan_tf.core.serving import operations

NOTES = str(ROOT / "gansynth_tf" / "demo" / "pretrained" / "notes")


class Module(tf.Module):
    """Slices of all kinds, those that add axes and do nothing else first."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = tf.Variable([1.0, 2.0, 3.0])

        @tf.function(input_signature=[tf.TensorSpec([None, 4, 3], name="x")])
        def slices(x: tf.Tensor) -> dict[str, tf.Tensor]:
            x += self.shift
            return {
                "inner": x[:, None], "outer": x[None], "end": x[:, :, :, None], "several": x[:, None, :, None, None],
                "first": x[None, :, :, None], "partly": x[:, None, 1:3], "reversed": x[:, None, ::-1],
                "other_end": x[..., None], "dropped": x[:, 1, None],
            }  # fmt: skip

        self.slices = slices


def new_axes(folder: str) -> int:
    graph = operations.read_saved_model(folder).meta_graphs[0].graph_def
    nodes = (node for function in graph.library.function for node in function.node_def)
    return sum(node.op == "StridedSlice" and bool(node.attr["new_axis_mask"].i) for node in nodes)


def test_all_outputs_stay_the_same(tmp_path):
    module, folder = Module(), str(tmp_path / "1")
    tf.saved_model.save(module, folder, signatures={"serving_default": module.slices})
    assert new_axes(folder) == 9
    x = tf.constant(np.random.default_rng(0).normal(size=[2, 4, 3]), tf.float32)
    loaded = graphs.load(folder)
    found, expected = loaded.signatures["serving_default"](x=x), module.slices(x)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    left = [node.op for node in nodes_of(loaded.signatures["serving_default"]) if node.attr["new_axis_mask"].i]
    assert left == ["StridedSlice"] * 4


def nodes_of(function: Any) -> list[Any]:
    graph = function.graph.as_graph_def()
    return [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]


def test_those_of_an_earlier_export_of_gansynth():
    loaded = graphs.load(NOTES)
    nodes = nodes_of(loaded.signatures["specgram"])
    assert any(node.op == "ExpandDims" for node in nodes)
    left = [node for node in nodes if node.op == "StridedSlice" and node.attr["new_axis_mask"].i]
    assert all(node.attr["shrink_axis_mask"].i for node in left)
