"""The train, export and import commands that WaveGAN and SpecGAN have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import Any

import keras
from absl import flags as absl_flags
from absl import logging

from wavegan_tf import __version__
from wavegan_tf.core import flags, tf1
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.dcgan import trainer
from wavegan_tf.core.dcgan.model import Gan, MakeGan
from wavegan_tf.core.dcgan.options import GanOptions
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import saved_model
from wavegan_tf.core.training import checkpoints, runtime
from wavegan_tf.core.training.run_directory import RunDirectory


def define_train_flags(options_class: type[GanOptions], module_name: str) -> None:
    """Defines the flags of the train command; `--help` lists them under `module_name`."""
    absl_flags.DEFINE_string("train_dir", "", "Directory of the run: checkpoints, previews, summaries.")
    flags.define_flags(options_class, module_name)


def train(options_class: type[GanOptions], make_gan: MakeGan, prepare: trainer.Prepare = trainer.nothing) -> None:
    """Reads the flags and trains; see `trainer.train`."""
    train_dir = absl_flags.FLAGS.train_dir
    flags.require(train_dir=train_dir)
    saved = gan_options.load_run(options_class, train_dir) if gan_options.run_exists(train_dir) else None
    config = flags.from_flags(options_class, saved)
    flags.require(data_dir=config.data_dir)
    config.require_memory()
    run = runtime.start(config)
    with run.cluster.guard(), run.held_by_chief(train_dir, gan_options.CONFIG_FILE):
        trainer.train(config, train_dir, make_gan, run, prepare)
        run.cluster.leave()


def define_export_flags(example: str = "models/drums/1") -> None:
    """Defines the flags of the export command; `example` is a version folder for the help."""
    absl_flags.DEFINE_string("train_dir", "", "The run to export.")
    absl_flags.DEFINE_string("export_dir", "", f"Version folder to write, such as {example}.")
    absl_flags.DEFINE_integer("step", None, "Which checkpoint to export. Default: the newest.", 0)
    absl_flags.DEFINE_boolean("float16", False, "Store the weights as float16, half the size, rounded to 11 bits.")


def export_run(
    config: GanOptions,
    train_dir: str,
    export_dir: str,
    step: int | None,
    make_gan: MakeGan,
    make_module: Callable[[Gan, keras.Model | saved_model.HalfPrecision], saved_model.LatentsModule],
    float16: bool,
    **metadata: Any,
) -> int:
    """Exports the generator of a run.

    Args:
      config: the run's options.
      train_dir: the run.
      export_dir: the version folder to write.
      step: which checkpoint; None is the newest.
      make_gan: the model.
      make_module: its signatures, given the model and the generator to serve.
      float16: whether to store the weights as float16.
      **metadata: what model.json is to say beside what is common to all.

    Returns:
      The step that was exported.

    Raises:
      UserError: there is no such checkpoint, or the folder cannot be written.
    """
    gan = make_gan(config, keras.DTypePolicy("float32"), train_dir, None)
    step = checkpoints.restore_step(train_dir, step, generator=gan.generator)
    common = {
        "model": config.model,
        "sample_rate": config.data_sample_rate,
        "latent_dim": gan.latent_dim,
        "slice_len": config.data_slice_len,
        "num_channels": config.data_num_channels,
        "step": step,
        "version": __version__,
    }
    network = saved_model.HalfPrecision(gan.generator) if float16 else gan.generator
    saved_model.export(make_module(gan, network), export_dir, {**common, **metadata})
    return step


def export(export_one: Callable[[str, str, int | None, bool], int], unit: str = "step") -> None:
    """Reads the flags and exports with `export_one` (train_dir, export_dir, step, float16) -> step, in `unit`s."""
    values = absl_flags.FLAGS
    flags.require(train_dir=values.train_dir, export_dir=values.export_dir)
    step = export_one(values.train_dir, values.export_dir, values.step, values.float16)
    logging.info("%s %d of %s is now %s", unit, step, values.train_dir, values.export_dir)
    if not os.path.basename(os.path.abspath(values.export_dir)).isdigit():
        logging.warning("TensorFlow Serving looks only into folders named by a number, such as models/drums/1")


def define_import_flags(contents: str = "args.txt and a checkpoint") -> None:
    """Defines the flags of the import command; `contents` are those of an original's directory."""
    absl_flags.DEFINE_string("tf1_dir", "", f"Training directory of the original code: {contents}.")
    absl_flags.DEFINE_string("train_dir", "", "Directory of the new run.")


def import_tf1_run(
    options_class: type[GanOptions],
    tf1_dir: str,
    train_dir: str,
    make_gan: MakeGan,
    left_out: Collection[str] = (),
) -> int:
    """Turns an original training directory into one of ours: weights, optimiser slots and step.

    Args:
      options_class: of the model.
      tf1_dir: holds args.txt and the checkpoint.
      train_dir: to be made; must hold no run yet.
      make_gan: the model.
      left_out: options that are not to be taken from args.txt.

    Returns:
      The step of the checkpoint.

    Raises:
      UserError: the original cannot be read, or `train_dir` cannot be used.
    """
    config = tf1.options_from_args(options_class, tf1.read_args(tf1_dir), left_out)
    config.require_memory()
    values = tf1.read_checkpoint(tf1_dir)
    with RunDirectory(train_dir, gan_options.CONFIG_FILE):
        if gan_options.run_exists(train_dir):
            raise UserError(f"--train_dir={train_dir}: holds a run already; name a new directory")
        if "global_step" not in values:
            raise UserError("checkpoint: variable global_step is missing")
        step = int(values["global_step"])
        gan = make_gan(config, keras.DTypePolicy("float32"), train_dir, None)
        trainables = trainer.Trainables(gan, train_dir, config.seed)
        for network, optimizer, power, updates in (
            (gan.generator, trainables.g_optimizer, "beta2_power", step),
            (gan.discriminator, trainables.d_optimizer, "beta2_power_1", step * gan.critic_updates),
        ):
            variables = tf1.variables(network)
            tf1.assign(variables, values)
            names = {variable.path: name for name, variable in variables.items()}
            slots = [names[variable.path] for variable in network.trainable_variables]
            tf1.assign_optimizer(optimizer, slots, values, power, updates)
        trainables.count_from(step, config)
        trainables.checkpoints.save(step)
        gan_options.save_run(config, train_dir)
    return step


def import_tf1(import_one: Callable[[str, str], int], unit: str = "step") -> None:
    """Reads the flags and imports with `import_one` (tf1_dir, train_dir) -> step, which counts `unit`s."""
    values = absl_flags.FLAGS
    flags.require(tf1_dir=values.tf1_dir, train_dir=values.train_dir)
    step = import_one(values.tf1_dir, values.train_dir)
    logging.info("%s %d of %s is now a run in %s", unit, step, values.tf1_dir, values.train_dir)
