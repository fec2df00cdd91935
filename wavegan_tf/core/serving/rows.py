"""What a model takes for each sound: a latent, and a pitch or a label, from what somebody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from wavegan_tf.core import memory
from wavegan_tf.core.audio.labels import ALL
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.serving.arguments import checked_int
from wavegan_tf.core.serving.latents import checked_latents
from wavegan_tf.core.serving.metadata import samples_of_clip

Rows = dict[str, np.ndarray]


class Model(Protocol):
    """What of a `GeneratorModel` the rows depend on."""

    metadata: dict[str, Any]
    name: str
    latent_dim: int
    pitches: range | None
    labels: tuple[str, ...] | None

    def latents(self, n: int, seed: int | None = None) -> np.ndarray: ...

    def draw_pitches(self, n: int, generator: np.random.Generator) -> np.ndarray: ...

    def check_pitch(self, pitch: np.ndarray | int) -> None: ...


def rows_of(model: Model, n: int | None, z: Any, pitch: Any, label: Any, seed: int) -> Rows:
    """The inputs of `GeneratorModel.generate` for each sound; its arguments, and what of them is random drawn.

    Raises:
      UserError: an argument is impossible, which the message names.
    """
    rows = {}
    if z is not None:
        rows["z"] = checked_latents(z, model.latent_dim, "z")
    if pitch is not None:
        rows["pitch"] = np.atleast_1d(np.asarray(pitch))
        if rows["pitch"].dtype.kind not in "iu" or rows["pitch"].ndim != 1:
            raise UserError(f"--pitch={pitch!r}: must be a MIDI number, or a list of them")
        model.check_pitch(rows["pitch"])
    asked = None if label is None else label_numbers(label, model.labels, model.name)
    lengths = {name: len(values) for name, values in rows.items()}
    most = max([*lengths.values(), 1 if asked is None else len(asked)])
    count = checked_int(most if n is None else n, "n")
    numbers = model.latent_dim + samples_of_clip(model.metadata)
    memory.require_room("n", count, f"{count:,} sounds of {numbers:,} numbers each", memory.FLOAT * count * numbers)
    for name, length in lengths.items():
        if length not in (1, count):
            raise UserError(f"{name}: has {length} rows for {count} sounds")
        rows[name] = np.repeat(rows[name], count // length, axis=0)
    if z is None:
        rows["z"] = model.latents(count, seed)
    generator = np.random.default_rng(seed)
    if model.pitches is not None:
        rows["pitch"] = (rows["pitch"] if pitch is not None else model.draw_pitches(count, generator)).astype(np.int32)
    if model.labels is not None:
        if asked is not None and len(asked) > count:
            raise UserError(f"--label: {len(asked)} labels for {count} sounds; ask for as many at the least")
        drawn = draw_labels(count, len(model.labels), generator)
        rows["label"] = drawn if asked is None else np.resize(asked, count)
    return rows


def label_numbers(label: Any, labels: Sequence[str] | None, model: str) -> np.ndarray:
    """The numbers of labels that somebody asked for, int32 [k].

    Args:
      label: a name, "all", or a list of names; whole numbers are names too.
      labels: those of the model; None if it has none.
      model: its name, for messages.

    Raises:
      UserError: the model has no labels, or not this one.
    """
    shown = ",".join(map(str, label)) if isinstance(label, list | tuple) else str(label)
    if labels is None:
        raise UserError(f"--label={display_name(shown)}: this {model} model has no labels")
    names = [str(name).strip().lower() for name in np.ravel(np.asarray(label, dtype=object))]
    if names == [ALL]:
        names = list(labels)
    numbers = {name: number for number, name in enumerate(labels)}
    for name in names or [""]:
        if name not in numbers:
            raise UserError(f"--label={display_name(name)}: the model has no such label; it has {', '.join(labels)}")
    return np.array([numbers[name] for name in names], np.int32)


def draw_labels(n: int, num_labels: int, generator: np.random.Generator) -> np.ndarray:
    """Random labels, each as likely as another, int32 [n]."""
    return generator.integers(0, num_labels, n, np.int32)


def labels_between(label: Any, labels: Sequence[str] | None, model: str, stops: int, steps: int) -> Rows:
    """The labels of a walk past `stops` latents, at which those that were asked for are taken in turn.

    Args:
      label: as for `label_numbers`, as labels and model are.
      labels: those of the model.
      model: its name.
      stops: at least 2.
      steps: from one stop to the next.

    Returns:
      See `labels_on_walk`.

    Raises:
      UserError: no label is given, the model does not have it, or there are more labels than stops.
    """
    if label is None:
        raise UserError(f"--label: must be given; the model has {', '.join(labels or ())}")
    numbers = label_numbers(label, labels, model)
    if len(numbers) > stops:
        raise UserError(f"--label: {len(numbers)} labels for {stops} latents; ask for as many at the least")
    return labels_on_walk(np.resize(numbers, stops), steps)


def labels_on_walk(stops: np.ndarray, steps: int) -> Rows:
    """The labels of the points of a walk, which change on the way as latents do.

    Args:
      stops: label at each stop, int32 [n].
      steps: from one stop to the next.

    Returns:
      For each of (n - 1) * steps + 1 points `label`, and where any changes also the `other` one that is mixed with it,
      and its `share`.
    """
    points = np.arange((len(stops) - 1) * steps + 1)
    place, within = np.divmod(points, steps)
    label = stops[place]
    if (stops == stops[0]).all():
        return {"label": label}
    other = stops[np.minimum(place + 1, len(stops) - 1)]
    return {"label": label, "other": other, "share": (within / steps).astype(np.float32)}


def in_blocks(blocks: Iterator[np.ndarray], others: Mapping[str, np.ndarray]) -> Iterator[Rows]:
    """Rows of latents that come in blocks [n, latent_dim], with further inputs for all of them."""
    start = 0
    for z in blocks:
        yield {"z": z, **{name: values[start : start + len(z)] for name, values in others.items()}}
        start += len(z)
