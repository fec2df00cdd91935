"""wavegan_import_tf1: a training directory of the original TF1 code becomes one of ours."""

from __future__ import annotations

import keras

from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

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
