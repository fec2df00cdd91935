"""Beginning a new run with the networks of another: fine-tuning on other sounds, or with labels that it lacks."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from absl import logging

from wavegan_tf.core.dcgan.model import AVERAGE, Gan
from wavegan_tf.core.dcgan.options import GanOptions, load_run, run_labels
from wavegan_tf.core.training import checkpoints
from wavegan_tf.core.workers.cluster import Cluster, digest

_KERNEL, _BIAS, _TABLE = "z_project/kernel", "z_project/bias", "label_embedding/table"
_OF_LABELS = ("labels/kernel", "labels/bias")


def begin(config: GanOptions, gan: Gan, cluster: Cluster) -> None:
    """Gives the networks of a new run the weights of the newest checkpoint of the run `config.warm_start`.

    Args:
      config: the new run's options; see `options.require_same_networks`.
      gan: the new run's networks.
      cluster: workers, who all must read the same.

    Raises:
      UserError: the other run has no checkpoint that can be read, or workers read different ones.
    """
    run = config.warm_start
    source = load_run(type(config), run)
    labels = run_labels(source, run)
    generator = type(gan.generator)(**source.generator_arguments(len(labels)))
    discriminator = type(gan.discriminator)(**source.discriminator_arguments(len(labels)))
    step = checkpoints.restore_step(run, None, generator=generator, discriminator=discriminator)
    found = {
        gan.generator: generator_values(_values(generator), labels, _values(gan.generator), gan.labels),
        gan.discriminator: discriminator_values(_values(discriminator), labels, _values(gan.discriminator), gan.labels),
    }
    if gan.average is not None:
        if checkpoints.holds(run, step, AVERAGE):
            checkpoints.restore_step(run, step, **{AVERAGE: generator})
        # Labels that are new to it begin as in the generator.
        found[gan.average] = generator_values(_values(generator), labels, found[gan.generator], gan.labels)
    read = digest(*(value for values in found.values() for value in values.values()))
    cluster.agree({"networks of --warm_start": read}, f"all workers must see the same {run}")
    for network, values in found.items():
        for name, variable in checkpoints.named_variables(network).items():
            variable.assign(values[name])
    logging.info("warm start: the networks of step %d in %s", step, run)


def generator_values(
    old: dict[str, np.ndarray], old_labels: Sequence[str], new: dict[str, np.ndarray], labels: Sequence[str]
) -> dict[str, np.ndarray]:
    """The values of a generator that begins as another one.

    Args:
      old: values of the other generator, by the names of its variables.
      old_labels: the labels that it knows.
      new: initial values of the generator.
      labels: the labels that it knows.

    Returns:
      Values for all names of `new`. Labels that both know keep their vectors. Where the other knows none, they make no
      difference until they have learned to; where this one knows none, it begins with the average of all.
    """
    values = {**new, **{name: value for name, value in old.items() if name in new}}
    if not old_labels and labels:
        values[_KERNEL] = np.zeros_like(new[_KERNEL])
        values[_KERNEL][: len(old[_KERNEL])] = old[_KERNEL]
    elif old_labels and not labels:
        latent_dim = len(new[_KERNEL])
        values[_KERNEL] = old[_KERNEL][:latent_dim]
        values[_BIAS] = old[_BIAS] + old[_TABLE].mean(axis=0) @ old[_KERNEL][latent_dim:]
    elif labels:
        values[_TABLE] = _by_label(old[_TABLE], old_labels, new[_TABLE], labels)
    return values


def discriminator_values(
    old: dict[str, np.ndarray], old_labels: Sequence[str], new: dict[str, np.ndarray], labels: Sequence[str]
) -> dict[str, np.ndarray]:
    """The values of a discriminator that begins as another one; see `generator_values`."""
    values = {**new, **{name: value for name, value in old.items() if name in new}}
    if old_labels and labels:
        for name in _OF_LABELS:
            values[name] = _by_label(old[name].T, old_labels, new[name].T, labels).T
    return values


def _by_label(old: np.ndarray, old_labels: Sequence[str], new: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Rows for `labels`: those of `old` where that has one, else of `new`."""
    known = {label: row for label, row in zip(old_labels, old, strict=True)}
    return np.stack([known.get(label, row) for label, row in zip(labels, new, strict=True)])


def _values(network: keras.Model) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in checkpoints.named_variables(network).items()}

