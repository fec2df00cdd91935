"""Trained classifiers: the folder that holds one, and using it whatever it is."""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from eval.classifiers import sc09
from eval.classifiers.outputs import Outputs, inference
from eval.classifiers.pitch import PitchClassifier, make_features
from eval.classifiers.waveform import WaveformClassifier
from eval.features import CLIP_LEN, SAMPLE_RATE, classifier_log_mel
from wavegan_tf.core.audio.files import display_name
from wavegan_tf.core.errors import UserError

INFO_FILE, WEIGHTS_FILE = "classifier.json", "best.weights.h5"
TASKS = ("sc09", "pitch")
NETWORKS = {"sc09": ("log_mel", "waveform"), "pitch": ("pitch",)}
PUBLISHED_NAME = "best_acc-103005"
# Of best_acc-103005.index in the original repository. It holds a checksum of every variable, which TensorFlow compares
# when it reads the variables: a checkpoint with this index is the published one to the last bit.
PUBLISHED_INDEX = "baa65da5c8160c8ec6612eb1a6147b86cffaf3ec90269665149e30777a888bc0"


@dataclasses.dataclass(frozen=True)
class ClassifierInfo:
    """What a classifier is, apart from its weights.

    Attributes:
      task: one of `TASKS`.
      network: one of the task's `NETWORKS`.
      labels: names of the classes, those of pitches being MIDI numbers.
      families: names of the classes of instruments, if it knows any.
      clip_len: samples of a clip.
      sample_rate: Hz.
      width: of the pitch network.
      test_accuracy: share of right answers on clips that training never saw; None if it is not known.
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
class Classifier:
    """A network that is ready to be run.

    Attributes:
      info: what it is.
      network: the Keras model.
      front_end: waveforms [b, clip_len] -> input of the network.
      name: for tables and file names.
      place: the folder or checkpoint that it was read from; "" if it was not.
    """

    info: ClassifierInfo
    network: Any
    front_end: Callable[[tf.Tensor], tf.Tensor]
    name: str
    place: str = ""

    @property
    def lowest_pitch(self) -> int:
        """MIDI number of the first class of a pitch classifier."""
        return int(self.info.labels[0])

    @property
    def num_features(self) -> int:
        """Numbers that the last layer sees of a clip."""
        return int(self.network.dense.kernel.shape[0])

    @functools.cached_property
    def _inference(self) -> Callable[[np.ndarray], Outputs]:
        return inference(self.front_end, self.network, self.info.clip_len)

    def outputs(self, waves: np.ndarray) -> Outputs:
        """Outputs for a batch of waveforms [b, clip_len], full scale 1.0.

        Raises:
          ValueError: the batch has another shape.
        """
        return self._inference(waves)

    def hash(self) -> str:
        """SHA-256 of all weights, in the network's order."""
        digest = hashlib.sha256()
        for variable in self.network.weights:  # not `variables`, which has seeds and measures
            digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
        return digest.hexdigest()


def build(info: ClassifierInfo, name: str) -> Classifier:
    """An untrained classifier."""
    classes = len(info.labels)
    front_end: Callable[[tf.Tensor], tf.Tensor]
    if info.network == "log_mel":
        return Classifier(info, sc09.build_classifier(classes), classifier_log_mel, name)
    if info.network == "waveform":
        network: Any = WaveformClassifier(classes)
        front_end = tf.identity
    else:
        features = make_features(info.clip_len, info.sample_rate)
        network = PitchClassifier(classes, len(info.families), features.spec_shape[0], info.width)

        def front_end(waves: tf.Tensor) -> tf.Tensor:
            return features.waves_to_data(waves[..., None])

    network.build(None)
    return Classifier(info, network, front_end, name)


def save_info(info: ClassifierInfo, folder: str, **others: Any) -> None:
    """Writes classifier.json; `others` is what a reader may want to know besides."""
    path = os.path.join(folder, INFO_FILE)
    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        json.dump({**dataclasses.asdict(info), "more": others}, file, indent=2)
        file.write("\n")
    os.replace(f"{path}.tmp", path)


def load(folder: str) -> Classifier:
    """A classifier that eval_train_classifier has written.

    Raises:
      UserError: the folder holds none, or it is damaged.
    """
    path = os.path.join(folder, INFO_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
        values.pop("more", None)
        values["labels"], values["families"] = tuple(values["labels"]), tuple(values["families"])
        info = ClassifierInfo(**values)
        if info.network not in NETWORKS[info.task]:
            raise ValueError(f"network {info.network!r}")
        classifier = build(info, info.network)
        classifier.network.load_weights(os.path.join(folder, WEIGHTS_FILE))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be used ({' '.join(str(error).split())[:200]})") from None
    return dataclasses.replace(classifier, place=folder)


def load_tf1(path: str) -> Classifier:
    """The SC09 classifier of a TF1 checkpoint; see `sc09_classifier.load_tf1`.

    Raises:
      UserError: it cannot be read.
    """
    network = sc09.load_tf1(path)
    classes = network.num_classes
    labels = sc09.LABELS if classes == 10 else tuple(map(str, range(classes)))
    prefix = path if os.path.exists(f"{path}.index") else tf.train.latest_checkpoint(path)
    with open(f"{prefix}.index", "rb") as file:
        published = hashlib.sha256(file.read()).hexdigest() == PUBLISHED_INDEX
    info = ClassifierInfo("sc09", "log_mel", labels, is_published=published)
    return Classifier(info, network, classifier_log_mel, "log_mel", path)


def find(places: str) -> list[Classifier]:
    """The classifiers of --classifier_dir.

    Args:
      places: folders with commas between. Each is what eval_train_classifier has written, or one of its sub-folders, or
        a TF1 checkpoint of the original SC09 classifier (its path without extension, or a folder that holds it).

    Returns:
      The classifiers, each with a name of its own: its kind, or with several of a kind the end of its path besides.

    Raises:
      UserError: a place holds no classifier, one is named twice, or they do not fit together.
    """
    found = []
    for place in filter(None, (part.strip() for part in places.split(","))):
        folders = [place, *(os.path.join(place, name) for names in NETWORKS.values() for name in names)]
        folders = [folder for folder in folders if os.path.exists(os.path.join(folder, INFO_FILE))]
        if folders:
            found += [load(folder) for folder in folders]
        elif os.path.exists(f"{place}.index") or os.path.exists(os.path.join(place, "checkpoint")):
            found.append(load_tf1(place))
        elif os.path.exists(os.path.join(place, f"{PUBLISHED_NAME}.index")):
            found.append(load_tf1(os.path.join(place, PUBLISHED_NAME)))
        else:
            raise UserError(
                f"--classifier_dir={place}: holds no classifier of eval_train_classifier, nor a TF1 checkpoint"
            )
    kinds = {(c.info.task, c.info.clip_len, c.info.sample_rate) for c in found}
    if len(kinds) > 1:
        raise UserError(f"--classifier_dir={places}: holds classifiers of different tasks or clips; give those of one")
    for place, count in collections.Counter(os.path.realpath(c.place) for c in found).items():
        if count > 1:
            raise UserError(f"--classifier_dir={places}: {place} is named twice")
    return _named_apart(found)


def _named_apart(found: Sequence[Classifier]) -> list[Classifier]:
    """The same under names that differ, as parts of file names as well."""
    kinds = collections.Counter(c.name for c in found)
    paths = [os.path.abspath(c.place).removesuffix(f"{os.sep}{c.name}").split(os.sep) for c in found]
    names: list[str] = []
    for length in range(1, max(map(len, paths), default=0) + 1):
        ends = [path[-length:] if kinds[c.name] > 1 else [] for c, path in zip(found, paths, strict=True)]
        names = [display_name("/".join([*end, c.name])) for c, end in zip(found, ends, strict=True)]
        if len({name.replace("/", "_") for name in names}) == len(names):
            return [dataclasses.replace(c, name=name) for c, name in zip(found, names, strict=True)]
    if names:
        raise UserError(f"--classifier_dir: the folders' names do not tell {' and '.join(names)} apart; rename one")
    return []
