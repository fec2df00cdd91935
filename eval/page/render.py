"""A listening page as HTML: sets of clips, tables of figures and a blind test, with everything inside the page.

Audio (16-bit wav) and pictures (PNG) are data URIs, so that the page opens offline and from disk.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import string
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.page import pictures

_HERE = Path(__file__).parent
_MANY_PLAYERS = 40  # that a telephone's browser loads at a time


class Clip(NamedTuple):
    """A sound: its caption, samples int16 [t, c] and sample rate in Hz."""

    caption: str
    samples: np.ndarray
    sample_rate: int


class ClipSet(NamedTuple):
    """Clips under a heading.

    Attributes:
      name: the heading.
      text: a paragraph under it; may be empty.
      clips: in order.
      picture: "spectrogram" or "rainbowgram".
      is_wide: give each clip the whole width.
      is_beside: stand beside the set before, where there is room.
      is_blind: take part in the blind test, unless the listener says otherwise.
    """

    name: str
    text: str
    clips: Sequence[Clip]
    picture: str = "spectrogram"
    is_wide: bool = False
    is_beside: bool = False
    is_blind: bool = True


class Column(NamedTuple):
    """A column of a table: its key in the rows and how to show it; `decimals` None gives four digits."""

    key: str
    heading: str
    unit: str = ""
    meaning: str = ""
    decimals: int | None = None


class Table(NamedTuple):
    """Rows of values by the columns' keys: numbers, words, or None where there is none. The first column names rows."""

    title: str
    text: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, float | str | None]]


class Page(NamedTuple):
    """Contents of a page; `introduction` holds paragraphs of plain text, `question` is that of the blind test."""

    title: str
    introduction: Sequence[str]
    sets: Sequence[ClipSet]
    tables: Sequence[Table]
    question: str


def wav_bytes(samples: np.ndarray, sample_rate: int) -> bytes:
    """Samples int16 [t, c] as the bytes of a wav file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def render(page: Page) -> str:
    """The page as HTML."""
    preload = "metadata" if sum(len(clip_set.clips) for clip_set in page.sets) <= _MANY_PLAYERS else "none"
    sections = [_section(clip_set, f"set_{index}", preload) for index, clip_set in enumerate(page.sets)]
    body = _beside(page.sets, sections)
    template = string.Template((_HERE / "page.html").read_text(encoding="utf-8"))
    paragraphs = [*page.introduction, *_how_to_read(page.sets)]
    return template.substitute(
        title=_escape(page.title),
        page=hashlib.sha256((page.title + page.question + body).encode("utf-8", "replace")).hexdigest()[:16],
        question=_escape(page.question),
        introduction="\n".join(f"<p>{_escape(text)}</p>" for text in paragraphs),
        sections=body,
        tables="\n".join(_table(table, f"table_{index}") for index, table in enumerate(page.tables)),
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        script=(_HERE / "page.js").read_text(encoding="utf-8"),
    )


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _beside(sets: Sequence[ClipSet], sections: Sequence[str]) -> str:
    """Sections in order, those of a group in one box."""
    groups: list[list[str]] = []
    for clip_set, section in zip(sets, sections, strict=True):
        if clip_set.is_beside and groups:
            groups[-1].append(section)
        else:
            groups.append([section])
    return "\n".join(
        group[0] if len(group) == 1 else '<div class="beside">\n' + "\n".join(group) + "\n</div>" for group in groups
    )


def _how_to_read(sets: Sequence[ClipSet]) -> list[str]:
    """A sentence for each kind of picture there is."""
    sentences = []
    for kind, scale in (
        ("spectrogram", "mel scale: low pitches have more room; colours go from black to bright"),
        ("rainbowgram", "colour is instantaneous frequency, brightness is magnitude"),
    ):
        clips = [clip for clip_set in sets if clip_set.picture == kind for clip in clip_set.clips]
        rates = {clip.sample_rate for clip in clips}
        seconds = {round(len(clip.samples) / clip.sample_rate, 1) for clip in clips}
        if clips:
            top = f"{rates.pop() / 2000:g} kHz" if len(rates) == 1 else "half of the clip's sample rate"
            over = f" over {seconds.pop():.1f} seconds" if len(seconds) == 1 else ""
            sentences.append(
                f"In each {kind}, time runs rightwards{over} and frequency upwards to {top} ({scale} over "
                f"{pictures.RANGE_DB:g} dB)."
            )
    return sentences


def _section(clip_set: ClipSet, label: str, preload: str) -> str:
    cards = [_card(clip_set, clip, index, preload) for index, clip in enumerate(clip_set.clips)]
    text = f"<p>{_escape(clip_set.text)}</p>\n" if clip_set.text else ""
    return (
        f'<section aria-labelledby="{label}" data-set="{_escape(clip_set.name)}" '
        f'data-blind="{"yes" if clip_set.is_blind else "no"}"><h2 id="{label}">{_escape(clip_set.name)}</h2>\n{text}'
        f'<div class="clips{" whole" if clip_set.is_wide else ""}">\n' + "\n".join(cards) + "\n</div></section>"
    )


def _card(clip_set: ClipSet, clip: Clip, index: int, preload: str) -> str:
    sound, rate = clip.samples.astype(np.float32) / 32768.0, clip.sample_rate
    draw = pictures.rainbowgram if clip_set.picture == "rainbowgram" else pictures.spectrogram
    name, image = _escape(f"{clip_set.name}: {clip.caption}"), pictures.png(draw(sound, rate))
    seconds, level, centroid = len(sound) / rate, pictures.level_db(sound), pictures.centroid_hz(sound, rate)
    return (
        f'<figure data-index="{index}" data-name="{_escape(clip.caption)}" data-level="{_attribute(level)}" '
        f'data-centroid="{_attribute(centroid)}" data-duration="{seconds:.6f}">'
        f'<img alt="{clip_set.picture.capitalize()} of {name}" src="{_data_uri("image/png", image)}">'
        f'<svg role="img" aria-label="Waveform of {name}" viewBox="0 0 160 100" preserveAspectRatio="none">'
        f'<path d="{pictures.waveform_path(sound)}"/></svg>'
        f"<figcaption>{_escape(clip.caption)}<small>{_facts(seconds, level, centroid)}</small></figcaption>"
        f'<audio controls preload="{preload}" aria-label="{name}" '
        f'src="{_data_uri("audio/wav", wav_bytes(clip.samples, rate))}"></audio></figure>'
    )


def _facts(seconds: float, level: float | None, centroid: float | None) -> str:
    """Length, level and centre of the spectrum, each in one piece."""
    facts = [f"{seconds:.2f} s", "silent" if level is None else f"{level:.1f} dB"]
    facts += [] if centroid is None else [f"{centroid / 1000:.2f} kHz"]
    return " · ".join(fact.replace(" ", "&nbsp;").replace("-", "−") for fact in facts)


def _attribute(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _table(table: Table, label: str) -> str:
    head = "".join(
        f'<th scope="col"><button type="button">{_escape(column.heading)}</button>'
        + (f"<br><small>{_escape(column.unit)}</small>" if column.unit else "")
        + "</th>"
        for column in table.columns
    )
    rows = []
    for row in table.rows:
        cells = [_cell(row.get(column.key), column, index == 0) for index, column in enumerate(table.columns)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    meanings = "".join(
        f"<dt>{_escape(column.heading)}</dt><dd>{_escape(column.meaning)}</dd>\n"
        for column in table.columns
        if column.meaning
    )
    details = f"<details><summary>What the figures mean</summary><dl>\n{meanings}</dl></details>\n" if meanings else ""
    text = f"<p>{_escape(table.text)}</p>\n" if table.text else ""
    return (
        f'<section aria-labelledby="{label}"><h2 id="{label}">{_escape(table.title)}</h2>\n{text}'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{label}"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>" + "\n".join(rows) + f"</tbody></table></div>\n{details}</section>"
    )


def _cell(value: float | str | None, column: Column, is_first: bool) -> str:
    if value is None:
        shown, key, kind = "–", "", ""
    elif isinstance(value, str):
        shown, key, kind = value, value, ' class="text"'
    else:
        shown = f"{value:.4g}" if column.decimals is None else f"{value:.{column.decimals}f}"
        key, kind = f"{value:.9g}" if value == value else "", ""
    tag, scope = ("th", ' scope="row"') if is_first else ("td", "")
    return f'<{tag}{scope}{kind} data-value="{_escape(key)}">{_escape(shown)}</{tag}>'
