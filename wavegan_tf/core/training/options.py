"""How long a run goes on, how often it writes, and where and how it computes."""

from __future__ import annotations

import dataclasses

from wavegan_tf.core.options import MAX_SEED, Options, option


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaceOptions(Options):
    """How long a process goes on and how often it saves."""

    train_time_limit_secs: float = option(
        0.0, "Stop after this many seconds of training in this process; 0 sets no limit.", minimum=0
    )
    train_save_secs: float = option(300.0, "Seconds between checkpoints (and previews).", minimum=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopOptions(PaceOptions):
    """How long a run of equal steps goes on and how often it writes."""

    train_batch_size: int = option(64, "Examples in the batch of one update, over all devices.", minimum=1)
    train_steps: int = option(0, "Stop after this many generator updates; 0 goes on until stopped.", minimum=0)
    train_summary_secs: float = option(
        120.0, "Seconds between summaries. Sounds and pictures are written when the steps have grown by 5 %.", minimum=0
    )

    def is_end(self, step: int) -> bool:
        """True if a run is over after `step`."""
        return 0 < self.train_steps <= step


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuntimeOptions(Options):
    """How a run computes. None of it changes what is computed, but for `seed` and `mixed_precision`."""

    seed: int = option(
        0,
        "Seed of everything random: weights, latents, order of the clips.",
        minimum=0,
        maximum=MAX_SEED,
        resume="fixed",
    )
    distribution: str = option(
        "auto",
        "Which devices share each batch. auto: multiworker if TF_CONFIG names several workers, mirrored if there are "
        "several GPUs, else none.",
        choices=("auto", "none", "mirrored", "multiworker"),
        per_worker=True,
    )
    jit_compile: bool | None = option(
        None, "Compile losses and gradients with XLA. Default: with a GPU yes, without no (XLA on a CPU is slower)."
    )
    mixed_precision: str = option(
        "none",
        "Type of the networks' arithmetic; weights stay float32. float16 is for GPUs, bfloat16 for CPUs too.",
        choices=("none", "bfloat16", "float16"),
    )
    tf32: bool = option(
        True,
        "Let GPUs (Ampere and later) round the factors of float32 products to TensorFloat-32: faster, with about three "
        "decimal digits.",
    )
    deterministic: bool = option(False, "Use only deterministic operations; slower on a GPU.")
