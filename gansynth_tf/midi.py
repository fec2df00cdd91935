"""Notes of MIDI files: what to play when, in seconds, as the original reads them through pretty_midi.

A note ends at the first note-off of its channel and pitch in its track, which ends all that sound there; what starts
and ends at one moment is left out. Beyond the original, a note that is never ended sounds to the end of the file, a
sustain pedal holds notes, and tempo changes count whatever track they stand in.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import importlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from wavegan_tf.core import audio
from wavegan_tf.core.audio_files import display_name
from wavegan_tf.core.errors import UserError

_DEFAULT_TEMPO = 500_000  # microseconds a beat
_SUSTAIN, _PEDAL_DOWN = 64, 64  # controller, and its value from which on the pedal is down
_DRUM_CHANNEL = 9


@dataclasses.dataclass(frozen=True)
class NoteSequence:
    """Notes in the order of their starts.

    Attributes:
      pitches: MIDI numbers, int64 [n].
      velocities: 1 to 127, int64 [n].
      start_times: seconds, float64 [n].
      end_times: likewise.
      out_of_range: notes that were left out for their pitch.
      without_length: notes that were left out because they end where they start.
      drums: notes of the drum channel that were left out.
    """

    pitches: np.ndarray
    velocities: np.ndarray
    start_times: np.ndarray
    end_times: np.ndarray
    out_of_range: int = 0
    without_length: int = 0
    drums: int = 0

    def __len__(self) -> int:
        return len(self.pitches)


@dataclasses.dataclass
class _Note:
    channel: int
    pitch: int
    velocity: int
    start: int
    end: int = -1


def read_midi(
    path: str, min_pitch: int = 0, max_pitch: int = 127, *, sustain: bool = True, drums: bool = True
) -> NoteSequence:
    """Reads a MIDI file of type 0 or 1 (`load_midi`).

    Args:
      path: of the file.
      min_pitch: notes below are left out.
      max_pitch: notes above are left out.
      sustain: let the sustain pedal (controller 64) hold notes until it is lifted or the same note starts again.
      drums: take the notes of the drum channel, 10, too.

    Raises:
      UserError: the file cannot be read, or holds no note that can be played.
    """
    name = display_name(path)
    try:
        mido = importlib.import_module("mido")
    except ImportError:
        raise UserError(f"{name}: reading MIDI needs the package mido (pip install mido)") from None
    if os.path.exists(path) and not os.path.isfile(path):  # opening a pipe would wait for ever
        raise UserError(f"{name}: cannot be read as MIDI (it is not a regular file)")
    try:
        file = mido.MidiFile(path)
    except Exception as error:  # broken files raise anything
        raise UserError(f"{name}: cannot be read as MIDI ({_reason(error)})") from None
    if file.type == 2:
        raise UserError(f"{name}: is of type 2, whose tracks belong to no common time; save it as type 1")
    seconds = _Clock(name, file)
    notes, end = _played(file.tracks)
    if sustain:
        _hold(notes, _pedals(file.tracks, end))
    wanted = [note for note in notes if drums or note.channel != _DRUM_CHANNEL]
    sounding = sorted((note for note in wanted if note.end > note.start), key=lambda note: (note.start, note.pitch))
    chosen = [note for note in sounding if min_pitch <= note.pitch <= max_pitch]
    if not sounding:
        reasons = f" to play: {len(notes) - len(wanted)} are drums, {len(wanted)} end where they start"
        raise UserError(f"{name}: holds no note{reasons if notes else ''}")
    if not chosen:
        raise UserError(f"{name}: none of its {len(sounding)} notes has a pitch from {min_pitch} to {max_pitch}")
    return NoteSequence(
        pitches=np.array([note.pitch for note in chosen], np.int64),
        velocities=np.array([note.velocity for note in chosen], np.int64),
        start_times=seconds.of([note.start for note in chosen]),
        end_times=seconds.of([note.end for note in chosen]),
        out_of_range=len(sounding) - len(chosen),
        without_length=len(wanted) - len(sounding),
        drums=len(notes) - len(wanted),
    )


def _reason(error: Exception) -> str:
    """Why mido could not read a file, in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, OSError | EOFError | ValueError) and str(error):
        return " ".join(str(error).split())
    return "it ends too early" if isinstance(error, EOFError) else "damaged data"


class _Clock:
    """Ticks to seconds, by the tempos of all tracks or, for a SMPTE division, by its frames."""

    def __init__(self, name: str, file: Any):
        division, self._name = file.ticks_per_beat, name
        if division == 0:
            raise UserError(f"{name}: cannot be read as MIDI (a beat of 0 ticks)")
        if division < 0:
            frames, ticks = -(division >> 8), division & 0xFF
            if ticks == 0:
                raise UserError(f"{name}: cannot be read as MIDI (a frame of 0 ticks)")
            # 29 stands for the 30 frames less two a minute of NTSC.
            self._changes = [(0, 1.0 / ((29.97 if frames == 29 else frames) * ticks))]
        else:
            tempos = [(tick, m.tempo) for track in file.tracks for tick, m in _timed(track) if m.type == "set_tempo"]
            if any(tempo == 0 for _, tempo in tempos):
                raise UserError(f"{name}: cannot be read as MIDI (a tempo of 0 microseconds a beat)")
            latest = {0: _DEFAULT_TEMPO, **dict(sorted(tempos, key=lambda change: change[0]))}
            self._changes = [(tick, tempo / 1e6 / division) for tick, tempo in sorted(latest.items())]

    def of(self, ticks: Iterable[int]) -> np.ndarray:
        """Seconds, float64.

        Raises:
          UserError: they are more than a recording may have.
        """
        starts, lengths = (np.array(part, np.float64) for part in zip(*self._changes, strict=True))
        elapsed = np.concatenate([[0.0], np.cumsum(np.diff(starts) * lengths[:-1])])
        wanted = np.array(list(ticks), np.float64)
        places = np.searchsorted(starts, wanted, side="right") - 1
        seconds = elapsed[places] + (wanted - starts[places]) * lengths[places]
        if seconds.max() > audio.MAX_SECONDS:
            raise UserError(f"{self._name}: has notes after more than {audio.MAX_SECONDS // 3600} hours")
        return seconds


def _timed(track: Iterable[Any]) -> Iterable[tuple[int, Any]]:
    """(tick, message) from the start of the file on."""
    tick = 0
    for message in track:
        tick += message.time
        yield tick, message


def _played(tracks: Iterable[Iterable[Any]]) -> tuple[list[_Note], int]:
    """Notes as keys were held, and the last tick of all."""
    notes: list[_Note] = []
    end = 0
    for track in tracks:
        held: dict[tuple[int, int], list[_Note]] = collections.defaultdict(list)
        for tick, message in _timed(track):
            end = max(end, tick)
            if message.type == "note_on" and message.velocity > 0:
                note = _Note(message.channel, message.note, message.velocity, tick)
                held[note.channel, note.pitch].append(note)
                notes.append(note)
            elif message.type in ("note_on", "note_off"):
                _release(held[message.channel, message.note], tick)
    for note in notes:
        if note.end < 0:
            note.end = end
    return notes, end


def _release(held: list[_Note], tick: int) -> None:
    """Ends the notes of a key; those that start at this moment go on if any other has ended."""
    ended = [note for note in held if note.start < tick] or list(held)
    for note in ended:
        note.end = tick
    held[:] = [note for note in held if note.end < 0]


def _pedals(tracks: Iterable[Iterable[Any]], end: int) -> dict[int, list[tuple[int, int]]]:
    """For each channel, from which tick to which its sustain pedal is down."""
    moves: dict[int, list[tuple[int, bool]]] = collections.defaultdict(list)
    for track in tracks:
        for tick, message in _timed(track):
            if message.type == "control_change" and message.control == _SUSTAIN:
                moves[message.channel].append((tick, message.value >= _PEDAL_DOWN))
    down = {}
    for channel, of_channel in moves.items():
        spans, since = [], None
        for tick, is_down in sorted(of_channel, key=lambda move: move[0]):
            if is_down and since is None:
                since = tick
            elif not is_down and since is not None:
                spans.append((since, tick))
                since = None
        down[channel] = [*spans, *([(since, end)] if since is not None else [])]
    return down


def _hold(notes: Iterable[_Note], pedals: Mapping[int, list[tuple[int, int]]]) -> None:
    """Lengthens the notes that end while the pedal is down, at most until the same key is struck again."""
    strikes: dict[tuple[int, int], list[int]] = collections.defaultdict(list)
    for note in notes:
        strikes[note.channel, note.pitch].append(note.start)
    for ticks in strikes.values():
        ticks.sort()
    for note in notes:
        spans = pedals.get(note.channel, [])
        place = bisect.bisect_right(spans, (note.end, float("inf"))) - 1
        if place < 0 or not spans[place][0] <= note.end < spans[place][1] or note.end == note.start:
            continue
        again = strikes[note.channel, note.pitch]
        later = bisect.bisect_left(again, max(note.end, note.start + 1))
        note.end = min([spans[place][1], *again[later : later + 1]])
