"""Runs a compiled iteration of the training code with JAX, on whatever device it sees, without TensorFlow.

    python run.py [DIR] [--steps=N] [--tf32=on|off] [--json=FILE]

DIR is what `python -m tests.device export` wrote. A copy of this file lies in it: DIR, JAX and NumPy are all that a
machine needs. docs/device.md tells how to read what is printed.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

if __package__:
    from tests.device import portable
    from tests.device.portable import Failure
else:
    import portable  # type: ignore[import-not-found, no-redef]  # the copy beside this one
    from portable import Failure  # type: ignore[no-redef]

FORMAT = 2
MANIFEST = "manifest.json"
PRECISIONS = ("float32", "bfloat16", "float16")
# What is compared: losses and the like, and the weights and slots that an iteration changes.
_PARTS = ("metrics", "state")
# Largest difference from TensorFlow, relative to an output's largest element, by how finely products round. Each is far
# above rounding: where that turns the sign before a ReLU, gradients jump.
TOLERANCES = {"float32": 2e-2, "tf32": 1e-1, "float16": 2e-1, "bfloat16": 5e-1}
# So many elements of a large output are compared.
_SAMPLE = 1 << 14


def draw(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Weights and optimiser slots before the iteration, made from their descriptions in the manifest.

    Each is `mean`, plus for a `spread` above 0 numbers from [-spread, spread). They come from the raw bits of PCG64,
    which NumPy keeps the same from version to version, so that a model's weights need not be carried along.
    """
    values = {}
    for name, spec in specs.items():
        dtype = np.dtype(spec["dtype"])
        value = np.full(spec["shape"], spec["mean"], dtype)
        if spec["spread"]:
            bits = np.random.PCG64(spec["seed"]).random_raw(value.size) >> np.uint64(40)
            even = bits.astype(dtype) * dtype.type(2.0**-23) - dtype.type(1)
            value += even.reshape(value.shape) * dtype.type(spec["spread"])
        values[name] = value
    return values


def sample(values: np.ndarray) -> np.ndarray:
    """The elements of an output that are compared: all, or about 16 384 of a larger one, evenly spread."""
    # An odd stride goes through all channels where their number is a power of two.
    stride = -(-values.size // _SAMPLE) | 1 if values.size > _SAMPLE else 1
    return values.reshape(-1)[::stride]


def read(folder: Path) -> dict[str, Any]:
    """The manifest of an export.

    Raises:
      Failure: there is none, or it is of another version.
    """
    return portable.read(folder, MANIFEST, FORMAT, "export")


class Iteration:
    """All updates of an iteration, compiled for JAX's first device.

    Attributes:
      entry: its part of the manifest.
      arrays: inputs ("input/NAME") and TensorFlow's results ("expected/NAME").
      compile_seconds: what compiling took.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], tf32: bool):
        """Reads and compiles.

        Args:
          folder: the export.
          manifest: of it.
          tf32: whether products of float32 may round their operands.

        Raises:
          Failure: a file is missing, JAX cannot use the program, or memory does not suffice.
        """
        self.entry = entry = manifest["iteration"]
        path = folder / entry["programs"]["on" if tf32 else "off"]
        try:
            with np.load(folder / entry["arrays"], allow_pickle=False) as archive:
                self.arrays = {name: archive[name] for name in archive.files}
        except (OSError, ValueError) as error:
            raise Failure(f"{folder}: is not whole ({error}); export it anew") from None
        started = time.perf_counter()
        self._call = _compile(path, *portable.types_of(entry, manifest["state"]))
        self.compile_seconds = time.perf_counter() - started

    def __call__(self, state: dict[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Makes the iteration: changes `state`, whose old arrays are gone afterwards, and returns the metrics."""
        entry = self.entry
        arguments = ([state[name] for name in entry["changes"]], [state[name] for name in entry["reads"]])
        results = self._call(*arguments, [inputs[name] for name in entry["inputs"]])
        count = len(entry["metrics"])
        state.update(zip(entry["changes"], results[count:], strict=True))
        return dict(zip(entry["metrics"], results[:count], strict=True))

    @property
    def inputs(self) -> dict[str, np.ndarray]:
        """Clips and draws of the iteration that TensorFlow made."""
        return {name: self.arrays[f"input/{name}"] for name in self.entry["inputs"]}

    @property
    def memory(self) -> int:
        """Bytes that the compiler plans for one call: arguments, results and what lies between."""
        plan = self._call.memory_analysis()
        whole = plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes
        return whole - plan.alias_size_in_bytes

    def differences(self, found: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
        """The largest differences of metrics and state from TensorFlow's, relative to an output's scale; its name."""
        worst = {}
        for part, names in zip(_PARTS, (self.entry["metrics"], self.entry["changes"]), strict=True):
            relative = []
            for name in names:
                values = sample(np.asarray(found[name])).astype(np.float64)
                largest = float(np.max(np.abs(values - self.arrays[f"expected/{name}"]), initial=0.0))
                relative.append((math.inf if math.isnan(largest) else largest / self.entry["scales"][name], name))
            worst[part] = max(relative)
        return worst


def _compile(path: Path, types: list[list[Any]], results: list[Any]) -> Any:
    """A function (changes, reads, inputs) -> results, which may overwrite the changes."""
    import jax

    function = portable.load(path, types, results)
    try:
        return jax.jit(function, donate_argnums=0).lower(*types).compile()
    except Exception as error:  # Each version of JAX has its own for a program that it cannot read.
        portable.check_memory(error)
        line = portable.line_of(error)
        raise Failure(f"{path}: JAX {jax.__version__} cannot compile this program ({line})") from None


def product_rate(precision: str, tf32: bool) -> float:
    """Operations a second of a large matrix product of this type, the best of ten."""
    import jax
    import jax.numpy as jnp

    size = 1024 if jax.default_backend() == "cpu" else 8192
    keys = jax.random.split(jax.random.PRNGKey(0))
    left, right = (jax.random.normal(key, (size, size), jnp.float32).astype(precision) for key in keys)
    level = jax.lax.Precision.DEFAULT if tf32 else jax.lax.Precision.HIGHEST
    multiply = jax.jit(lambda left, right: jnp.matmul(left, right, precision=level))
    return 2.0 * size**3 / min(seconds_of(lambda: multiply(left, right), 10))


def seconds_of(call: Callable[[], Any], times: int) -> list[float]:
    """Seconds of each of several calls, after one that is not counted, each until its results are there."""
    import jax

    jax.block_until_ready(call())
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        jax.block_until_ready(call())
        taken.append(time.perf_counter() - started)
    return taken


def measure(folder: Path, steps: int, tf32: bool) -> dict[str, Any]:
    """Makes the iteration and compares, times and sizes it.

    Args:
      folder: the export.
      steps: timed calls.
      tf32: whether products of float32 may round their operands.

    Returns:
      What `show` prints.

    Raises:
      Failure: see `Iteration`.
    """
    manifest = read(folder)
    jax = portable.import_jax()
    precision, device = manifest["precision"], jax.devices()[0]
    rounding = {"cpu": "float32", "tpu": "bfloat16"}.get(device.platform, "tf32") if tf32 else "float32"
    iteration = Iteration(folder, manifest, tf32)
    measured = _measure(iteration, draw(manifest["state"]), device, steps)
    rate = product_rate(precision, tf32)
    return {
        "model": manifest["model"], "options": manifest["options"], "batch": manifest["batch"], "precision": precision,
        "tf32": tf32, "jax": jax.__version__, "platform": device.platform, "device": device.device_kind, "steps": steps,
        "tolerance": max(TOLERANCES[precision], TOLERANCES[rounding]),
        "product_flops_per_second": rate, **measured,
        "share_of_product_rate": measured["flops"] / measured["least_seconds"] / rate,
    }  # fmt: skip


def _measure(iteration: Iteration, values: Mapping[str, np.ndarray], device: Any, steps: int) -> dict[str, Any]:
    import jax

    state = {name: jax.device_put(value, device) for name, value in values.items()}
    inputs = {name: jax.device_put(value, device) for name, value in iteration.inputs.items()}
    metrics = iteration(state, inputs)
    differences = iteration.differences({**state, **metrics})
    seconds = seconds_of(
        lambda: (iteration(state, inputs), [state[name] for name in iteration.entry["changes"]]), steps
    )
    peak = (device.memory_stats() or {}).get("peak_bytes_in_use")
    return {
        "compile_seconds": iteration.compile_seconds,
        "least_seconds": min(seconds), "median_seconds": statistics.median(seconds), "flops": iteration.entry["flops"],
        "memory_bytes": peak or iteration.memory, "memory_of": "device" if peak else "compiler",
        "differences": {part: {"relative": value, "output": name} for part, (value, name) in differences.items()},
    }  # fmt: skip


def disagreement(report: Mapping[str, Any]) -> str:
    """One line on an output that differs more than is allowed from TensorFlow's; empty if none does."""
    for found in report["differences"].values():
        if found["relative"] > report["tolerance"]:
            by = f"by {found['relative']:.1e} of its largest element; {report['tolerance']:.0e} is allowed"
            return f"{found['output']} differs from TensorFlow's {by}"
    return ""


def show(report: Mapping[str, Any]) -> None:
    """Prints what `measure` found."""
    options = ", ".join(f"{name}={value}" for name, value in {**report["options"], "batch": report["batch"]}.items())
    print(f"{report['model']} ({options}), {report['precision']}")
    print(f"JAX {report['jax']} on {report['platform']}: {report['device']}, TF32 {'on' if report['tf32'] else 'off'}; "
          f"matrix product {report['product_flops_per_second'] / 1e12:.3g} TFLOP/s")  # fmt: skip
    print("\n| compiled in | least | median | TFLOP | of the product's rate | memory "
          "| difference of metrics | of weights and slots |")  # fmt: skip
    print("|---" * 8 + "|")
    differences = " | ".join(f"{report['differences'][part]['relative']:.1e}" for part in _PARTS)
    print(f"| {report['compile_seconds']:.1f} s | {report['least_seconds']:.4g} s "
          f"| {report['median_seconds']:.4g} s | {report['flops'] / 1e12:.3g} | {report['share_of_product_rate']:.1%} "
          f"| {report['memory_bytes'] / 2**30:.3g} GiB ({report['memory_of']}) | {differences} |")  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser, folder: Path | None) -> None:
    """Defines the command line; `folder` is what DIR is when it is skipped, None if it must be given."""
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?" if folder else None, default=folder,
                        help="what `python -m tests.device export` wrote")  # fmt: skip
    parser.add_argument("--steps", type=int, default=10, help="timed calls (default 10)")
    parser.add_argument(
        "--tf32",
        choices=("on", "off"),
        default="on",
        help="let products of float32 round their operands, as TensorFlow does on a GPU (default on)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")


def main(options: argparse.Namespace) -> int:
    """Measures and prints; returns the exit code: 0, or 1 after one line on what is wrong."""
    try:
        if options.steps < 1:
            raise Failure(f"--steps={options.steps}: must be at least 1")
        try:
            report = measure(options.folder, options.steps, options.tf32 == "on")
        except (RuntimeError, MemoryError) as error:
            portable.check_memory(error)
            raise
        show(report)
        if options.json:
            options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        if wrong := disagreement(report):
            raise Failure(wrong)
    except (Failure, OSError) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _here = Path(__file__).resolve().parent
    add_arguments(_parser, _here if (_here / MANIFEST).exists() else None)
    sys.exit(main(_parser.parse_args()))
