"""Options of training a classifier."""

from __future__ import annotations

import dataclasses

from wavegan_tf.core.options import Options, option

# Epochs at most, and epochs without a lower loss after which training stops.
EPOCHS = {"log_mel": (5, 3), "waveform": (25, 8), "pitch": (40, 8)}
RATES = {"adam": 1e-3, "sgd": 1e-4}


def _by_network(place: int) -> str:
    return ", ".join(f"{numbers[place]} for {network}" for network, numbers in EPOCHS.items())


PITCH_WIDTH = 32  # filters of the first layer of the network for notes


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitOptions(Options):
    """Options of one training."""

    batch_size: int = option(16, "Clips in a batch.", minimum=2)
    learning_rate: float = option(
        0.0,
        "Step size at the start, from where it falls to zero; 0: "
        f"{', '.join(f'{rate:g} for {name}' for name, rate in RATES.items())}.",
        minimum=0,
    )
    optimizer: str = option(
        "adam", "adam, or sgd: plain gradient descent as the original's, which takes 100 000 steps.",
        choices=("adam", "sgd"),
    )  # fmt: skip
    max_epochs: int = option(
        0, f"Epochs at most; 0: {_by_network(0)}.", minimum=0
    )
    patience: int = option(
        0, f"Stop after this many epochs without a lower validation loss; 0: {_by_network(1)}.", minimum=0
    )
    augment: bool = option(
        True,
        "Augment the clips while training: level and noise of words (log_mel), or level, speed and beginning "
        "(waveform); level and pitch of notes, with its label. The original does not.",
    )
    train_time_limit_secs: float = option(0.0, "Stop training after this time; 0 sets no limit.", minimum=0)
    seed: int = option(0, "Seed of weights, order, split and augmentation.", minimum=0)
