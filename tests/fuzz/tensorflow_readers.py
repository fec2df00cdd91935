"""The readers of TensorFlow's and Keras's files, of which the ones with checksums are damaged beneath them too."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import sealed
from tests.fuzz.readers import Reader

_VALUES = np.arange(6, dtype="<f4")
# A string of three letters as a checkpoint holds it, and what its checksum is of.
_LENGTH = (3).to_bytes(4, "little")
_TEXT = sealed.varint(3) + sealed.checksum(_LENGTH) + b"abc"
_TEXT_SUMMED = _LENGTH + sealed.checksum(_LENGTH) + b"abc"


def _note(pitch: int) -> bytes:
    from tests.gansynth.notes import record_files

    return record_files.nsynth_example(f"bass_acoustic_000-{pitch:03d}-100", pitch, np.zeros(40, np.float32))


class Records(Reader):
    name = "tfrecord"

    def seeds(self) -> list[bytes]:
        return [b"".join(map(sealed.record, map(_note, (36, 61)))), sealed.record(_note(40))]

    def read(self) -> object:
        from gansynth_tf.notes.loading import load_notes
        from gansynth_tf.notes.options import NoteOptions

        cache = self.folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        return load_notes(NoteOptions(train_data_path=str(self.path), data_sources=""), str(cache))


class SealedRecord(Records):
    """A record whose checksums are right: the note in it is damaged, or the length that it claims."""

    name = "tfrecord_sealed"

    def seeds(self) -> list[bytes]:
        self.length = len(_note(36))
        return [self.length.to_bytes(8, "little") + _note(pitch) for pitch in (36, 61)]

    def use(self, data: bytes) -> None:
        claimed, note = int.from_bytes(data[:8], "little"), data[8:]
        self.path.write_bytes(sealed.record(note, None if claimed == self.length else claimed))


class Checkpoint(Reader):
    """The index of a checkpoint of TensorFlow 1."""

    name, file = "checkpoint_index", "model.ckpt-3.index"

    def seeds(self) -> list[bytes]:
        (self.folder / "model.ckpt-3.data-00000-of-00001").write_bytes(_VALUES.tobytes() + _TEXT)
        return [self.sealed(entry) for entry in self.entries()]

    def entries(self) -> list[bytes]:
        """Entries of an index: two for the same numbers, and one for a text."""
        numbers = [sealed.entry(_VALUES.tobytes(), dims) for dims in ([6], [2, 3])]
        return [*numbers, sealed.entry(_TEXT_SUMMED, [1], 7, offset=_VALUES.nbytes, size=len(_TEXT))]

    def sealed(self, entry: bytes) -> bytes:
        """An index with right checksums."""
        return sealed.index([(b"", sealed.HEADER), (b"a", entry)])

    def read(self) -> object:
        from wavegan_tf.core import tf1

        return tf1.read_checkpoint(str(self.folder))


class SealedCheckpoint(Checkpoint):
    """An entry of an index whose checksums are right."""

    name, file = "checkpoint_index_sealed", "model.ckpt-3.index"

    def seeds(self) -> list[bytes]:
        Checkpoint.seeds(self)
        return self.entries()

    def use(self, data: bytes) -> None:
        self.path.write_bytes(self.sealed(data))


class CheckpointData(Checkpoint):
    name, file = "checkpoint_data", "model.ckpt-3.data-00000-of-00001"

    def seeds(self) -> list[bytes]:
        entries = [(b"a", self.entries()[0]), (b"b", self.entries()[-1])]
        (self.folder / "model.ckpt-3.index").write_bytes(sealed.index([(b"", sealed.HEADER), *entries]))
        return [_VALUES.tobytes() + _TEXT]


class CheckpointList(Checkpoint):
    """The text file `checkpoint`, read as TensorFlow 1's and as a run's."""

    name, file = "checkpoint_list", "checkpoint"

    def seeds(self) -> list[bytes]:
        (self.folder / "model.ckpt-3.index").write_bytes(Checkpoint.seeds(self)[0])
        lines = ['model_checkpoint_path: "model.ckpt-3"', 'all_model_checkpoint_paths: "model.ckpt-3"']
        more = ["all_model_checkpoint_timestamps: 1.5", "last_preserved_timestamp: 0.25"]
        return ["\n".join(lines).encode(), "\n".join(lines + more).encode()]

    def read(self) -> object:
        from wavegan_tf.core.training import checkpoints

        checkpoints.steps(str(self.folder))
        return Checkpoint.read(self)


class Restored(SealedCheckpoint):
    """A checkpoint of a run."""

    name, file = "run_checkpoint", "model.ckpt-3.index"

    def seeds(self) -> list[bytes]:
        import tensorflow as tf

        from wavegan_tf.core.training.checkpoints import Checkpoints

        self.variable = tf.Variable(_VALUES)
        Checkpoints(str(self.folder), 0, parts={"a": self.variable}).save(3)
        return [self.path.read_bytes()]

    def use(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def read(self) -> object:
        from wavegan_tf.core.training.checkpoints import restore_step

        return restore_step(str(self.folder), 3, parts={"a": self.variable})


class SavedModel(Reader):
    """A SavedModel's graph, loaded and run."""

    name, file = "saved_model", "model/saved_model.pb"

    def seeds(self) -> list[bytes]:
        import tensorflow as tf

        from wavegan_tf.core.serving import saved_model

        shutil.rmtree(self.folder / "model")
        weight = tf.Variable(np.ones([4, 8], np.float32))

        class Network:
            variables = [dataclasses.make_dataclass("Held", ["value"])(weight)]

        def generate(z: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"G_z": tf.tanh(z @ weight)[..., None]}

        network: Any = Network()
        module = saved_model.LatentsModule(generate, network, 4)
        metadata = {"model": "wavegan", "sample_rate": 16000, "latent_dim": 4}
        saved_model.export(module, str(self.folder / "model"), metadata)
        return [self.path.read_bytes()]

    def read(self) -> object:
        from wavegan_tf.core.serving.model import GeneratorModel

        return GeneratorModel(str(self.folder / "model")).generate(2, seed=0)


class SavedModelText(SavedModel):
    """The same, damaged in its form as text, whatever of it is a graph still."""

    name, file = "saved_model_text", "model/saved_model.pb"

    def seeds(self) -> list[bytes]:
        from google.protobuf import text_format
        from tensorflow.core.protobuf import saved_model_pb2

        self.whole = SavedModel.seeds(self)[0]
        return [text_format.MessageToString(saved_model_pb2.SavedModel.FromString(self.whole)).encode()]

    def use(self, data: bytes) -> None:
        from google.protobuf import text_format
        from tensorflow.core.protobuf import saved_model_pb2

        try:
            made = text_format.Parse(data.decode(errors="replace"), saved_model_pb2.SavedModel()).SerializeToString()
        except (text_format.ParseError, ValueError, UnicodeError, RecursionError):
            made = self.whole
        self.path.write_bytes(made)


class Fingerprint(SavedModel):
    name, file = "fingerprint", "model/fingerprint.pb"


class Variables(SavedModel):
    name, file = "variables_index", "model/variables/variables.index"


class Weights(Reader):
    """The weights of a classifier."""

    name, file = "weights_h5", "best.weights.h5"

    def seeds(self) -> list[bytes]:
        from eval.classifiers import places
        from tests.eval.small import save_classifier

        save_classifier(Path(self.folder), places.ClassifierInfo("pitch", "pitch", ("60",), (), 2048, 8000, width=1))
        return [self.path.read_bytes()]

    def read(self) -> object:
        from eval.classifiers import registry

        return registry.load(os.fspath(self.folder)).hash()
