"""Figures of an exported model beside those of its data: python -m tests.benchmarks.trained MODEL_DIR --data_dir=DIR.

Of a WaveGAN or a SpecGAN: the demo's distances, averages of five sets of clips as large as the real one, and how quiet
its clips become. Of a GANSynth: pitch by pYIN, tone of six latent vectors at every pitch, level of 24. The same of real
sounds first.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np

from gansynth_tf.demo import figures as note_figures
from gansynth_tf.notes.files import list_notes
from wavegan_tf.core.audio import decode
from wavegan_tf.core.audio.files import find_audio_files
from wavegan_tf.core.audio.labels import Labelling
from wavegan_tf.core.serving.model import GeneratorModel
from wavegan_tf.demo import figures

_SEED, _DRAWS, _BATCH = 1, 5, 16
# At every pitch; pYIN takes longer than the notes.
_LATENTS, _HEARD = 24, 6
# The strides of WaveGAN's layers divide the sample rate to these, at 16 kHz.
_STRIDE_TONES = (250, 500, 1000, 2000, 4000)


def floor_db(clips: np.ndarray, sample_rate: int) -> np.ndarray:
    """Level [n] of the last 100 ms of clips [n, t, 1], in dB below the peak of each (so negative)."""
    peak = np.abs(clips).max(axis=(1, 2))
    rms = np.sqrt(np.mean(clips[:, -sample_rate // 10 :].astype(np.float64) ** 2, axis=(1, 2)))
    return 20.0 * np.log10(np.maximum(rms, 1e-7) / np.maximum(peak, 1e-7))


def loudest_tone_db(clips: np.ndarray, sample_rate: int) -> float:
    """Median level of the loudest of `_STRIDE_TONES` in the last 100 ms of clips [n, t, 1], in dB below the peak."""
    end = clips[:, -sample_rate // 10 :, 0]
    window = np.hanning(end.shape[1])
    amplitude = 2.0 * np.abs(np.fft.rfft(end * window, axis=1)) / window.sum()
    peak = np.maximum(np.abs(clips).max(axis=(1, 2)), 1e-7)
    tones = amplitude[:, [frequency // 10 for frequency in _STRIDE_TONES]]
    return float(np.median(20.0 * np.log10(np.maximum(tones, 1e-7) / peak[:, None]), axis=0).max())


def clip_row(name: str, sets: Sequence[np.ndarray], reference: np.ndarray, sample_rate: int) -> str:
    """A row of figures of sets of clips [n, t, 1] against real ones; distances are averages over the sets."""
    measured = [figures.measure(clips, reference, sample_rate) for clips in sets]
    mean = {key: np.mean([figure[key] for figure in measured]) for key in measured[0]}
    envelopes = [figure["envelope_db"] for figure in measured]
    clips = np.concatenate(sets)
    floor = floor_db(clips, sample_rate)
    return (
        f"{name}: envelope {mean['envelope_db']:.2f} dB ({min(envelopes):.2f} to {max(envelopes):.2f}), "
        f"spectrum {mean['spectrum_db']:.2f} dB, "
        f"average spectrum {mean['mean_spectrum_db']:.2f} dB, variety {mean['variety_db']:.1f} dB, "
        f"floor {np.median(floor):.1f} dB (60 dB down: {np.mean(floor <= -60):.0%}), "
        f"loudest stride tone {loudest_tone_db(clips, sample_rate):.1f} dB"
    )


def judge_clips(model: GeneratorModel, data_dir: str) -> None:
    """Prints the rows of real clips and of sets of as many generated ones."""
    rate, length = model.sample_rate, model.metadata["slice_len"]
    real = np.zeros([0, length, 1], np.float32)
    paths = find_audio_files(data_dir)
    for path in paths:
        clip = decode.decode(path, rate, num_channels=1, normalize=True)[:length]
        real = np.concatenate([real, np.pad(clip, ((0, length - len(clip)), (0, 0)))[None]])
    reference, other = real[::2], real[1::2]
    print(clip_row("real, the other half", [other], reference, rate))
    rows = {}
    if model.labels is not None:  # as many of each as there are among the real ones
        numbers = Labelling("name", known=model.labels).apply(data_dir, paths, skip_bad=False).files
        rows["label"] = np.array([numbers[path] for path in paths[1::2]], np.int32)
    sets = []
    for seed in range(_SEED, _SEED + _DRAWS):
        drawn = model.stream({"z": model.latents(len(other), seed), **rows}, _BATCH)
        sets.append(np.clip(np.stack(list(drawn)), -1.0, 1.0))
    print(clip_row("generated", sets, reference, rate))


def note_row(
    name: str,
    waves: np.ndarray,
    pitches: np.ndarray,
    real: np.ndarray,
    real_pitches: np.ndarray,
    sample_rate: int,
    heard: int,
) -> str:
    """A row of figures of notes [n, t] against real ones; the pitch and tone are those of the first `heard`."""
    measured: Mapping[str, float | None] = note_figures.measure(
        waves[:heard], pitches[:heard], real, real_pitches, sample_rate
    )
    differences = level_differences(waves, pitches, real, real_pitches)
    return (
        f"{name}: right pitch {measured['right_percent']:.0f} %, but for octaves {measured['octave_percent']:.0f} %, "
        f"tone {measured['tone_db']:.1f} dB, level {measured['level_db']:.1f} dB, relative to real notes of each pitch "
        f"{differences.mean():+.1f} dB ({differences.min():+.1f} to {differences.max():+.1f}), "
        f"beyond full scale {np.mean(np.abs(waves).max(axis=1) > 1):.0%} of the notes, "
        f"{np.mean(np.abs(waves) > 1):.1%} of the samples"
    )


def level_differences(
    waves: np.ndarray, pitches: np.ndarray, real: np.ndarray, real_pitches: np.ndarray
) -> np.ndarray:
    """Mean level in dB of the notes of each pitch, relative to that of real notes of the pitch: one for each pitch."""

    def levels(notes: np.ndarray) -> np.ndarray:
        return 10.0 * np.log10(np.maximum(np.mean(notes.astype(np.float64) ** 2, axis=1), 1e-12))

    ours, theirs = levels(waves), levels(real)
    common = np.intersect1d(pitches, real_pitches)
    return np.array([ours[pitches == pitch].mean() - theirs[real_pitches == pitch].mean() for pitch in common])


def judge_notes(model: GeneratorModel, data_dir: str) -> None:
    """Prints the rows of real notes and of generated ones of every pitch."""
    rate, length = model.sample_rate, model.metadata["audio_length"]
    low, high = model.metadata["min_pitch"], model.metadata["max_pitch"]
    found = list_notes(data_dir, "train").notes
    notes = [note for note in found if note.source in (None, "acoustic") and low <= note.pitch <= high]
    real = np.zeros([len(notes), length], np.float32)
    for row, note in zip(real, notes, strict=True):
        wave = decode.decode(note.path, rate, num_channels=1, normalize=False)[:length, 0]
        row[: len(wave)] = wave / max(np.abs(wave).max(), 1e-9)
    real_pitches = np.array([note.pitch for note in notes])
    pitches, heard = np.tile(np.arange(low, high + 1, dtype=np.int32), _LATENTS), _HEARD * (high + 1 - low)
    some = np.random.default_rng(_SEED).permutation(len(notes))[: min(heard, len(notes) // 2)]
    print(note_row("real", real[some], real_pitches[some], real, real_pitches, rate, heard))
    z = np.repeat(model.latents(_LATENTS, _SEED), high + 1 - low, axis=0)
    waves = np.stack(list(model.stream({"z": z, "pitch": pitches}, _BATCH)))[:, :, 0]
    print(note_row("generated", waves, pitches, real, real_pitches, rate, heard))


def main() -> None:
    """Reads the arguments and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.trained", description=__doc__)
    parser.add_argument("model_dir", help="version folder that was exported")
    parser.add_argument("--data_dir", required=True, help="folder of the sounds that it learned from")
    options = parser.parse_args()
    model = GeneratorModel(options.model_dir)
    judge = judge_notes if model.metadata["model"] == "gansynth" else judge_clips
    judge(model, options.data_dir)


if __name__ == "__main__":
    main()
