"""Named values of GANSynth's options: the rows of the paper's table 1, and notes of compact discs' rate."""

from __future__ import annotations

from typing import Any

_NORMAL_RESOLUTION = {"start_height": 4, "start_width": 8}
# The rows of the paper's table 1; the first is the default. "hires" is its "+ H".
PAPER: dict[str, dict[str, Any]] = {
    "mel_prog_hires": {},
    "mel_prog": _NORMAL_RESOLUTION,
    "linear_prog_hires": {"data_type": "linear"},
    "linear_prog": {"data_type": "linear", **_NORMAL_RESOLUTION},
    "phase_prog_hires": {"data_type": "phase"},
    "phase_prog": {"data_type": "phase", **_NORMAL_RESOLUTION},
}
# Four seconds as 192 x 2048. Frames of 4096 samples are 93 ms (the paper's: 128) and twice as many as the paper's, by
# which magnitudes double and their logarithm on the mel axis grows by 2 ln 2; the normaliser makes room for that.
_AT_44K = {
    "sample_rate": 44100, "audio_length": 176400, "start_height": 3, "start_width": 32,
    "mag_normalizer_a": 0.0625526794662, "mag_normalizer_b": 0.0641972155957,
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    **PAPER,
    "mel_44k": _AT_44K,
    "mel_44k_stereo": {**_AT_44K, "num_channels": 2},
}
