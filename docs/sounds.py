"""Renders docs/sounds.png, the picture of the README: real sounds beside those that the models in this repository make.

    python docs/sounds.py

It takes ten seconds and matplotlib (`pip install '.[eval]'`). Nothing is picked by ear or eye: the generated clips are
the first that each model gives for seed 0, the real ones are taken at equal distances from the demo's files.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

import wavegan_tf
from eval.page import pictures
from gansynth_tf.demo.settings import NOTES
from gansynth_tf.notes.files import list_notes
from wavegan_tf.core.audio import decode

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of a backend that needs no display
from matplotlib.figure import Figure  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "sounds.png"
DRUMS = ROOT / "wavegan_tf" / "demo"
TRAINED_NOTES = ROOT / "gansynth_tf" / "demo" / "pretrained" / "notes"
PITCHES = (60, 62, 64, 65, 67, 69)  # C D E F G A
COUNT, COLUMNS = len(PITCHES), 3  # clips of a kind, and how many of them stand in a row
RATE, NOTES_RATE = 16000, 8000
# Of the picture, whose background is its own, for light and for dark pages.
WIDTH, HEIGHT, DPI = 1600, 900, 100
BACKGROUND, TEXT = "#14161f", "#f2f2f7"
COLOURS = 144


def drums() -> list[np.ndarray]:
    """Real hits at equal distances in the list of files, for both models: float32 [16384, 1] each, as they train."""
    paths = sorted((DRUMS / "drums").glob("*.flac"))
    chosen = [paths[index] for index in np.linspace(0, len(paths) - 1, 2 * COUNT).round().astype(int)]
    return [_clip(str(path), 16384) for path in chosen]


def notes() -> list[np.ndarray]:
    """The first real note of each pitch, float32 [8000, 1]."""
    listed = list_notes(str(NOTES), "train").notes
    return [_clip(next(note.path for note in listed if note.pitch == pitch), 8000, NOTES_RATE) for pitch in PITCHES]


def _clip(path: str, length: int, rate: int = RATE) -> np.ndarray:
    clip = decode.decode(path, rate, num_channels=1, normalize=True)[:length]
    return np.pad(clip, ((0, length - len(clip)), (0, 0)))


def spectrograms(clips: list[np.ndarray] | np.ndarray) -> list[np.ndarray]:
    """Mel spectrograms, uint8 [height, width, 3] each, of clips at their full level."""
    return [pictures.spectrogram(clip / np.abs(clip).max(), RATE) for clip in clips]


def rainbowgrams(clips: list[np.ndarray] | np.ndarray) -> list[np.ndarray]:
    """Rainbowgrams, uint8 [height, width, 3] each."""
    return [pictures.rainbowgram(clip, NOTES_RATE) for clip in clips]


def columns() -> list[tuple[str, str, list[np.ndarray], list[np.ndarray]]]:
    """Title, description, real and generated pictures of each model."""

    def made(folder: Path, **inputs: object) -> np.ndarray:
        model = wavegan_tf.load_model(folder)
        assert model.sample_rate == (RATE if model.pitches is None else NOTES_RATE)
        return model.generate(seed=0, **inputs)  # type: ignore[arg-type]

    hits = drums()
    mel, rainbow = "drum hits, mel spectrograms", "notes C to A, rainbowgrams"
    trained = DRUMS / "pretrained"
    return [
        ("WaveGAN", mel, spectrograms(hits[::2]), spectrograms(made(trained / "drums", n=COUNT))),
        ("SpecGAN", mel, spectrograms(hits[1::2]), spectrograms(made(trained / "specgan_drums", n=COUNT))),
        ("GANSynth", rainbow, rainbowgrams(notes()), rainbowgrams(made(TRAINED_NOTES, pitch=PITCHES))),
    ]


def draw() -> Figure:
    """The picture: a column for each model, real sounds above generated ones."""
    figure = plt.figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=BACKGROUND)
    left, gap, cell = 0.035, 0.02, 0.004
    width = (1 - left - gap * 3) / 3
    for number, (title, description, *kinds) in enumerate(columns()):
        x = left + number * (width + gap) + gap / 2
        figure.text(x, 0.95, title, color=TEXT, fontsize=22, fontweight="bold", va="center")
        figure.text(x + width, 0.95, description, color=TEXT, fontsize=13, va="center", ha="right")
        for row, (kind, shown) in enumerate(zip(("real", "generated"), kinds, strict=True)):
            top = 0.905 - row * 0.46
            if not number:
                figure.text(left / 2, top - 0.21, kind, color=TEXT, fontsize=18, rotation=90, ha="center", va="center")
            for index, picture in enumerate(shown):
                line, column = divmod(index, COLUMNS)
                size = ((width - (COLUMNS - 1) * cell) / COLUMNS, 0.208)
                place = (x + column * (size[0] + cell), top - line * (size[1] + cell * WIDTH / HEIGHT) - size[1])
                axes = figure.add_axes((*place, *size))
                axes.imshow(picture, aspect="auto", interpolation="nearest")
                axes.set_axis_off()
    return figure


def render(path: Path = PICTURE) -> None:
    """Writes the picture as a PNG of few colours, a third of the size."""
    drawn = io.BytesIO()
    figure = draw()
    figure.savefig(drawn, format="png", facecolor=BACKGROUND)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    render(*map(Path, sys.argv[1:]))
    print(PICTURE)
