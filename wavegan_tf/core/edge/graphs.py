"""SavedModels whose graphs TensorFlow Lite can take."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import node_def_pb2

from wavegan_tf.core import messages
from wavegan_tf.core.serving import operations


def load(model_dir: str) -> Any:
    """Loads a SavedModel of ours, with ExpandDims in the place of slices that only add axes, x[:, :, None].

    TensorFlow Lite slices no tensors of more than five axes, and GANSynth repeats the pixels of an image by adding two.
    (With fewer axes that takes up to twice the time in training.)

    Args:
      model_dir: a version folder; its operations are not checked.

    Returns:
      What `tf.saved_model.load` gives.
    """
    saved = operations.read_saved_model(model_dir)
    functions = [function for graph in saved.meta_graphs for function in graph.graph_def.library.function]
    changed = [_add_axes_plainly(function) for function in functions]
    with messages.of_ours_alone():
        if not any(changed):
            return tf.saved_model.load(model_dir)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "saved_model.pb"), "wb") as file:
                file.write(saved.SerializeToString())
            for name in os.listdir(model_dir):
                if name != "saved_model.pb":
                    os.symlink(os.path.join(os.path.abspath(model_dir), name), os.path.join(folder, name))
            return tf.saved_model.load(folder)


def _add_axes_plainly(function: Any) -> bool:
    """Changes the nodes of a function; returns True if there were any to change."""
    found = False
    nodes = {node.name: node for node in function.node_def}
    for node in list(function.node_def):
        axes = _axes_added(node, nodes)
        if axes:
            found = True
            _replace(function, node, axes)
    return found


def _axes_added(node: Any, nodes: Mapping[str, Any]) -> list[int]:
    """The axes that a slice adds if it does nothing else; none of another node."""
    if node.op != "StridedSlice" or not node.attr["new_axis_mask"].i:
        return []
    strides_node = nodes.get(node.input[3].partition(":")[0])
    if strides_node is None or strides_node.op != "Const" or node.attr["ellipsis_mask"].i:
        return []
    strides = tf.make_ndarray(strides_node.attr["value"].tensor)
    axes = [axis for axis in range(strides.size) if node.attr["new_axis_mask"].i >> axis & 1]
    whole = node.attr["begin_mask"].i & node.attr["end_mask"].i & ~node.attr["shrink_axis_mask"].i
    kept = [axis for axis in range(strides.size) if axis not in axes]
    return axes if all(whole >> axis & 1 and strides[axis] == 1 for axis in kept) else []


def _replace(function: Any, node: Any, axes: list[int]) -> None:
    """Adds axes one by one; the last step has the node's name, and so its readers."""
    source, control = node.input[0], [name for name in node.input if name.startswith("^")]
    kind = node.attr["T"]
    function.node_def.remove(node)
    for number, axis in enumerate(axes, 1):
        name = node.name if number == len(axes) else f"{node.name}/axis_{number}"
        where = node_def_pb2.NodeDef(name=f"{name}/at", op="Const", input=control)
        where.attr["dtype"].type = tf.int32.as_datatype_enum
        where.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(axis, tf.int32))
        added = node_def_pb2.NodeDef(name=name, op="ExpandDims", input=[source, f"{name}/at:output:0"])
        added.attr["T"].CopyFrom(kind)
        added.attr["Tdim"].type = tf.int32.as_datatype_enum
        function.node_def.extend([where, added])
        source = f"{name}:output:0"
