"""gansynth_generate: notes, scales, interpolations and MIDI clips from an exported GANSynth, which is all it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from absl import flags as absl_flags
from absl import logging

from gansynth_tf.config import MODEL
from gansynth_tf.midi.instruments import SECS_LIMITS
from wavegan_tf.core import effects, flags
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.serving import commands
from wavegan_tf.core.serving.metadata import MIDDLE_C

if TYPE_CHECKING:
    import numpy as np

    from wavegan_tf.core.serving.model import GeneratorModel

_MODES = ("midi_file", "interpolate", "scale")
_OF_NOTES, _OF_MIDI = [effects.not_with("midi_file"), effects.not_with("scale")], [effects.only_with("midi_file")]
_RULES = {
    **commands.RULES,
    "secs_per_instrument": _OF_MIDI,
    "midi_sustain": _OF_MIDI,
    "midi_drums": _OF_MIDI,
    "pitch": _OF_NOTES,
    "num_samples": [*_OF_NOTES, *commands.RULES["num_samples"]],
}

Rows = Mapping[str, "np.ndarray"]


def main() -> None:
    """Reads the flags and generates.

    Raises:
      UserError: flags contradict each other, or the model, the latents or the MIDI file cannot be used.
    """
    values = absl_flags.FLAGS
    given = [name for name in _MODES if values[name].value]
    if len(given) > 1:
        raise UserError(f"--{given[0]} cannot be combined with --{given[1]}")
    draws_pitches = not given and values.pitch is None
    flags.require_effect(_RULES if draws_pitches else {**_RULES, "seed": [effects.not_with("latents_file")]})
    if values.midi_file and not os.path.exists(values.midi_file):
        raise UserError(f"--midi_file={display_name(values.midi_file)}: not found")
    model = commands.load_model(MODEL)
    if values.pitch is not None:
        model.check_pitch(values.pitch)
    if values.midi_file:
        _render_midi(model)
        return
    from wavegan_tf.core.serving import generation

    count, rows = _scale(model) if values.scale else _notes(model, draws_pitches)
    joined = generation.INTERPOLATION_NAME if values.interpolate else "scale" if values.scale else ""
    generation.write_clips(model, rows, count, commands.output(), joined=joined)


def _notes(model: GeneratorModel, draws_pitches: bool) -> tuple[int, Iterator[Rows]]:
    """Single notes, or those of a walk from latent to latent: how many, and the model's inputs in blocks."""
    import numpy as np

    from wavegan_tf.core.serving import latents

    values = absl_flags.FLAGS
    if values.interpolate:
        ends = commands.choose_latents(model, values.num_samples if values["num_samples"].present else 2)
        count, blocks = latents.walk(*ends, values.interpolate_steps, model.walk)
    else:
        count, blocks = commands.choose_latents(model, values.num_samples)
    if draws_pitches:
        return count, _at_drawn_pitches(model, blocks)
    pitch = model.middle_pitch if values.pitch is None else values.pitch
    return count, ({"z": z, "pitch": np.full(len(z), pitch, np.int32)} for z in blocks)


def _at_drawn_pitches(model: GeneratorModel, blocks: Iterator[np.ndarray]) -> Iterator[Rows]:
    import numpy as np

    generator = np.random.default_rng(absl_flags.FLAGS.seed)
    for z in blocks:
        yield {"z": z, "pitch": model.draw_pitches(len(z), generator)}


def _scale(model: GeneratorModel) -> tuple[int, Iterator[Rows]]:
    """All pitches of the model with one latent vector."""
    import numpy as np

    count, blocks = commands.choose_latents(model, 1)
    if count != 1:
        raise UserError(f"--latents_file={absl_flags.FLAGS.latents_file}: --scale plays one latent vector, not {count}")
    pitches = np.array(model.pitches, np.int32)
    return len(pitches), iter([{"z": np.repeat(next(blocks), len(pitches), axis=0), "pitch": pitches}])


def _render_midi(model: GeneratorModel) -> None:
    """Writes the clip of a MIDI file, whose latents go from instrument to instrument."""
    from gansynth_tf.midi import mixing, rendering
    from wavegan_tf.core.serving import generation

    values, output = absl_flags.FLAGS, commands.output()
    given = next(commands.choose_latents(model, 0)[1]) if values.latents_file else None
    played = rendering.prepare(
        model, values.midi_file, given, values.secs_per_instrument, values.seed, values.midi_sustain, values.midi_drums
    )
    name = f"{os.path.splitext(os.path.basename(values.midi_file))[0]}.{output.extension}"
    output.prepare([name])
    with output.latents(len(played.instruments), model) as kept:
        kept.append(played.instruments)
    waves = model.stream(played.rows(), output.batch_size)
    shown = generation.with_progress(waves, len(played.notes), "note")
    path = os.path.join(output.folder, name)
    rendering.write_clip(path, mixing.mix(shown, played.notes, model.sample_rate), model.sample_rate)
    logging.info("%s: %d instruments of %s", display_name(path), len(played.instruments), values.model_dir)


def define_flags() -> None:
    """Defines this command's flags."""
    commands.define_flags(
        batch_size=8,
        interpolation="arcs (slerp)",
        interpolated=2,
        seed="Seed of the latents, and of the pitches where these are random.",
    )
    absl_flags.DEFINE_integer(
        "pitch",
        None,
        f"MIDI pitch. Default: random pitches; with --interpolate: {MIDDLE_C}, or the nearest.",
        0,
        127,
    )
    absl_flags.DEFINE_boolean("scale", False, "Play all pitches of the model with one latent vector.")
    flags.define_path("midi_file", "", "MIDI file to play, going from instrument to instrument.")
    flags.define_float(
        "secs_per_instrument",
        None,
        "Seconds from one instrument to the next in a MIDI clip. Default: 6; with --latents_file: all of them, once.",
        *SECS_LIMITS,
    )
    absl_flags.DEFINE_boolean("midi_sustain", True, "Let the sustain pedal hold notes; the original does not.")
    absl_flags.DEFINE_boolean("midi_drums", True, "Play the drum channel too, by its pitches, as the original does.")


def run() -> None:
    """Entry point of gansynth_generate."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
