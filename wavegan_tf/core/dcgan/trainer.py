"""A training run of a latents -> clip GAN: data, networks, updates, checkpoints and previews put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from wavegan_tf.core import draws, messages
from wavegan_tf.core.audio import clips
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan import warm_start
from wavegan_tf.core.dcgan.model import AVERAGE, Gan
from wavegan_tf.core.dcgan.options import GanOptions
from wavegan_tf.core.dcgan.updates import Updates, named_batch
from wavegan_tf.core.errors import from_tensorflow
from wavegan_tf.core.nn import optimizers
from wavegan_tf.core.preparation.loading import load_clips
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.stop import Stop
from wavegan_tf.core.training import checkpoints, loop, precision, preview, runtime, tracking, update
from wavegan_tf.core.workers.cluster import Cluster, digest, digest_of_audio

# Labels that have a player of their own in TensorBoard.
_MOST_SHOWN = 32


class Trainables:
    """Networks, their optimisers, and the checkpoints that hold both.

    Attributes:
      critic_updates: discriminator updates made until the last save, which number their draws.
      clips: clips taken until then.
      averaged_since: the step at which the average of the generator began.
    """

    def __init__(self, gan: Gan, train_dir: str, seed: int, scaled: Callable[[Any], Any] = lambda optimizer: optimizer):
        """Builds the optimisers; to be called in the strategy's scope.

        Args:
          gan: the networks.
          train_dir: where the checkpoints are.
          seed: the run's seed.
          scaled: wraps an optimiser for loss scaling.
        """
        # With the same names each time: names decide in which order TensorFlow adds.
        own = [optimizers.for_loss(gan.loss, name, gan.learning_rate) for name in ("g_optimizer", "d_optimizer")]
        if gan.decay is not None:
            for optimizer in own:
                optimizer.pace = optimizers.falling(own[0].iterations, *gan.decay)
        self.g_optimizer, self.d_optimizer = map(scaled, own)
        self.g_optimizer.build(gan.generator.trainable_variables)
        self.d_optimizer.build(gan.discriminator.trainable_variables)
        self.critic_updates, self.clips, self.averaged_since = (
            tf.Variable(0, dtype=tf.int64, trainable=False) for _ in range(3)
        )
        self._counted, self._gan = 0, gan
        optional = {"consumed": {"critic_updates": self.critic_updates, "clips": self.clips}}
        if gan.average is not None:
            self._begin_average(0)
            optional[AVERAGE] = checkpoints.named_variables(gan.average)
            optional["average"] = {"since": self.averaged_since}
        self.checkpoints = checkpoints.Checkpoints(
            train_dir,
            seed,
            optional=optional,
            generator=gan.generator,
            discriminator=gan.discriminator,
            g_optimizer=self.g_optimizer,
            d_optimizer=self.d_optimizer,
        )

    def restore(self, config: GanOptions) -> int:
        """Restores the newest checkpoint and returns its step, 0 without one.

        Raises:
          UserError: see `checkpoints.Checkpoints.restore`.
        """
        self.critic_updates.assign(-1)
        self.averaged_since.assign(-1)
        step = self.checkpoints.restore() or 0
        if self.averaged_since.numpy() < 0:
            self._begin_average(step)
        if self.critic_updates.numpy() < 0:
            self._counted = 0
            self.critic_updates.assign(0)
            self.clips.assign(0)
            self.count(step, config)
        self._counted = step
        return step

    def _begin_average(self, step: int) -> None:
        if self._gan.average is not None:
            if step:
                logging.info("the average of the generator's weights begins with step %d", step)
            for variable, weight in zip(self._gan.average.variables, self._gan.generator.variables, strict=True):
                variable.assign(weight)
        self.averaged_since.assign(step)

    def count(self, step: int, config: GanOptions) -> None:
        """Counts what the steps took that were made since the last count, with these options, until `step`."""
        critic_updates = (step - self._counted) * config.own("disc_nupdates")
        self.critic_updates.assign_add(critic_updates)
        self.clips.assign_add(critic_updates * config.train_batch_size)
        self._counted = step


# Called with (options, training directory, the run's audio, workers) before the networks are made, of which it returns
# the way to make them.
Prepare = Callable[[Any, str, clips.ClipStore, Cluster], Callable[[keras.DTypePolicy], Gan]]


def train(config: GanOptions, train_dir: str, prepare: Prepare) -> int:
    """Trains until the options or a signal end it.

    Args:
      config: the run's options.
      train_dir: has the run to continue from, if any.
      prepare: sees to what the networks need of the directory and the audio.

    Returns:
      The step that was reached.

    Raises:
      UserError: the data, the checkpoint or a value does not allow it, workers differ in these, or training diverged.
    """
    config.require_memory()
    with messages.shown(), runtime.settings_given_back():
        run = runtime.start(config)
        with run.cluster.guard(), run.held_by_chief(train_dir, gan_options.CONFIG_FILE):
            step = train_held(config, train_dir, prepare, run)
            run.cluster.leave()
    return step


@from_tensorflow()
def train_held(config: GanOptions, train_dir: str, prepare: Prepare, run: runtime.Runtime) -> int:
    """`train` in a directory that this process holds, with a runtime from `runtime.start`."""
    if config.own("batchnorm"):
        run = run.without_xla_on_replicas(config.jit_compile, "batch normalisation")
    if config.warm_start and not checkpoints.steps(train_dir):
        checkpoints.require_any(config.warm_start)  # before the audio is read
    cache_dir = config.data_cache_dir or os.path.join(train_dir, "data_cache")
    labelling = gan_options.labelling(config, train_dir)
    store = load_clips(config, cache_dir, labelling, config.data_balance)
    run.cluster.agree(
        {
            "labels": store.labels,
            "labels of the audio files": digest(store.file_labels),
            "number of audio files": len(store.audio.files),
            "number of samples in them": int(store.audio.lengths.sum()),
            "content of the audio files": digest_of_audio(store.audio.lengths, store.audio.samples),
        }
    )
    make_gan = prepare(config, train_dir, store, run.cluster)
    with run.strategy.scope():
        gan = make_gan(run.policy)
        trainables = Trainables(gan, train_dir, config.seed, run.loss_scaled)
    shares = store.label_shares if store.labels else ()
    optimizers = trainables.g_optimizer, trainables.d_optimizer
    updates = Updates(gan, *optimizers, run, config.seed, config.train_batch_size, shares)
    step = trainables.restore(config)
    if config.warm_start and trainables.checkpoints.last_saved is None:
        warm_start.begin(config, gan, run.cluster)
    # The chief writes nothing before all have read.
    run.cluster.agree({"step of the checkpoint": step}, "all workers must see the same --train_dir")
    _announce(config, store, gan, run, step, train_dir)
    stream = clips.clip_batches(
        store,
        batch_size=config.train_batch_size,
        seed=config.seed,
        start_example=int(trainables.clips.numpy()),
        worker=run.worker,
        num_workers=run.workers,
    )
    iterations = updates.iterations(stream, step, int(trainables.critic_updates.numpy()))
    if run.is_chief:
        # Not before it is known that these options can be used: some of them cannot change later.
        gan_options.save_run(config, train_dir, store.labels)
    writer = _ChiefWriter(config, gan, trainables, train_dir, step) if run.is_chief else _SilentWriter()
    summaries = loop.Schedule(config.train_summary_secs, at_start=True)
    with Stop(config.train_time_limit_secs) as stop:
        step = loop.run(
            config,
            step=step,
            stop=stop,
            is_end=config.is_end,
            iterate=lambda step, count: iterations(count),
            room=lambda step: config.train_steps - step if config.train_steps else loop.NO_EVENT,
            is_summary_due=lambda _: summaries.due(),
            summarize=lambda step, means: writer.summarize(step, means, stream),
            save=writer.save,
            progress=Progress(step, config.train_steps, gan.critic_updates * config.train_batch_size),
            cluster=run.cluster,
        )
    writer.close()
    return step


def _announce(
    config: GanOptions, store: clips.ClipStore, gan: Gan, run: runtime.Runtime, step: int, train_dir: str
) -> None:
    counts = [sum(int(np.prod(v.shape)) for v in net.trainable_variables) for net in (gan.generator, gan.discriminator)]
    found = store.summary
    logging.info(
        "data: %d files, %.0f clips an epoch, %.0f seconds, %d files skipped",
        found.files, found.clips, found.seconds, found.skipped,
    )  # fmt: skip
    logging.info("device: %s; parameters: generator %s, discriminator %s", run.description, *(f"{n:,}" for n in counts))
    geometry = config.geometry()
    logging.info(
        "sizes: samples of %s in networks of %s, strides %s; a value of the last layer sees %d",
        _product(geometry.sample_shape[:-1]), _product(geometry.network_lengths), _product(geometry.strides),
        geometry.receptive_field(config.own("kernel_len")),
    )  # fmt: skip
    precision.announce(run, geometry.convolutions)
    logging.info("%s at step %d in %s", "continuing" if step else "starting", step, train_dir)


def _product(factors: Iterable[int]) -> str:
    return " x ".join(map(str, factors))


class _SilentWriter:
    """Stands in for `_ChiefWriter` in the other workers, which write nothing."""

    def summarize(self, step: int, means: dict[str, float], stream: tf.data.Dataset) -> None:
        pass

    def save(self, step: int) -> None:
        pass

    def close(self) -> None:
        pass


class _ChiefWriter:
    """Summaries, checkpoints and previews of the run."""

    def __init__(self, config: GanOptions, gan: Gan, trainables: Trainables, train_dir: str, step: int):
        self._config, self._gan, self._trainables = config, gan, trainables
        self._tracker = tracking.Tracker(train_dir, step)
        key = draws.purpose_seed(config.seed, 0, "preview/z")
        count = max(1, config.preview_n // max(1, len(gan.labels)))
        self._real: dict[str, tf.Tensor] = {}
        self._preview = preview.Preview(
            train_dir,
            lambda: draws.uniform_latents(count, gan.latent_dim, key),
            self._sound,
            gan.preview_gap,
            config.data_sample_rate,
            len(gan.labels),
        )
        if trainables.checkpoints.last_saved is None:
            trainables.checkpoints.save(0)

    def _samples(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        return self._gan.sampler(z, *([] if labels is None else [labels]), training=False)

    def _sound(self, z: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Waveforms of latents, and of labels if the run has any."""
        return self._gan.to_audio(self._samples(z, labels))

    def summarize(self, step: int, means: dict[str, float], stream: tf.data.Dataset) -> None:
        """Losses, RMS, and players of real and generated clips, those at the labels of the real ones."""
        rate, latent_dim = self._config.data_sample_rate, self._gan.latent_dim
        # Always the first of the run: a stream may have to bring its data for that.
        self._real = batch = self._real or named_batch(next(iter(stream.take(1))))
        clip, labels = batch["clips"], batch.get("labels")
        real = self._gan.to_sample(clip)
        key = draws.purpose_seed(self._config.seed, step, "summary/z")
        z = draws.uniform_latents(clip.shape[0], latent_dim, key)
        fake = self._samples(z, labels)
        means.update(self._tracker.waveforms(step, "x", self._gan.to_audio(real), rate))
        means.update(self._tracker.waveforms(step, "G_z", self._gan.to_audio(fake), rate))
        if self._tracker.shows(step):
            for number, label in enumerate(self._gan.labels[:_MOST_SHOWN]):
                sound = self._sound(z[:1], tf.constant([number], tf.int32))
                self._tracker.sounds(step, f"G_z/{label}", sound, rate)
        self._gan.summarize(step, self._tracker, clip, real, fake)
        self._tracker.scalars(step, means)

    def save(self, step: int) -> None:
        """A checkpoint and a preview, unless a weight is not finite."""
        trainables = self._trainables
        optimizers = [trainables.g_optimizer, trainables.d_optimizer]
        update.check_sound(f"step {step}", [self._gan.generator, self._gan.discriminator], optimizers)
        trainables.count(step, self._config)
        trainables.checkpoints.save(step)
        with self._tracker.problems.going_on():
            self._preview.write(step)

    def close(self) -> None:
        """Raises UserError if a summary or a preview could not be written."""
        self._tracker.problems.check()
