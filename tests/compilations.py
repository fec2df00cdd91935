"""Trains a few real steps as on a GPU, with XLA, and as on a CPU, without; counts the programs that XLA compiled.

    python -m tests.compilations DIR '{"model": "wavegan", "wavegan_loss": "lsgan"}' ...

with XLA_FLAGS=--xla_dump_to=DIR prints a JSON line for each case. XLA writes down every program that it compiles only
where it is told so when the process starts; hence a process of its own.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

ROOT = Path(__file__).parents[1]
STEPS = 6
# What compiles fastest will do, as nothing is timed.
_XLA_FLAGS = "--xla_backend_optimization_level=1 --xla_llvm_disable_expensive_passes=true"


def count(*cases: dict[str, Any], seconds: int = 900) -> list[dict[str, Any]]:
    """Runs the cases in a process of their own.

    Args:
      *cases: `model`, and options of its steps (see `tests.steps`).
      seconds: time limit.

    Returns:
      For each case the number of programs `compiled` in STEPS steps, the metrics of each step `with_xla` and `without`,
      and the `share` of weights that differ by more than 2e-6 afterwards.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "XLA_FLAGS": f"--xla_dump_to={folder} {_XLA_FLAGS}", "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.compilations", folder, *map(json.dumps, cases)],
            capture_output=True, text=True, timeout=seconds, cwd=ROOT, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _measure(dumped: str, case: dict[str, Any]) -> dict[str, Any]:
    from tests.steps import gan_steps, stage_steps
    from wavegan_tf.core.nn import convolution

    def programs() -> int:
        return len(glob.glob(f"{dumped}/*.before_optimizations.txt"))

    model, options = case["model"], {name: value for name, value in case.items() if name != "model"}
    found = {}
    for jit_compile in (True, False):
        before = programs()
        forms = mock.patch.object(convolution, "_on_gpu", lambda on_gpu=jit_compile: on_gpu)
        with tempfile.TemporaryDirectory() as folder, forms:
            if model == "gansynth":
                found[jit_compile] = stage_steps(folder, STEPS, jit_compile=jit_compile, **options)
            else:
                found[jit_compile] = gan_steps(model, folder, STEPS, jit_compile=jit_compile, **options)
        if jit_compile:
            compiled = programs() - before
    far = [np.abs(found[True].weights[name] - value) > 2e-6 for name, value in found[False].weights.items()]
    return {
        "compiled": compiled,
        "with_xla": found[True].metrics,
        "without": found[False].metrics,
        "share": float(np.mean(np.concatenate([np.ravel(part) for part in far]))),
    }


def _divide_cpu() -> None:
    """Makes two devices of the CPU, for cases with distribution=mirrored."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


if __name__ == "__main__":
    _divide_cpu()
    for text in sys.argv[2:]:
        print(json.dumps(_measure(sys.argv[1], json.loads(text))), flush=True)
