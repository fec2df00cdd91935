"""One self-contained HTML page of clips: a player and a spectrogram each, and a table of figures.

Audio (16-bit wav) and pictures (PNG) are inside the page as data URIs, so that it opens offline.
"""

from __future__ import annotations

import base64
import html
import io
import string
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wavegan_tf.core.audio import to_int16
from wavegan_tf.demo.figures import FIGURES

# A polynomial of degree 6 fitted to matplotlib's "inferno", lowest power first, red green blue.
# Source: Matt Zucker, https://www.shadertoy.com/view/WlfXRN, public domain (CC0).
_INFERNO = np.array([
    [0.0002189403691192265, 0.001651004631001012, -0.01948089843709184],
    [0.1065134194856116, 0.5639564367884091, 3.932712388889277],
    [11.60249308247187, -3.972853965665698, -15.9423941062914],
    [-41.70399613139459, 17.43639888205313, 44.35414519872813],
    [77.162935699427, -33.40235894210092, -81.80730925738993],
    [-71.31942824499214, 32.62606426397723, 73.20951985803202],
    [25.13112622477341, -12.24266895238567, -23.07032500287172],
])  # fmt: skip
_RANGE_DB = 80.0


class Section(NamedTuple):
    """A set of clips [n, t, c] under a heading, with a caption for each clip."""

    title: str
    text: str
    clips: np.ndarray
    captions: Sequence[str]


def wav_bytes(clip: np.ndarray, sample_rate: int) -> bytes:
    """A clip [t, c] in [-1, 1] as the bytes of a 16-bit wav file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(clip.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(to_int16(clip).astype("<i2").tobytes())
    return buffer.getvalue()


def colours(levels: np.ndarray) -> np.ndarray:
    """Levels in [0, 1], of any shape, as uint8 red, green and blue on a last axis (the "inferno" map)."""
    powers = np.clip(levels, 0.0, 1.0)[..., None] ** np.arange(len(_INFERNO))
    return np.rint(255.0 * np.clip(powers @ _INFERNO, 0.0, 1.0)).astype(np.uint8)


def spectrogram_png(
    clip: np.ndarray, sample_rate: int, n_fft: int = 1024, hop: int = 128, bands: int = 96
) -> bytes:
    """PNG [bands, frames] of a clip [t, c], channels averaged: time rightwards, mel frequency upwards.

    The colours span 80 dB below a full-scale sine, the same for every clip, so that pictures can be compared.
    """
    import librosa
    import tensorflow as tf

    spectrum = librosa.stft(clip.mean(axis=1), n_fft=n_fft, hop_length=hop, pad_mode="constant")
    full_scale = n_fft / 4  # magnitude of a sine of amplitude 1 under a Hann window, whose sum is n_fft / 2
    power = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=bands, norm=None) @ (
        np.abs(spectrum / full_scale) ** 2
    )
    decibels = 10.0 * np.log10(np.maximum(power, 1e-20))
    image = colours(1.0 + decibels[::-1] / _RANGE_DB)
    return bytes(tf.io.encode_png(image, compression=9).numpy())


def render(
    title: str,
    introduction: Sequence[str],
    groups: Sequence[Sequence[Section]],
    table: Mapping[str, Mapping[str, float]],
    sample_rate: int,
) -> str:
    """The page as HTML.

    Args:
      title: heading of the page.
      introduction: paragraphs of plain text under it.
      groups: sets of clips in order; those of a group stand side by side where there is room.
      table: for each set's name, its figures by the keys of `figures.FIGURES`.
      sample_rate: of all clips, in Hz.
    """
    paragraphs = "\n".join(f"<p>{html.escape(text)}</p>" for text in introduction)
    body = "\n".join(_group(group, f"s{index}", sample_rate) for index, group in enumerate(groups))
    template = string.Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title), introduction=paragraphs, sections=body, table=_table(table),
        meanings="".join(f"<dt>{html.escape(f.heading)}<dd>{html.escape(f.meaning)}\n" for f in FIGURES),
        seconds=f"{groups[0][0].clips.shape[1] / sample_rate:.1f}", khz=f"{sample_rate / 2000:g}",
        range_db=f"{_RANGE_DB:g}",
    )  # fmt: skip


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _group(group: Sequence[Section], name: str, sample_rate: int) -> str:
    sections = [_section(section, f"{name}_{index}", sample_rate) for index, section in enumerate(group)]
    return sections[0] if len(sections) == 1 else "<div class=beside>\n" + "\n".join(sections) + "\n</div>"


def _section(section: Section, label: str, sample_rate: int) -> str:
    cards = []
    for clip, caption in zip(section.clips, section.captions, strict=True):
        name = html.escape(f"{section.title}: {caption}", quote=True)
        picture = _data_uri("image/png", spectrogram_png(clip, sample_rate))
        sound = _data_uri("audio/wav", wav_bytes(clip, sample_rate))
        cards.append(
            f'<figure><img alt="Spectrogram of {name}" src="{picture}">'
            f"<figcaption>{html.escape(caption)}</figcaption>"
            f'<audio controls preload="metadata" aria-label="{name}" src="{sound}"></audio></figure>'
        )
    return (
        f'<section aria-labelledby="{label}"><h2 id="{label}">{html.escape(section.title)}</h2>\n'
        f"<p>{html.escape(section.text)}</p>\n<div class=clips>\n" + "\n".join(cards) + "\n</div></section>"
    )


def _table(table: Mapping[str, Mapping[str, float]]) -> str:
    head = "".join(f"<th scope=col>{html.escape(f.heading)}<br><small>{f.unit}</small></th>" for f in FIGURES)
    rows = []
    for name, values in table.items():
        cells = "".join(f"<td>{_number(values[figure.key], figure.unit)}</td>" for figure in FIGURES)
        rows.append(f"<tr><th scope=row>{html.escape(name)}</th>{cells}</tr>")
    return f"<thead><tr><th scope=col>Set</th>{head}</tr></thead>\n<tbody>" + "\n".join(rows) + "</tbody>"


def _number(value: float, unit: str) -> str:
    return f"{value:.0f}" if unit == "ms" else f"{value:.1f}"

