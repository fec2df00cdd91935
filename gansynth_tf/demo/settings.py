"""Data, options and tune of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NOTES = Path(__file__).parent / "notes"
TUNE = Path(__file__).parent / "tune.mid"
# Chosen for the most right pitches in three minutes on two cores: all frequencies are there from the first stage on
# (scale_mode H), where the pitch is learned, and time is resolved in one step then; the magnitude normaliser spreads
# these notes' levels over [-1, 1].
OPTIONS: dict[str, Any] = {
    "data_type": "linear", "sample_rate": 8000, "audio_length": 4800, "data_min_pitch": 60, "data_max_pitch": 84,
    "data_normalize": True, "mag_normalizer_a": 0.24, "mag_normalizer_b": -0.52, "start_height": 2, "start_width": 512,
    "scale_mode": "H", "scale_base": 8, "num_resolutions": 2, "fmap_base": 64, "fmap_decay": 2.0, "fmap_max": 64,
    "latent_vector_size": 4, "generator_ac_loss_weight": 50.0, "discriminator_ac_loss_weight": 50.0,
    "generator_learning_rate": 0.008, "discriminator_learning_rate": 0.008, "batch_size_schedule": [8, 4],
    "fake_batch_size": 25, "preview_n": 25,
}  # fmt: skip
