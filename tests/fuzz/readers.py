"""The readers of files that others have written, each with whole files of its kind."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

READERS: dict[str, Callable[[], Reader]] = {}


class Reader:
    """A reader with one file that is damaged.

    Attributes:
      name: of it.
      file: the place of the damaged file in its folder.
    """

    name = ""
    file = "x"

    def __init_subclass__(cls) -> None:
        if cls.name:
            READERS[cls.name] = cls

    def prepare(self, folder: Path) -> list[bytes]:
        """Makes what stands around the file; returns whole files."""
        self.folder, self.path = folder, folder / self.file
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.seeds()

    def seeds(self) -> list[bytes]:
        """Whole files."""
        raise NotImplementedError

    def use(self, data: bytes) -> None:
        """Puts a file in its place."""
        self.path.write_bytes(data)

    def read(self) -> object:
        """Reads it as a command does."""
        raise NotImplementedError


def saved(save: Callable[..., Any], *arguments: Any, **others: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arguments, **others)
    return buffer.getvalue()


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


class Npy(Reader):
    name = "npy"

    def seeds(self) -> list[bytes]:
        z = np.linspace(-1, 1, 12).reshape(3, 4)
        return [saved(np.save, z.astype(kind)) for kind in ("<f4", ">f8", "i2")]

    def read(self) -> object:
        from wavegan_tf.core.serving.latents import read_latents

        return read_latents(str(self.path), 4)


class Npz(Reader):
    name = "npz"

    def seeds(self) -> list[bytes]:
        values = {"mean": np.linspace(-9, 3, 129, dtype="f4"), "std": np.linspace(0.1, 4, 129, dtype="f4")}
        return [saved(save, **values) for save in (np.savez, np.savez_compressed)]

    def read(self) -> object:
        from specgan_tf import moments

        return moments.load(str(self.path))


class Pickle(Npz):
    name = "pickle"

    def seeds(self) -> list[bytes]:
        values = (np.linspace(-9, 3, 129, dtype="f4"), np.linspace(0.1, 4, 129, dtype="f8"))
        return [pickle.dumps(values, protocol) for protocol in range(6)]


class Normalizer(Reader):
    name = "normalizer"

    def seeds(self) -> list[bytes]:
        return [saved(save, normalizer=np.array([0.1, 2.0, 0.3, 4.0])) for save in (np.savez, np.savez_compressed)]

    def read(self) -> object:
        from gansynth_tf import normalizer

        return normalizer.load(str(self.path), "specgrams_simple_normalizer", 8)


class Metadata(Reader):
    name, file = "model_json", "assets.extra/model.json"

    def seeds(self) -> list[bytes]:
        (self.folder / "saved_model.pb").touch()
        common = {"model": "wavegan", "sample_rate": 16000, "latent_dim": 100}
        wave = {"waveform": {"signature": "serving_default", "output": "G_z"}}
        notes = {"model": "gansynth", "audio_length": 64000, "min_pitch": 24, "max_pitch": 84}
        clips = {"slice_len": 16384, "num_channels": 2, "signatures": wave}
        return [as_json({**common, **clips}), as_json({**common, **notes})]

    def read(self) -> object:
        from wavegan_tf.core import memory
        from wavegan_tf.core.serving.metadata import read_metadata, samples_of_clip

        found = read_metadata(self.folder)
        memory.require_batch(64, found["latent_dim"] + samples_of_clip(found))
        return found


class ClassifierInfo(Reader):
    name, file = "classifier_json", "classifier.json"

    def seeds(self) -> list[bytes]:
        common = {"test_accuracy": 0.5, "test_size": 8, "is_published": False, "more": {}, "clip_len": 4800}
        words = {"task": "sc09", "network": "waveform", "labels": ["a", "b"], "families": [], "sample_rate": 16000}
        notes = {"task": "pitch", "network": "pitch", "labels": ["60"], "families": ["bass"], "sample_rate": 8000}
        return [as_json({**common, **words}), as_json({**common, **notes, "width": 2})]

    def read(self) -> object:
        from eval.classifiers.places import read_info

        return read_info(str(self.folder))


class RunOptions(Reader):
    name, file = "config_json", "config.json"

    def seeds(self) -> list[bytes]:
        from wavegan_tf.config import WaveGANConfig
        from wavegan_tf.core.options import save_options

        save_options(WaveGANConfig(), str(self.path), "wavegan")
        return [self.path.read_bytes()]

    def read(self) -> object:
        from wavegan_tf.config import WaveGANConfig
        from wavegan_tf.core.dcgan.options import load_run

        config = load_run(WaveGANConfig, str(self.folder))
        return config.num_parameters(), config.slicing()


class Hparams(Reader):
    name = "hparams"

    def seeds(self) -> list[bytes]:
        values = {"batch_size_schedule": [8, 4], "fmap_base": 256, "num_resolutions": 7}
        return [
            as_json({**values, "generator_learning_rate": 0.0004}),
            as_json({"train_root_dir": "x", "g_fn": "specgram", "data_type": "linear"}),
        ]

    def read(self) -> object:
        from gansynth_tf.config import GANSynthConfig
        from gansynth_tf.hparams import parse_hparams

        values = parse_hparams(self.path.read_bytes().decode("utf-8", "surrogateescape"))
        values.pop("train_root_dir", None)
        return GANSynthConfig(**values)


class Experiment(Reader):
    name, file = "experiment_json", "experiment.json"

    def seeds(self) -> list[bytes]:
        from tests.originals import GOLDENS

        return [(GOLDENS / "gansynth" / "checkpoint" / "experiment.json").read_bytes()]

    def read(self) -> object:
        from gansynth_tf.hparams import config_of_experiment, read_experiment

        return config_of_experiment(read_experiment(str(self.folder)), 61, 24)


class Args(Reader):
    name, file = "args_txt", "args.txt"

    def seeds(self) -> list[bytes]:
        from tests.originals import GOLDENS

        return [(GOLDENS / "wavegan" / folder / "args.txt").read_bytes() for folder in ("checkpoint", "checkpoint_pp")]

    def read(self) -> object:
        from wavegan_tf.config import WaveGANConfig
        from wavegan_tf.core.dcgan.args import options_from_args, read_args

        return options_from_args(WaveGANConfig, read_args(str(self.folder)))


class TfConfig(Reader):
    name = "tf_config"

    def seeds(self) -> list[bytes]:
        cluster = {"chief": ["10.0.0.1:1"], "worker": ["10.0.0.2:2222", "[::1]:3"]}
        return [as_json({"cluster": cluster, "task": {"type": "worker", "index": 1}})]

    def use(self, data: bytes) -> None:
        os.environb[b"TF_CONFIG"] = data.replace(b"\0", b"")

    def read(self) -> object:
        from wavegan_tf.core.workers import tf_config

        return tf_config.read()


class Scores(Reader):
    name, file = "scores_jsonl", "scores.jsonl"

    def seeds(self) -> list[bytes]:
        lines = [{"metric": "fid", "value": 1.5, "name": "x", "n": 10, "classifier": {"name": "y"}}, {"metric": "a"}]
        return [b"\n".join(map(as_json, lines))]

    def read(self) -> object:
        from eval import score_table
        from eval.listening_page import scores_table
        from eval.page.render import Page, render

        score_table.read(str(self.folder))
        return render(Page("t", [], [], [scores_table(str(self.path))], "q"))
