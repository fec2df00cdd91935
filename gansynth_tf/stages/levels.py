"""How much louder a generator's notes must be, pitch by pitch, to be as loud as those that it learned from.

A generator that errs in its phases, or has seen few notes, is quieter than its data, at some pitches more than at
others.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from gansynth_tf import draws
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.notes.loading import load_notes
from gansynth_tf.notes.options import PLACES
from gansynth_tf.notes.stream import NoteStore
from gansynth_tf.stages.features import CACHE_FOLDER, waves_of
from wavegan_tf.core.draws import purpose_seed
from wavegan_tf.core.errors import UserError

# Of each pitch: latent vectors, and at most so many real notes.
LATENTS, NOTES = 32, 64
_BATCH = 8
# Mean square below which a note is silent: what 16 bits cannot hold.
_SILENT = 1e-10


def load(config: GANSynthConfig, train_dir: str, data_dir: str) -> NoteStore:
    """The notes that a run learned from.

    Args:
      config: the run's options, which say where they are and which to take.
      train_dir: the run, which holds its cache of decoded audio.
      data_dir: where they are now; empty for where the run had them.

    Raises:
      UserError: they are not there or cannot be used.
    """
    if data_dir:
        places: dict[str, Any] = {**dict.fromkeys(PLACES, ""), "data_dir": data_dir}
        config = dataclasses.replace(config, **places)
    elif not any(getattr(config, place) for place in PLACES):
        raise UserError("--match_levels: the run does not say where its notes are; give --data_dir")
    # The notes are read once, in their order.
    config = dataclasses.replace(config, data_shuffle_shards=0)
    return load_notes(config, os.path.join(train_dir, CACHE_FOLDER), config.num_channels)


def gains(
    generate: Callable[[tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]], store: NoteStore, config: GANSynthConfig
) -> np.ndarray:
    """Returns a gain for each pitch that brings generated notes to the average level, in dB, of real ones.

    Both are averages of the levels of whole notes: of `LATENTS` latent vectors, and of at most `NOTES` real notes. A
    pitch without real notes gets what lies between the gains, in dB, of its neighbours.

    Args:
      generate: z, pitch -> audio, the signature `serving_default`.
      store: real notes.
      config: the run's options.

    Returns:
      float32 [num_pitches], greater than 0.

    Raises:
      UserError: all notes of one kind are silent.
    """
    pitches = np.arange(config.data_min_pitch, config.data_max_pitch + 1)
    real = _average_levels(_real_levels(store, pitches))
    made, peaks = _generated_levels(generate, pitches, config)
    wanted = real - _average_levels(made)
    known = np.isfinite(wanted)
    if not known.any():
        raise UserError("--match_levels: no pitch has both real and generated notes that are not silent")
    wanted = np.interp(pitches, pitches[known], wanted[known])
    over = np.mean(peaks * 10 ** (wanted[:, None] / 20) > 1.0)
    logging.info(
        "level by pitch: changed by %+.1f to %+.1f dB, %+.1f on average; then %.0f %% of the notes exceed full scale",
        wanted.min(), wanted.max(), wanted.mean(), 100 * over,
    )  # fmt: skip
    return (10 ** (wanted / 20)).astype(np.float32)


def _average_levels(squares: list[np.ndarray]) -> np.ndarray:
    """Mean squares of the notes of each pitch -> dB [num_pitches], NaN where all are silent or none is there."""
    audible = [found[found > _SILENT] for found in squares]
    return np.array([np.mean(10 * np.log10(found)) if len(found) else np.nan for found in audible])


def _mean_squares(waves: np.ndarray) -> np.ndarray:
    """Of each of some waves [b, ...]."""
    return np.mean(np.square(waves.astype(np.float64)).reshape(len(waves), -1), axis=1)


def _real_levels(store: NoteStore, pitches: np.ndarray) -> list[np.ndarray]:
    """Mean squares of notes of each pitch, taken evenly from all that have it."""
    found = [np.flatnonzero(store.pitches == pitch) for pitch in pitches]
    chosen = [notes[np.linspace(0, len(notes) - 1, min(len(notes), NOTES)).astype(int)] for notes in found]
    order = np.sort(np.concatenate(chosen))
    squares = np.concatenate([_mean_squares(waves.numpy()) for waves in waves_of(store, order)])
    return [squares[np.isin(order, notes)] for notes in chosen]


def _generated_levels(
    generate: Callable[[tf.Tensor, tf.Tensor], Mapping[str, tf.Tensor]], pitches: np.ndarray, config: GANSynthConfig
) -> tuple[list[np.ndarray], np.ndarray]:
    """Mean squares of generated notes of each pitch, and their peaks [num_pitches, LATENTS]."""
    latents = draws.normal_latents(LATENTS, config.latent_vector_size, purpose_seed(0, 0, "levels/z"))
    squares, peaks = [], []
    for pitch in pitches:
        for batch in tf.split(latents, LATENTS // _BATCH):
            waves = generate(batch, tf.fill([_BATCH], tf.constant(pitch, tf.int32)))["audio"].numpy()
            squares.append(_mean_squares(waves))
            peaks.append(np.abs(waves).reshape(_BATCH, -1).max(axis=1))
    return list(np.reshape(squares, [-1, LATENTS])), np.reshape(peaks, [-1, LATENTS])
