"""Trained classifiers: loading one from its folder, and running it whatever its network is."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from eval.classifiers import sc09
from eval.classifiers.outputs import Outputs, inference
from eval.classifiers.pitch import PitchClassifier, make_features, num_frames, num_parameters
from eval.classifiers.places import INFO_FILE, WEIGHTS_FILE, ClassifierInfo, Place, find_places, read_info, unusable
from eval.classifiers.waveform import WaveformClassifier
from eval.features import classifier_log_mel
from wavegan_tf.core import tf1
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.reading import Unreadable, require_regular
from wavegan_tf.core.writing import write_file

# Of best_acc-103005.index in the original repository. It holds a checksum of every variable, which TensorFlow compares
# when it reads the variables: a checkpoint with this index is the published one to the last bit.
PUBLISHED_INDEX = "baa65da5c8160c8ec6612eb1a6147b86cffaf3ec90269665149e30777a888bc0"


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
        for variable in self.network.weights:  # not `variables`, which has seeds and metrics
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


def save_weights(network: keras.Model, folder: str) -> None:
    """Writes a network's weights into the folder of a classifier, whole or not at all.

    Raises:
      UserError: they cannot be written.
    """
    path, buffer = os.path.join(folder, WEIGHTS_FILE), io.BytesIO()

    class InMemory(h5py.File):
        """Stands in for the file that Keras opens: HDF5 crashes when it closes one on a disk that is full."""

        def __init__(self, _: str, *arguments: Any, **keywords: Any):
            super().__init__(buffer, *arguments, **keywords)

    with _keras_opens(InMemory):
        network.save_weights(path)
    write_file(path, buffer.getvalue())


def load_weights(network: keras.Model, folder: str) -> None:
    """Gives a network the weights in the folder of a classifier.

    Raises:
      Exception: any, by Keras and HDF5, if they cannot be read or are another network's.
    """

    class Unlocked(h5py.File):
        """Stands in for the file that Keras opens: HDF5 refuses one on a disk that has no locks."""

        def __init__(self, *arguments: Any, **keywords: Any):
            super().__init__(*arguments, **keywords, locking=False)

    with _keras_opens(Unlocked):
        network.load_weights(os.path.join(folder, WEIGHTS_FILE))


@contextlib.contextmanager
def _keras_opens(kind: type[h5py.File]) -> Iterator[None]:
    """Lets Keras open HDF5 files as this class does."""
    before = h5py.File
    h5py.File = kind
    try:
        yield
    finally:
        h5py.File = before


def save_info(info: ClassifierInfo, folder: str, **others: Any) -> None:
    """Writes classifier.json; `others` are further facts for its readers.

    Raises:
      UserError: it cannot be written.
    """
    text = json.dumps({**dataclasses.asdict(info), "more": others}, indent=2)
    write_file(os.path.join(folder, INFO_FILE), f"{text}\n")


def load(folder: str) -> Classifier:
    """A classifier that eval_train_classifier has written.

    Raises:
      UserError: the folder holds none, or it is damaged.
    """
    info = read_info(folder)
    try:
        _require_weights(os.path.join(folder, WEIGHTS_FILE), info)
        classifier = build(info, info.network)
        load_weights(classifier.network, folder)
    except Exception as error:  # Keras and HDF5 raise anything for damaged weights
        raise unusable(folder, error) from None
    return dataclasses.replace(classifier, place=folder)


def _require_weights(path: str, info: ClassifierInfo) -> None:
    """Raises Unreadable if a file of weights is smaller than the network, or claims more than it holds.

    Both would take memory for nothing; what it holds elsewhere, in files that it names, is not read.
    """
    require_regular(path)
    size, families = os.path.getsize(path), len(info.families)
    if info.network == "pitch":
        least = num_parameters(len(info.labels), families, num_frames(info.clip_len), info.width)
    else:
        least = len(info.labels)
    if size < 4 * least:
        raise Unreadable(f"{WEIGHTS_FILE} has {size} bytes, and the network {least} weights of 4 each")
    claimed = 0

    def add(name: str, item: Any) -> None:
        nonlocal claimed
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise Unreadable(f"{WEIGHTS_FILE} names other files")
            claimed += item.nbytes

    with h5py.File(path, "r", locking=False) as file:
        file.visititems(add)
    if claimed > size:
        raise Unreadable(f"{WEIGHTS_FILE} claims {claimed} bytes of weights, and has {size}")


def load_tf1(path: str) -> Classifier:
    """The SC09 classifier of a TF1 checkpoint; see `sc09.load_tf1`.

    Raises:
      UserError: it cannot be read.
    """
    network = sc09.load_tf1(path)
    classes = network.num_classes
    labels = sc09.LABELS if classes == 10 else tuple(map(str, range(classes)))
    with open(f"{tf1.checkpoint_prefix(path)}.index", "rb") as file:
        published = hashlib.sha256(file.read()).hexdigest() == PUBLISHED_INDEX
    info = ClassifierInfo("sc09", "log_mel", labels, is_published=published)
    return Classifier(info, network, classifier_log_mel, "log_mel", path)


def find(places: str) -> list[Classifier]:
    """The classifiers of --classifier_dir, as `find_places` finds them, loaded.

    Raises:
      UserError: as `find_places` and `load_all`.
    """
    return load_all(find_places(places))


def load_all(places: Sequence[Place]) -> list[Classifier]:
    """The classifiers of some places, each with a name of its own.

    A name is a classifier's kind, or with several of a kind also the end of its path.

    Raises:
      UserError: one cannot be read, or two have the same name.
    """
    return _named_apart([load_tf1(place.path) if place.is_tf1 else load(place.path) for place in places])


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
