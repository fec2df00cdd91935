"""Stands in for ffmpeg, behind audioread."""

from __future__ import annotations

from collections.abc import Iterator

import audioread
import numpy as np
import pytest


class _Decoded:
    def __init__(self, samples: np.ndarray, rate: int) -> None:
        self.samplerate, self.channels = rate, 1
        self._samples = samples

    def __enter__(self) -> _Decoded:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        pass

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._samples), 1000):
            yield self._samples[start : start + 1000].astype("<i2").tobytes()


def install(monkeypatch: pytest.MonkeyPatch, samples: np.ndarray | None, rate: int = 16000) -> None:
    """Has every file that libsndfile refuses decoded to these int16 samples; None: by nothing."""

    def audio_open(path: str) -> _Decoded:
        if samples is None:
            raise audioread.NoBackendError
        return _Decoded(samples, rate)

    monkeypatch.setattr(audioread, "audio_open", audio_open)
