"""The line at the start of a float32 run that bfloat16 would make faster: where it is told, and what it says."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

import tensorflow as tf
from absl import logging

from wavegan_tf.core.training.runtime import Runtime

_CPU_INFO = "/proc/cpuinfo"
_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
# From Ampere on, tensor cores multiply bfloat16, at twice the rate of TensorFloat-32.
_COMPUTE_CAPABILITY = (8, 0)
# How many times as fast as float32 networks of at least this width (`typical_width`) trained in bfloat16 on a CPU with
# AVX512_BF16, in seconds of all cores. Narrower ones gained little, or lost (docs/precision.md).
_GAINS = ((200, 1.8), (115, 1.4), (90, 1.2))


def typical_width(layers: Iterable[tuple[int, int, int]]) -> float:
    """Geometric mean of the channels of convolutions, weighted by their multiplications.

    Args:
      layers: (positions, input channels, output channels) of each, positions being those of its coarser side.

    Returns:
      0.0 of no convolutions.
    """
    products = [(positions * a * b, math.sqrt(a * b)) for positions, a, b in layers]
    total = sum(multiplications for multiplications, _ in products)
    return math.exp(sum(share / total * math.log(channels) for share, channels in products)) if products else 0.0


def cpu_has_bfloat16() -> bool:
    """True if this CPU multiplies bfloat16 and TensorFlow lets oneDNN use that; False also where it is not known."""
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").strip().lower() in ("0", "false"):
        return False
    # oneDNN's own limit, under its present and its former name: other instructions imitate bfloat16 slowly.
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "")).upper()
    if limit not in ("", "ALL", "DEFAULT") and not any(name in limit for name in ("BF16", "FP16", "AMX", "AVX10")):
        return False
    try:
        with open(_CPU_INFO, encoding="utf-8", errors="replace") as file:
            flags = next((line.partition(":")[2].split() for line in file if line.startswith("flags")), [])
    except OSError:
        return False
    return not _CPU_FLAGS.isdisjoint(flags)


def gpus_have_bfloat16() -> bool:
    """True if there are GPUs and the tensor cores of all multiply bfloat16."""
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return bool(details) and all(
        tuple(found.get("compute_capability") or (0, 0)) >= _COMPUTE_CAPABILITY for found in details
    )


def advice(layers: Iterable[tuple[int, int, int]], *, jit_compile: bool) -> str | None:
    """The line for networks that train in float32 on this machine; None where bfloat16 is no gain, or not known to be.

    Args:
      layers: their convolutions; see `typical_width`.
      jit_compile: whether XLA compiles the updates, which was not measured on a CPU.
    """
    width = typical_width(layers)
    gain = next((gain for least, gain in _GAINS if width >= least), None)
    if gain is None:
        return None
    flag = "with --mixed_precision=bfloat16; see docs/precision.md"
    if tf.config.list_physical_devices("GPU"):
        known = gpus_have_bfloat16()
        return f"this GPU may train networks of this width up to twice as fast {flag}" if known else None
    known = cpu_has_bfloat16() and not jit_compile
    return f"this CPU trains networks of this width about {gain} times as fast {flag}" if known else None


def announce(run: Runtime, layers: Iterable[tuple[int, int, int]]) -> None:
    """Logs `advice` if the run computes in float32 and every worker has such a device; all must call it together."""
    if run.policy.compute_dtype != "float32":
        return
    lines = run.cluster.exchange(advice(layers, jit_compile=run.jit_compile))
    if all(lines):
        logging.info("%s", lines[run.worker])
