"""Networks, optimisers and checkpoints of one stage, and what it takes over from the stage before."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.networks import ProgressiveDiscriminator, ProgressiveGenerator
from gansynth_tf.progressive import Progressive, block_name
from gansynth_tf.schedule import Stage
from wavegan_tf.core import draws
from wavegan_tf.core.nn.optimizers import TF1Adam
from wavegan_tf.core.options import MAX_SEED
from wavegan_tf.core.training import checkpoints, update


def _unchanged(optimizer: Any) -> Any:
    return optimizer


def make_generator(
    config: GANSynthConfig, stage: Stage, num_pitches: int, policy: keras.DTypePolicy
) -> ProgressiveGenerator:
    """The generator of a stage."""
    arguments = {**config.network_arguments(stage.num_blocks, num_pitches), **config.generator_arguments()}
    return ProgressiveGenerator(**arguments, dtype=policy, name="progressive_gan_generator")


def restore_average(
    config: GANSynthConfig, stage: Stage, run_dir: str, image_id: int | None = None
) -> tuple[ProgressiveGenerator, int, np.float32]:
    """The moving average of a generator, from a checkpoint.

    Args:
      config: the run's options.
      stage: which one.
      run_dir: the run's directory.
      image_id: which of its checkpoints; None is the newest.

    Returns:
      The generator, the number of images that it was trained on, and the progress then.

    Raises:
      UserError: there is no such checkpoint, or it does not fit.
    """
    network = make_generator(config, stage, config.num_pitches, keras.DTypePolicy("float32"))
    train_time = tf.Variable(0.0, dtype=tf.float64, trainable=False)
    image_id = checkpoints.restore_step(
        os.path.join(run_dir, stage.directory), image_id, generator_ema=network, clock={"train_time": train_time}
    )
    return network, image_id, config.progress(stage.num_blocks, image_id, float(train_time.numpy()))


class StageModel:
    """Networks and optimisers of one stage.

    Attributes:
      generator: with the stage's blocks.
      discriminator: likewise.
      average: the moving average of the generator, which generates.
      train_time: seconds of training so far, by which stages may end (`TrainTimeHook`).
    """

    def __init__(
        self,
        config: GANSynthConfig,
        stage: Stage,
        num_pitches: int,
        run_dir: str,
        policy: keras.DTypePolicy,
        scaled: Callable[[Any], Any] = _unchanged,
    ):
        """Builds everything; to be called in the strategy's scope.

        Args:
          config: the run's options.
          stage: which one.
          num_pitches: of the notes.
          run_dir: the run's directory, which holds the stages'.
          policy: dtype policy of the networks.
          scaled: wraps an optimiser for loss scaling.
        """
        self._config, self.stage, self._run_dir = config, stage, run_dir
        # A run that starts again draws the same initial weights for a stage as one that has gone on.
        keras.utils.set_random_seed(int(draws.purpose_seed(config.seed, stage.stage_id, "weights")[0]) & MAX_SEED)
        shared = config.network_arguments(stage.num_blocks, num_pitches)
        self.generator, self.average = (make_generator(config, stage, num_pitches, policy) for _ in range(2))
        self.discriminator = ProgressiveDiscriminator(**shared, dtype=policy)
        for variable, weight in zip(self.average.variables, self.generator.variables, strict=True):
            variable.assign(weight)
        # Of the same names in a run that grows and in one that goes on: names decide in which order TensorFlow adds.
        self.g_optimizer = self._optimizer("g_optimizer", config.generator_learning_rate, self.generator, scaled)
        self.d_optimizer = self._optimizer(
            "d_optimizer", config.discriminator_learning_rate, self.discriminator, scaled
        )
        self.train_time = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.checkpoints = checkpoints.Checkpoints(
            os.path.join(run_dir, stage.directory),
            config.seed,
            **self._networks(),
            g_optimizer=self.g_optimizer,
            d_optimizer=self.d_optimizer,
            clock={"train_time": self.train_time},
        )

    def _optimizer(
        self, name: str, rate: float, network: Progressive, scaled: Callable[[Any], Any]
    ) -> keras.optimizers.Optimizer:
        optimizer = scaled(TF1Adam(rate, beta_1=self._config.adam_beta1, beta_2=self._config.adam_beta2, name=name))
        optimizer.build(network.trainable_variables)
        return optimizer

    def _networks(self) -> dict[str, Progressive]:
        return {"generator": self.generator, "discriminator": self.discriminator, "generator_ema": self.average}

    def restore(self) -> int:
        """Restores the stage's newest checkpoint, or takes over what the stage before has trained.

        Returns:
          Images trained on so far.

        Raises:
          UserError: no checkpoint fits, or there is none of the stage before.
        """
        image_id = self.checkpoints.restore()
        if image_id is not None:
            return image_id
        if self.stage.stage_id == 0 or not self._config.train_progressive:
            return 0
        previous = self._config.schedule.stage(self.stage.stage_id - 1)
        kept = {name: _of_blocks(network, previous.num_blocks) for name, network in self._networks().items()}
        directory = os.path.join(self._run_dir, previous.directory)
        return checkpoints.restore_step(directory, None, **kept, clock={"train_time": self.train_time})

    def save(self, image_id: int) -> None:
        """Saves everything.

        Raises:
          UserError: training has diverged; the last checkpoint stays.
        """
        update.check_sound(f"image {image_id}", list(self._networks().values()), [self.g_optimizer, self.d_optimizer])
        self.checkpoints.save(image_id)


def _of_blocks(network: Progressive, num_blocks: int) -> dict[str, tf.Variable]:
    """The variables of the first blocks, named as they are in checkpoints."""
    prefixes = tuple(f"{block_name(block)}_" for block in range(1, num_blocks + 1))
    return {n: v for n, v in checkpoints.named_variables(network).items() if n.startswith(prefixes)}
