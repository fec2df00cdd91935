"""Options of a TensorFlow Lite file, checked before TensorFlow is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name

WEIGHTS = ("float32", "float16", "int8")
MODEL_ENDING, PAGE_ENDING = ".tflite", ".html"
ENDINGS = (MODEL_ENDING, PAGE_ENDING)
# Log-spectral distances in dB that weights of 8 bits make to the models of this repository (tests.benchmarks.edge).
_INT8_CHANGES = {"wavegan": 2.3, "specgan": 2.4, "gansynth": 3.9}
# What Chromium's AudioBuffers can hold.
_LOWEST_RATE, _MOST_CHANNELS = 3000, 32


def check(model: str, path: str, weights: str, title: str | None = None) -> None:
    """Checks what a file is to be.

    Args:
      model: "wavegan", "specgan" or "gansynth".
      path: of the file, whose ending says what it is.
      weights: one of `WEIGHTS`.
      title: of a page.

    Raises:
      UserError: there is no such file, or not with these weights.
    """
    if not path.lower().endswith(ENDINGS):
        raise UserError(f"--output={display_name(path)}: must end in .tflite (a model) or .html (a page that plays it)")
    if weights not in WEIGHTS:
        raise UserError(f"--weights={weights}: must be one of {', '.join(WEIGHTS)}")
    if weights == "int8" and model != "wavegan":
        raise UserError(
            f"--weights=int8: is for WaveGAN alone; it changes the spectra of the trained {model} model here by "
            f"{_INT8_CHANGES[model]} dB (WaveGAN's: {_INT8_CHANGES['wavegan']} dB); take float16"
        )
    if title is not None and not is_page(path):
        raise UserError("--title: requires --output=NAME.html")
    try:
        (title or "").encode()
    except UnicodeEncodeError:
        raise UserError("--title: holds characters that a page, which is UTF-8, cannot have") from None


def check_playable(exported: Mapping[str, Any], path: str) -> None:
    """Checks that a page can play clips of this rate and so many channels.

    Args:
      exported: metadata of the model.
      path: of the file, which may be no page.

    Raises:
      UserError: browsers have no sound of this kind.
    """
    if not is_page(path):
        return
    shown, rate, channels = f"--output={display_name(path)}", exported["sample_rate"], exported.get("num_channels", 1)
    if rate < _LOWEST_RATE:
        raise UserError(f"{shown}: browsers play rates from {_LOWEST_RATE} Hz, not the model's {rate}; take .tflite")
    if channels > _MOST_CHANNELS:
        raise UserError(
            f"{shown}: browsers play at most {_MOST_CHANNELS} channels, not the model's {channels}; take .tflite"
        )


def is_page(path: str) -> bool:
    """True for a file that is to be a page."""
    return path.lower().endswith(PAGE_ENDING)


def metadata_path(path: str) -> str:
    """The file beside a model that says what it is."""
    return os.path.splitext(path)[0] + ".json"
