"""`make bench`: input, training and generation at the paper's size, beside naive twins and the machine's peak.

Timings are the best of several runs after a warm-up. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import soundfile
import tensorflow as tf

from wavegan_tf.core import clips, draws, optimizers
from wavegan_tf.core.layers import PhaseShuffle
from wavegan_tf.core.training import AdversarialLosses, Update
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

DRUMS = Path(__file__).parents[2] / "wavegan_tf" / "demo" / "drums"
# A critic update of wgan-gp without what is zero: the generator forward, three critic passes forward, backward for two
# of them (two passes each), the inner gradient (one), and its own backward (two).
CRITIC_UPDATE_PASSES = 1 + 3 + 2 * 2 + 1 + 2
# Generator and critic forward, the critic back to its input, the generator back to input and weights.
GENERATOR_UPDATE_PASSES = 2 + 1 + 2


def best_seconds(function: Callable[[], object], runs: int) -> float:
    """The shortest of `runs` calls, after one that compiles."""
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def _wait_for(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> np.ndarray:
    return function(x).numpy()


def row(name: str, value: str, twin: str = "", note: str = "") -> None:
    print(f"| {name} | {value} | {twin} | {note} |", flush=True)


def peak_flops(runs: int) -> float:
    """Of a float32 matrix product of 2048 x 2048, operations a second."""
    a = tf.random.normal([2048, 2048])
    product = tf.function(lambda: tf.reduce_sum(a @ a))
    return 2 * 2048**3 / best_seconds(lambda: float(product()), 3 * runs)


def pass_flops(dim: int, batch: int) -> float:
    """Operations of one forward pass through either network at 16384 samples."""
    channels = [1] + [dim * 2**power for power in range(5)]
    lengths = [4096, 1024, 256, 64, 16]
    pairs = zip(lengths, itertools.pairwise(channels), strict=True)
    return sum(2.0 * batch * length * 25 * c_in * c_out for length, (c_in, c_out) in pairs)


def naive_generator(dim: int) -> keras.Model:
    """The same generator out of Keras's own layers."""
    layers = [keras.layers.Input([100]), keras.layers.Dense(16 * 16 * dim), keras.layers.Reshape([16, 16 * dim])]
    for power in range(3, -1, -1):
        layers += [keras.layers.ReLU(), keras.layers.Conv1DTranspose(dim * 2**power, 25, 4, padding="same")]
    layers += [keras.layers.ReLU(), keras.layers.Conv1DTranspose(1, 25, 4, padding="same", activation="tanh")]
    return keras.Sequential(layers)


class NaiveDiscriminator(keras.Model):
    """The same discriminator out of Keras's own layers."""

    num_phase_shuffles = 4

    def __init__(self, dim: int):
        super().__init__()
        self.convs = [keras.layers.Conv1D(dim * 2**power, 25, 4, padding="same") for power in range(5)]
        self.shuffle, self.logit = PhaseShuffle(2), keras.layers.Dense(1)
        self(tf.zeros([1, 16384, 1]), tf.zeros([4, 1], tf.int32))

    def call(self, x, phases):
        """[b, 16384, 1] -> [b]."""
        for i, conv in enumerate(self.convs):
            x = keras.ops.leaky_relu(conv(x), 0.2)
            x = self.shuffle(x, phases[i]) if i < 4 else x
        return self.logit(keras.ops.reshape(x, [-1, int(np.prod(x.shape[1:]))]))[:, 0]


def update_seconds(generator: keras.Model, discriminator: keras.Model, batch: int, runs: int) -> tuple[float, float]:
    """Seconds of a critic update and of a generator update of wgan-gp with phase shuffle."""
    objective = AdversarialLosses(generator=generator, discriminator=discriminator, loss="wgan-gp")
    strategy = tf.distribute.get_strategy()
    draw = draws.UpdateDraws(seed=0, batch_size=batch, latent_dim=100, phase_shuffles=4, phase_radius=2)
    real = tf.random.stateless_uniform([batch, 16384, 1], [0, 0], -1.0, 1.0)
    d_optimizer, g_optimizer = optimizers.for_loss("wgan-gp"), optimizers.for_loss("wgan-gp")
    d_optimizer.build(discriminator.trainable_variables)
    g_optimizer.build(generator.trainable_variables)
    critic = Update(objective.discriminator_loss, discriminator.trainable_variables, d_optimizer, strategy)
    actor = Update(objective.generator_loss, generator.trainable_variables, g_optimizer, strategy)
    return (
        best_seconds(lambda: float(critic(real, draw("critic", 0, 3))["D_loss"]), runs),
        best_seconds(lambda: float(actor(draw("actor", 0, 1))["G_loss"]), runs),
    )


def bench_training(dim: int, batch: int, runs: int, peak: float) -> None:
    ours = update_seconds(WaveGANGenerator(dim=dim), WaveGANDiscriminator(dim=dim, phaseshuffle_rad=2), batch, runs)
    naive = update_seconds(naive_generator(dim), NaiveDiscriminator(dim), batch, runs)
    for name, passes, seconds, twin in (
        ("critic", CRITIC_UPDATE_PASSES, ours[0], naive[0]),
        ("generator", GENERATOR_UPDATE_PASSES, ours[1], naive[1]),
    ):
        share = passes * pass_flops(dim, batch) / seconds / peak
        row(f"{name} update, batch {batch}", f"{seconds:.2f} s", f"{twin:.2f} s", f"{share:.0%} of peak")


def bench_generation(dim: int, runs: int, peak: float) -> None:
    z = tf.random.stateless_uniform([64, 100], [0, 0], -1.0, 1.0)
    seconds = []
    for network in (WaveGANGenerator(dim=dim), naive_generator(dim)):
        generate = tf.function(network)
        seconds.append(best_seconds(functools.partial(_wait_for, generate, z), runs))
    share = pass_flops(dim, 64) / seconds[0] / peak
    rates = [f"{s:.2f} s ({64 / s:.0f} clips/s)" for s in seconds]
    row("generate 64 clips", rates[0], rates[1], f"{share:.0%} of peak")


def bench_input(batch: int) -> None:
    """Clips a second from random places of the drum hits: the stream, and decoding each file anew in a generator."""
    options = clips.ClipOptions(data_dir=str(DRUMS), data_first_slice=True)

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
    peak = peak_flops(options.runs)
    print(f"TensorFlow {tf.__version__}, Python {sys.version.split()[0]}, {platform.machine()}, dim {options.dim}; "
          f"matrix product {peak / 1e9:.0f} GFLOP/s")  # fmt: skip
    print("\n| job | ours | naive twin | |\n|---|---|---|---|")
    bench_input(64)
    bench_generation(options.dim, options.runs, peak)
    bench_training(options.dim, options.batch, options.runs, peak)


if __name__ == "__main__":
    main()
