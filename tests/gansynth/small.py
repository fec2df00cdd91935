"""A run small enough for a test; its networks have all their layers."""

from __future__ import annotations

import json
from typing import Any

from tests.gansynth.notes.test_files import NOTES

SMALL: dict[str, Any] = {
    "num_resolutions": 3, "fmap_base": 32, "fmap_max": 4, "latent_vector_size": 4, "audio_length": 320,
    "batch_size_schedule": [2], "stable_stage_num_images": 4, "transition_stage_num_images": 4,
    "total_num_images": 22, "seed": 3, "preview_n": 2, "fake_batch_size": 3, "save_summaries_num_images": 10,
}  # fmt: skip
# Three stages.
SMALLER = {**SMALL, "num_resolutions": 2, "audio_length": 100, "total_num_images": 14}


def arguments(run_dir, **changes: Any) -> list[str]:
    """Of the train command."""
    hparams = {**SMALL, "data_dir": str(NOTES), **changes}
    return [f"--train_root_dir={run_dir}", f"--hparams={json.dumps(hparams)}"]
