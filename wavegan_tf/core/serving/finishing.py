"""Finishing of generated clips: a fade-out and peak normalisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from wavegan_tf.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class Finish:
    """The last steps from a generator's waveforms to clips.

    Attributes:
      normalize: whether each clip is divided by its peak.
      fade_out_ms: how long it fades out at its end, by half a period of a cosine.
    """

    normalize: bool = False
    fade_out_ms: int = 0

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Finish:
        """The settings in the metadata of an export; raises ValueError for impossible values."""
        given = {name: metadata[name] for name in cls.__dataclass_fields__ if name in metadata}
        made = cls(**given)
        if not isinstance(made.normalize, bool) or type(made.fade_out_ms) is not int or made.fade_out_ms < 0:
            raise ValueError(f"impossible are {given}")
        return made

    def metadata(self) -> dict[str, Any]:
        """The settings that are not the default, for model.json."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value}

    def require_fits(self, samples: int, sample_rate: int) -> None:
        """Raises UserError if clips of so many samples are shorter than the fade-out, or that is negative."""
        most = 1000 * samples // sample_rate
        if not 0 <= self.fade_out_ms <= most:
            raise UserError(f"--fade_out_ms={self.fade_out_ms}: must be from 0 to {most}, the length of the clips")

    def apply(self, waveforms: tf.Tensor, sample_rate: int) -> tf.Tensor:
        """Waveforms float32 [n, t, c] -> clips float32 [n, t, c]; the fade-out comes first, silence stays as it is."""
        count = self.fade_out_ms * sample_rate // 1000
        if count:
            # From 1 to 0, neither of them reached.
            fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, count + 1) / (count + 1))
            faded = waveforms[:, -count:] * fade.astype(np.float32)[:, None]
            waveforms = tf.concat([waveforms[:, :-count], faded], axis=1)
        if self.normalize:
            peaks = tf.reduce_max(tf.abs(waveforms), axis=[1, 2], keepdims=True)
            waveforms = waveforms / tf.where(peaks > 0, peaks, 1.0)
        return waveforms
