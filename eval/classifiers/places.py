"""Folders that hold trained classifiers, as their files describe them; nothing here needs TensorFlow."""

from __future__ import annotations

import collections
import dataclasses
import os
from typing import Any

from eval.clips import CLIP_LEN, SAMPLE_RATE
from gansynth_tf.notes.options import MAX_AUDIO_LENGTH
from wavegan_tf.core.errors import UserError, one_line
from wavegan_tf.core.options import LARGEST_INT, MAX_SAMPLE_RATE
from wavegan_tf.core.reading import MAX_DESCRIPTION_BYTES, Unreadable, read_json, whole_number

INFO_FILE, WEIGHTS_FILE = "classifier.json", "best.weights.h5"
TASKS = ("sc09", "pitch")
NETWORKS = {"sc09": ("log_mel", "waveform"), "pitch": ("pitch",)}
PUBLISHED_NAME = "best_acc-103005"
# Lowest and highest values of numbers in classifier.json.
_LIMITS = {
    "clip_len": (1, MAX_AUDIO_LENGTH), "sample_rate": (1, MAX_SAMPLE_RATE), "width": (1, LARGEST_INT),
    "test_size": (0, LARGEST_INT),
}  # fmt: skip
_PITCHES = frozenset(map(str, range(128)))


@dataclasses.dataclass(frozen=True)
class ClassifierInfo:
    """Facts about a classifier, apart from its weights.

    Attributes:
      task: one of `TASKS`.
      network: one of the task's `NETWORKS`.
      labels: names of the classes, those of pitches being MIDI numbers.
      families: names of the classes of instruments, if it knows any.
      clip_len: samples of a clip.
      sample_rate: Hz.
      width: of the pitch network.
      test_accuracy: share of correct answers on clips that training never saw; None if it is not known.
      test_size: number of these clips.
      is_published: whether these are the weights of the published scores, by their checksums.
    """

    task: str
    network: str
    labels: tuple[str, ...]
    families: tuple[str, ...] = ()
    clip_len: int = CLIP_LEN
    sample_rate: int = SAMPLE_RATE
    width: int = 32
    test_accuracy: float | None = None
    test_size: int = 0
    is_published: bool = False


@dataclasses.dataclass(frozen=True)
class Place:
    """Place of a classifier on disk.

    Attributes:
      path: its folder, or a TF1 checkpoint.
      info: from the folder; of a TF1 checkpoint without the labels, of which the checkpoint itself decides.
      is_tf1: whether it is a TF1 checkpoint of the original SC09 classifier.
    """

    path: str
    info: ClassifierInfo
    is_tf1: bool = False


def unusable(folder: str, error: Exception) -> UserError:
    """The error for a folder whose classifier cannot be used."""
    return UserError(f"{os.path.join(folder, INFO_FILE)}: cannot be used ({one_line(error)})")


def read_info(folder: str) -> ClassifierInfo:
    """The info of a classifier that eval_train_classifier has written.

    Raises:
      UserError: the folder holds none, or it is damaged.
    """
    try:
        values = read_json(os.path.join(folder, INFO_FILE), MAX_DESCRIPTION_BYTES)
        values.pop("more", None)
        values |= {name: whole_number(values, name, *limits) for name, limits in _LIMITS.items() if name in values}
        for name in ("labels", "families"):
            values[name] = _names(values, name)
        info = ClassifierInfo(**values)
        if info.network not in NETWORKS[info.task]:
            raise Unreadable(f"network {info.network!r}")
        if not info.labels or (info.task == "pitch" and not all(label in _PITCHES for label in info.labels)):
            raise Unreadable("labels are missing, or no MIDI numbers")
        if not isinstance(info.is_published, bool) or not _is_share(info.test_accuracy):
            raise Unreadable("test_accuracy is no number from 0 to 1, or is_published neither true nor false")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unusable(folder, error) from None
    return info


def _names(values: dict[str, Any], name: str) -> tuple[str, ...]:
    names = values[name]
    if not isinstance(names, list) or not all(isinstance(element, str) for element in names):
        raise Unreadable(f"{name} is no list of names")
    return tuple(names)


def _is_share(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1)


def find_places(text: str) -> list[Place]:
    """The places of --classifier_dir.

    Args:
      text: folders with commas between. Each is one that eval_train_classifier has written, or one of its sub-folders,
        or a TF1 checkpoint of the original SC09 classifier (its path without extension, or a folder that holds it).

    Raises:
      UserError: a folder holds no classifier, one is named twice, or they do not fit together.
    """
    found: list[Place] = []
    for path in filter(None, (part.strip() for part in text.split(","))):
        folders = [path, *(os.path.join(path, name) for names in NETWORKS.values() for name in names)]
        folders = [folder for folder in folders if os.path.exists(os.path.join(folder, INFO_FILE))]
        if folders:
            found += [Place(folder, read_info(folder)) for folder in folders]
        elif os.path.exists(f"{path}.index") or os.path.exists(os.path.join(path, "checkpoint")):
            found.append(_tf1(path))
        elif os.path.exists(os.path.join(path, f"{PUBLISHED_NAME}.index")):
            found.append(_tf1(os.path.join(path, PUBLISHED_NAME)))
        else:
            raise UserError(
                f"--classifier_dir={path}: holds no classifier of eval_train_classifier, nor a TF1 checkpoint"
            )
    kinds = {(place.info.task, place.info.clip_len, place.info.sample_rate) for place in found}
    if len(kinds) > 1:
        raise UserError(f"--classifier_dir={text}: holds classifiers of different tasks or clips; give those of one")
    for path, count in collections.Counter(os.path.realpath(place.path) for place in found).items():
        if count > 1:
            raise UserError(f"--classifier_dir={text}: {path} is named twice")
    return found


def _tf1(path: str) -> Place:
    return Place(path, ClassifierInfo("sc09", "log_mel", ()), is_tf1=True)
