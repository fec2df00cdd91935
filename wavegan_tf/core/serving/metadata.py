"""assets.extra/model.json: what a client has to know of an exported model."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from wavegan_tf.core.audio import labels
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.files import display_name, suggest_version
from wavegan_tf.core.options import LARGEST_INT, MAX_SAMPLE_RATE
from wavegan_tf.core.reading import MAX_DESCRIPTION_BYTES, Unreadable, read_json, whole_number

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
# Folders of the packages whose `pretrained` holds models that come with them.
_PACKAGES = ("wavegan_tf", "specgan_tf", "gansynth_tf")
_PRETRAINED = "pretrained"


def model_folder(model_dir: str | os.PathLike[str]) -> str:
    """The folder of a model: of `pretrained/NAME` the one that comes with the project, unless there is one here.

    Raises:
      UserError: no model of this name comes with the project.
    """
    parts = Path(model_dir).parts
    if len(parts) != 2 or parts[0] != _PRETRAINED or os.path.exists(model_dir):
        return os.fspath(model_dir)
    known = {}
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for place in (spec and spec.submodule_search_locations) or ():
            folders = Path(place, "demo", _PRETRAINED).glob("*/saved_model.pb")
            known.update({path.parent.name: str(path.parent) for path in folders})
    if parts[1] not in known:
        names = ", ".join(f"{_PRETRAINED}/{name}" for name in sorted(known))
        with_us = f"the models that come with the project are {names}"
        raise UserError(f"--model_dir={model_dir}: no such folder, and {with_us}")
    return known[parts[1]]


def read_metadata(model_dir: str | os.PathLike[str], model: str | None = None) -> dict[str, Any]:
    """Reads the metadata of an exported model.

    Args:
      model_dir: a version folder, or `pretrained/NAME`.
      model: whose it must be, such as "wavegan"; None for any.

    Returns:
      At least `model`, and the integers `sample_rate` and `latent_dim`.

    Raises:
      UserError: the folder holds no SavedModel of ours, or another model's.
    """
    folder = model_folder(model_dir)
    if not os.path.exists(os.path.join(folder, "saved_model.pb")):
        if any(os.path.exists(os.path.join(folder, name)) for name in RUN_FILES):
            raise UserError(f"--model_dir={model_dir}: holds a training run; export it, and give the exported folder")
        raise UserError(f"--model_dir={model_dir}: holds no SavedModel{suggest_version(model_dir)}")
    try:
        metadata: dict[str, Any] = read_json(os.path.join(folder, METADATA_FILE), MAX_DESCRIPTION_BYTES)
        found = metadata["model"]
        if not isinstance(found, str):
            raise Unreadable("model is no name")
        for name, (low, high) in _LIMITS.items():
            if name in metadata or name in _NEEDED or (name == "max_pitch" and "min_pitch" in metadata):
                metadata[name] = whole_number(metadata, name, low, high)
        if "min_pitch" in metadata and metadata["min_pitch"] > metadata["max_pitch"]:
            raise Unreadable("min_pitch is above max_pitch")
        if "labels" in metadata:
            labels.checked(metadata["labels"])
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
