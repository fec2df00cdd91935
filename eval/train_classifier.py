"""eval_train_classifier: trains the classifiers of spoken digits, or of pitches, that the scores come from."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Sequence

import keras
import numpy as np
from absl import flags as absl_flags
from absl import logging

from eval import classifier_fit, classifiers, confusion
from eval.classifier_fit import FitOptions
from eval.classifiers import Classifier, ClassifierInfo
from eval.labelled_audio import NO_FAMILY, LabelledAudio, labelled_notes, read_words, split
from gansynth_tf.note_loading import load_notes
from gansynth_tf.notes import NoteOptions
from wavegan_tf import __version__
from wavegan_tf.core import flags
from wavegan_tf.core.errors import UserError

SPLIT_FILE, CONFUSION_TABLE, CONFUSION_PICTURE = "split.json", "confusion.csv", "confusion.png"


@dataclasses.dataclass(frozen=True)
class Parts:
    """Indices of the clips to learn from, to choose the best pass by, and to test on; the last two may be elsewhere."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def _read(task: str, data_dir: str, options: NoteOptions | None, labels: Sequence[str] | None) -> LabelledAudio:
    if task == "sc09":
        return read_words(data_dir, labels)
    assert options is not None
    options = dataclasses.replace(options, data_dir=data_dir) if data_dir else options
    return labelled_notes(load_notes(options, absl_flags.FLAGS.classifier_dir), absl_flags.FLAGS.pitch_family)


def _note_options() -> NoteOptions:
    """--data_sources is empty here by default: the paper's classifier heard all of NSynth."""
    options = flags.from_flags(NoteOptions)
    return options if absl_flags.FLAGS["data_sources"].present else dataclasses.replace(options, data_sources="")


def divide(audio: LabelledAudio, validation: float, test: float, has_test_dir: bool, seed: int) -> Parts:
    """Splits the clips by class.

    Raises:
      UserError: a part is empty.
    """
    fractions = [validation, 0.0 if has_test_dir else test]
    validation_part, test_part, train = split(audio.classes[:, 0], fractions, seed)
    parts = {"learn from": train, "--validation_fraction": validation_part}
    if not has_test_dir:
        parts["--test_fraction"] = test_part
    for name, part in parts.items():
        if not len(part):
            raise UserError(f"{len(audio.names)} clips leave none for {name}; give more clips or another fraction")
    return Parts(train, validation_part, test_part)


def _infos(task: str, audio: LabelledAudio, options: NoteOptions | None) -> list[ClassifierInfo]:
    values = absl_flags.FLAGS
    if task == "sc09":
        chosen = [name.strip() for name in values.networks]
        for name in chosen:
            if name not in classifiers.NETWORKS["sc09"]:
                raise UserError(f"--networks={name}: must be among {', '.join(classifiers.NETWORKS['sc09'])}")
        return [ClassifierInfo("sc09", name, audio.labels[0]) for name in chosen]
    assert options is not None
    families = audio.labels[1] if len(audio.labels) > 1 else ()
    return [
        ClassifierInfo(
            "pitch", "pitch", audio.labels[0], families, options.audio_length, options.sample_rate, values.pitch_width
        )
    ]


def measure(
    classifier: Classifier, audio: LabelledAudio, chosen: np.ndarray, options: FitOptions, folder: str
) -> ClassifierInfo:
    """Tests a classifier, writes its confusion matrix, and says what it is with its accuracy."""
    info = classifier.info
    truth, found = audio.classes[chosen], classifier_fit.answers(classifier, audio, chosen, options)
    accuracy = float(np.mean(found[:, 0] == truth[:, 0]))
    matrix = confusion.confusion_matrix(truth[:, 0], found[:, 0], len(info.labels))
    confusion.write_csv(matrix, info.labels, os.path.join(folder, CONFUSION_TABLE))
    title = f"{info.network}: {100 * accuracy:.1f} % of {len(chosen)} right"
    confusion.write_picture(matrix, info.labels, os.path.join(folder, CONFUSION_PICTURE), title)
    print(f"{info.network}: {100 * accuracy:.2f} % of {len(chosen)} test clips right")
    if len(info.labels) <= 20:
        print(_table(matrix, info.labels))
    if info.families:
        known = truth[:, 1] != NO_FAMILY
        share = f"{100 * np.mean(found[known, 1] == truth[known, 1]):.2f} %" if known.any() else "none"
        print(f"{info.network}: {share} of {np.count_nonzero(known)} families right")
    return dataclasses.replace(info, test_accuracy=accuracy, test_size=len(chosen))


def _table(matrix: np.ndarray, labels: Sequence[str]) -> str:
    """The confusion matrix as text: a row for each class of the truth."""
    width = max(5, *(len(label) for label in labels)) + 1
    lines = ["truth".ljust(width) + "".join(label.rjust(width) for label in labels)]
    lines += [
        label.ljust(width) + "".join(str(count).rjust(width) for count in row)
        for label, row in zip(labels, matrix, strict=True)
    ]
    return "\n".join(lines)


def _prepare(folder: str) -> None:
    """Makes a folder for one classifier.

    Raises:
      UserError: it holds one already, or cannot be made.
    """
    if os.path.exists(os.path.join(folder, classifiers.INFO_FILE)):
        raise UserError(f"--classifier_dir: {folder} holds a classifier already; name another folder")
    try:
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(weights := os.path.join(folder, classifiers.WEIGHTS_FILE)):
            os.remove(weights)  # of a training that was cut off
    except OSError as error:
        raise UserError(f"--classifier_dir={folder}: cannot be written ({error.strerror})") from None


def _train_one(
    info: ClassifierInfo,
    audio: LabelledAudio,
    parts: Parts,
    test: tuple[LabelledAudio, np.ndarray],
    options: FitOptions,
) -> None:
    folder = os.path.join(absl_flags.FLAGS.classifier_dir, info.network)
    start = time.monotonic()
    keras.utils.set_random_seed(options.seed)
    classifier = classifiers.build(info, info.network)
    logging.info("training %s on %d clips, %d for validation", info.network, len(parts.train), len(parts.validation))
    history = classifier_fit.fit(classifier, audio, parts.train, parts.validation, options, folder)
    # Of the weights that were saved: log_mel's are not those of any pass, as its norms were gathered anew after it.
    heard = classifier_fit.answers(classifier, audio, parts.validation, options)[:, 0]
    validation_accuracy = float(np.mean(heard == audio.classes[parts.validation, 0]))
    test_audio, chosen = test
    info = measure(classifier, test_audio, chosen, options, folder)
    with open(os.path.join(folder, SPLIT_FILE), "w", encoding="utf-8") as file:
        named = {
            "train": [audio.names[i] for i in parts.train],
            "validation": [audio.names[i] for i in parts.validation],
            "test": [test_audio.names[i] for i in chosen],
        }
        json.dump(named, file, indent=1)
    minutes = (time.monotonic() - start) / 60
    best = int(np.nanargmin(history["val_loss"]))
    classifiers.save_info(
        info, folder, version=__version__, options=dataclasses.asdict(options), minutes=round(minutes, 2),
        passes=len(history["val_loss"]), best_pass=best + 1, validation_accuracy=validation_accuracy,
        hash=classifier.hash(),
    )  # fmt: skip
    print(f"{info.network}: {minutes:.1f} minutes, best of {len(history['val_loss'])} passes is {best + 1}: {folder}")


def main() -> None:
    """Reads the flags, trains and tests."""
    values = absl_flags.FLAGS
    flags.require(classifier_dir=values.classifier_dir, task=values.task or "")
    options = flags.from_flags(FitOptions)
    notes = _note_options() if values.task == "pitch" else None
    if values.task == "sc09":
        flags.require(data_dir=values.data_dir)
    audio = _read(values.task, values.data_dir, notes, None)
    parts = divide(audio, values.validation_fraction, values.test_fraction, bool(values.test_dir), options.seed)
    test = (audio, parts.test)
    if values.test_dir:
        other = _read(values.task, values.test_dir, notes, audio.labels[0])
        test = (other, np.arange(len(other.names)))
    infos = _infos(values.task, audio, notes)
    for info in infos:
        _prepare(os.path.join(values.classifier_dir, info.network))
    for info in infos:
        _train_one(info, audio, parts, test, options)


def define_flags() -> None:
    """Defines the command's flags."""
    absl_flags.DEFINE_enum("task", None, classifiers.TASKS, "sc09: words in file names; pitch: notes.")
    absl_flags.DEFINE_string("classifier_dir", "", "Where the classifiers go, a sub-folder for each.")
    absl_flags.DEFINE_list(
        "networks", list(classifiers.NETWORKS["sc09"]),
        "For sc09: log_mel is the original's classifier, waveform hears the raw samples.",
    )  # fmt: skip
    absl_flags.DEFINE_float("validation_fraction", 0.1, "Share of the clips to choose the best pass by.", 0.0, 0.9)
    absl_flags.DEFINE_float("test_fraction", 0.1, "Share of the clips to test on, which training never sees.", 0.0, 0.9)
    absl_flags.DEFINE_string("test_dir", "", "Folder with clips to test on instead.")
    absl_flags.DEFINE_integer("pitch_width", 32, "For pitch: filters of the first layer; 128 is Magenta's size.", 1)
    absl_flags.DEFINE_boolean("pitch_family", False, "For pitch: learn the families of the instruments as well.")
    flags.define_flags(FitOptions, "eval.classifier_fit")
    flags.define_flags(NoteOptions, "gansynth_tf.notes")


def run() -> None:
    """Entry point of eval_train_classifier."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
