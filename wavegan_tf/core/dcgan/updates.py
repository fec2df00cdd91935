"""The updates of one iteration of WaveGAN and SpecGAN, and the stream that they take their clips and draws from."""

from __future__ import annotations

import keras
import tensorflow as tf

from wavegan_tf.core.dcgan.draws import UpdateDraws, rows
from wavegan_tf.core.dcgan.losses import AdversarialLosses
from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.nn.losses import WGAN_CLIP
from wavegan_tf.core.training import update
from wavegan_tf.core.training.iterations import Iterations, repeated
from wavegan_tf.core.training.runtime import Runtime
from wavegan_tf.core.training.update import Metrics

# By name, the tensors of each update of one kind in an iteration, [updates, ...].
Tensors = dict[str, tf.Tensor]


class Updates:
    """The updates of one iteration: `critic_updates` of the discriminator, then one of the generator."""

    def __init__(
        self,
        gan: Gan,
        g_optimizer: keras.optimizers.Optimizer,
        d_optimizer: keras.optimizers.Optimizer,
        run: Runtime,
        seed: int,
        batch_size: int,
        label_shares: tuple[float, ...] = (),
    ):
        """Prepares both kinds.

        Args:
          gan: the networks.
          g_optimizer: the generator's.
          d_optimizer: the discriminator's.
          run: where they are trained.
          seed: the run's.
          batch_size: clips of each update, of all replicas together.
          label_shares: of each label among the clips; none without labels.

        Raises:
          UserError: the batch cannot be divided among the replicas.
        """
        self._gan, self._run, self._batch_size = gan, run, batch_size
        self._share = run.share(batch_size, f"--train_batch_size={batch_size}")
        self._objective = AdversarialLosses(
            generator=gan.generator,
            discriminator=gan.discriminator,
            loss=gan.loss,
            inner_scale=run.inner_scale,
            with_labels=bool(gan.labels),
        )
        self._discriminator = update.Update(
            self._discriminator_loss,
            gan.discriminator.trainable_variables,
            d_optimizer,
            run.strategy,
            jit_compile=run.compiles_updates,
            after_step=update.clipping(gan.discriminator, WGAN_CLIP) if gan.loss == "wgan" else None,
        )
        self._generator = update.Update(
            lambda drawn: self._objective.generator_loss(_of(drawn, 0)),
            gan.generator.trainable_variables,
            g_optimizer,
            run.strategy,
            jit_compile=run.compiles_updates,
            after_step=gan.average and update.moving_average(gan.average, gan.generator, gan.average_decay),
        )
        self._draw = UpdateDraws(
            seed=seed,
            batch_size=batch_size,
            latent_dim=gan.latent_dim,
            phase_shuffles=gan.discriminator.num_phase_shuffles if gan.phase_radius else 0,
            phase_radius=gan.phase_radius,
            phase_per_example=gan.phase_per_example,
            label_shares=label_shares,
        )

    def _discriminator_loss(self, index: tf.Tensor, inputs: Tensors) -> tuple[tf.Tensor, Metrics]:
        own = _of(inputs, index)
        return self._objective.discriminator_loss(self._gan.to_sample(own["clips"]), own)

    def elements(self, clips: tf.data.Dataset, step: int, critic_update: int) -> tf.data.Dataset:
        """All that iterations need, of each in turn.

        Args:
          clips: this worker's part of each batch.
          step: generator updates made before.
          critic_update: discriminator updates made before.

        Returns:
          Pairs of the discriminator's clips and draws and of the generator's draws, this worker's part of each.
        """
        part = self._batch_size // self._run.workers
        start = self._run.worker * part

        def drawn(purpose: str, first: int, passes: int) -> tf.data.Dataset:
            def draw(count: tf.Tensor) -> Tensors:
                return rows(self._draw(purpose, count, passes), start, start + part)

            return tf.data.Dataset.range(first, tf.int64.max).map(tf.autograph.experimental.do_not_convert(draw))

        critic = drawn("discriminator", critic_update, self._objective.discriminator_passes)
        # Fakes have the labels of the clips beside them, and so have the interpolates between the two.
        critic = tf.data.Dataset.zip((clips, critic)).map(lambda batch, draws: {**draws, **named_batch(batch)})
        generator = drawn("generator", step, 1)
        updates = self._gan.critic_updates
        return tf.data.Dataset.zip(
            (critic.batch(updates, drop_remainder=True), generator.batch(1, drop_remainder=True))
        )

    def iterate(self, element: tuple[Tensors, Tensors]) -> Metrics:
        """Makes the updates of one element, in a graph; returns the metrics of the last of each kind."""
        inputs, drawn = element
        metrics = repeated(
            lambda index: self._discriminator(index, inputs),
            self._gan.critic_updates,
            self._objective.discriminator_metrics,
        )
        return {**metrics, **self._generator(drawn)}

    def iterations(self, clips: tf.data.Dataset, step: int, critic_update: int) -> Iterations:
        """Compiled ones; see `elements` for the arguments."""
        elements = self.elements(clips, step, critic_update)
        return Iterations(self._run, self.iterate, self._run.distributed(elements, self._share, _rows_of_both))


def named_batch(batch: tf.Tensor | tuple[tf.Tensor, tf.Tensor]) -> Tensors:
    """The clips of `clip_batches`, and their labels if they have any."""
    return {"clips": batch[0], "labels": batch[1]} if isinstance(batch, tuple) else {"clips": batch}


def _of(tensors: Tensors, index: tf.Tensor | int) -> Tensors:
    return {name: value[index] for name, value in tensors.items()}


def _rows_of_both(element: tuple[Tensors, Tensors], start: int, stop: int) -> tuple[Tensors, Tensors]:
    """Rows of each update's batch; see `Runtime.distributed`."""
    critic, generator = (rows(part, start, stop, axis=1) for part in element)
    return critic, generator
