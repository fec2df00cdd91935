"""Names of the original WaveGAN and SpecGAN code's variables."""

from __future__ import annotations

import keras

from wavegan_tf.core.dcgan.networks import LatentGenerator, LogitDiscriminator
from wavegan_tf.core.nn.layers import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose
from wavegan_tf.core.nn.nearest import NearestConv1D, NearestConv2D

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
