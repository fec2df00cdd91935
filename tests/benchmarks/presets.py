"""GANSynth's presets: sizes, parameters, and seconds and memory of an update: python -m tests.benchmarks.presets."""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import tempfile

from tests.benchmarks.measure import Timing, timed

_HEAD = "| `--config` | a note | image | generator | discriminator | an update | of all processors | memory |"


def measure(name: str, batch: int, runs: int) -> dict[str, object]:
    """An update of the last stage, features ready, and the most memory that this process has had."""
    from gansynth_tf.config import GANSynthConfig
    from gansynth_tf.presets import CONFIGS
    from gansynth_tf.stages import sizes
    from tests.benchmarks.gansynth import updates_of

    config = GANSynthConfig(**{**CONFIGS[name], "batch_size_schedule": (batch,)})
    with tempfile.TemporaryDirectory() as run_dir:
        timing = timed(updates_of(config, config.schedule.num_stages - 1, run_dir)[0], runs)
    parameters = sizes.num_parameters(
        config.filters(config.num_resolutions), config.resolutions.start_resolutions, config.kernel_size,
        config.latent_vector_size, config.num_pitches, config.simple_arch, config.num_channels,
    )  # fmt: skip
    return {
        "seconds": config.audio_length / config.sample_rate, "rate": config.sample_rate,
        "image": (*config.resolutions.final_resolutions, 2 * config.num_channels), "parameters": parameters,
        "timing": dataclasses.asdict(timing), "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }  # fmt: skip


def row(name: str, found: dict) -> str:
    """The row of a table for what `measure` gives."""
    timing = Timing(**found["timing"])
    image, millions = " x ".join(map(str, found["image"])), [f"{count / 1e6:.1f} M" for count in found["parameters"]]
    cells = [
        f"`{name}`", f"{found['seconds']:g} s at {found['rate'] / 1000:g} kHz", image, *millions,
        f"{timing.least:.1f} s", f"{min(timing.cpu):.1f} s", f"{found['memory']:.1f} GiB",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table, each row of a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.presets", description=__doc__)
    parser.add_argument("presets", nargs="*", default=["mel_prog_hires", "mel_44k", "mel_44k_stereo"])
    parser.add_argument("--batch", type=int, default=2, help="notes in an update")
    parser.add_argument("--runs", type=int, default=3, help="updates to time, after one that compiles")
    parser.add_argument("--as_json", action="store_true", help="measure the one that is named, here")
    options = parser.parse_args()
    if options.as_json:
        print(json.dumps(measure(options.presets[0], options.batch, options.runs)))
        return
    print(_HEAD, "|".join(["", *["---"] * (_HEAD.count("|") - 1), ""]), sep="\n")
    for name in options.presets:
        numbers = [f"--batch={options.batch}", f"--runs={options.runs}"]
        command = [sys.executable, "-m", "tests.benchmarks.presets", name, *numbers, "--as_json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(row(name, json.loads(done.stdout.splitlines()[-1])), flush=True)


if __name__ == "__main__":
    main()
