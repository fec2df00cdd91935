"""Counts per iteration of training: calls of functions, other operations, copies, waits, milliseconds of Python.

    python -m tests.benchmarks.calls [--model=wavegan] [--iterations=100]

Trains small networks by the package's own `train` on the demo's sounds, and prints means over the iterations after the
first ten. Counted are the ways through which all of Python's use of TensorFlow goes, so that it does not depend on how
training is written:

- functions: compiled functions that were called.
- operations: others that ran outside of them; on a GPU each is a kernel of its own.
- copies to the device: tensors made from Python's numbers. What the stream prefetches is not among them.
- copies to the host, and waits: tensors whose values were read, and those of them that the training thread itself waits
  for. On a GPU such a wait lasts until all that was asked for before is computed, and leaves the device without work.
- Python: milliseconds of CPU that the training thread spends outside of TensorFlow.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.framework import constant_op, ops

import gansynth_tf
import specgan_tf
import wavegan_tf
from gansynth_tf.demo.settings import NOTES, OPTIONS
from wavegan_tf.core.progress import Progress

ROOT = Path(__file__).parents[2]
DRUMS = ROOT / "wavegan_tf" / "demo" / "drums"
START = 10
PACKAGES: dict[str, Any] = {
    "wavegan": (wavegan_tf, wavegan_tf.WaveGANConfig),
    "specgan": (specgan_tf, specgan_tf.SpecGANConfig),
}
SHOWN = {
    "functions": "calls of functions",
    "operations": "other operations",
    "to_device": "copies to the device",
    "to_host": "copies to the host",
    "waits": "waits",
    "python_ms": "Python, ms",
}


@contextlib.contextmanager
def counted() -> Iterator[list[dict[str, float]]]:
    """Counts what TensorFlow has done, when each step of training in this thread is shown."""
    found: dict[str, float] = collections.defaultdict(float)
    shown: list[dict[str, float]] = []
    own = threading.get_ident()

    def watched(call: Callable[..., Any], kind: Callable[..., str]) -> Callable[..., Any]:
        def watching(*arguments: Any, **others: Any) -> Any:
            name, begun = kind(*arguments), time.thread_time()
            try:
                return call(*arguments, **others)
            finally:
                found[name] += 1
                if threading.get_ident() == own:
                    found["waits"] += name == "to_host"
                    found["python_ms"] -= 1e3 * (time.thread_time() - begun)

        return watching

    def executed(_: Any, device: str, operation: str | bytes, *others: Any) -> str:
        return "functions" if tf.compat.as_text(operation).startswith("__") else "operations"

    def converted(value: Any, *others: Any) -> str:
        return "none" if isinstance(value, ops.EagerTensor) else "to_device"

    def note(progress: Progress, step: int, values: Any) -> None:
        if "G_loss" in values:  # not while a normaliser is computed
            shown.append(
                {**{name: found[name] for name in SHOWN}, "python_ms": found["python_ms"] + 1e3 * time.thread_time()}
            )

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(Progress, "update", note))
        for owner, name, kind in (
            (pywrap_tfe, "TFE_Py_Execute", executed),
            (pywrap_tfe, "TFE_Py_FastPathExecute", lambda *_: "operations"),
            (constant_op, "convert_to_eager_tensor", converted),
            (ops._EagerTensorBase, "_numpy", lambda *_: "to_host"),
        ):
            stack.enter_context(mock.patch.object(owner, name, watched(getattr(owner, name), kind)))
        yield shown


def train(model: str, iterations: int, directory: str) -> None:
    """Trains small networks."""
    quiet: dict[str, Any] = {"train_save_secs": 1e6, "seed": 1}
    if model == "gansynth":
        config = gansynth_tf.GANSynthConfig(
            **{**OPTIONS, "batch_size_schedule": (8,)}, data_dir=str(NOTES), save_summaries_num_images=1 << 30,
            stable_stage_num_images=8 * iterations, transition_stage_num_images=8, total_num_images=8 * iterations + 16,
            **quiet,
        )  # fmt: skip
        gansynth_tf.train(config, directory)
        return
    package, config_class = PACKAGES[model]
    sizes = {f"{model}_dim": 4, f"{model}_latent_dim": 8}
    config = config_class(
        data_dir=str(DRUMS), data_first_slice=True, train_batch_size=8, train_steps=iterations, preview_n=1,
        train_summary_secs=1e6, **sizes, **quiet,
    )  # fmt: skip
    package.train(config, directory)


def per_iteration(model: str, iterations: int) -> dict[str, float]:
    """The means over the iterations after the first ten, by the names of `SHOWN`."""
    with tempfile.TemporaryDirectory() as directory, counted() as shown:
        train(model, START + iterations, directory)
    first, last = shown[START - 1], shown[START + iterations - 1]  # GANSynth goes on to the next stage
    return {name: (last[name] - first[name]) / iterations for name in SHOWN}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.calls", description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=[*PACKAGES, "gansynth"], action="append", help="default: all")
    parser.add_argument("--iterations", type=int, default=100)
    options = parser.parse_args()
    print("| model | " + " | ".join(SHOWN.values()) + " |\n|---" + "|---" * len(SHOWN) + "|")
    for model in options.model or [*PACKAGES, "gansynth"]:
        found = per_iteration(model, options.iterations)
        print(f"| {model} | " + " | ".join(f"{found[name]:.3g}" for name in SHOWN) + " |", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
