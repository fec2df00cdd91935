"""Common parts of GANSynth's generator and discriminator, and the original's names for their variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from gansynth_tf.layers import FadeIn, ScaledConv2D, ScaledDense
from gansynth_tf.representation import PARTS
from gansynth_tf.schedule import Size
from wavegan_tf.core.nn import activations

_SLOPE = 0.2


def block_name(block_id: int) -> str:
    """The original's name for a block."""
    return f"progressive_gan_block_{block_id}"


class Progressive(keras.Model):
    """Common parts of both networks: their constructor's arguments, and layers whose names have their block."""

    original_scope: str

    def __init__(self, arguments: dict[str, Any], **kwargs):
        # Progress must stay float32 whatever the networks' arithmetic is.
        super().__init__(autocast=False, **kwargs)
        self._arguments = arguments
        for name, value in arguments.items():
            setattr(self, f"_{name}", tuple(value) if isinstance(value, list | tuple) else value)
        self.num_blocks = len(self._filters) - 1
        self._image_channels = PARTS * arguments["num_channels"]
        self._fade_in = FadeIn(name="fade_in", dtype=self.dtype_policy)
        self._block_layers: dict[str, keras.layers.Layer] = {}

    def _add(self, block_id: int, role: str, layer: Callable[..., keras.layers.Layer], *args, **kwargs) -> None:
        name = f"{block_name(block_id)}_{role}"
        self._block_layers[name] = layer(*args, name=name, **{"dtype": self.dtype_policy, **kwargs})

    def layer_of(self, block_id: int, role: str) -> keras.layers.Layer:
        """The layer of a block that plays a role: conv0, conv1, to_rgb, from_rgb, ..."""
        return self._block_layers[f"{block_name(block_id)}_{role}"]

    @property
    def roles(self) -> list[tuple[int, str, keras.layers.Layer]]:
        """(block, role, layer) of every layer with variables."""
        prefix = len(block_name(0)) - 1
        split = ((name[prefix:].split("_", 1), layer) for name, layer in self._block_layers.items())
        return [(int(block), role, layer) for (block, role), layer in split]

    def _convolve(self, block_id: int, role: str, x, training: bool):
        x = self.layer_of(block_id, role)(x, training=training)
        return activations.leaky_relu(x, _SLOPE, own_gradients=training)

    def _size(self, block_id: int) -> Size:
        heights, widths = self._start_shape
        steps = block_id - 1
        return (heights * self._block_scale[0] ** steps, widths * self._block_scale[1] ** steps)

    def _scales(self, steps: int) -> Size:
        return (self._block_scale[0] ** steps, self._block_scale[1] ** steps)

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), **self._arguments}


def original_names(network: Progressive) -> dict[str, keras.Variable]:
    """Variables of a network by the names that the original gives them."""
    scope_of_all = f"{network.original_scope}/{network.name}"
    found = {}
    for block, role, layer in network.roles:
        if role == "classification_logits":
            scope = f"{network.original_scope}/discriminator_cond/{role}"
        else:
            scope = f"{scope_of_all}/{block_name(block)}/{role}"
        inner = {ScaledConv2D: "/conv2d", ScaledDense: "/dense"}.get(type(layer), "")
        found[f"{scope}/bias"] = layer.bias
        found[f"{scope}{inner}/kernel"] = layer.kernel
    return found


def generator_alpha(block_id: int, progress: tf.Tensor | float) -> tf.Tensor:
    """Weight of a block's image in the generator's: a triangle around progress = block_id - 1; all add up to 1."""
    progress = tf.convert_to_tensor(progress, tf.float32)
    return tf.maximum(0.0, tf.minimum(progress - (block_id - 2), block_id - progress))


def discriminator_alpha(block_id: int, progress: tf.Tensor | float) -> tf.Tensor:
    """Weight of the image at a block's input in the discriminator, against what comes from the finer block."""
    progress = tf.convert_to_tensor(progress, tf.float32)
    return tf.clip_by_value(block_id - progress, 0.0, 1.0)
