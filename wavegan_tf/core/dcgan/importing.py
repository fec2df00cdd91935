"""Importing a run of the original WaveGAN or SpecGAN code."""

from __future__ import annotations

from collections.abc import Callable

from wavegan_tf.core import tf1
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.dcgan.options import GanOptions
from wavegan_tf.core.dcgan.tf1 import assign_optimizer, original_variables
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.training.run_directory import RunDirectory


def import_tf1_run(config: GanOptions, tf1_dir: str, train_dir: str, make_gan: Callable[[], Gan]) -> int:
    """Turns an original training directory into one of ours: weights, optimiser slots and step.

    Args:
      config: the run's options, from `args.options_from_args`.
      tf1_dir: holds the checkpoint.
      train_dir: to be made; must hold no run yet.
      make_gan: makes the model; called once `train_dir` is held.

    Returns:
      The step of the checkpoint.

    Raises:
      UserError: the original cannot be read, or `train_dir` cannot be used.
    """
    config.require_memory()
    values = tf1.read_checkpoint(tf1_dir)
    with RunDirectory(train_dir, gan_options.CONFIG_FILE):
        if gan_options.run_exists(train_dir):
            raise UserError(f"--train_dir={train_dir}: holds a run already; name a new directory")
        if "global_step" not in values:
            raise UserError("checkpoint: variable global_step is missing")
        step = int(values["global_step"])
        gan = make_gan()
        trainables = trainer.Trainables(gan, train_dir, config.seed)
        for network, optimizer, power, updates in (
            (gan.generator, trainables.g_optimizer, "beta2_power", step),
            (gan.discriminator, trainables.d_optimizer, "beta2_power_1", step * gan.critic_updates),
        ):
            variables = original_variables(network)
            tf1.assign(variables, values)
            names = {variable.path: name for name, variable in variables.items()}
            slots = [names[variable.path] for variable in network.trainable_variables]
            assign_optimizer(optimizer, slots, values, power, updates)
        trainables.count(step, config)
        trainables.checkpoints.save(step)
        gan_options.save_run(config, train_dir)
    return step
