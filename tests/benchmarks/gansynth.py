"""GANSynth at the paper's size: features, and steps of training at each stage's own resolution and upsampled."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansynth_tf import api
from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.features import Features
from gansynth_tf.losses import GANSynthLosses
from gansynth_tf.mel import linear_to_mel_matrix
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.stream import note_batches
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features, run_normalizer, stage_reader
from gansynth_tf.stages.model import StageModel
from gansynth_tf.stages.updates import AVERAGE_DECAY, StageUpdates
from tests.benchmarks.measure import Row, Timing, timed, wait_for
from tests.gansynth.full_size import FullSizeLosses
from wavegan_tf.core.options import save_options
from wavegan_tf.core.training import runtime, update

BATCH = 8
# (stage, batch size).
STAGES = ((0, 8), (4, 8), (8, 8), (12, 2))
ROOT = Path(__file__).parents[2]
NOTES = ROOT / "tests" / "data" / "notes"


def plain_melspecgrams(features: Features, waves: tf.Tensor) -> tf.Tensor:
    """Waves [b, t, 1] -> [b, frames, bins, 2], step by step as the paper tells it."""
    padded = tf.pad(waves[:, :, 0], [[0, 0], [features.padding, 0]])
    spectra = tf.signal.stft(padded, features.frame_length, features.frame_step)[:, :, 1:]
    bins = features.spec_shape[1]
    matrix = tf.constant(linear_to_mel_matrix(bins, bins, 16000, 0.0, 8000.0), tf.float32)

    def frequency(phase: tf.Tensor) -> tf.Tensor:
        jumps = phase[:, 1:] - phase[:, :-1]
        wrapped = tf.math.floormod(jumps + np.pi, 2 * np.pi) - np.pi
        wrapped = tf.where((wrapped == -np.pi) & (jumps > 0), np.pi, wrapped)
        unwrapped = phase + tf.pad(tf.cumsum(wrapped - jumps, axis=1), [[0, 0], [1, 0], [0, 0]])
        return tf.concat([phase[:, :1], unwrapped[:, 1:] - unwrapped[:, :-1]], axis=1) / np.pi

    magnitude = tf.math.log(tf.abs(spectra) + 1e-6)
    turned = frequency(tf.math.angle(spectra))
    power = tf.tensordot(tf.exp(2.0 * magnitude), matrix, 1)
    turned = frequency(tf.tensordot(tf.cumsum(turned * np.pi, axis=1), matrix, 1))
    return tf.stack([tf.math.log(power + 1e-6), turned], axis=-1)


def bench_features(runs: int) -> Iterator[Row]:
    """Features computed, and read again where they were kept."""
    config = GANSynthConfig(data_dir=str(NOTES), data_sources="")
    features = make_features(config)
    with tempfile.TemporaryDirectory() as cache:
        store = load_notes(config, cache)
        waves = tf.stack([store.wave(tf.constant(index, tf.int64)) for index in range(BATCH)])
        ours, twin = tf.function(features.waves_to_data), tf.function(lambda x: plain_melspecgrams(features, x))
        taken, plain = (
            timed(functools.partial(wait_for, compute, waves), 4 * runs, BATCH) for compute in (ours, twin)
        )
        note = "twin: step by step, with the dense matrix"
        yield Row(f"wave to M-IF-Mel, batch {BATCH}", taken, plain, unit="notes", note=note)
        data = StageData(config.resolutions, config.num_resolutions, run_normalizer(config, None, features, ""))
        read = stage_reader(config, store, features, data, cache)
        batches = iter(note_batches(store, read, batch_size=BATCH, seed=0))
        taken = timed(lambda: [next(batches) for _ in range(20)], runs, 20 * BATCH)
    yield Row(f"M-IF-Mel of the cache, batch {BATCH}", taken, unit="notes", note="shuffled, from memory")


def updates_of(config: GANSynthConfig, stage_id: int, run_dir: str) -> tuple[Callable, Callable]:
    """A step of a stage, and the same step upsampled."""
    features = make_features(config)
    stage = config.schedule.stage(stage_id)
    model = StageModel(config, stage, config.num_pitches, run_dir, keras.DTypePolicy("float32"))
    normalizer = run_normalizer(config, None, features, "")
    data = StageData(config.resolutions, stage.num_blocks, normalizer)
    networks: dict[str, Any] = {"generator": model.generator, "discriminator": model.discriminator}
    weights, counts = config.loss_weights(), np.ones(config.num_pitches)
    run = runtime.start(config)
    losses = GANSynthLosses(**networks, data=data, weights=weights)
    updates = StageUpdates(config, model, losses, run, counts)
    progress = np.float32(max(stage.num_blocks - 1.3, 0) if stage_id % 2 else stage.num_blocks - 1)
    real = tf.random.stateless_normal([stage.batch_size, *features.data_shape], [1, 2]) * 3.0
    pitches = tf.one_hot(tf.range(stage.batch_size), config.num_pitches)
    downsampled = data.downsample(real)

    twin = FullSizeLosses(**networks, resolutions=config.resolutions, normalizer=normalizer, weights=weights)
    g_step = update.Update(
        lambda drawn: (twin.generator_loss(drawn, progress), {}),
        model.generator.trainable_variables,
        model.g_optimizer,
        run.strategy,
        after_step=update.moving_average(model.average, model.generator, AVERAGE_DECAY),
    )
    d_step = update.Update(
        lambda real, pitches, drawn: (twin.discriminator_loss(real, pitches, drawn, progress), {}),
        model.discriminator.trainable_variables,
        model.d_optimizer,
        run.strategy,
    )
    notes = tf.data.Dataset.from_tensors((downsampled, pitches)).repeat()
    _, generator, discriminator = next(iter(updates.elements(notes, 0)))
    iterations = updates.iterations(notes, 0)

    @tf.function
    def upsampled() -> None:
        g_step(generator)
        d_step(real, pitches, discriminator)

    def twin_step() -> None:
        upsampled()
        model.discriminator.variables[0].numpy()

    return lambda: iterations(1, np.stack([progress])).result(), twin_step


def bench_training(runs: int, stages: tuple[tuple[int, int], ...] = STAGES) -> Iterator[Row]:
    """Steps of each stage: the generator, its average and the discriminator, features ready."""
    for stage_id, batch in stages:
        config = GANSynthConfig(batch_size_schedule=(batch,))
        with tempfile.TemporaryDirectory() as run_dir:
            ours, twin = updates_of(config, stage_id, run_dir)
            count = runs if stage_id < 8 else max(runs // 3, 1)
            timings = timed(ours, count, batch), timed(twin, max(count // 2, 1), batch)
        note = "twin: upsampled to 128 x 1024, a pass for each head"
        yield Row(f"GANSynth step of stage {stage_id}, batch {batch}", *timings, unit="images", note=note)


# In a process of its own, as the first call is to be a first one.
_SERVE = """
import json, sys, time
start = time.perf_counter()
import numpy as np
from wavegan_tf.core.serving.model import GeneratorModel
from tests.benchmarks.measure import timed
imported = time.perf_counter()
model = GeneratorModel(sys.argv[1], "gansynth")
times = {"import": imported - start, "load": time.perf_counter() - imported}
batch = int(sys.argv[2])
rows = {"z": model.latents(batch, 0), "pitch": np.full(batch, 60, np.int32)}
generate = lambda: list(model.stream(rows, batch))
start = time.perf_counter()
generate()
times["first"] = time.perf_counter() - start
later = timed(generate, int(sys.argv[3]))
times["wall"], times["cpu"] = later.wall, later.cpu
print(json.dumps(times))
"""


def plain_generator(config: GANSynthConfig) -> keras.Model:
    """The same network from Keras's own layers: pixels repeated, then convolved; batch of latents with pitches."""
    def normed(x):
        return x * keras.ops.rsqrt(keras.ops.mean(keras.ops.square(x), axis=-1, keepdims=True) + 1e-8)

    height, width = config.resolutions.start_resolutions
    inputs = keras.Input([config.latent_vector_size + config.num_pitches])
    x, image = normed(inputs), None
    for block, filters in enumerate(config.filters(config.num_resolutions)[1:]):
        if block == 0:
            x = keras.layers.Dense(height * width * filters)(x)
            x = normed(keras.ops.leaky_relu(keras.ops.reshape(x, [-1, height, width, filters])))
        else:
            x = keras.layers.UpSampling2D()(x)
            x = normed(keras.ops.leaky_relu(keras.layers.Conv2D(filters, 3, padding="same")(x)))
        x = normed(keras.ops.leaky_relu(keras.layers.Conv2D(filters, 3, padding="same")(x)))
        coarse = 0.0 if image is None else keras.layers.UpSampling2D()(image)
        image = coarse + keras.ops.tanh(keras.layers.Conv2D(2, 1)(x))
    return keras.Model(inputs, image)


def bench_generation(runs: int, batches: tuple[int, ...] = (1, 8, 32)) -> Iterator[Row]:
    """Notes of the exported model of the paper's size, by so many, and its loading."""
    config = GANSynthConfig()
    features = make_features(config)
    twin = plain_generator(config)
    plain = tf.function(lambda z: features.data_to_waves(twin(z)))
    with tempfile.TemporaryDirectory() as run_dir:
        last = config.schedule.stage(config.schedule.num_stages - 1)
        model = StageModel(config, last, config.num_pitches, run_dir, keras.DTypePolicy("float32"))
        model.save(config.total_num_images)
        save_options(config, os.path.join(run_dir, CONFIG_FILE), MODEL)
        model_dir = os.path.join(run_dir, "1")
        api.export_model(run_dir, model_dir)
        for batch in batches:
            command = [sys.executable, "-c", _SERVE, model_dir, str(batch), str(runs)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            times = json.loads(done.stdout.splitlines()[-1])
            starting = f"first call {times['first']:.2f} s, model loaded in {times['load']:.2f} s"
            z = tf.random.stateless_normal([batch, config.latent_vector_size + config.num_pitches], [1, 2])
            yield Row(
                f"GANSynth, notes of 4 s, batch {batch}",
                Timing(tuple(times["wall"]), tuple(times["cpu"]), batch),
                timed(functools.partial(wait_for, plain, z), max(runs // 2, 1), batch),
                unit="notes",
                note=f"{starting}; twin: plain Keras layers",
            )
