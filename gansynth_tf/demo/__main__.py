"""Trains a small GANSynth on notes with the project's own commands, plays a tune with it, then writes a page."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansynth_tf.demo import figures
from gansynth_tf.demo.settings import NOTES, OPTIONS, TUNE
from gansynth_tf.notes.files import list_notes, note_of_name
from wavegan_tf.core import demo
from wavegan_tf.core.audio import decode
from wavegan_tf.core.serving.saved_model import METADATA_FILE

NAME = "notes"
TITLE = "GANSynth, notes and a tune"
ABOUT = "A small model of pitched notes, and a MIDI file that it plays."
SAMPLE_RATE = OPTIONS["sample_rate"]
STEPS = 6  # of an interpolation
SETS = 2  # latents that are played at all pitches, and measured


def main(argv: list[str]) -> None:
    """Runs the whole demo.

    Raises:
      UserError: the output folder is not the demo's own, or a command failed (its own message stands above).
    """
    options = demo.parse(argv, "gansynth_tf.demo", __doc__, minutes=3.0)
    output_dir = Path(options.output_dir)
    folder = demo.prepare(output_dir, NAME)
    demo.say(f"Training a GANSynth on {NOTES} for {options.minutes:.2g} minutes (Ctrl-C ends it early and goes on)")
    start = time.monotonic()
    demo.command(
        "gansynth_tf", "train", train_root_dir=folder / "train", data_dir=NOTES,
        train_time_limit=round(60 * options.minutes, 1), hparams=json.dumps(OPTIONS),
    )  # fmt: skip
    minutes, model_dir = (time.monotonic() - start) / 60, folder / "model" / "1"
    demo.command("gansynth_tf", "export", train_dir=folder / "train", export_dir=model_dir)
    demo.say("Generating scales, an interpolation and a tune")
    for seed in range(SETS):
        _generate(model_dir, folder / f"scale_{seed}", scale=True, seed=seed)
    _generate(model_dir, folder / "interpolation", interpolate=True, interpolate_steps=STEPS - 1, seed=0)
    _generate(model_dir, folder / "tune", midi_file=TUNE, secs_per_instrument=4, seed=0)
    demo.say("Measuring pitches and writing the page")
    instruments = {"GANSynth keyboard, just trained": model_dir}
    demo.publish(output_dir, NAME, TITLE, ABOUT, _description(folder, minutes), instruments)
    print(f"Tune:     {folder / 'tune' / 'tune.wav'}\nModel:    {model_dir} (for TensorFlow Serving too)")


def _generate(model_dir: Path, output_dir: Path, **options: object) -> None:
    demo.command("gansynth_tf", "generate", model_dir=model_dir, output_dir=output_dir, **options)


def read_notes(paths: Sequence[Path], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Notes as they are heard, float32 [n, length], and their pitches by their names."""
    waves = []
    for path in paths:
        wave = decode.decode(str(path), SAMPLE_RATE, num_channels=1, normalize=False)[:length, 0]
        waves.append(np.pad(wave, (0, length - len(wave))))
    return np.stack(waves), np.array([note_of_name(path.stem).pitch for path in paths])


def real_notes(length: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The notes as training hears them, peak-normalised [n, length], with their pitches and instruments."""
    paths = [Path(note.path) for note in list_notes(str(NOTES), "train").notes]
    waves, pitches = read_notes(paths, length)
    instruments = [path.stem.rsplit("_", 1)[0].replace("_", " ") for path in paths]
    return waves / np.abs(waves).max(axis=1, keepdims=True), pitches, instruments


def _set(name: str, text: str, files: Sequence[Path], captions: Sequence[str], **others: bool) -> dict[str, Any]:
    """A set of the page."""
    return {"name": name, "text": text, "files": [str(f.absolute()) for f in files], "captions": captions, **others}


def _write(folder: Path, waves: np.ndarray) -> list[Path]:
    """Writes notes [n, length] for the page."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number:02d}.wav" for number in range(len(waves))]
    for path, wave in zip(paths, waves, strict=True):
        decode.write(str(path), wave[:, None], SAMPLE_RATE)
    return paths


def _description(folder: Path, minutes: float) -> dict[str, Any]:
    """Contents of the page, for eval_listening_page; writes the notes that no command has written."""
    model = json.loads((folder / "model" / "1" / METADATA_FILE).read_text(encoding="utf-8"))
    length, rate = model["audio_length"], model["sample_rate"]
    real, real_pitches, instruments = real_notes(length)
    paths = [sorted((folder / f"scale_{seed}").glob("0*.wav")) for seed in range(SETS)]
    scales = [read_notes(of_scale, length) for of_scale in paths]
    between = sorted((folder / "interpolation").glob("0*.wav"))
    noise = np.random.default_rng(0).normal(0, 0.2, scales[0][0].shape).astype(np.float32)
    waves, pitches = (np.concatenate(parts) for parts in zip(*scales, strict=True))
    measured = {
        "Real notes, every second": figures.measure(real[::2], real_pitches[::2], real, real_pitches, rate),
        f"GANSynth, {minutes:.1f} minutes": figures.measure(waves, pitches, real, real_pitches, rate),
        "White noise": figures.measure(noise, scales[0][1], real, real_pitches, rate),
    }
    names = [f"MIDI {pitch}" for pitch in scales[0][1]]
    shown = np.linspace(0, len(real) - 1, 12).round().astype(int)
    captions = [f"{instruments[index]}, MIDI {real_pitches[index]}" for index in shown]
    sets = [
        _set("The tune", "A MIDI file of the repository, each note generated; the sound changes in time from "
             "instrument to instrument.", [folder / "tune" / "tune.wav"], ["Ode to Joy, in two voices"], wide=True,
             blind=False),
        _set("Real notes", f"Twelve of the {len(real)} notes it learned from, peak-normalised, as it hears them.",
             _write(folder / "shown" / "real", real[shown]), captions),
        _set("GANSynth, just trained", "One latent vector at every pitch, from the lowest to the highest; the "
             "first one, not picked by ear.", paths[0], names),
        _set("From one sound to another", f"Two latent vectors and the way between them, all at MIDI "
             f"{note_of_name(between[0].stem).pitch}.", between,
             [f"{step} of {STEPS - 1}" for step in range(len(between))], blind=False),
        _set("White noise", "The control.", _write(folder / "shown" / "noise", noise[:2]), ["noise 1", "noise 2"]),
    ]  # fmt: skip
    introduction = [
        f"A GANSynth learned on this machine, in {minutes:.1f} minutes with start-up, from {len(real)} notes of "
        f"{length / rate:.1f} seconds at {rate / 1000:g} kHz: {model['step']} images in {model['stage'] + 1} "
        "stages, each larger one fading in. The paper's has notes of four seconds at 16 kHz and saw 11 million.",
    ]
    table = demo.table("How near it comes", figures.MEANING, figures.FIGURES, measured)
    question = "Which one sounds more like a played note?"
    return {"introduction": introduction, "question": question, "picture": "rainbowgram", "sets": sets,
            "tables": [table]}  # fmt: skip


if __name__ == "__main__":
    demo.run(main)
