"""One self-contained HTML page of clips: a player and a picture each, and a table of figures.

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


class Clip(NamedTuple):
    """A waveform [t, c] in [-1, 1], its caption, and a picture of it as the bytes of a PNG."""

    caption: str
    wave: np.ndarray
    picture: bytes


class Section(NamedTuple):
    """A set of clips under a heading.

    Attributes:
      title: the heading.
      text: a paragraph under it.
      clips: in order.
      kind: of the pictures, in a word.
      is_wide: give each clip the whole width.
    """

    title: str
    text: str
    clips: Sequence[Clip]
    kind: str = "Spectrogram"
    is_wide: bool = False


class Figure(NamedTuple):
    """One column of a table: its key in the rows, and how to show it."""

    key: str
    heading: str
    unit: str
    meaning: str
    decimals: int = 1


class Table(NamedTuple):
    """Figures of each set, by their keys; None where there is none."""

    title: str
    text: str
    figures: Sequence[Figure]
    rows: Mapping[str, Mapping[str, float | None]]


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


def png(picture: np.ndarray) -> bytes:
    """A picture uint8 [height, width, 3] as the bytes of a PNG."""
    import tensorflow as tf

    return bytes(tf.io.encode_png(picture, compression=9).numpy())


def spectrogram_png(
    clip: np.ndarray, sample_rate: int, n_fft: int = 1024, hop: int = 128, bands: int = 96
) -> bytes:
    """PNG [bands, frames] of a clip [t, c], channels averaged: time rightwards, mel frequency upwards.

    The colours span 80 dB below a full-scale sine, the same for every clip, so that pictures can be compared.
    """
    import librosa

    spectrum = librosa.stft(clip.mean(axis=1), n_fft=n_fft, hop_length=hop, pad_mode="constant")
    full_scale = n_fft / 4  # magnitude of a sine of amplitude 1 under a Hann window, whose sum is n_fft / 2
    power = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=bands, norm=None) @ (
        np.abs(spectrum / full_scale) ** 2
    )
    decibels = 10.0 * np.log10(np.maximum(power, 1e-20))
    return png(colours(1.0 + decibels[::-1] / _RANGE_DB))


def render(
    title: str,
    introduction: Sequence[str],
    groups: Sequence[Sequence[Section]],
    table: Table,
    sample_rate: int,
) -> str:
    """The page as HTML.

    Args:
      title: heading of the page.
      introduction: paragraphs of plain text under it; the last says how to read the pictures.
      groups: sets of clips in order; those of a group stand side by side where there is room.
      table: comes last.
      sample_rate: of all clips, in Hz.
    """
    paragraphs = "\n".join(f"<p>{html.escape(text)}</p>" for text in introduction)
    body = "\n".join(_group(group, f"s{index}", sample_rate) for index, group in enumerate(groups))
    template = string.Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title), introduction=paragraphs, sections=body, table=_table(table),
        table_title=html.escape(table.title), table_text=html.escape(table.text),
        meanings="".join(f"<dt>{html.escape(f.heading)}<dd>{html.escape(f.meaning)}\n" for f in table.figures),
    )  # fmt: skip


def spectrogram_clips(waves: np.ndarray, captions: Sequence[str], sample_rate: int) -> list[Clip]:
    """Clips with `spectrogram_png` of waveforms [n, t, c]."""
    pairs = zip(waves, captions, strict=True)
    return [Clip(caption, wave, spectrogram_png(wave, sample_rate)) for wave, caption in pairs]


def how_to_read_spectrograms(seconds: float, sample_rate: int) -> str:
    """A sentence for the introduction about pictures of `spectrogram_png`."""
    return (
        f"In the pictures, time runs rightwards over {seconds:.1f} seconds and frequency upwards to "
        f"{sample_rate / 2000:g} kHz (mel scale: low pitches have more room); colours go from black to bright over "
        f"{_RANGE_DB:g} dB."
    )


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _group(group: Sequence[Section], name: str, sample_rate: int) -> str:
    sections = [_section(section, f"{name}_{index}", sample_rate) for index, section in enumerate(group)]
    return sections[0] if len(sections) == 1 else "<div class=beside>\n" + "\n".join(sections) + "\n</div>"


def _section(section: Section, label: str, sample_rate: int) -> str:
    cards = []
    for clip in section.clips:
        name = html.escape(f"{section.title}: {clip.caption}", quote=True)
        picture = _data_uri("image/png", clip.picture)
        sound = _data_uri("audio/wav", wav_bytes(clip.wave, sample_rate))
        cards.append(
            f'<figure><img alt="{section.kind} of {name}" src="{picture}">'
            f"<figcaption>{html.escape(clip.caption)}</figcaption>"
            f'<audio controls preload="metadata" aria-label="{name}" src="{sound}"></audio></figure>'
        )
    shape = "whole" if section.is_wide else "clips"
    return (
        f'<section aria-labelledby="{label}"><h2 id="{label}">{html.escape(section.title)}</h2>\n'
        f"<p>{html.escape(section.text)}</p>\n<div class={shape}>\n" + "\n".join(cards) + "\n</div></section>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th scope=col>{html.escape(f.heading)}<br><small>{f.unit}</small></th>" for f in table.figures)
    rows = []
    for name, values in table.rows.items():
        cells = "".join(f"<td>{_number(values[figure.key], figure.decimals)}</td>" for figure in table.figures)
        rows.append(f"<tr><th scope=row>{html.escape(name)}</th>{cells}</tr>")
    return f"<thead><tr><th scope=col>Set</th>{head}</tr></thead>\n<tbody>" + "\n".join(rows) + "</tbody>"


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"

