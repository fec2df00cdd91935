"""As many clips of each label as of the most frequent one, by repeating those of the others."""

from __future__ import annotations

import tensorflow as tf


def balanced_counts(counts: tf.Tensor, num_labels: int) -> tf.Tensor:
    """Clips of each epoch and label after balancing; a label without any keeps none.

    Args:
      counts: int64 [epochs * num_labels], those before, label by label in each epoch.
      num_labels: labels.
    """
    largest = tf.reduce_max(tf.reshape(counts, [-1, num_labels]), axis=1)
    return tf.where(counts > 0, tf.repeat(largest, num_labels), 0)


def repeated(counts: tf.Tensor, num_labels: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Chooses clips, sorted by epoch and label, of which those of rare labels come several times.

    Clips of one label are taken equally often, some of them once more.

    Args:
      counts: see `balanced_counts`.
      num_labels: labels.

    Returns:
      For each clip after balancing its place in `counts`, and that among the clips: two int64 [clips].
    """
    wanted = balanced_counts(counts, num_labels)
    groups = tf.repeat(tf.range(tf.size(counts, tf.int64)), wanted)
    within = tf.range(tf.size(groups, tf.int64)) - tf.gather(tf.cumsum(wanted, exclusive=True), groups)
    return groups, tf.gather(tf.cumsum(counts, exclusive=True), groups) + within % tf.gather(counts, groups)
