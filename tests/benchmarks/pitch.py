"""Pitch of the notes in a preview of gansynth_train, by librosa's pYIN: python -m tests.benchmarks.pitch X.wav."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import librosa
import numpy as np
import soundfile

from gansynth_tf.demo.figures import pitch_errors


def report(name: str, waves: np.ndarray, pitches: np.ndarray, rate: int) -> None:
    """Prints how many notes have the pitch that was asked for."""
    away = pitch_errors(waves, pitches, rate)
    near = np.abs(away) < 0.5
    octaves = np.abs(away - 12 * np.round(away / 12)) < 0.5
    rms = np.sqrt(np.mean(waves**2, axis=1))
    print(
        f"{name}: {len(waves)} notes, {np.mean(near):.0%} within half a semitone, {np.mean(octaves):.0%} but for "
        f"octaves, {np.mean(np.isnan(away)):.0%} without pitch; RMS {np.median(rms):.4f}"
    )


def main() -> None:
    """Prints the pitches of a preview, and of as many real notes."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pitch", description=__doc__)
    parser.add_argument("preview", help="PREVIEW.wav of a run, in its folder preview/")
    parser.add_argument("--notes", help="folder of NSynth's form; as many of its notes are measured, too")
    options = parser.parse_args()
    run = json.loads((Path(options.preview).parents[1] / "experiment.json").read_text())
    length, rate = run["audio_length"], run["sample_rate"]
    sound, _ = soundfile.read(options.preview, dtype="float32")
    waves = sound.reshape(len(sound), -1).mean(axis=1).reshape(-1, length + rate // 4)[:, :length]
    pitches = np.linspace(run["data_min_pitch"], run["data_max_pitch"], len(waves)).round()
    report("generated", waves, pitches, rate)
    if options.notes:
        entries = json.loads((Path(options.notes) / "examples.json").read_text())
        names = [name for name, entry in entries.items() if entry["instrument_source_str"] == "acoustic"]
        chosen = np.random.default_rng(0).permutation(names)[: len(waves)]
        audio = Path(options.notes) / "audio"
        files = [next(audio.glob(f"{name}.*")) for name in chosen]
        real = np.stack([librosa.load(path, sr=rate)[0][:length] for path in files])
        report("real", real, np.array([entries[name]["pitch"] for name in chosen]), rate)


if __name__ == "__main__":
    main()
