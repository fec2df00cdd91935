"""assets.extra/model.json: what a client has to know of an exported model."""

from __future__ import annotations

import os
from typing import Any

from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name, suggest_version
from wavegan_tf.core.options import LARGEST_INT, MAX_SAMPLE_RATE
from wavegan_tf.core.reading import Unreadable, read_json, whole_number

METADATA_FILE = os.path.join("assets.extra", "model.json")
MODELS = ("wavegan", "specgan", "gansynth")
# Options of a run of any model, by which a training directory is known.
RUN_FILES = ("config.json", "experiment.json")
MIDDLE_C = 60  # MIDI number
# Lowest and highest values of numbers in it; those of the options of a run.
_LIMITS = {
    "sample_rate": (1, MAX_SAMPLE_RATE), "latent_dim": (1, LARGEST_INT), "slice_len": (0, LARGEST_INT),
    "audio_length": (0, LARGEST_INT), "num_channels": (1, 1024), "min_pitch": (0, 127), "max_pitch": (0, 127),
}  # fmt: skip
_NEEDED = ("sample_rate", "latent_dim")


def read_metadata(model_dir: str | os.PathLike[str], model: str | None = None) -> dict[str, Any]:
    """Reads the metadata of an exported model.

    Args:
      model_dir: a version folder.
      model: whose it must be, such as "wavegan"; None for any.

    Returns:
      At least `model`, and the integers `sample_rate` and `latent_dim`.

    Raises:
      UserError: the folder holds no SavedModel of ours, or another model's.
    """
    if not os.path.exists(os.path.join(model_dir, "saved_model.pb")):
        if any(os.path.exists(os.path.join(model_dir, name)) for name in RUN_FILES):
            raise UserError(f"--model_dir={model_dir}: holds a training run; export it, and give the exported folder")
        raise UserError(f"--model_dir={model_dir}: holds no SavedModel{suggest_version(model_dir)}")
    try:
        metadata: dict[str, Any] = read_json(os.path.join(model_dir, METADATA_FILE))
        found = metadata["model"]
        if not isinstance(found, str):
            raise Unreadable("model is no name")
        for name, (low, high) in _LIMITS.items():
            if name in metadata or name in _NEEDED or (name == "max_pitch" and "min_pitch" in metadata):
                metadata[name] = whole_number(metadata, name, low, high)
        if "min_pitch" in metadata and metadata["min_pitch"] > metadata["max_pitch"]:
            raise Unreadable("min_pitch is above max_pitch")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else one_line(error)
        raise UserError(f"--model_dir={model_dir}: {METADATA_FILE} cannot be used ({reason})") from None
    if model is not None and found != model:
        kind = display_name(found)
        raise UserError(f"--model_dir={model_dir}: holds a {kind} model, which {kind}_generate is for")
    return metadata


def require_known(model_dir: str | os.PathLike[str], model: str) -> None:
    """Raises UserError if a model of this name is none of `MODELS`."""
    if model not in MODELS:
        kind = display_name(model)
        raise UserError(f"--model_dir={model_dir}: holds a {kind} model; known are {', '.join(MODELS)}")


def samples_of_clip(metadata: dict[str, Any]) -> int:
    """Samples of all channels of a model's clip; 0 if it does not say."""
    length = metadata.get("slice_len", metadata.get("audio_length", 0))
    return length * metadata.get("num_channels", 1)


def earlier_signatures(model: Any) -> dict[str, dict[str, str]]:
    """The signatures of a model that was exported before model.json named them."""
    (pcm16,) = model.signatures["pcm16"].structured_outputs
    waveform = pcm16.removesuffix("_int16")
    found = {
        "waveform": {"signature": "serving_default", "output": waveform},
        "waveform_int16": {"signature": "pcm16", "output": pcm16},
    }
    if "inversion" in model.signatures:
        found["waveform_ngl"] = {"signature": "inversion", "output": waveform}
    return found
