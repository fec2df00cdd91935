"""gansynth_generate: notes, scales, interpolations and MIDI clips from an exported GANSynth, which is all it needs."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterable, Iterator

import numpy as np
from absl import flags as absl_flags
from absl import logging

from gansynth_tf import instruments, midi, mixing
from gansynth_tf.config import MODEL
from wavegan_tf.core import audio, audio_store, flags, generation
from wavegan_tf.core.audio_files import display_name
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import METADATA_FILE, ServedModel

_MODES = ("midi_file", "interpolate", "scale")
# Flags that work with one mode only, and those that work without one and with --interpolate.
_ONLY_WITH = {
    "interpolate_steps": "interpolate", "secs_per_instrument": "midi_file", "midi_sustain": "midi_file",
    "midi_drums": "midi_file",
}  # fmt: skip
_OF_NOTES = ("pitch", "num_samples")
_MIDDLE_C = 60
_BLOCK = 1 << 18  # samples


def main() -> None:
    """Reads the flags and generates.

    Raises:
      UserError: flags contradict each other, or the model, the latents or the MIDI file cannot be used.
    """
    values = absl_flags.FLAGS
    given = [name for name in _MODES if values[name].value]
    if values.secs_per_instrument is not None and not math.isfinite(values.secs_per_instrument):
        raise UserError(f"--secs_per_instrument={values.secs_per_instrument}: must be a finite number")
    if len(given) > 1:
        raise UserError(f"--{given[0]} and --{given[1]} go one at a time")
    _check_fit(given[0] if given else "")
    model = generation.load_model(MODEL)
    low, high = _range(model)
    if values.midi_file:
        _render_midi(model, low, high)
    elif values.interpolate:
        ends = _latents(model, 2)
        generation.require_two(ends)
        z = instruments.slerp_walk(ends, values.interpolate_steps)
        pitches = np.full(len(z), _pitch(low, high), np.int32)
        _write_notes(model, z, pitches, generation.INTERPOLATION_NAME)
    elif values.scale:
        z, pitches = _latents(model, 1), np.arange(low, high + 1, dtype=np.int32)
        if len(z) != 1:
            raise UserError(f"--latents_file={values.latents_file}: --scale plays one latent vector, not {len(z)}")
        _write_notes(model, np.repeat(z, len(pitches), axis=0), pitches, "scale")
    else:
        z = _latents(model, values.num_samples)
        drawn = np.random.default_rng(values.seed).integers(low, high + 1, len(z), np.int32)
        pitches = drawn if values.pitch is None else np.full(len(z), _pitch(low, high), np.int32)
        _write_notes(model, z, pitches)


def _check_fit(mode: str) -> None:
    """Refuses flags that would have no effect."""
    values = absl_flags.FLAGS
    for name, only in _ONLY_WITH.items():
        if values[name].present and mode != only:
            raise UserError(f"--{name}: goes with --{only} only")
    for name in _OF_NOTES:
        if values[name].present and mode in ("midi_file", "scale"):
            raise UserError(f"--{name}: goes without --{mode}")


def _latents(model: ServedModel, count: int) -> np.ndarray:
    if absl_flags.FLAGS["num_samples"].present:
        count = absl_flags.FLAGS.num_samples
    return generation.choose_latents(model, count)


def _range(model: ServedModel) -> tuple[int, int]:
    """The lowest and the highest pitch of the model."""
    try:
        return int(model.metadata["min_pitch"]), int(model.metadata["max_pitch"])
    except (KeyError, TypeError, ValueError) as error:
        name = absl_flags.FLAGS.model_dir
        raise UserError(f"--model_dir={name}: {METADATA_FILE} cannot be used ({error!r})") from None


def _pitch(low: int, high: int) -> int:
    """The pitch of --pitch, or of the model's, which are from `low` to `high`, the nearest to middle C."""
    pitch = absl_flags.FLAGS.pitch
    if pitch is None:
        return min(max(_MIDDLE_C, low), high)
    if not low <= pitch <= high:
        raise UserError(f"--pitch={pitch}: the model has pitches from {low} to {high}")
    return pitch


def _waves(model: ServedModel, z: np.ndarray, pitches: np.ndarray) -> Iterator[np.ndarray]:
    rows = {"z": z.astype(np.float32), "pitch": pitches.astype(np.int32)}
    return model.generate(rows, "audio", absl_flags.FLAGS.batch_size)


def _write_notes(model: ServedModel, z: np.ndarray, pitches: np.ndarray, joined: str = "") -> None:
    """Writes each note under a name that tells its pitch, as `gansynth_train --data_dir` reads it."""
    names = [f"{number:06d}_midi{pitch:03d}" for number, pitch in enumerate(pitches)]
    generation.prepare_output(z, [*names, joined] if joined else names)
    generation.write_clips(_waves(model, z, pitches), names, model.sample_rate, joined)


def _render_midi(model: ServedModel, low: int, high: int) -> None:
    """Writes the clip of a MIDI file, whose latents go from instrument to instrument."""
    values = absl_flags.FLAGS
    notes = midi.read_midi(values.midi_file, low, high, sustain=values.midi_sustain, drums=values.midi_drums)
    total = float(notes.end_times.max())
    logging.info("%s: %d notes in %.1f seconds", display_name(values.midi_file), len(notes), total)
    audio_store.report_skipped([(display_name(values.midi_file), fault) for fault in notes.faults], "read")
    if notes.out_of_range:
        logging.warning("left out: %d notes whose pitches are not from %d to %d", notes.out_of_range, low, high)
    if notes.without_length:
        logging.warning("left out: %d notes that end where they start", notes.without_length)
    if notes.drums:
        logging.warning("left out: %d notes of the drum channel", notes.drums)
    given = generation.choose_latents(model, 0) if values.latents_file else None
    z = instruments.instruments_of_clip(
        total, given, values.secs_per_instrument, lambda count: model.latents(count, values.seed)
    )
    name = os.path.splitext(os.path.basename(values.midi_file))[0]
    generation.prepare_output(z, [name])
    of_notes = instruments.note_latents(notes.start_times, z, instruments.instrument_times(len(z), total))
    waves = generation.with_progress(_waves(model, of_notes, notes.pitches), len(notes), "note")
    path = os.path.join(values.output_dir, f"{name}.{values.format}")
    _write_clip(path, mixing.mix(waves, notes, model.sample_rate), model.sample_rate)
    logging.info("%s: %d instruments of %s", display_name(path), len(z), values.model_dir)


def _write_clip(path: str, blocks: Iterable[np.ndarray], sample_rate: int) -> None:
    """Writes a clip with a peak of one half; it waits on disk until its peak is known."""
    with tempfile.TemporaryFile(dir=os.path.dirname(path)) as file:
        peaks = []
        for block in blocks:
            peaks.append(block[[block.argmax(), block.argmin()]])
            file.write(block.astype(np.float32).tobytes())
        file.seek(0)
        gain = mixing.clip_gain(mixing.peak_of(peaks))
        pieces = (np.frombuffer(data, np.float32) * gain for data in iter(lambda: file.read(4 * _BLOCK), b""))
        audio.write_blocks(path, pieces, sample_rate, 1)


def define_flags() -> None:
    """Defines this command's flags."""
    generation.define_flags(batch_size=8, interpolation="arcs (slerp)", interpolated=2)
    absl_flags.DEFINE_integer(
        "pitch", None, "MIDI pitch. Default: random pitches; with --interpolate: 60, or the nearest.", 0, 127
    )
    absl_flags.DEFINE_boolean("scale", False, "Play all pitches of the model with one latent vector.")
    absl_flags.DEFINE_string("midi_file", "", "MIDI file to play, going from instrument to instrument.")
    absl_flags.DEFINE_float(
        "secs_per_instrument",
        None,
        "Seconds from one instrument to the next in a MIDI clip. Default: 6; with --latents_file: all of them, once.",
        0.05,
        1e6,
    )
    absl_flags.DEFINE_boolean("midi_sustain", True, "Let the sustain pedal hold notes; the original does not.")
    absl_flags.DEFINE_boolean("midi_drums", True, "Play the drum channel too, by its pitches, as the original does.")


def run() -> None:
    """Entry point of gansynth_generate."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
