"""The parts of labelled clips: to learn from, to choose the best epoch by, and to test on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from wavegan_tf.core.errors import UserError

if TYPE_CHECKING:
    from eval.classifiers.labelled_audio import LabelledAudio


@dataclasses.dataclass(frozen=True)
class Parts:
    """Indices of the clips to learn from, to choose the best epoch by, and to test on, which may be elsewhere."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def divide(audio: LabelledAudio, validation: float, test: float, has_test_dir: bool, seed: int) -> Parts:
    """Splits the clips by class.

    Raises:
      UserError: a part is empty.
    """
    from eval.classifiers.labelled_audio import split

    fractions = [validation, 0.0 if has_test_dir else test]
    validation_part, test_part, train = split(audio.classes[:, 0], fractions, seed)
    parts = {"learn from": train, "--validation_fraction": validation_part}
    if not has_test_dir:
        parts["--test_fraction"] = test_part
    for name, part in parts.items():
        if not len(part):
            raise UserError(f"{len(audio.names)} clips leave none for {name}; give more clips or another fraction")
    return Parts(train, validation_part, test_part)
