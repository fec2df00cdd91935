"""`make bench`: input, features, training, generation and scores at the paper's size, beside twins and machine's peak.

Timings are the best of several runs after a warm-up. Nothing else should run on the machine meanwhile. At the paper's
size it takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import tensorflow as tf

from specgan_tf.features import spectrograms_to_waveforms
from specgan_tf.geometry import Moments
from tests.benchmarks import gansynth, scoring
from tests.benchmarks.features import bench_features
from tests.benchmarks.measure import peak_flops, row
from tests.benchmarks.training import SPECGAN, WAVEGAN, bench_generation, bench_training
from wavegan_tf.core.audio import clips
from wavegan_tf.core.audio.options import ClipOptions

DRUMS = Path(__file__).parents[2] / "wavegan_tf" / "demo" / "drums"


def bench_input(batch: int) -> None:
    """Clips a second from random places of the drum hits: the stream, and decoding each file anew in a generator."""
    options = ClipOptions(data_dir=str(DRUMS), data_first_slice=True)

    def naive():
        rng = np.random.default_rng(0)
        paths = sorted(DRUMS.glob("*.flac"))
        while True:
            for index in rng.permutation(len(paths)):
                audio = soundfile.read(paths[index], dtype="float32", always_2d=True)[0][:16384]
                yield np.pad(audio / max(np.abs(audio).max(), 1e-9), [(0, 16384 - len(audio)), (0, 0)])

    with tempfile.TemporaryDirectory() as cache:
        stream = clips.clip_batches(clips.load_clips(options, cache), batch_size=batch, seed=0)
        spec = tf.TensorSpec([16384, 1], tf.float32)
        twin = tf.data.Dataset.from_generator(naive, output_signature=spec).batch(batch).prefetch(4)
        rates = []
        for dataset, batches in ((stream, 200), (twin, 40)):
            iterator = iter(dataset)
            for _ in itertools.islice(iterator, 10):
                pass
            start = time.perf_counter()
            for _ in itertools.islice(iterator, batches):
                pass
            rates.append(batches * batch / (time.perf_counter() - start))
    row(f"input, batch {batch}", f"{rates[0]:.0f} clips/s", f"{rates[1]:.0f} clips/s", "twin decodes every pass")


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--dim", type=int, default=64, help="size of the networks; the paper's is 64")
    parser.add_argument("--batch", type=int, default=16, help="batch of the updates; the paper's is 64")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the best counts")
    options = parser.parse_args()
    print("Measuring takes about ten minutes on two cores at the paper's size", file=sys.stderr, flush=True)
    peak = peak_flops(options.runs)
    print(f"TensorFlow {tf.__version__}, Python {sys.version.split()[0]}, {platform.machine()}, dim {options.dim}; "
          f"matrix product {peak / 1e9:.0f} GFLOP/s")  # fmt: skip
    print("\n| job | ours | twin | |\n|---|---|---|---|")
    bench_input(64)
    bench_features(DRUMS, options.runs)
    any_moments = Moments(np.zeros(129, np.float32), np.ones(129, np.float32))
    bench_generation(WAVEGAN, options.dim, options.runs, peak, "clips")
    bench_generation(SPECGAN, options.dim, options.runs, peak, "spectrograms")
    bench_generation(
        SPECGAN, options.dim, options.runs, peak, "clips by Griffin-Lim 16",
        lambda spectrograms: spectrograms_to_waveforms(spectrograms, any_moments),
    )  # fmt: skip
    for model in (WAVEGAN, SPECGAN):
        bench_training(model, options.dim, options.batch, options.runs, peak)
    gansynth.bench_features(options.runs)
    gansynth.bench_training(options.runs)
    gansynth.bench_generation(options.runs)
    scoring.bench_classifiers(options.runs)
    scoring.bench_neighbours(options.runs)


if __name__ == "__main__":
    main()
