"""Stands in for ffmpeg."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest


def install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, samples: np.ndarray | None, rate: int = 16000, error: str = ""
) -> None:
    """Makes a program the only ffmpeg there is.

    Args:
      monkeypatch: of the test.
      folder: for the program; made if it is missing.
      samples: float [t] or [t, c], into which it decodes every file; None: it is not installed.
      rate: Hz.
      error: what it says at last, ending with exit code 1.
    """
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("PATH", str(folder))
    program = folder / "ffmpeg"
    program.unlink(missing_ok=True)
    if samples is None:
        return
    channels = samples.shape[1] if samples.ndim == 2 else 1
    head = struct.pack(">4sIIIII8x", b".snd", 32, 0xFFFFFFFF, 6, rate, channels)
    (folder / "decoded.au").write_bytes(head + samples.astype(">f4").tobytes())
    end = f"echo '{error}' >&2\nexit 1\n" if error else ""
    program.write_text(f"#!/bin/sh\n/bin/cat '{folder}/decoded.au'\n{end}")
    program.chmod(0o755)
