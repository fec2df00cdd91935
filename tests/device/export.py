"""Writes the compiled iteration of the project's own training code, for `run` to try on a device without TensorFlow.

Traced is the very iteration that training makes, optimisers included (`dcgan.Updates` and `StageUpdates`), in the form
that it has on a GPU. It becomes a function without state: it first assigns its arguments to the variables, and at last
returns the variables' values.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
import tensorflow as tf

from tests.device import portable, program, run
from tests.device.subjects import Subject, Tensors
from wavegan_tf.core.errors import UserError


def export(subject: Subject, model: str, options: Mapping[str, Any], precision: str, folder: Path) -> None:
    """Writes a folder for `run`.

    Args:
      subject: the model.
      model: its name.
      options: what to print beside it.
      precision: of the networks' arithmetic.
      folder: made if it is missing; the manifest is written last.

    Raises:
      UserError: JAX is not installed, or the folder cannot be written.
    """
    try:
        import jax
    except ImportError as error:
        raise UserError(f"exporting needs JAX ({error}): pip install '.[device]'") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / run.MANIFEST).unlink(missing_ok=True)
        variables = named_variables(subject)
        specs = describe(subject, variables)
        manifest = {
            "format": run.FORMAT, "model": model, "options": dict(options), "batch": subject.batch,
            "precision": precision,
            "versions": {"tensorflow": tf.__version__, "keras": keras.__version__, "jax": jax.__version__},
            "state": specs, "iteration": _write(subject, variables, specs, folder),
        }  # fmt: skip
        for module in (portable, run):
            shutil.copyfile(str(module.__file__), folder / Path(str(module.__file__)).name)
        temporary = folder / f"{run.MANIFEST}.tmp"
        temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        temporary.replace(folder / run.MANIFEST)
    except OSError as error:
        raise UserError(f"--output={folder}: cannot be written ({error.strerror or error})") from None


def named_variables(subject: Subject) -> dict[str, keras.Variable]:
    """All variables that an iteration may use, as OWNER/PATH."""
    found = [(f"{owner}/{variable.path}", variable) for owner, all_of in subject.owners.items() for variable in all_of]
    variables = dict(found)
    if len(variables) < len(found):
        raise ValueError("two variables of one owner have the same path")
    return variables


def describe(subject: Subject, variables: Mapping[str, keras.Variable]) -> dict[str, dict[str, Any]]:
    """Descriptions of the variables for `run.draw`: the initial value, or even numbers of its mean and deviation.

    Two things are as they are later in training, lest rounding decide over a result: biases are small numbers instead
    of zero, with which activations are zero and have two slopes; and Adam's second moments are one instead of
    zero, with which the first step is the sign of the gradient.
    """
    inner = [getattr(optimizer, "inner_optimizer", optimizer) for optimizer in subject.optimizers]
    ones = {id(variable) for optimizer in inner for variable in getattr(optimizer, "second_moments", [])}
    specs = {}
    for seed, (name, variable) in enumerate(variables.items()):
        value = variable.numpy()
        mean, spread = float(np.mean(value, dtype=np.float64)), float(np.std(value, dtype=np.float64) * np.sqrt(3.0))
        if bool((value == value.flat[0]).all()):
            mean, spread = float(value.flat[0]), 0.0
            if id(variable) in ones:
                mean = 1.0
            elif variable.trainable and mean == 0.0:
                spread = 0.01
        specs[name] = {
            "shape": list(value.shape), "dtype": str(value.dtype), "mean": mean, "spread": spread, "seed": seed,
        }  # fmt: skip
    return specs


def trace(subject: Subject, variables: Mapping[str, keras.Variable]) -> tuple[program.Program, list[str], list[str]]:
    """The program of an iteration, the variables that it uses, and its metrics.

    The program's arguments are these variables and then those inputs of `subject.draw` that hold anything; its results
    the metrics and then these variables; see `program.Program` for which of them are left.

    Raises:
      ValueError: the iteration uses a variable that is none of `variables`.
    """
    inputs = subject.draw(0)
    given, empty = _parted(inputs)
    with _as_on_gpu():
        probe = subject.iterate.get_concrete_function(inputs)
        # By handles: the graph does not list a variable that an operation of the optimiser alone reads and writes.
        handles = {id(captured) for captured in probe.captured_inputs if captured.dtype == tf.resource}
        used = [name for name, variable in variables.items() if id(variable.value.handle) in handles]
        if len(used) < len(handles):
            raise ValueError("the iteration uses variables that belong to no network and no optimiser")
        metrics = sorted(probe.structured_outputs)

        def iterate(state: list[tf.Tensor], values: list[tf.Tensor]) -> list[tf.Tensor]:
            for name, value in zip(used, state, strict=True):
                variables[name].assign(value)
            constants = {name: tf.zeros_like(value) for name, value in empty.items()}
            found = subject.iterate({**dict(zip(given, values, strict=True)), **constants})
            return [tf.cast(found[name], tf.float32) for name in metrics] + [
                tf.identity(variables[name].value) for name in used
            ]

        state, values = [tf.identity(variables[name].value) for name in used], list(given.values())
        compiled = tf.function(iterate, jit_compile=True, autograph=False)
        hlo = compiled.experimental_get_compiler_ir(state, values)(stage="hlo_serialized")
    passed_on = [*(None for _ in metrics), *range(len(used))]
    found = program.translate(hlo, len(used) + len(values), len(used), passed_on, subject.critic_updates)
    return found, used, metrics


def _parted(inputs: Mapping[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """Inputs with elements and without, such as the shifts where there is no phase shuffle: XLA drops the latter."""
    given = {name: value for name, value in inputs.items() if value.shape.num_elements()}
    return given, {name: value for name, value in inputs.items() if name not in given}


@contextlib.contextmanager
def _as_on_gpu() -> Iterator[None]:
    """Makes traces within it take the form that they have on a GPU (`core/convolution.py` asks)."""
    with mock.patch.object(tf.config, "list_physical_devices", lambda device_type=None: [f"/{device_type}:0"]):
        yield


def results(
    subject: Subject, variables: Mapping[str, keras.Variable], state: Mapping[str, np.ndarray], inputs: Tensors
) -> dict[str, np.ndarray]:
    """Metrics and variables after TensorFlow has made one iteration from `state`."""
    for name, value in state.items():
        variables[name].assign(value)
    metrics = subject.iterate(inputs)
    return {name: value.numpy() for name, value in [*metrics.items(), *variables.items()]}


def _write(
    subject: Subject, variables: Mapping[str, keras.Variable], specs: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Writes the files of the iteration, which must not have been called yet; returns its entry in the manifest."""
    found, used, metrics = trace(subject, variables)
    drawn = subject.draw(0)
    inputs = {name: value.numpy() for name, value in _parted(drawn)[0].items()}
    changes = [used[number - len(metrics)] for number in found.results[len(metrics) :]]
    reads = [name for name in used if name not in changes]
    expected = results(subject, variables, run.draw(specs), drawn)
    expected = {name: expected[name] for name in (*metrics, *changes)}
    programs = {"on": "iteration.mlirbc", "off": "iteration.exact.mlirbc"}
    (folder / programs["on"]).write_bytes(found.rounding)
    (folder / programs["off"]).write_bytes(found.exact)
    arrays = "iteration.npz"
    np.savez(
        folder / arrays,
        **{f"input/{name}": value for name, value in inputs.items()},
        **{f"expected/{name}": run.sample(value) for name, value in expected.items()},
    )
    return {
        "programs": programs, "arrays": arrays, "flops": found.flops,
        "changes": changes, "reads": reads, "metrics": metrics, "scales": scales(expected, metrics),
        "inputs": {name: {"shape": list(value.shape), "dtype": str(value.dtype)} for name, value in inputs.items()},
    }  # fmt: skip


def scales(expected: Mapping[str, np.ndarray], metrics: list[str]) -> dict[str, float]:
    """The sizes that differences of each output are relative to: its largest element.

    Where that is under a hundredth of the largest one among outputs of the same role (all weights of a network, all
    momentums of an optimiser, all metrics), the latter is taken: such an output may be zero but for rounding, as the
    gradient of a bias is that cancels out.
    """

    def role(name: str) -> str:
        owner = name.split("/")[0]
        if name in metrics:
            return "metrics"
        return owner if not owner.endswith("optimizer") else f"{owner} {name.split('_')[-1]}"

    largest = {name: float(np.max(np.abs(value), initial=0.0)) for name, value in expected.items()}
    found = {}
    for name, value in largest.items():
        of_role = max(other for key, other in largest.items() if role(key) == role(name))
        found[name] = (value if value > of_role / 100 else of_role) or 1.0
    return found
