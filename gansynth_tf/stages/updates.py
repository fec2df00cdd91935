"""The updates of one iteration of a stage, and the stream that they take their notes and draws from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.draws import NoteDraws
from gansynth_tf.losses import GANSynthLosses
from gansynth_tf.schedule import Stage
from gansynth_tf.stages.model import StageModel
from wavegan_tf.core.training import update
from wavegan_tf.core.training.iterations import Iterations
from wavegan_tf.core.training.runtime import Runtime
from wavegan_tf.core.training.update import Metrics

AVERAGE_DECAY = 0.999

# Features and one-hot pitches of real notes, the generator's draws, and the discriminator's.
Element = tuple[tuple[tf.Tensor, tf.Tensor], dict[str, tf.Tensor], dict[str, tf.Tensor]]


def check_batch_sizes(stages: Sequence[Stage], run: Runtime) -> None:
    """Raises UserError if the batch of a stage cannot be divided among the replicas."""
    for stage in stages:
        run.share(stage.batch_size, f"--batch_size_schedule: batches of {stage.batch_size} in stage {stage.stage_id}")


class StageUpdates:
    """The updates of one iteration, in the original's order: the generator and its average, then the discriminator."""

    def __init__(
        self, config: GANSynthConfig, model: StageModel, losses: GANSynthLosses, run: Runtime, pitch_counts: np.ndarray
    ):
        """Prepares both.

        Args:
          config: the run's options.
          model: the stage's networks and optimisers.
          losses: of these networks.
          run: where they are trained.
          pitch_counts: how often each pitch is in the data.

        Raises:
          UserError: the batch cannot be divided among the replicas.
        """
        self._batch_size = batch_size = model.stage.batch_size
        self._run, self._share = run, run.share(batch_size, f"batches of {batch_size}")
        options = {"strategy": run.strategy, "jit_compile": run.compiles_updates}
        self._generator = update.Update(
            losses.generator_loss,
            model.generator.trainable_variables,
            model.g_optimizer,
            after_step=update.moving_average(model.average, model.generator, AVERAGE_DECAY),
            **options,
        )
        self._discriminator = update.Update(
            losses.discriminator_loss, model.discriminator.trainable_variables, model.d_optimizer, **options
        )
        self._draw = NoteDraws(
            seed=config.seed, batch_size=batch_size, latent_dim=config.latent_vector_size, pitch_counts=pitch_counts
        )

    def elements(self, notes: tf.data.Dataset, image_id: int) -> tf.data.Dataset:
        """All that iterations need, of each in turn.

        Args:
          notes: features of real notes, downsampled to the stage's resolution, and their one-hot pitches; this worker's
            part of each batch.
          image_id: images trained on before.

        Returns:
          `Element`s, this worker's part of each.
        """
        part = self._batch_size // self._run.workers
        start = self._run.worker * part

        def drawn(purpose: str) -> tf.data.Dataset:
            def draw(count: tf.Tensor) -> dict[str, tf.Tensor]:
                return {name: value[start : start + part] for name, value in self._draw(purpose, count).items()}

            counts = tf.data.Dataset.range(image_id, tf.int64.max, self._batch_size)
            return counts.map(tf.autograph.experimental.do_not_convert(draw))

        return tf.data.Dataset.zip((notes, drawn("generator"), drawn("discriminator")))

    def iterate(self, element: Element, progress: tf.Tensor) -> Metrics:
        """Makes both updates, in a graph.

        Args:
          element: one of `elements`.
          progress: scalar, for both updates.

        Returns:
          The metrics of both, and the progress.
        """
        (features, pitches), generator, discriminator = element
        metrics = self._generator(generator, progress)
        return {**metrics, **self._discriminator(features, pitches, discriminator, progress), "progress": progress}

    def iterations(self, notes: tf.data.Dataset, image_id: int) -> Iterations:
        """Compiled ones, called with the progress of each; see `elements` for the arguments."""
        elements = self._run.distributed(self.elements(notes, image_id), self._share, _rows)
        return Iterations(self._run, self.iterate, elements)


def _rows(element: Element, start: int, stop: int) -> Element:
    """Rows of a batch; see `Runtime.distributed`."""
    return tf.nest.map_structure(lambda value: value[start:stop], element)
