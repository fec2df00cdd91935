"""Sets of values for options of WaveGAN and SpecGAN, by the names of what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = Mapping[str, Any]

_DRUMS = {"data_first_slice": True}
# Of the clips; SC09 is the spoken digits of the paper.
CLIPS: Mapping[str, Values] = {
    "sc09": {"data_sample_rate": 16000, "data_slice_len": 16384},
    "drums_44k": {"data_sample_rate": 44100, "data_slice_len": 32768, **_DRUMS},
    "drums_48k": {"data_sample_rate": 48000, "data_slice_len": 36000, **_DRUMS},
    "stereo_44k": {"data_sample_rate": 44100, "data_slice_len": 65536, "data_num_channels": 2, "train_batch_size": 32},
    "long_4s": {"data_sample_rate": 16000, "data_slice_len": 65536, "train_batch_size": 32},
    "long_4s_44k": {"data_sample_rate": 44100, "data_slice_len": 176400, "train_batch_size": 16},
    "long_10s": {"data_sample_rate": 16000, "data_slice_len": 160000, "train_batch_size": 16},
}


def described(presets: Mapping[str, Values]) -> str:
    """A sentence on each preset, for `--help`."""

    def flag(name: str, value: Any) -> str:
        return f"--{name}" if value is True else f"--{name}={value}"

    return " ".join(
        f"{preset} is {' '.join(flag(name, value) for name, value in values.items())}."
        for preset, values in presets.items()
    )
