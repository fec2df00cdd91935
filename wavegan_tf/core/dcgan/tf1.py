"""Variables and optimiser slots of the original WaveGAN and SpecGAN code, by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from wavegan_tf.core.dcgan.networks import LatentGenerator, LogitDiscriminator
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.layers import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose
from wavegan_tf.core.nn.nearest import NearestConv1D, NearestConv2D
from wavegan_tf.core.nn.optimizers import TF1Adam, TF1RMSprop
from wavegan_tf.core.tf1 import adam_updates, assign

_SCOPES = {
    Conv1D: "conv1d", Conv2D: "conv2d", Conv1DTranspose: "conv2d_transpose", Conv2DTranspose: "conv2d_transpose",
    NearestConv1D: "conv1d", NearestConv2D: "conv2d", keras.layers.Dense: "dense",
}  # fmt: skip
_BATCH_NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")


def original_variables(network: LatentGenerator | LogitDiscriminator) -> dict[str, keras.Variable]:
    """Variables of a network by the names that the original code gives them, in its order."""
    if isinstance(network, LatentGenerator):
        layers = {"G/z_project": network.z_project, **{f"G/{conv.name}": conv for conv in network.upconvs}}
        normed = list(layers)[:-1]
        if getattr(network, "pp_filter", None) is not None:
            layers["G/pp_filt"] = network.pp_filter
    else:
        layers = {f"D/{conv.name}": conv for conv in network.downconvs}
        normed = list(layers)[1:]
        layers["D/output"] = network.output_dense
    norms = dict(zip(normed, network.norms, strict=False))
    found = {}
    for scope, layer in layers.items():
        found[f"{scope}/{_SCOPES[type(layer)]}/kernel"] = layer.kernel
        if layer.bias is not None:
            found[f"{scope}/{_SCOPES[type(layer)]}/bias"] = layer.bias
        if scope in norms:
            for name in _BATCH_NORMALIZATION:
                found[f"{scope}/batch_normalization/{name}"] = getattr(norms[scope], name)
    return found


def assign_optimizer(
    optimizer: TF1Adam | TF1RMSprop,
    names: Sequence[str],
    values: Mapping[str, np.ndarray],
    beta2_power: str,
    expected_updates: int,
) -> None:
    """Gives a built optimiser the slots of a TF1 checkpoint.

    Args:
      optimizer: built on the variables that `names` stand for, in that order.
      names: their TF1 names.
      values: the checkpoint.
      beta2_power: name of Adam's beta2 power for this optimiser, which tells how many updates it has made.
      expected_updates: their number as the step counter has it, for when there is no power or it has vanished.

    Raises:
      UserError: a slot is missing.
    """
    if isinstance(optimizer, TF1RMSprop):
        assign({f"{n}/RMSProp": v for n, v in zip(names, optimizer.mean_squares, strict=True)}, values)
        optimizer.iterations.assign(expected_updates)
        return
    assign({f"{n}/Adam": v for n, v in zip(names, optimizer.first_moments, strict=True)}, values)
    assign({f"{n}/Adam_1": v for n, v in zip(names, optimizer.second_moments, strict=True)}, values)
    if beta2_power not in values:
        raise UserError(f"checkpoint: variable {beta2_power} is missing")
    optimizer.iterations.assign(adam_updates(float(values[beta2_power]), optimizer.beta_2, expected_updates))
