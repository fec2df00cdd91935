"""Layers by which a network knows the label of an example."""

from __future__ import annotations

import keras
from keras import ops

from wavegan_tf.core.nn.layers import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class LabelEmbedding(keras.layers.Layer):
    """Labels int32 [b], or mixtures of them [b, num_labels] -> a learned vector each, [b, dim].

    Table: [num_labels, dim]; of a mixture, its rows times their shares.

    Rows are taken by a product with one-hot vectors, whose gradient is dense as the optimizers take it.

    Args:
      num_labels: labels are 0 to num_labels - 1; another one gives zeros.
      dim: length of a vector.
      initializer: of the table, as Keras's.
    """

    def __init__(
        self,
        num_labels: int,
        dim: int,
        initializer: str | keras.initializers.Initializer = "zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_labels, self.dim, self.initializer = num_labels, dim, keras.initializers.get(initializer)

    def build(self, input_shape) -> None:
        """Makes the table."""
        self.table = self.add_weight(
            shape=(self.num_labels, self.dim), initializer=self.initializer, name="table"
        )

    def call(self, labels):
        """[b] or [b, num_labels] -> [b, dim]."""
        if len(labels.shape) == 1:
            labels = ops.one_hot(labels, self.num_labels)
        return ops.matmul(ops.cast(labels, self.compute_dtype), self.table)

    def compute_output_shape(self, input_shape):
        """[b, dim]."""
        return (input_shape[0], self.dim)

    def get_config(self):
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_labels": self.num_labels,
            "dim": self.dim,
            "initializer": keras.initializers.serialize(self.initializer),
        }
