"""gansynth_generate: notes, scales, interpolations and MIDI clips from an exported GANSynth, which is all it needs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from absl import flags as absl_flags
from absl import logging

from gansynth_tf.config import MODEL
from gansynth_tf.midi import instruments, mixing, reading
from wavegan_tf.core import effects, flags
from wavegan_tf.core.audio import decode, store
from wavegan_tf.core.audio.files import display_name
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import require_effect
from wavegan_tf.core.serving import generation, latents
from wavegan_tf.core.serving.saved_model import METADATA_FILE, ServedModel

_MODES = ("midi_file", "interpolate", "scale")
_OF_NOTES, _OF_MIDI = [effects.not_with("midi_file"), effects.not_with("scale")], [effects.only_with("midi_file")]
_RULES = {
    **generation.RULES,
    "secs_per_instrument": _OF_MIDI,
    "midi_sustain": _OF_MIDI,
    "midi_drums": _OF_MIDI,
    "pitch": _OF_NOTES,
    "num_samples": [*_OF_NOTES, *generation.RULES["num_samples"]],
}
_MIDDLE_C = 60
_BLOCK = 1 << 18  # samples


def main() -> None:
    """Reads the flags and generates.

    Raises:
      UserError: flags contradict each other, or the model, the latents or the MIDI file cannot be used.
    """
    values = absl_flags.FLAGS
    given = [name for name in _MODES if values[name].value]
    if len(given) > 1:
        raise UserError(f"--{given[0]} and --{given[1]} go one at a time")
    draws_pitches = not given and values.pitch is None
    require_effect(_RULES if draws_pitches else {**_RULES, "seed": [effects.not_with("latents_file")]})
    model = generation.load_model(MODEL)
    low, high = _range(model)
    if values.midi_file:
        _render_midi(model, low, high)
    elif values.interpolate:
        ends = generation.choose_latents(model, values.num_samples if values["num_samples"].present else 2)
        count, blocks = latents.walk(*ends, values.interpolate_steps, instruments.slerp_walk)
        _write_notes(model, count, _at_pitch(blocks, _pitch(low, high)), generation.INTERPOLATION_NAME)
    elif values.scale:
        pitches = np.arange(low, high + 1, dtype=np.int32)
        count, blocks = generation.choose_latents(model, 1)
        if count != 1:
            raise UserError(f"--latents_file={values.latents_file}: --scale plays one latent vector, not {count}")
        z = np.repeat(next(blocks), len(pitches), axis=0)
        _write_notes(model, len(pitches), iter([{"z": z, "pitch": pitches}]), "scale")
    else:
        count, blocks = generation.choose_latents(model, values.num_samples)
        notes = _at_drawn_pitches(blocks, low, high) if draws_pitches else _at_pitch(blocks, _pitch(low, high))
        _write_notes(model, count, notes)


def _at_pitch(blocks: Iterator[np.ndarray], pitch: int) -> Iterator[Mapping[str, np.ndarray]]:
    return ({"z": z, "pitch": np.full(len(z), pitch, np.int32)} for z in blocks)


def _at_drawn_pitches(blocks: Iterator[np.ndarray], low: int, high: int) -> Iterator[Mapping[str, np.ndarray]]:
    generator = np.random.default_rng(absl_flags.FLAGS.seed)
    return ({"z": z, "pitch": generator.integers(low, high + 1, len(z), np.int32)} for z in blocks)


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


def _write_notes(model: ServedModel, count: int, notes: Iterator[Mapping[str, np.ndarray]], joined: str = "") -> None:
    """Writes each note under a name that tells its pitch, as `gansynth_train --data_dir` reads it."""
    generation.write_clips(model, notes, count, output="audio", joined=joined)


def _render_midi(model: ServedModel, low: int, high: int) -> None:
    """Writes the clip of a MIDI file, whose latents go from instrument to instrument."""
    values = absl_flags.FLAGS
    notes = reading.read_midi(values.midi_file, low, high, sustain=values.midi_sustain, drums=values.midi_drums)
    total = float(notes.end_times.max())
    logging.info("%s: %d notes in %.1f seconds", display_name(values.midi_file), len(notes), total)
    store.report_skipped([(display_name(values.midi_file), fault) for fault in notes.faults], "read")
    if notes.out_of_range:
        logging.warning("left out: %d notes whose pitches are not from %d to %d", notes.out_of_range, low, high)
    if notes.without_length:
        logging.warning("left out: %d notes that end where they start", notes.without_length)
    if notes.drums:
        logging.warning("left out: %d notes of the drum channel", notes.drums)
    given = next(generation.choose_latents(model, 0)[1]) if values.latents_file else None
    z = instruments.instruments_of_clip(
        total, given, values.secs_per_instrument, lambda count: model.latents(count, values.seed)
    )
    name = os.path.splitext(os.path.basename(values.midi_file))[0]
    generation.prepare_output([f"{name}.{values.format}"])
    with generation.latents_of_output(len(z), model) as kept:
        kept.append(z)
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
        decode.write_blocks(path, pieces, sample_rate, 1)


def define_flags() -> None:
    """Defines this command's flags."""
    generation.define_flags(
        batch_size=8,
        interpolation="arcs (slerp)",
        interpolated=2,
        seed="Seed of the latents, and of the pitches where these are random.",
    )
    absl_flags.DEFINE_integer(
        "pitch", None, f"MIDI pitch. Default: random pitches; with --interpolate: {_MIDDLE_C}, or the nearest.", 0, 127
    )
    absl_flags.DEFINE_boolean("scale", False, "Play all pitches of the model with one latent vector.")
    absl_flags.DEFINE_string("midi_file", "", "MIDI file to play, going from instrument to instrument.")
    flags.define_float(
        "secs_per_instrument",
        None,
        f"Seconds from one instrument to the next in a MIDI clip. Default: {instruments.SECS_PER_INSTRUMENT:g}; with "
        "--latents_file: all of them, once.",
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
