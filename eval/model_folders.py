"""Runs and SavedModels of the three models, by the files in their folders; nothing here needs TensorFlow."""

from __future__ import annotations

import os

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name, suggest_version
from wavegan_tf.core.reading import MAX_DESCRIPTION_BYTES, read_json
from wavegan_tf.core.serving.metadata import METADATA_FILE, RUN_FILES

_CONFIGS = (*RUN_FILES, METADATA_FILE)


def is_saved_model(folder: str) -> bool:
    """True if a folder holds a SavedModel."""
    return os.path.exists(os.path.join(folder, "saved_model.pb"))


def require_saved_model(folder: str, flag: str) -> None:
    """Raises UserError if a folder, which a flag named, holds no SavedModel."""
    if not is_saved_model(folder):
        raise UserError(f"--{flag}={display_name(folder)}: holds no SavedModel{suggest_version(folder)}")


def model_of(place: str) -> str:
    """Name of the model whose run or SavedModel a folder holds, by its configuration file.

    Raises:
      UserError: it holds none.
    """
    for name in _CONFIGS:
        try:
            return str(read_json(os.path.join(place, name), MAX_DESCRIPTION_BYTES)["model"])
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{os.path.join(place, name)}: cannot be read; is it of a run or a SavedModel?") from None
    raise UserError(f"{display_name(place)}: holds neither a run nor a SavedModel{suggest_version(place)}")
