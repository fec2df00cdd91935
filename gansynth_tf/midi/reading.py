"""Notes of MIDI files: what to play when, in seconds, as the original reads them through pretty_midi.

A note ends at the first note-off of its channel and pitch in its track, which ends all that sound there; what starts
and ends at one moment is skipped. Beyond the original, a note that is never ended sounds to the end of the file, a
sustain pedal holds notes, the channel mode messages end them, and tempo changes count whatever track they stand in.

Events are played by their time, those of one time by the order of the tracks and, within a track, as they stand: a
note that is released before the pedal goes down at the same tick is not held.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from gansynth_tf.midi.events import META, TEMPO, DamagedMidi, Event, MidiFile, read_events
from wavegan_tf.core.audio import decode
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name

_DEFAULT_TEMPO = 500_000  # microseconds a beat
_NOTE_OFF, _NOTE_ON, _CONTROL = 0x80, 0x90, 0xB0
_SUSTAIN, _PEDAL_DOWN = 64, 64  # controller, and its value from which on the pedal is down
_ALL_SOUND_OFF, _RESET_ALL_CONTROLLERS = 120, 121
# All Notes Off, and the changes of mode (omni, mono, poly), each of which ends all notes too.
_ALL_NOTES_OFF = range(123, 128)
_MAX_VELOCITY = 127
_DRUM_CHANNEL = 9


@dataclasses.dataclass(frozen=True)
class NoteSequence:
    """Notes in the order of their starts.

    Attributes:
      pitches: MIDI numbers, int64 [n].
      velocities: 1 to 127, int64 [n].
      start_times: seconds, float64 [n].
      end_times: likewise.
      out_of_range: notes that were skipped for their pitch.
      without_length: notes that were skipped because they end where they start.
      drums: notes of the drum channel that were skipped.
      faults: what is wrong with the file that was read all the same, in words.
    """

    pitches: np.ndarray
    velocities: np.ndarray
    start_times: np.ndarray
    end_times: np.ndarray
    out_of_range: int = 0
    without_length: int = 0
    drums: int = 0
    faults: tuple[str, ...] = ()

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
    """Reads a MIDI file of type 0 or 1, or of type 2 with one track (`load_midi`).

    Args:
      path: of the file.
      min_pitch: notes below are skipped.
      max_pitch: notes above are skipped.
      sustain: let the sustain pedal (controller 64) hold notes until it is lifted or the same note starts again.
      drums: take the notes of the drum channel, 10, too.

    Raises:
      UserError: the file cannot be read, or holds no note that can be played.
    """
    name = display_name(path)
    try:
        file = read_events(path)
    except DamagedMidi as error:
        raise UserError(f"{name}: cannot be read as MIDI ({error})") from None
    except OSError as error:
        raise UserError(f"{name}: cannot be read as MIDI ({error.strerror or error})") from None
    if file.kind == 2 and len(file.tracks) > 1:
        raise UserError(f"{name}: is of type 2, whose tracks belong to no common time; save it as type 1")
    seconds = _Clock(name, file)
    notes = _played(file.tracks, sustain)
    wanted = [note for note in notes if drums or note.channel != _DRUM_CHANNEL]
    sounding = sorted((note for note in wanted if note.end > note.start), key=lambda note: (note.start, note.pitch))
    chosen = [note for note in sounding if min_pitch <= note.pitch <= max_pitch]
    if not sounding:
        reasons = f" to play: {len(notes) - len(wanted)} are drums, {len(wanted)} end where they start"
        raise UserError("; ".join([f"{name}: holds no note{reasons if notes else ''}", *file.faults[:3]]))
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
        faults=tuple(file.faults),
    )


class _Clock:
    """Ticks to seconds, by the tempos of all tracks or, for a SMPTE division, by its frames."""

    def __init__(self, name: str, file: MidiFile):
        division, self._name = file.division, name
        if division == 0:
            raise UserError(f"{name}: cannot be read as MIDI (a beat of 0 ticks)")
        if division < 0:
            frames, ticks = -(division >> 8), division & 0xFF
            if ticks == 0:
                raise UserError(f"{name}: cannot be read as MIDI (a frame of 0 ticks)")
            # 29 stands for the 30 frames less two a minute of NTSC.
            self._changes = [(0, 1.0 / ((29.97 if frames == 29 else frames) * ticks))]
        else:
            changes = [event for _, event in _in_order(file.tracks) if event.status == META and event.data[0] == TEMPO]
            if any(len(event.data) < 4 for event in changes):
                raise UserError(f"{name}: cannot be read as MIDI (a tempo of less than three bytes)")
            tempos = {event.tick: int.from_bytes(event.data[1:4], "big") for event in changes}
            if not all(tempos.values()):
                raise UserError(f"{name}: cannot be read as MIDI (a tempo of 0 microseconds a beat)")
            latest = {0: _DEFAULT_TEMPO, **tempos}
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
        if seconds.max() > decode.MAX_SECONDS:
            raise UserError(f"{self._name}: has notes after more than {decode.MAX_SECONDS // 3600} hours")
        return seconds


def _in_order(tracks: Sequence[Iterable[Event]]) -> list[tuple[int, Event]]:
    """(index of the track, event) by time; those of one time by track, then as they stand in it."""
    events = [(index, event) for index, track in enumerate(tracks) for event in track]
    return sorted(events, key=lambda pair: pair[1].tick)


def _played(tracks: Sequence[Iterable[Event]], sustain: bool) -> list[_Note]:
    """Notes from where their keys are struck to where their sound ends, in the order of their starts."""
    keys, end = _Keys(), 0
    for track, (end, status, data) in _in_order(tracks):
        kind, channel = status & 0xF0, status & 0x0F
        if kind == _NOTE_ON and data[1] > 0:
            keys.strike(end, track, channel, *data)
        elif kind in (_NOTE_ON, _NOTE_OFF):
            keys.release(end, track, channel, data[0])
        elif kind == _CONTROL:
            control, value = data
            if control == _ALL_SOUND_OFF:
                keys.silence(end, channel)
            elif control in _ALL_NOTES_OFF:
                keys.release_all(end, channel)
            elif control == _RESET_ALL_CONTROLLERS or (control == _SUSTAIN and value < _PEDAL_DOWN):
                keys.lift_pedal(end, channel)
            elif control == _SUSTAIN and sustain:
                keys.press_pedal(channel)
    for channel in range(16):
        keys.silence(end, channel)
    return keys.notes


class _Keys:
    """The keys and the pedal of each channel, and the notes that sound."""

    def __init__(self) -> None:
        self.notes: list[_Note] = []
        # For each channel, what sounds: of keys that are down, by (track, pitch); of keys that are up, by pitch.
        self._held: dict[int, dict[tuple[int, int], list[_Note]]] = collections.defaultdict(dict)
        self._ringing: dict[int, dict[int, list[_Note]]] = collections.defaultdict(dict)
        self._pedals: set[int] = set()
        self._struck: dict[tuple[int, int], int] = {}  # when last, by channel and pitch

    def strike(self, tick: int, track: int, channel: int, pitch: int, velocity: int) -> None:
        """Starts a note, and ends those of the same key that only the pedal holds."""
        for note in self._ringing[channel].pop(pitch, ()):
            note.end = tick
        note = _Note(channel, pitch, min(velocity, _MAX_VELOCITY), tick)
        self.notes.append(note)
        self._held[channel].setdefault((track, pitch), []).append(note)
        self._struck[channel, pitch] = tick

    def release(self, tick: int, track: int, channel: int, pitch: int) -> None:
        """Lets a key go; its notes that start at this moment stay if any other has ended."""
        held = self._held[channel].pop((track, pitch), [])
        ended = [note for note in held if note.start < tick]
        if ended and len(ended) < len(held):
            self._held[channel][track, pitch] = [note for note in held if note.start == tick]
        self._let_go(ended or held, tick)

    def release_all(self, tick: int, channel: int) -> None:
        """Lets all keys go."""
        for notes in self._held.pop(channel, {}).values():
            self._let_go(notes, tick)

    def _let_go(self, notes: Iterable[_Note], tick: int) -> None:
        """Ends notes, or leaves them to the pedal unless their key was struck at this moment."""
        for note in notes:
            note.end = tick
            if note.channel in self._pedals and self._struck[note.channel, note.pitch] < tick:
                self._ringing[note.channel].setdefault(note.pitch, []).append(note)

    def press_pedal(self, channel: int) -> None:
        """Holds what is released from now on."""
        self._pedals.add(channel)

    def lift_pedal(self, tick: int, channel: int) -> None:
        """Ends the notes that only the pedal holds."""
        self._pedals.discard(channel)
        for notes in self._ringing.pop(channel, {}).values():
            for note in notes:
                note.end = tick

    def silence(self, tick: int, channel: int) -> None:
        """Ends all that sounds; the pedal stays where it is."""
        down = channel in self._pedals
        self.release_all(tick, channel)
        self.lift_pedal(tick, channel)
        if down:
            self.press_pedal(channel)
