"""Exported models that a process loads one after another, as a score of each new checkpoint does."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

import wavegan_tf
from tests import exported
from tests.commands import run


def functions() -> set[str]:
    """That TensorFlow knows and that hold a graph; others are single operations, kept once for all."""
    gc.collect()
    return {name for name in context.context().list_function_names() if not name.startswith("__wrapped__")}


def load_and_drop(model_dir: str) -> None:
    """Checks that nothing of a model stays when it is gone."""
    pitch: dict[str, Any] = {"pitch": 60} if "gansynth" in model_dir else {}
    before = functions()
    model = wavegan_tf.load_model(model_dir)
    model.generate(1, **pitch)
    assert functions() - before
    model.export_edge(f"{model_dir}.tflite")
    del model
    left = functions() - before
    assert not left, f"{len(left)} of {model_dir}: {sorted(left)}"


def test_nothing_of_a_model_stays_when_it_is_gone(tmp_path):
    """In a process of its own: in that of other tests there are functions of theirs, too, which come and go."""
    models = [getattr(exported, name)(tmp_path / name) for name in ("wavegan", "specgan", "gansynth")]
    run("tests.core.serving.test_loading_again", *models, models[0])


@pytest.mark.parametrize("name", ["wavegan", "gansynth"])
def test_latents_of_a_loaded_model_have_gradients(name, tmp_path):
    """As a search for the latents of a given sound needs; against a difference."""
    loaded = tf.saved_model.load(getattr(exported, name)(tmp_path / "1"))
    signature = loaded.signatures["serving_default"]
    pitch = {"pitch": tf.constant([60])} if name == "gansynth" else {}
    z = tf.random.stateless_normal(signature.structured_input_signature[1]["z"].shape[1:], [1, 2])[None]
    step = tf.random.stateless_normal(z.shape, [3, 4])

    def energy(z: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.square(signature(z=z, **pitch)["audio" if pitch else "G_z"][:, 100:400]))

    with tf.GradientTape() as tape:
        tape.watch(z)
        found = energy(z)
    slope = tf.reduce_sum(tape.gradient(found, z) * step)
    difference = (energy(z + 3e-4 * step) - energy(z - 3e-4 * step)) / 6e-4
    np.testing.assert_allclose(slope, difference, rtol=0.03)


if __name__ == "__main__":
    for given in sys.argv[1:]:
        load_and_drop(given)
