"""In the graph that TensorFlow executes, every read of a variable has its place before or after each write.

Not so in the graph that is traced: Grappler rewrites it, and an order that got lost shows in one run of many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import keras
import pytest
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.eager import context

from gansynth_tf.stages.updates import StageUpdates
from tests import steps
from wavegan_tf.core.dcgan.updates import Updates
from wavegan_tf.core.training.update import Update

# Which inputs of an operation are variables that it writes.
WRITES = {
    "AssignVariableOp": [0],
    "AssignAddVariableOp": [0],
    "AssignSubVariableOp": [0],
    "ResourceApplyAdam": [0, 1, 2],
}


def executed_graphs(call: Callable[[], Any]) -> Iterator[GraphDef]:
    """The graphs of the functions that a call runs, as TensorFlow has rewritten and then executes them."""
    context.enable_run_metadata()
    try:
        call()
        metadata = context.export_run_metadata()
    finally:
        context.disable_run_metadata()
    for function in metadata.function_graphs:
        yield from function.partition_graphs


class Order:
    """The order of a graph's nodes, and the variables that they read and write."""

    def __init__(self, graph: GraphDef):
        self._nodes = {node.name: node for node in graph.node}
        self._found: dict[tuple[str, bool], frozenset[str]] = {}
        self.reads: dict[str, list[str]] = defaultdict(list)
        self.writes: dict[str, list[str]] = defaultdict(list)
        for node in graph.node:
            if node.op == "ReadVariableOp":
                self.reads[self._variable(node.input[0])].append(node.name)
            for index in WRITES.get(node.op, []):
                self.writes[self._variable(node.input[index])].append(node.name)

    def unordered(self) -> list[tuple[str, str]]:
        """Pairs of a write and a read of the same variable that may run in either order."""
        pairs = [
            (write, read)
            for variable, writes in self.writes.items()
            for write in writes
            for read in self.reads[variable]
        ]
        return [pair for pair in pairs if not self._ordered(*pair)]

    def _ordered(self, one: str, other: str) -> bool:
        found = one in self._before(other), other in self._before(one)
        if all(found):  # A loop has both.
            found = one in self._before(other, False), other in self._before(one, False)
        return any(found)

    def _before(self, name: str, earlier_iterations: bool = True) -> frozenset[str]:
        """All nodes that have run before this one, if they run at all."""
        key = name, earlier_iterations
        if key not in self._found:
            found: set[str] = set()
            waiting = [name]
            while waiting:
                node = self._nodes[waiting.pop()]
                if earlier_iterations or node.op != "NextIteration":
                    sources = {_node(source) for source in node.input} - found
                    found |= sources
                    waiting += sources
            self._found[key] = frozenset(found)
        return self._found[key]

    def _variable(self, source: str) -> str:
        """Name of what first holds this resource."""
        node = self._nodes[_node(source)]
        while node.op in ("Identity", "Enter", "Switch", "Merge"):
            source = node.input[0]
            node = self._nodes[_node(source)]
        return source.removesuffix(":0")


def _node(source: str) -> str:
    return source.removeprefix("^").partition(":")[0]


def check(call: Callable[[], Any], least: int) -> None:
    """Fails unless all is ordered, in all of at least so many pairs."""
    orders = [Order(graph) for graph in executed_graphs(call)]
    pairs = sum(len(writes) * len(order.reads[name]) for order in orders for name, writes in order.writes.items())
    assert pairs >= least
    assert [pair for order in orders for pair in order.unordered()] == []


@pytest.mark.slow
@pytest.mark.parametrize("stage_id", [0, 3])
def test_an_iteration_of_a_stage(stage_id, tmp_path):
    parts = steps.stage_parts(tmp_path, stage_id)
    updates = StageUpdates(parts.config, parts.model, parts.losses, parts.run, steps.PITCH_COUNTS)
    element = next(iter(updates.elements(parts.notes, steps.FIRST_IMAGE)))
    iterate = tf.function(updates.iterate, autograph=False)
    # Of each weight the discriminator's update alone makes three passes, one write, and reads of the optimiser's.
    check(lambda: iterate(element, tf.constant(1.3)), 3 * len(parts.model.discriminator.trainable_variables))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"wavegan_disc_nupdates": 2}, id="wgan-gp"),
        pytest.param({"wavegan_loss": "dcgan", "wavegan_batchnorm": True}, id="batch normalisation"),
        pytest.param({"wavegan_loss": "wgan"}, id="clipped"),
    ],
)
def test_an_iteration_of_a_gan(options, tmp_path):
    parts = steps.gan_parts("wavegan", tmp_path, **options)
    updates = Updates(
        parts.gan, parts.trainables.g_optimizer, parts.trainables.d_optimizer, parts.run, 0, steps.BATCH_SIZE
    )
    element = next(iter(updates.elements(parts.clips, 0, 0)))
    iterate = tf.function(updates.iterate, autograph=False)
    check(lambda: iterate(element), 2 * len(parts.gan.discriminator.trainable_variables))


@pytest.mark.slow
def test_weights_change_after_their_last_reading():
    """Also one that is for a metric only."""
    weight = keras.Variable(2.0)
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build([weight])

    def loss() -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        return weight.value * 3.0, {"root": tf.sqrt(weight.value)}

    update = tf.function(Update(loss, [weight], optimizer, tf.distribute.get_strategy()), autograph=False)
    check(update, 2)
    assert float(weight) == -1.0
