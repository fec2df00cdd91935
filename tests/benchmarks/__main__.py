"""`make bench`: input, features, training, generation and scores at the paper's size, beside twins and machine's peak.

Seconds are the least of several runs after a warm-up: by the clock, and of all processors. Nothing else should run on
the machine meanwhile. At the paper's size it takes about ten minutes on two cores.

    make bench ARGS="--json before.json"
    make bench ARGS="--compare before.json after.json"
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.measure import Row
from wavegan_tf.core import flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.folders import output_file

PARTS = ("input", "preparation", "features", "wavegan", "specgan", "gansynth", "scores")


def parts(options: argparse.Namespace, peak: float) -> dict[str, Callable[[], Iterator[Row]]]:
    """The benchmarks by name of `PARTS`."""
    import numpy as np

    from specgan_tf.features import spectrograms_to_waveforms
    from specgan_tf.geometry import Moments
    from tests.benchmarks import gansynth, scoring, training
    from tests.benchmarks.features import bench_features
    from tests.benchmarks.input import bench_input
    from tests.benchmarks.preparation import bench_preparation

    drums, runs = Path(__file__).parents[2] / "wavegan_tf" / "demo" / "drums", options.runs
    any_moments = Moments(np.zeros(129, np.float32), np.ones(129, np.float32))

    def of_wavegan() -> Iterator[Row]:
        yield from training.bench_generation(training.WAVEGAN, options.dim, runs, peak, "clips")
        yield from training.bench_training(training.WAVEGAN, options.dim, options.batch, runs, peak)

    def of_specgan() -> Iterator[Row]:
        yield from training.bench_generation(training.SPECGAN, options.dim, runs, peak, "spectrograms")
        yield from training.bench_generation(
            training.SPECGAN, options.dim, runs, peak, "clips by Griffin-Lim 16",
            lambda spectrograms: spectrograms_to_waveforms(spectrograms, any_moments), (64,),
        )  # fmt: skip
        yield from training.bench_training(training.SPECGAN, options.dim, options.batch, runs, peak)

    def of_gansynth() -> Iterator[Row]:
        yield from gansynth.bench_features(runs)
        yield from gansynth.bench_training(runs)
        yield from gansynth.bench_generation(runs)

    def of_scores() -> Iterator[Row]:
        yield from scoring.bench_classifiers(runs)
        yield from scoring.bench_neighbours(runs)

    return {
        "input": lambda: bench_input(drums, 64),
        "preparation": bench_preparation,
        "features": lambda: bench_features(drums, runs),
        "wavegan": of_wavegan,
        "specgan": of_specgan,
        "gansynth": of_gansynth,
        "scores": of_scores,
    }


def measure(options: argparse.Namespace) -> None:
    """Measures, and prints and stores each row as it comes."""
    with output_file(options.json, "json") if options.json else contextlib.nullcontext():
        from tests.benchmarks.measure import peak_flops

        print("Measuring takes about ten minutes on two cores at the paper's size", file=sys.stderr, flush=True)
        peak = peak_flops(options.runs)
        settings = {name: getattr(options, name) for name in ("dim", "batch", "runs")}
        facts, rows = report.run_facts(settings, peak / 1e9), []
        versions, machine = facts["versions"], facts["machine"]
        print(f"TensorFlow {versions['tensorflow']}, Python {versions['python']}, {machine['cores']} cores of "
              f"{machine['processor']}, dim {options.dim}; matrix product {peak / 1e9:.0f} GFLOP/s")  # fmt: skip
        print("\n| job | ours | twin | |\n|---|---|---|---|", flush=True)
        benchmarks = parts(options, peak)
        for name in options.only or PARTS:
            for row in benchmarks[name]():
                print(row.as_table(), flush=True)
                rows.append(row)
                if options.json:
                    report.write(options.json, facts, rows)


def main(arguments: list[str] | None = None) -> int:
    """Prints one table; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dim", type=int, default=64, help="size of the networks; the paper's is 64")
    parser.add_argument("--batch", type=int, default=16, help="batch of the updates; the paper's is 64")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the least counts")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts to measure; all by default")
    parser.add_argument("--json", metavar="FILE", help="write rows, machine and versions to this file as well")
    parser.add_argument("--compare", nargs=2, metavar="FILE", help="measure nothing; print two such files side by side")
    options = parser.parse_args(arguments)
    try:
        for name in ("dim", "batch", "runs"):
            if getattr(options, name) < 1:
                raise UserError(f"--{name}={getattr(options, name)}: must be at least 1")
        if options.compare:
            for line in report.comparison(*map(report.read, options.compare)):
                print(line)
        else:
            measure(options)
    except (UserError, KeyboardInterrupt) as error:
        return flags.report(error) or 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
