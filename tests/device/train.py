"""Trains on a device with JAX alone, by the training code's own iteration.

    python train.py [DIR] [--time_limit_secs=S] [--output=DIR]

DIR is what `python -m tests.device export_run` wrote. A copy of this file lies in it: DIR, JAX and NumPy are all that a
machine needs. It ends with the run's last stage, the time limit, SIGTERM or Ctrl-C, and started again it goes on from
what it has saved, which `python -m tests.device take_back` brings into the run. docs/device.md tells more.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

if __package__:
    from tests.device import portable
else:
    import portable  # type: ignore[import-not-found, no-redef]  # the copy beside this one

FORMAT = 1
MANIFEST = "training.json"
RESULT = "trained.json"
SCALE = 2.0**-15  # of the 16-bit samples in the file of examples
EXAMPLES = "examples.npz"
# Seconds of training between two lines, and between two savings.
_CALL_SECS, _SAVE_SECS = 5.0, 120.0
FEATURE_BATCH = 8  # waves that are transformed together


def draw(specs: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Any], key: Any, step: Any) -> dict[str, Any]:
    """Everything that one iteration takes.

    Args:
      specs: by name of the input its shape, dtype and `draw`: ["uniform" or "integers", low, high], ["normal"],
        ["one_hot" or "labels", probabilities], ["rows", table], or ["curve", steps, values].
      tables: what rows are drawn from, as often as "weights" among them says, or else each as often as the others.
        Rows of all tables are of the same examples.
      key: of this iteration.
      step: scalar, for curves.
    """
    import jax
    import jax.numpy as jnp

    found = {}
    row_key = jax.random.fold_in(key, len(specs))
    for number, (name, spec) in enumerate(specs.items()):
        own, shape, dtype = jax.random.fold_in(key, number), tuple(spec["shape"]), np.dtype(spec["dtype"])
        kind, *values = spec["draw"]
        if kind == "uniform":
            value = jax.random.uniform(own, shape, dtype, *values)
        elif kind == "integers":
            value = jax.random.randint(own, shape, *values, dtype=dtype)
        elif kind == "normal":
            value = jax.random.normal(own, shape, dtype)
        elif kind in ("one_hot", "labels"):
            logits = jnp.log(jnp.asarray(values[0], jnp.float32))
            is_vector = kind == "one_hot"
            value = jax.random.categorical(own, logits, shape=shape[:-1] if is_vector else shape)
            value = jax.nn.one_hot(value, shape[-1], dtype=dtype) if is_vector else value.astype(dtype)
        elif kind == "rows":
            table = tables[values[0]]
            places = shape[: len(shape) - table.ndim + 1]
            rows = table[jax.random.choice(row_key, len(table), places, p=tables.get("weights"))]
            value = rows.astype(dtype) * dtype.type(SCALE) if table.dtype == np.int16 else rows.astype(dtype)
        else:
            steps, curve = (jnp.asarray(part, jnp.float64) for part in values)
            value = jnp.interp(jnp.asarray(step, jnp.float64), steps, curve).astype(dtype)
        found[name] = value
    return found


class Stage:
    """The iterations of one stage; WaveGAN and SpecGAN have one.

    Attributes:
      entry: its part of the manifest.
      tables: what it draws examples from.
    """

    def __init__(self, folder: Path, entry: Mapping[str, Any], specs: Mapping[str, Any], examples: Mapping[str, Any]):
        """Reads the program, and computes the features that the stage learns from.

        Args:
          folder: of the export.
          entry: the stage's part of the manifest.
          specs: shape and dtype of its variables.
          examples: arrays of `examples.npz`.

        Raises:
          portable.Failure: a file is missing, or JAX cannot use a program.
        """
        import jax
        import jax.numpy as jnp

        self.entry = entry
        iterate = portable.load(folder / entry["program"], *portable.types_of(entry, specs))
        tables = dict(examples)
        if "features" in entry:
            tables["features"] = _features(folder, entry["features"], tables.pop("waves"))
        self.tables = {name: jnp.asarray(table) for name, table in tables.items()}
        count, inputs, step_size = len(entry["metrics"]), entry["inputs"], entry["step_size"]

        def many(
            changes: list[Any], reads: list[Any], tables: Mapping[str, Any], key: Any, step: Any, times: Any
        ) -> tuple[list[Any], Any]:
            def one(number: Any, carried: tuple[list[Any], Any]) -> tuple[list[Any], Any]:
                changes, sums = carried
                place = step + number * step_size
                drawn = draw(inputs, tables, jax.random.fold_in(key, place), place)
                results = iterate(changes, reads, [drawn[name] for name in inputs])
                return list(results[count:]), sums + jnp.stack(results[:count])

            changes, sums = jax.lax.fori_loop(0, times, one, (changes, jnp.zeros([count], jnp.float32)))
            return changes, sums / times

        self._many = jax.jit(many, donate_argnums=0)

    def __call__(self, state: dict[str, Any], key: Any, step: int, times: int) -> dict[str, float]:
        """Makes iterations; changes `state`, and returns the mean metrics."""
        changes, reads = ([state[name] for name in self.entry[part]] for part in ("changes", "reads"))
        results, means = self._many(changes, reads, self.tables, key, np.int64(step), np.int64(times))
        state.update(zip(self.entry["changes"], results, strict=True))
        return dict(zip(self.entry["metrics"], map(float, np.asarray(means)), strict=True))


def _features(folder: Path, entry: Mapping[str, Any], waves: np.ndarray) -> Any:
    """Features of all waves at a stage's resolution."""
    import jax
    import jax.numpy as jnp

    shape = (FEATURE_BATCH, *waves.shape[1:])
    result = portable.spec_of({"shape": [FEATURE_BATCH, *entry["shape"]], "dtype": "float32"})
    given = portable.spec_of({"shape": shape, "dtype": "float32"})
    transform = jax.jit(portable.load(folder / entry["program"], [[given]], [result]))
    found = []
    for start in range(0, len(waves), FEATURE_BATCH):
        part = waves[start : start + FEATURE_BATCH].astype(np.float32) * np.float32(SCALE)
        padded = np.pad(part, [(0, FEATURE_BATCH - len(part)), *[(0, 0)] * (part.ndim - 1)])
        found.append(transform([padded])[0][: len(part)])
    return jnp.concatenate(found)


def read(folder: Path) -> dict[str, Any]:
    """The manifest of an export.

    Raises:
      portable.Failure: there is none, or it is of another version.
    """
    return portable.read(folder, MANIFEST, FORMAT, "export_run")


def save(output: Path, state: Mapping[str, Any], stage: int, step: int) -> None:
    """Writes a file for each owner of variables, and last what they are.

    Raises:
      OSError: they cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / RESULT).unlink(missing_ok=True)
    owners: dict[str, dict[str, np.ndarray]] = {}
    for name, value in state.items():
        owners.setdefault(name.split("/")[0], {})[name] = np.asarray(value)
    for owner, values in owners.items():
        np.savez(output / f"{owner}.npz", **values)
    temporary = output / f"{RESULT}.tmp"
    temporary.write_text(json.dumps({"stage": stage, "step": step, "owners": [*owners]}) + "\n", encoding="utf-8")
    os.replace(temporary, output / RESULT)


def load(output: Path) -> tuple[dict[str, np.ndarray], int, int] | None:
    """State, stage and step that `save` wrote; None if there are none.

    Raises:
      portable.Failure: a file is missing or damaged.
    """
    if not (output / RESULT).exists():
        return None
    try:
        found = json.loads((output / RESULT).read_text(encoding="utf-8"))
        state: dict[str, np.ndarray] = {}
        for owner in found["owners"]:
            with np.load(output / f"{owner}.npz", allow_pickle=False) as archive:
                state.update({name: archive[name] for name in archive.files})
        return state, int(found["stage"]), int(found["step"])
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise portable.Failure(f"{output}: is not whole ({error})") from None


def begin(folder: Path, entry: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """State at the start of a stage: its own, and what it takes over from the stage before."""
    with np.load(folder / entry["state"], allow_pickle=False) as archive:
        state: dict[str, Any] = {name: archive[name] for name in archive.files}
    return {**state, **{name: before[name] for name in entry["carried"]}}


class Limits:
    """When to end: a time limit, a number of iterations of each stage, or a signal, caught within the context."""

    def __init__(self, time_limit_secs: float, steps: int):
        """The time counts from now; 0 is no limit."""
        self._end = time.monotonic() + time_limit_secs if time_limit_secs else math.inf
        self._steps, self._is_stopped = steps, False

    def __enter__(self) -> Limits:
        self._handlers = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _stop(self, *_: object) -> None:
        self._is_stopped = True

    @property
    def secs_left(self) -> float:
        """Seconds; 0 or less if it is time to end."""
        return 0.0 if self._is_stopped else self._end - time.monotonic()

    def iterations(self, entry: Mapping[str, Any], step: int) -> int:
        """How many iterations a stage makes from a step on, but for the time."""
        of_stage = sys.maxsize if entry["end_step"] is None else -(-(entry["end_step"] - step) // entry["step_size"])
        return min(of_stage, self._steps or sys.maxsize)


def train(
    folder: Path, output: Path, time_limit_secs: float = 0.0, steps: int = 0, show: Callable[[str], None] = print
) -> tuple[int, int]:
    """Trains through the stages.

    Args:
      folder: the export.
      output: for what `save` writes; training goes on from there.
      time_limit_secs: for all, compiling included; 0 for none.
      steps: iterations of each stage in this call, at most; 0 for no limit.
      show: takes lines of progress.

    Returns:
      Stage and step that were reached.

    Raises:
      portable.Failure: the export cannot be used, or training diverged.
      OSError: the results cannot be written.
    """
    manifest = read(folder)
    jax = portable.import_jax()
    with np.load(folder / EXAMPLES, allow_pickle=False) as archive:
        examples = {name: archive[name] for name in archive.files}
    saved = load(output)
    state, stage_id, step = saved or ({}, manifest["stages"][0]["id"], manifest["step"])
    with Limits(time_limit_secs, steps) as limits:
        for entry in [entry for entry in manifest["stages"] if entry["id"] >= stage_id]:
            if saved is None or entry["id"] > stage_id:
                state = begin(folder, entry, state)
            stage_id = entry["id"]
            stage = Stage(folder, entry, manifest["variables"][str(stage_id)], examples)
            state = {name: jax.device_put(value, jax.devices()[0]) for name, value in state.items()}
            step = _train_stage(stage, state, jax.random.PRNGKey(manifest["seed"]), step, limits, output, show)
            if limits.secs_left <= 0:
                break
    save(output, state, stage_id, step)
    return stage_id, step


def _train_stage(
    stage: Stage, state: dict[str, Any], key: Any, step: int, limits: Limits, output: Path, show: Callable[[str], None]
) -> int:
    """Trains until the stage or a limit ends it; changes `state`, and returns the step that was reached."""
    stage_id, step_size = stage.entry["id"], stage.entry["step_size"]
    left, times, last_saved = limits.iterations(stage.entry, step), 1, time.monotonic()
    while left > 0 and (secs_left := limits.secs_left) > 0:
        started, times = time.monotonic(), min(times, left)
        metrics = stage(state, key, step, times)
        taken, step, left = time.monotonic() - started, step + times * step_size, left - times
        if not all(map(math.isfinite, metrics.values())):
            raise portable.Failure(f"stage {stage_id}, step {step}: training has diverged ({metrics})")
        text = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        show(f"stage {stage_id}, step {step}, {times / taken:.1f} iterations a second: {text}")
        # The first call compiles, and tells nothing of the speed.
        times = 20 if times == 1 else max(1, int(times * min(_CALL_SECS, secs_left) / taken))
        if time.monotonic() - last_saved > _SAVE_SECS:
            save(output, state, stage_id, step)
            last_saved = time.monotonic()
    return step


def add_arguments(parser: argparse.ArgumentParser, folder: Path | None) -> None:
    """Defines the command line; `folder` is what DIR is when it is skipped, None if it must be given."""
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?" if folder else None, default=folder,
                        help="what `python -m tests.device export_run` wrote")  # fmt: skip
    parser.add_argument("--time_limit_secs", type=float, default=0.0, help="end after so long (default: 0, no limit)")
    parser.add_argument("--steps", type=int, default=0, help="end each stage after so many iterations (0: no limit)")
    parser.add_argument("--output", type=Path, help="for what has been trained (default: DIR/trained)")


def main(options: argparse.Namespace) -> int:
    """Trains; returns the exit code: 0, or 1 after one line on what is wrong."""
    try:
        output = options.output or options.folder / "trained"
        stage, step = train(
            options.folder, output, options.time_limit_secs, options.steps, lambda text: print(text, flush=True)
        )
        print(f"{output}: stage {stage}, step {step}")
    except (portable.Failure, OSError) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _here = Path(__file__).resolve().parent
    add_arguments(_parser, _here if (_here / MANIFEST).exists() else None)
    sys.exit(main(_parser.parse_args()))
