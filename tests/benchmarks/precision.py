"""Updates in float32 and in bfloat16, turn by turn: python -m tests.benchmarks.precision --model=wavegan --dim=64.

A step is an update of the critic and one of the generator. Both precisions take turns, so that another load of the
machine meets both; the best of the runs counts, by the clock and in seconds of all cores.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import specgan_tf.gan
import wavegan_tf.gan
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.losses import GANSynthLosses
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer
from gansynth_tf.stages.model import StageModel
from gansynth_tf.stages.updates import StageUpdates
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.dcgan.options import GanOptions
from wavegan_tf.core.dcgan.trainer import Trainables
from wavegan_tf.core.dcgan.updates import Updates
from wavegan_tf.core.training import runtime


def gan_step(config: GanOptions, make_gan: Callable[[keras.DTypePolicy], Gan], run_dir: str) -> Callable[[], object]:
    """A step of a WaveGAN or a SpecGAN, on noise."""
    run = runtime.start(config)
    gan = make_gan(run.policy)
    trainables = Trainables(gan, run_dir, 0)
    updates = Updates(gan, trainables.g_optimizer, trainables.d_optimizer, run, 0, config.train_batch_size)
    noise = tf.random.stateless_uniform([config.train_batch_size, 16384, 1], [0, 0], -1.0, 1.0)
    iterations = updates.iterations(tf.data.Dataset.from_tensors(noise).repeat(), 0, 0)
    return lambda: iterations(1).result()


def note_step(config: GANSynthConfig, stage_id: int, run_dir: str) -> Callable[[], object]:
    """A step of a stage of a GANSynth, on noise."""
    run = runtime.start(config)
    stage, features = config.schedule.stage(stage_id), make_features(config)
    model = StageModel(config, stage, config.num_pitches, run_dir, run.policy)
    data = StageData(config.resolutions, stage.num_blocks, run_normalizer(config, None, features, ""))
    losses = GANSynthLosses(
        generator=model.generator, discriminator=model.discriminator, data=data, weights=config.loss_weights()
    )
    updates = StageUpdates(config, model, losses, run, np.ones(config.num_pitches))
    shape = [stage.batch_size, *features.data_shape]
    real = data.downsample(tf.random.stateless_normal(shape, [1, 2]))
    pitches = tf.one_hot(tf.range(stage.batch_size) % config.num_pitches, config.num_pitches)
    # In the middle of the fade-in, if it is one.
    progress = np.float32(max(stage.num_blocks - 1.5, 0) if stage_id % 2 else stage.num_blocks - 1)
    iterations = updates.iterations(tf.data.Dataset.from_tensors((real, pitches)).repeat(), 0)
    return lambda: iterations(1, np.array([progress])).result()


def step(options: argparse.Namespace, precision: str, run_dir: str) -> Callable[[], object]:
    """A step of the model that was asked for."""
    own = {f"{options.model}_dim": options.dim, f"{options.model}_disc_nupdates": 1}
    common: dict[str, Any] = {"mixed_precision": precision, "train_batch_size": options.batch, **own}
    if options.model == "wavegan":
        wave = WaveGANConfig(**common)
        return gan_step(wave, functools.partial(wavegan_tf.gan.make_gan, wave), run_dir)
    if options.model == "specgan":
        spec, moments = SpecGANConfig(**common), Moments(np.zeros(129, np.float32), np.ones(129, np.float32))
        return gan_step(spec, lambda policy: specgan_tf.gan.make_gan(spec, policy, moments), run_dir)
    sizes = {"fmap_base": options.fmap_base, "fmap_max": options.fmap_max}
    config = GANSynthConfig(mixed_precision=precision, batch_size_schedule=(options.batch,), **sizes)
    return note_step(config, options.stage, run_dir)


def best(calls: list[Callable[[], object]], runs: int) -> list[tuple[float, float]]:
    """The least seconds by the clock and of all cores of each of `calls`, which take turns after a call that traces."""
    times: list[list[tuple[float, float]]] = [[] for _ in calls]
    for turn in range(runs + 1):
        for found, call in zip(times, calls, strict=True):
            begun = time.perf_counter(), time.process_time()
            call()
            if turn:
                found.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    return [(min(wall for wall, _ in found), min(cores for _, cores in found)) for found in times]


def main() -> None:
    """Prints a row."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.precision", description=__doc__)
    parser.add_argument("--model", choices=("wavegan", "specgan", "gansynth"), default="wavegan")
    parser.add_argument("--dim", type=int, default=64, help="size of WaveGAN's or SpecGAN's networks")
    parser.add_argument("--stage", type=int, default=12, help="of GANSynth")
    parser.add_argument("--fmap_base", type=int, default=GANSynthConfig().fmap_base, help="of GANSynth")
    parser.add_argument("--fmap_max", type=int, default=GANSynthConfig().fmap_max, help="of GANSynth")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--runs", type=int, default=3, help="runs of which the best counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as run_dir:
        steps = [step(options, precision, run_dir) for precision in ("none", "bfloat16")]
        (wall, cores), (rounded_wall, rounded_cores) = best(steps, options.runs)
    size = f"stage {options.stage}" if options.model == "gansynth" else f"dim {options.dim}"
    print(
        f"| {options.model}, {size}, batch {options.batch} | {wall:.3g} s; {cores:.3g} s | "
        f"{rounded_wall:.3g} s; {rounded_cores:.3g} s | {wall / rounded_wall:.2f}; {cores / rounded_cores:.2f} |"
    )


if __name__ == "__main__":
    main()
