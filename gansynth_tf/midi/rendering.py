"""A MIDI file played by a model, going from instrument to instrument (the original's gansynth_generate.py)."""

from __future__ import annotations

import dataclasses
import numbers
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from absl import logging
from numpy.typing import ArrayLike

from gansynth_tf.midi import instruments, mixing, reading
from wavegan_tf.core import memory
from wavegan_tf.core.audio import decode
from wavegan_tf.core.audio.files import report_skipped
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.serving.arguments import checked_int, checked_seed
from wavegan_tf.core.serving.latents import checked_latents
from wavegan_tf.core.serving.metadata import samples_of_clip
from wavegan_tf.core.serving.model import GeneratorModel
from wavegan_tf.core.writing import write_all, writing

_BLOCK = 1 << 18  # samples


@dataclasses.dataclass(frozen=True)
class Performance:
    """Notes to be played, and the instruments to play them on.

    Attributes:
      notes: in the order of their starts.
      instruments: float32 [k, latent_dim], the latents of instruments, spread evenly over the clip.
    """

    notes: reading.NoteSequence
    instruments: np.ndarray

    def rows(self) -> dict[str, np.ndarray]:
        """The model's inputs: z float32 [notes, latent_dim] and pitch int32 [notes]."""
        total = float(self.notes.end_times.max())
        times = instruments.instrument_times(len(self.instruments), total)
        z = instruments.note_latents(self.notes.start_times, self.instruments, times)
        return {"z": z.astype(np.float32), "pitch": self.notes.pitches.astype(np.int32)}


def prepare(
    model: GeneratorModel,
    midi_file: str,
    z: np.ndarray | None,
    secs_per_instrument: float | None,
    seed: int,
    sustain: bool,
    drums: bool,
) -> Performance:
    """Reads a MIDI file and chooses instruments; the arguments are those of `render_midi`.

    Raises:
      UserError: the file cannot be used, or the model has no pitches.
    """
    if model.pitches is None:
        raise UserError(f"--midi_file={midi_file}: a {model.name} model has no pitches")
    low, high = model.pitches[0], model.pitches[-1]
    notes = reading.read_midi(midi_file, low, high, sustain=sustain, drums=drums)
    total = float(notes.end_times.max())
    logging.info("%s: %d notes in %.1f seconds", display_name(midi_file), len(notes), total)
    report_skipped([(display_name(midi_file), fault) for fault in notes.faults], "read")
    if notes.out_of_range:
        logging.warning("skipped: %d notes whose pitches are not from %d to %d", notes.out_of_range, low, high)
    if notes.without_length:
        logging.warning("skipped: %d notes that end where they start", notes.without_length)
    if notes.drums:
        logging.warning("skipped: %d notes of the drum channel", notes.drums)
    chosen = instruments.instruments_of_clip(total, z, secs_per_instrument, lambda count: model.latents(count, seed))
    return Performance(notes, chosen)


def render_midi(
    model: GeneratorModel,
    midi_file: str,
    *,
    z: ArrayLike | None,
    secs_per_instrument: float | None,
    seed: int | None,
    sustain: bool,
    drums: bool,
    batch_size: int,
) -> np.ndarray:
    """Plays a MIDI file; see `gansynth_tf.render_midi`, whose arguments these are.

    Raises:
      UserError: the file cannot be used, or an argument is impossible.
    """
    if secs_per_instrument is not None:
        _check_length(secs_per_instrument)
    checked_int(batch_size, "batch_size")
    given = None if z is None else checked_latents(z, model.latent_dim, "z")
    played = prepare(model, midi_file, given, secs_per_instrument, checked_seed(seed), sustain, drums)
    _require_room(midi_file, played.notes, model)
    waves = list(model.stream(played.rows(), batch_size))
    return mixing.combine_notes(waves, played.notes, model.sample_rate).astype(np.float32)


def _require_room(midi_file: str, notes: reading.NoteSequence, model: GeneratorModel) -> None:
    """Raises UserError if this machine has no room for all notes and, in float64 and float32, the clip."""
    samples = mixing.clip_samples(notes.end_times, model.sample_rate)
    values = 3 * samples * model.metadata.get("num_channels", 1)
    size = memory.FLOAT * (len(notes) * samples_of_clip(model.metadata) + values)
    what = f"{len(notes):,} notes and a clip of {samples / model.sample_rate:,.0f} seconds"
    memory.require_room("midi_file", display_name(midi_file), what, size)


def _check_length(seconds: Any) -> None:
    low, high = instruments.SECS_LIMITS
    if not isinstance(seconds, numbers.Real) or isinstance(seconds, bool) or not low <= float(seconds) <= high:
        raise UserError(f"--secs_per_instrument={seconds!r}: must be seconds from {low:g} to {high:g}")


def write_clip(path: str, blocks: Iterable[np.ndarray], sample_rate: int) -> None:
    """Writes a clip that comes in blocks [t, c], with a peak of one half; it waits on disk until its peak is known.

    Raises:
      UserError: it cannot be written.
    """
    shown = display_name(path)
    with writing(shown):
        waiting = tempfile.TemporaryFile(dir=os.path.dirname(path), buffering=0)  # noqa: SIM115 - entered below
    with waiting as file:
        peaks, channels = [], 1
        for block in blocks:
            channels = block.shape[1]
            peaks.append(np.array([block.max(), block.min()]))
            with writing(shown):
                write_all(file, block.astype(np.float32).tobytes())
        file.seek(0)
        gain = mixing.clip_gain(mixing.peak_of(peaks))
        pieces: Iterator[np.ndarray] = (
            np.frombuffer(data, np.float32).reshape(-1, channels) * gain
            for data in iter(lambda: file.read(4 * _BLOCK * channels), b"")
        )
        decode.write_blocks(path, pieces, sample_rate, channels)
