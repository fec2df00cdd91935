"""Updates and generation at the paper's size, beside the same networks out of Keras's own layers."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from tests.benchmarks.measure import Row, Timing, timed, wait_for
from wavegan_tf.core.dcgan.draws import UpdateDraws
from wavegan_tf.core.dcgan.losses import AdversarialLosses
from wavegan_tf.core.nn import optimizers
from wavegan_tf.core.nn.layers import PhaseShuffle
from wavegan_tf.core.training.update import Update
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

# A critic update of wgan-gp without what is zero: the generator forward, three critic passes forward, backward for two
# of them (two passes each), the inner gradient (one), and its own backward (two).
CRITIC_UPDATE_PASSES = 1 + 3 + 2 * 2 + 1 + 2
# Generator and critic forward, the critic back to its input, the generator back to input and weights.
GENERATOR_UPDATE_PASSES = 2 + 1 + 2


@dataclasses.dataclass(frozen=True)
class Model:
    """A model at the paper's settings, and what its naive twin is made of."""

    name: str
    generator: Callable[..., keras.Model]
    discriminator: Callable[..., keras.Model]
    convolution: Callable[..., keras.layers.Layer]
    transposed: Callable[..., keras.layers.Layer]
    kernel_len: int
    stride: int
    first_shape: tuple[int, ...]
    sample_shape: tuple[int, ...]
    phase_radius: int


WAVEGAN = Model(
    "WaveGAN", WaveGANGenerator, WaveGANDiscriminator, keras.layers.Conv1D, keras.layers.Conv1DTranspose,
    25, 4, (16,), (16384, 1), 2,
)  # fmt: skip
SPECGAN = Model(
    "SpecGAN", SpecGANGenerator, SpecGANDiscriminator, keras.layers.Conv2D, keras.layers.Conv2DTranspose,
    5, 2, (4, 4), (128, 128, 1), 0,
)  # fmt: skip


def pass_flops(dim: int, batch: int) -> float:
    """Operations of one forward pass through any of the four networks: 25 taps, 16 to 4096 places."""
    channels = [1] + [dim * 2**power for power in range(5)]
    places = [4096, 1024, 256, 64, 16]
    pairs = zip(places, itertools.pairwise(channels), strict=True)
    return sum(2.0 * batch * count * 25 * c_in * c_out for count, (c_in, c_out) in pairs)


def naive_generator(model: Model, dim: int) -> keras.Model:
    """The same generator out of Keras's own layers."""
    layers = keras.layers
    upconv = functools.partial(model.transposed, kernel_size=model.kernel_len, strides=model.stride, padding="same")
    flat = 16 * int(np.prod(model.first_shape)) * dim
    stack = [layers.Input([100]), layers.Dense(flat), layers.Reshape([*model.first_shape, 16 * dim])]
    for power in range(3, -1, -1):
        stack += [layers.ReLU(), upconv(dim * 2**power)]
    return keras.Sequential([*stack, layers.ReLU(), upconv(1, activation="tanh")])


class NaiveDiscriminator(keras.Model):
    """The same discriminator out of Keras's own layers."""

    num_phase_shuffles = 4

    def __init__(self, model: Model, dim: int):
        super().__init__()
        convolution = functools.partial(
            model.convolution, kernel_size=model.kernel_len, strides=model.stride, padding="same"
        )
        self.convs = [convolution(dim * 2**power) for power in range(5)]
        self.shuffle, self.logit = PhaseShuffle(model.phase_radius), keras.layers.Dense(1)
        self(tf.zeros([1, *model.sample_shape]), tf.zeros([4, 1], tf.int32))

    def call(self, x, phases):
        """[b, ...] -> [b]."""
        for i, conv in enumerate(self.convs):
            x = keras.ops.leaky_relu(conv(x), 0.2)
            x = self.shuffle(x, phases[i]) if i < 4 and self.shuffle.radius else x
        return self.logit(keras.ops.reshape(x, [-1, int(np.prod(x.shape[1:]))]))[:, 0]


def time_updates(
    model: Model, generator: Any, discriminator: Any, batch: int, runs: int
) -> tuple[Timing, Timing]:
    """Times a critic update and a generator update of wgan-gp."""
    objective = AdversarialLosses(generator=generator, discriminator=discriminator, loss="wgan-gp")
    strategy = tf.distribute.get_strategy()
    draw = UpdateDraws(
        seed=0, batch_size=batch, latent_dim=100, phase_shuffles=4, phase_radius=model.phase_radius
    )
    real = tf.random.stateless_uniform([batch, *model.sample_shape], [0, 0], -1.0, 1.0)
    d_optimizer, g_optimizer = optimizers.for_loss("wgan-gp"), optimizers.for_loss("wgan-gp")
    d_optimizer.build(discriminator.trainable_variables)
    g_optimizer.build(generator.trainable_variables)
    critic, actor = (
        tf.function(Update(loss, network.trainable_variables, optimizer, strategy))
        for loss, network, optimizer in (
            (objective.discriminator_loss, discriminator, d_optimizer),
            (objective.generator_loss, generator, g_optimizer),
        )
    )
    return (
        timed(lambda: float(critic(real, draw("critic", 0, 3))["D_loss"]), runs),
        timed(lambda: float(actor(draw("actor", 0, 1))["G_loss"]), runs),
    )


def bench_training(model: Model, dim: int, batch: int, runs: int, peak: float) -> Iterator[Row]:
    """Both updates."""
    discriminator = model.discriminator(dim=dim, phaseshuffle_rad=model.phase_radius)
    ours = time_updates(model, model.generator(dim=dim), discriminator, batch, runs)
    naive = time_updates(model, naive_generator(model, dim), NaiveDiscriminator(model, dim), batch, runs)
    names, passes = ("critic", "generator"), (CRITIC_UPDATE_PASSES, GENERATOR_UPDATE_PASSES)
    for name, count, timing, twin in zip(names, passes, ours, naive, strict=True):
        share = count * pass_flops(dim, batch) / timing.least / peak
        yield Row(f"{model.name} {name} update, batch {batch}", timing, twin, note=f"{share:.0%} of peak")


def bench_generation(
    model: Model,
    dim: int,
    runs: int,
    peak: float,
    what: str,
    to_audio: Callable[[tf.Tensor], tf.Tensor] | None = None,
    counts: tuple[int, ...] = (1, 64),
) -> Iterator[Row]:
    """Clips or spectrograms, so many at a time."""
    networks = model.generator(dim=dim), naive_generator(model, dim)
    for count in counts:
        z = tf.random.stateless_uniform([count, 100], [0, 0], -1.0, 1.0)
        timings = []
        for network in networks:
            generate = tf.function(lambda z, network=network: to_audio(network(z)) if to_audio else network(z))
            timings.append(timed(functools.partial(wait_for, generate, z), max(runs, 64 // count * runs // 8), count))
        share = "" if to_audio else f"{pass_flops(dim, count) / timings[0].least / peak:.0%} of peak"
        yield Row(f"{model.name} {what}, batch {count}", timings[0], timings[1], unit=what.split()[0], note=share)
