"""Pitch of the notes in a preview of gansynth_train, by librosa's pYIN: python -m tests.benchmarks.pitch X.wav."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import librosa
import numpy as np
import soundfile

RATE = 16000
GAP = RATE // 4


def measured_pitch(wave: np.ndarray) -> float:
    """Median MIDI pitch of the voiced frames, NaN if there is none."""
    low, high = librosa.midi_to_hz(21), librosa.midi_to_hz(90)
    frequency, voiced, _ = librosa.pyin(wave, fmin=float(low), fmax=float(high), sr=RATE, frame_length=2048)
    return float(np.median(librosa.hz_to_midi(frequency[voiced]))) if voiced.any() else float("nan")


def report(name: str, waves: np.ndarray, pitches: np.ndarray) -> None:
    """Prints how many notes have the pitch that was asked for."""
    found = np.array([measured_pitch(wave / max(float(np.abs(wave).max()), 1e-9)) for wave in waves])
    away = found - pitches
    near = np.abs(away) < 0.5
    octaves = np.abs(away - 12 * np.round(away / 12)) < 0.5
    rms = np.sqrt(np.mean(waves**2, axis=1))
    print(
        f"{name}: {len(waves)} notes, {np.mean(near):.0%} within half a semitone, {np.mean(octaves):.0%} but for "
        f"octaves, {np.mean(np.isnan(found)):.0%} without pitch; RMS {np.median(rms):.4f}"
    )


def main() -> None:
    """Prints the pitches of a preview, and of as many real notes."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pitch", description=__doc__)
    parser.add_argument("preview", help="PREVIEW.wav of a run, in its folder preview/")
    parser.add_argument("--notes", help="folder of NSynth's form; as many of its notes are measured, too")
    options = parser.parse_args()
    run = json.loads((Path(options.preview).parents[1] / "experiment.json").read_text())
    length = run["audio_length"]
    sound, _ = soundfile.read(options.preview, dtype="float32")
    waves = sound.reshape(-1, length + GAP)[:, :length]
    pitches = np.linspace(run["data_min_pitch"], run["data_max_pitch"], len(waves)).round()
    report("generated", waves, pitches)
    if options.notes:
        entries = json.loads((Path(options.notes) / "examples.json").read_text())
        names = [name for name, entry in entries.items() if entry["instrument_source_str"] == "acoustic"]
        chosen = np.random.default_rng(0).permutation(names)[: len(waves)]
        audio = Path(options.notes) / "audio"
        real = np.stack([soundfile.read(next(audio.glob(f"{n}.*")), dtype="float32")[0][:length] for n in chosen])
        report("real", real, np.array([entries[name]["pitch"] for name in chosen]))


if __name__ == "__main__":
    main()
