"""Audio with labels, from file names or from notes, and its split into parts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from eval.classifiers.labels import LABELS, NO_FAMILY, are_in_folders, classes_of, labels_of, look_like_hashes
from eval.clips import CLIP_LEN, fit_length, read_clip
from gansynth_tf.notes.files import BadNote, note_of_name
from gansynth_tf.notes.options import FAMILIES
from gansynth_tf.notes.stream import NoteStore
from wavegan_tf.core.audio.decode import AudioError
from wavegan_tf.core.audio.files import find_audio_files, report_skipped
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.progress import Progress


@dataclasses.dataclass(frozen=True)
class LabelledAudio:
    """Clips with classes.

    Attributes:
      names: of the clips.
      classes: int64 [n, heads]: the label, or the pitch and the family (-1 if it is not known).
      lengths: int64 [n], samples before the zeros.
      labels: names of the classes, for each head.
      wave: index -> float32 [clip_len], full scale 1.0.
    """

    names: tuple[str, ...]
    classes: np.ndarray
    lengths: np.ndarray
    labels: tuple[tuple[str, ...], ...]
    wave: Callable[[tf.Tensor], tf.Tensor]


def _labels_of(paths: Sequence[str], place: str) -> tuple[str, ...]:
    found = {label for label in labels_of(paths) if label is not None}
    if found and all(label in LABELS or (label.isdecimal() and int(label) < 10) for label in found):
        return LABELS
    if len(found) < 2:
        raise UserError(
            f"{place}: the files have {len(found)} labels, at least 2 are needed; a label is the text before the first "
            "underscore of a name, as in seven_0001.wav, or without any the folder, as in seven/0001.wav"
        )
    if look_like_hashes(sorted(found)):
        logging.warning(
            "%s: the labels look like hashes (%s, ...), which tell speakers or files apart and no classes; "
            "put the files of each class into a folder of their own, named NUMBER.wav",
            place, min(found),
        )  # fmt: skip
    return tuple(sorted(found))


def read_words(
    data_dir: str, labels: Sequence[str] | None = None, skip_bad: bool = True, flag: str = "data_dir"
) -> LabelledAudio:
    """A folder of words, decoded into memory as 16-bit clips of 16 384 samples at 16 kHz.

    Args:
      data_dir: the folder. The label of a file is what stands before the first underscore of its name, in any case;
        where no name has one, or names begin with Speech Commands' hashes of speakers, it is the name of its folder.
      labels: of the classes; by default the ten digits if there are no others (as words or as numerals), else all
        labels there are, in alphabetical order.
      skip_bad: report files that cannot be used and go on, instead of stopping at the first.
      flag: that named the folder.

    Raises:
      UserError: nothing there can be used, fewer than two labels are found, or a file is bad without `skip_bad`.
    """
    shown = f"--{flag}={display_name(data_dir)}"
    paths = find_audio_files(data_dir, flag, skip_bad)
    if are_in_folders(paths):
        logging.info("%s: the label of a file is the name of its folder", shown)
    known = tuple(labels) if labels is not None else _labels_of(paths, shown)
    clips, classes, lengths, names, bad = [], [], [], [], []
    progress = Progress(0, len(paths), label="file", rate="files/s")
    for done, (path, number) in enumerate(zip(paths, classes_of(paths, known), strict=True), 1):
        progress.update(done, {})
        try:
            if number is None:
                raise AudioError(f"{display_name(path)}: it has none of the labels {', '.join(known)}")
            clip = read_clip(path)
        except AudioError as error:
            if not skip_bad:
                progress.close()
                raise
            bad.append((path, str(error).partition(": ")[2]))
            continue
        clips.append(fit_length(clip))
        lengths.append(min(len(clip), CLIP_LEN))
        classes.append([number])
        names.append(os.path.relpath(path, data_dir))
    progress.close()
    report_skipped(bad)
    if not clips:
        raise UserError(f"{shown}: none of the {len(paths)} audio files can be used")
    with tf.device("CPU:0"):
        samples = tf.constant(np.stack(clips))
    return LabelledAudio(
        tuple(names), np.array(classes), np.array(lengths), (known,),
        lambda index: tf.cast(samples[index], tf.float32) / 32768.0,
    )  # fmt: skip


def labelled_notes(store: NoteStore, with_family: bool) -> LabelledAudio:
    """Notes that gansynth_tf has loaded, with their pitches and, if asked for, the families in their names."""
    pitches = tuple(str(store.first_pitch + number) for number in range(len(store.pitch_counts)))
    classes = [store.pitches - store.first_pitch]
    if with_family:
        classes.append(np.array([_family(name) for name in store.names]))
        if (classes[1] == NO_FAMILY).all():
            raise UserError("--pitch_family: no name has a family; name notes as bass_acoustic_000-036-100")
    return LabelledAudio(
        tuple(store.names), np.stack(classes, axis=1), np.minimum(store.lengths, store.audio_length),
        (pitches, tuple(FAMILIES))[: len(classes)], lambda index: store.wave(index)[:, 0],
    )  # fmt: skip


def _family(name: str) -> int:
    try:
        family = note_of_name(name).family
    except BadNote:
        return NO_FAMILY
    return FAMILIES.index(family) if family in FAMILIES else NO_FAMILY


def split(classes: np.ndarray, fractions: Sequence[float], seed: int) -> list[np.ndarray]:
    """Divides examples at random so that every class is divided alike, however few of it there are.

    Args:
      classes: int [n].
      fractions: shares of the parts, which leave something for the last part.
      seed: of the order.

    Returns:
      Sorted indices of each part, and of what remains.
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(classes)), classes))
    # The golden ratio's multiples are spread evenly in every stretch of the order, so in every class.
    places = (np.arange(len(classes)) * 0.6180339887498949) % 1.0
    edges = np.cumsum(fractions)
    parts = np.searchsorted(edges, places, side="right")
    return [np.sort(order[parts == part]) for part in range(len(fractions) + 1)]
