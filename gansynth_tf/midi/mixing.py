"""Notes to a clip: the envelope of each note, and their sum (the original's `get_envelope` and `combine_notes`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from gansynth_tf.midi.reading import NoteSequence

# Seconds that a note is held at most, and that a clip goes on after its last note.
MAX_NOTE_LENGTH = 3.0
MAX_VELOCITY = 127.0
_ATTACK, _RELEASE = 0.010, 0.3  # seconds
_BLOCK = 1 << 16  # samples


def note_envelope(
    note_length: float,
    attack: float = _ATTACK,
    release: float = _RELEASE,
    sample_rate: int = 16000,
    max_samples: int | None = None,
) -> np.ndarray:
    """Linear attack, level 1, linear release after the note's end.

    Args:
      note_length: seconds that the key is held; 3 at most count.
      attack: seconds, from the start of the note.
      release: seconds, from its end.
      sample_rate: Hz.
      max_samples: of the note's waveform; a longer envelope is made to fit by releasing the note earlier. The original
        needs waveforms of 3.3 seconds.

    Returns:
      float64 [samples].
    """
    attack_samples, release_samples = int(sample_rate * attack), int(sample_rate * release)
    sustain_samples = int(sample_rate * min(note_length, MAX_NOTE_LENGTH))
    if max_samples is not None:
        release_samples = min(release_samples, max_samples)
        sustain_samples = min(sustain_samples, max_samples - release_samples)
    envelope = np.ones(sustain_samples + release_samples)
    ramp = np.linspace(0.0, 1.0, attack_samples)[: len(envelope)]
    envelope[: len(ramp)] = ramp
    envelope[sustain_samples:] = np.linspace(1.0, 0.0, release_samples)
    return envelope


def clip_samples(end_times: np.ndarray, sample_rate: int) -> int:
    """Samples of a clip: to 3 seconds after the last note has ended. The original cuts at the whole second."""
    return int(np.ceil((float(np.max(end_times)) + MAX_NOTE_LENGTH) * sample_rate))


def shape_note(wave: np.ndarray, note_length: float, velocity: float, sample_rate: int) -> np.ndarray:
    """A note as it sounds in a clip: its waveform under the envelope, of peak velocity / 127.

    Args:
      wave: float [t] or [t, c]. One without sound stays silent; the original divides by zero.
      note_length: seconds that the key is held.
      velocity: MIDI velocity.
      sample_rate: Hz.

    Returns:
      float64 [samples] or [samples, c], no longer than `wave`; its peak is that of all channels.
    """
    envelope = note_envelope(note_length, sample_rate=sample_rate, max_samples=len(wave))
    note = wave[: len(envelope)] * envelope.reshape(-1, *[1] * (wave.ndim - 1))
    peak = peak_of([note])
    # What is not a number stays so, for the writer of the clip to refuse.
    return note if peak == 0 else note / peak * (velocity / MAX_VELOCITY)


def mix(waves: Iterable[np.ndarray], notes: NoteSequence, sample_rate: int) -> Iterator[np.ndarray]:
    """The sum of notes, as soon as no further note can change it.

    Args:
      waves: of the notes, float [t] or [t, c] each, all alike; taken one by one.
      notes: as many, in the order of their starts.
      sample_rate: Hz.

    Yields:
      float64 [samples] or [samples, c] pieces of a clip of `clip_samples`.
    """
    position, pending = 0, np.zeros(0)

    def up_to(end: int) -> Iterator[np.ndarray]:
        nonlocal position, pending
        while position < end:
            length = min(end - position, _BLOCK)
            block, pending = pending[:length], pending[length:]
            yield _padded(block, length)
            position += length

    for index, wave in enumerate(waves):
        start, end = float(notes.start_times[index]), float(notes.end_times[index])
        if not index:
            pending = np.zeros((0, *wave.shape[1:]))
        yield from up_to(int(start * sample_rate))
        note = shape_note(wave, end - start, float(notes.velocities[index]), sample_rate)
        pending = _padded(pending, len(note))
        pending[: len(note)] += note
    yield from up_to(clip_samples(notes.end_times, sample_rate))


def _padded(block: np.ndarray, length: int) -> np.ndarray:
    """[t, ...] with zeros at the end where it is shorter."""
    return np.pad(block, [(0, max(0, length - len(block))), *[(0, 0)] * (block.ndim - 1)])


def clip_gain(peak: float) -> float:
    """The factor that brings a clip of this peak to one half; 1 for silence."""
    return 0.5 / peak if peak > 0 else 1.0


def peak_of(waves: Iterable[np.ndarray]) -> float:
    """The largest sample, as the original has it; of what is nowhere above zero, the largest magnitude."""
    ranges = [(float(wave.max()), float(wave.min())) for wave in waves if len(wave)]
    largest, smallest = max((high for high, _ in ranges), default=0.0), min((low for _, low in ranges), default=0.0)
    return largest if largest > 0 else -smallest


def combine_notes(audio_notes: Sequence[np.ndarray] | np.ndarray, notes: NoteSequence, sample_rate: int) -> np.ndarray:
    """Notes mixed into a clip, in memory; float64 [samples] or [samples, c], of peak 0.5.

    Args:
      audio_notes: waveforms, float [n, t] or [n, t, c].
      notes: in the order of their starts, [n].
      sample_rate: Hz.
    """
    clip = np.concatenate(list(mix(audio_notes, notes, sample_rate)))
    return clip * clip_gain(peak_of([clip]))
