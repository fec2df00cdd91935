"""wavegan_import_tf1: a training directory of the original TF1 code becomes one of ours."""

from __future__ import annotations

import dataclasses
import os
import typing

import keras
from absl import flags as absl_flags
from absl import logging

from wavegan_tf.config import CONFIG_FILE, MODEL, WaveGANConfig
from wavegan_tf.core import checkpoints, flags, tf1, trainer
from wavegan_tf.core.errors import UserError
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator
from wavegan_tf.train import make_gan

# What the original's args.txt holds beside the options that are ours too.
_ORIGINAL_ONLY = {
    "mode", "train_dir", "data_prefetch_gpu_num", "incept_metagraph_fp", "incept_ckpt_fp", "incept_n", "incept_k",
    "data_normalize",
}  # fmt: skip
_BATCH_NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")


def tf1_variables(network: WaveGANGenerator | WaveGANDiscriminator) -> dict[str, keras.Variable]:
    """Variables of a network by the names that the original code gives them, in its order."""
    if isinstance(network, WaveGANGenerator):
        kind = "conv2d_transpose" if network.get_config()["upsample"] == "zeros" else "conv1d"
        scopes = [("G/z_project", "dense", network.z_project)]
        scopes += [(f"G/{conv.name}", kind, conv) for conv in network.upconvs]
        normed = scopes[:-1]
        if network.pp_filter is not None:
            scopes.append(("G/pp_filt", "conv1d", network.pp_filter))
    else:
        scopes = [(f"D/{conv.name}", "conv1d", conv) for conv in network.downconvs]
        normed = scopes[1:]
        scopes.append(("D/output", "dense", network.output_dense))
    norms = {scope: norm for (scope, _, _), norm in zip(normed, network.norms, strict=False)}
    variables = {}
    for scope, kind, layer in scopes:
        variables[f"{scope}/{kind}/kernel"] = layer.kernel
        if layer.bias is not None:
            variables[f"{scope}/{kind}/bias"] = layer.bias
        if scope in norms:
            for name in _BATCH_NORMALIZATION:
                variables[f"{scope}/batch_normalization/{name}"] = getattr(norms[scope], name)
    return variables


def config_from_args(args: dict[str, str]) -> WaveGANConfig:
    """Our configuration for an original run.

    The original's `data_normalize` reaches nothing: it always normalises, whatever args.txt says, and so does the run
    that continues it.

    Raises:
      UserError: a value cannot be used.
    """
    types = typing.get_type_hints(WaveGANConfig)
    names = {field.name for field in dataclasses.fields(WaveGANConfig)}
    for name in sorted(set(args) - names - _ORIGINAL_ONLY):
        logging.warning("args.txt: %s is not known and is left out", name)
    known = {name: text for name, text in args.items() if name in names - _ORIGINAL_ONLY}
    return WaveGANConfig(**{name: tf1.parse_value(text, types[name], name) for name, text in known.items()})


def import_run(tf1_dir: str, train_dir: str) -> int:
    """Turns an original training directory into one of ours: weights, optimiser slots and step.

    Args:
      tf1_dir: holds args.txt and the checkpoint.
      train_dir: to be made; must hold no run yet.

    Returns:
      The step of the checkpoint.

    Raises:
      UserError: the original cannot be read, or `train_dir` cannot be used.
    """
    config = config_from_args(tf1.read_args(tf1_dir))
    values = tf1.read_checkpoint(tf1_dir)
    lock = checkpoints.DirectoryLock(train_dir)
    config_path = os.path.join(train_dir, CONFIG_FILE)
    if os.path.exists(config_path):
        raise UserError(f"--train_dir={train_dir}: holds a run already; name a new directory")
    if "global_step" not in values:
        raise UserError("checkpoint: variable global_step is missing")
    step = int(values["global_step"])
    gan = make_gan(config, keras.DTypePolicy("float32"))
    trainables = trainer.Trainables(gan, train_dir, config.seed)
    for network, optimizer, power, updates in (
        (gan.generator, trainables.g_optimizer, "beta2_power", step),
        (gan.discriminator, trainables.d_optimizer, "beta2_power_1", step * config.wavegan_disc_nupdates),
    ):
        variables = tf1_variables(network)
        tf1.assign(variables, values)
        names = {variable.path: name for name, variable in variables.items()}
        slots = [names[variable.path] for variable in network.trainable_variables]
        tf1.assign_optimizer(optimizer, slots, values, power, updates)
    flags.save(config, config_path, MODEL)
    trainables.checkpoints.save(step)
    lock.release()
    return step


def main() -> None:
    """Reads the flags and imports."""
    values = absl_flags.FLAGS
    flags.require(tf1_dir=values.tf1_dir, train_dir=values.train_dir)
    step = import_run(values.tf1_dir, values.train_dir)
    logging.info("step %d of %s is now a run in %s", step, values.tf1_dir, values.train_dir)


def run() -> None:
    """Entry point of wavegan_import_tf1."""
    absl_flags.DEFINE_string("tf1_dir", "", "Training directory of the original code: args.txt and a checkpoint.")
    absl_flags.DEFINE_string("train_dir", "", "Directory of the new run.")
    flags.run(main)


if __name__ == "__main__":
    run()
