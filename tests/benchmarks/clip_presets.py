"""Parameters, memory and time of an update of each preset of WaveGAN and SpecGAN, as a table.

    python -m tests.benchmarks.clip_presets [MODEL:PRESET ...]

Each is trained for two updates on the demo's drum hits in a process of its own; the time is the second's. CPU seconds
bear a busy machine.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import specgan_tf
import wavegan_tf
from wavegan_tf.core.dcgan.presets import CLIPS
from wavegan_tf.core.progress import Progress

DRUMS = Path(__file__).parents[2] / "wavegan_tf" / "demo" / "drums"
PACKAGES: dict[str, Any] = {
    "wavegan": (wavegan_tf, wavegan_tf.WaveGANConfig),
    "specgan": (specgan_tf, specgan_tf.SpecGANConfig),
}
COLUMNS = ("model", "preset", "parameters", "batch", "CPU s", "s by the clock", "most memory, GB")


def measure(model: str, preset: str) -> list[Any]:
    """The row of a preset, measured in this process."""
    package, config_class = PACKAGES[model]
    config = config_class.from_preset(
        preset, data_dir=str(DRUMS), data_first_slice=True, train_steps=2, preview_n=1, train_save_secs=86400
    )
    marks: list[tuple[float, float]] = []
    update = Progress.update

    def marked(self: Progress, step: int, values: Any) -> None:
        marks.append((time.process_time(), time.perf_counter()))
        update(self, step, values)

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Progress, "update", marked):
        package.train(config, folder)
    cpu, clock = (round(after - before, 1) for before, after in zip(*marks[-2:], strict=True))
    memory = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)
    return [model, preset, f"{config.num_parameters():,}", config.train_batch_size, cpu, clock, memory]


def main() -> None:
    """Prints the table."""
    chosen = sys.argv[1:] or [f"{model}:{preset}" for model in PACKAGES for preset in CLIPS]
    if len(chosen) == 1:
        print(json.dumps(measure(*chosen[0].split(":"))))
        return
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for one in chosen:
        ran = subprocess.run([sys.executable, "-m", __spec__.name, one], stdout=subprocess.PIPE, check=True, text=True)
        print(f"| {' | '.join(map(str, json.loads(ran.stdout.splitlines()[-1])))} |", flush=True)


if __name__ == "__main__":
    main()
