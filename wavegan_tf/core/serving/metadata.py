"""assets.extra/model.json: what a client has to know of an exported model."""

from __future__ import annotations

import os
from typing import Any

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import suggest_version
from wavegan_tf.core.reading import read_json

METADATA_FILE = os.path.join("assets.extra", "model.json")
# Options of a run of any model, by which a training directory is known.
RUN_FILES = ("config.json", "experiment.json")
MIDDLE_C = 60  # MIDI number


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
        metadata.update({name: int(metadata[name]) for name in ("sample_rate", "latent_dim")})
        if "min_pitch" in metadata:
            metadata.update({name: int(metadata[name]) for name in ("min_pitch", "max_pitch")})
        samples_of_clip(metadata)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"--model_dir={model_dir}: {METADATA_FILE} cannot be used ({error!r})") from None
    if model is not None and found != model:
        raise UserError(f"--model_dir={model_dir}: holds a {found} model, which {found}_generate is for")
    return metadata


def samples_of_clip(metadata: dict[str, Any]) -> int:
    """Samples of all channels of a model's clip; 0 if it does not say."""
    length = metadata.get("slice_len", metadata.get("audio_length", 0))
    return int(length) * int(metadata.get("num_channels", 1))
