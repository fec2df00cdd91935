"""The Python API of the three packages, as somebody uses it who types it at a prompt."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import gansynth_tf
import specgan_tf
import wavegan_tf
from gansynth_tf import demo as notes_demo
from gansynth_tf.config import GANSynthConfig
from specgan_tf.config import SpecGANConfig
from tests import commands
from tests.gansynth.notes.test_files import NOTES
from tests.gansynth.small import SMALLER
from wavegan_tf import demo as drums_demo
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import flags
from wavegan_tf.core.audio import decode
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.metadata import METADATA_FILE

PACKAGES = {package.__name__.removesuffix("_tf"): package for package in (wavegan_tf, specgan_tf, gansynth_tf)}
DRUMS, NOTES_DEMO = (Path(str(package.__file__)).parent for package in (drums_demo, notes_demo))
TRAINED = {
    "wavegan": DRUMS / "pretrained" / "drums",
    "specgan": DRUMS / "pretrained" / "specgan_drums",
    "gansynth": NOTES_DEMO / "pretrained" / "notes",
}
TUNE = NOTES_DEMO / "tune.mid"
# Of all its clips together, in one batch or another; Griffin-Lim spreads it.
ROUNDING, GRIFFIN_LIM_ROUNDING = 2e-5, 1e-3


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The trained models of the repository, as they were exported before model.json named the signatures."""
    loaded = {}
    for name, path in TRAINED.items():
        copied = Path(shutil.copytree(path, tmp_path_factory.mktemp(name) / "1"))
        described = copied / "assets.extra" / "model.json"
        values = json.loads(described.read_text())
        assert values.pop("signatures")
        described.write_text(json.dumps(values))
        loaded[name] = PACKAGES[name].load_model(copied)
    return loaded


IMPORTS = """
import sys, time
times = []
for name in ("wavegan_tf", "specgan_tf", "gansynth_tf"):
    start = time.process_time()
    package = __import__(name)
    times.append(time.process_time() - start)
for name in ("wavegan_tf", "specgan_tf", "gansynth_tf"):
    package = __import__(name)
    __import__(name + ".train")
    exec(f"from {name} import train, load_model, export_model")
    assert train is package.train and callable(train) and train.__module__ == name + ".api", train
    from wavegan_tf import UserError
    try:
        load_model("nowhere")
        sys.exit("loaded")
    except UserError as error:
        assert str(error) == "model_dir=nowhere: holds no SavedModel"
heavy = [name for name in ("tensorflow", "keras", "librosa", "scipy", "sklearn", "matplotlib") if name in sys.modules]
print(max(times), *heavy)
"""


def test_importing_is_cheap_and_train_stays_the_function():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seconds, *heavy = done.stdout.split()
    assert heavy == [] and float(seconds) < 0.3


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_are_all_there(name):
    package = PACKAGES[name]
    api = importlib.import_module(f"{name}_tf.api")
    functions = {key for key, value in inspect.getmembers(api, inspect.isfunction) if value.__module__ == api.__name__}
    config = {"wavegan": WaveGANConfig, "specgan": SpecGANConfig, "gansynth": GANSynthConfig}[name]
    assert functions | {"load_model", "UserError", config.__name__} <= set(package.__all__)
    assert len(package.__all__) == len(set(package.__all__)) and set(package.__all__) <= set(dir(package))
    for key in package.__all__:
        value = getattr(package, key)
        assert value.__name__ == key and inspect.getdoc(value), key
    assert getattr(package, config.__name__) is config
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = package.nonsense


@pytest.mark.parametrize("name", PACKAGES)
def test_seeds_repeat_and_any_package_loads_any_model(name, models):
    model, again = models[name], wavegan_tf.load_model(str(TRAINED[name]))
    clips = model.generate(3, seed=1)
    assert clips.dtype == np.float32 and clips.shape[::2] == (3, 1) and np.abs(clips).max() > 0.01
    np.testing.assert_array_equal(clips, again.generate(3, seed=1))
    tolerance = GRIFFIN_LIM_ROUNDING if name == "specgan" else ROUNDING
    np.testing.assert_allclose(model.generate(3, seed=np.int64(1), batch_size=2), clips, atol=tolerance)
    assert not np.array_equal(clips, model.generate(3, seed=2))
    assert not np.array_equal(model.generate(1), model.generate(1))
    assert name in repr(model) and str(TRAINED[name]) in repr(again)


def test_each_model_answers_alike_beside_the_others(models):
    alone = {name: model.generate(2, seed=5) for name, model in models.items()}
    for _ in range(2):
        for name, model in models.items():
            np.testing.assert_array_equal(model.generate(2, seed=5), alone[name])


@pytest.mark.parametrize("name", PACKAGES)
def test_generation_agrees_with_the_signatures(name, models):
    served = tf.saved_model.load(str(TRAINED[name])).signatures
    z = served["latents"](num_samples=tf.constant(4), seed=tf.constant(7, tf.int64))["z"]
    np.testing.assert_array_equal(models[name].latents(4, seed=7), z)
    inputs: dict[str, Any] = {"z": z}
    if models[name].pitches is not None:
        inputs["pitch"] = tf.constant([48, 60, 61, 84])
    asked = {key: value.numpy() for key, value in inputs.items()}
    if (labels := models[name].labels) is not None:
        inputs["label"] = tf.constant([0, 1, 7, 8])
        asked["label"] = [labels[number] for number in (0, 1, 7, 8)]
    expected = next(iter(v for key, v in served["serving_default"](**inputs).items() if key in ("G_z", "audio")))
    clips = models[name].generate(**asked)
    np.testing.assert_allclose(clips, np.reshape(expected, clips.shape), atol=ROUNDING)
    (pcm,) = served["pcm16"](**inputs).values()
    assert np.abs(decode.to_int16(clips).astype(int) - np.reshape(pcm, clips.shape)).max() <= 1
    del asked["z"]
    np.testing.assert_array_equal(models[name].generate(4, seed=7, **asked), clips)


@pytest.mark.parametrize("name", PACKAGES)
def test_numbers_of_latents_pitches_and_sounds_go_together(name, models):
    model = models[name]
    tolerance = GRIFFIN_LIM_ROUNDING if name == "specgan" else ROUNDING
    z = model.latents(3, seed=0)
    pitch: dict[str, Any] = {} if model.pitches is None else {"pitch": 60}
    label = {} if model.labels is None else {"label": "snare"}
    three = model.generate(z=z, **pitch, **label)
    assert len(three) == 3 and len(model.generate(**pitch)) == 1
    np.testing.assert_allclose(model.generate(z=z[1], **pitch, **label), three[1:2], atol=tolerance)
    np.testing.assert_allclose(model.generate(2, z=z[1], **pitch, **label), three[[1, 1]], atol=tolerance)
    np.testing.assert_allclose(model.generate(z=z.tolist(), **pitch, **label), three, atol=tolerance)
    # A seed draws what is not given, and nothing else.
    np.testing.assert_array_equal(model.generate(z=z, seed=9, **pitch, **label), three)
    if pitch:
        scale = model.generate(pitch=range(60, 63), z=z[0])
        np.testing.assert_allclose(scale[:1], three[:1], atol=tolerance)
        np.testing.assert_array_equal(model.generate(3, pitch=60, seed=4), model.generate(pitch=[60] * 3, seed=4))


def test_griffin_lim_iterations_are_an_input_of_specgan(models):
    exported = models["specgan"].metadata["ngl"]
    default, same, fewer = (models["specgan"].generate(2, seed=1, **ngl) for ngl in ({}, {"ngl": exported}, {"ngl": 1}))
    np.testing.assert_allclose(default, same, atol=ROUNDING)
    assert np.abs(default - fewer).max() > 0.01


@pytest.mark.parametrize("name", PACKAGES)
def test_an_interpolation_ends_where_it_should(name, models):
    model = models[name]
    tolerance = GRIFFIN_LIM_ROUNDING if name == "specgan" else ROUNDING
    z0, z1 = model.latents(2, seed=3)
    pitch = {} if model.pitches is None else {"pitch": model.middle_pitch}
    label = {} if model.labels is None else {"label": "tom"}
    ends = model.generate(z=[z0, z1], **pitch, **label)
    walk = model.interpolate(z0, z1[None], steps=3, **label)
    assert len(walk) == 4 and len(model.interpolate(z0, z1, **label)) == 11
    np.testing.assert_allclose(walk[[0, -1]], ends, atol=tolerance)
    middle = model.generate(z=model.walk(np.stack([z0, z1]), 3)[1], **pitch, **label)
    np.testing.assert_allclose(walk[1:2], middle, atol=tolerance)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("wavegan", {"z": np.zeros((2, 3))}, r"z: has shape [2, 3], must be [n, 100]"),
    ("wavegan", {"z": "kick"}, r"z: must be numbers in the shape [n, 100]"),
    ("wavegan", {"z": np.full(100, np.nan)}, "z: holds NaN or infinity (or what float32 cannot hold)"),
    ("wavegan", {"z": np.zeros((2, 100)), "n": 3}, "z: has 2 rows for 3 sounds"),
    ("wavegan", {"n": np.zeros((2, 100))}, "n: must be a whole number, not an array of shape [2, 100]"),
    ("wavegan", {"n": "4"}, "n: must be a whole number, not '4'"),
    ("wavegan", {"n": 2.0}, "n: must be a whole number, not 2.0"),
    ("wavegan", {"n": True}, "n: must be a whole number, not True"),
    ("wavegan", {"n": 0}, "n=0: must be at least 1"),
    ("wavegan", {"seed": -1}, "seed=-1: must be at least 0"),
    ("wavegan", {"seed": 2**63}, f"seed={2**63}: must be at most {2**63 - 1}"),
    ("wavegan", {"seed": "one"}, "seed: must be a whole number, not 'one'"),
    ("wavegan", {"batch_size": 0}, "batch_size=0: must be at least 1"),
    ("wavegan", {"pitch": 60}, "pitch=[60]: a wavegan model has no pitches"),
    ("wavegan", {"ngl": 16}, "ngl: this wavegan model has no such input"),
    ("specgan", {"pitches": [60]}, "pitches: this specgan model has no such input"),
    ("specgan", {"ngl": -1}, "ngl=-1: must be at least 0"),
    ("specgan", {"ngl": 2.5}, "ngl: must be a whole number, not 2.5"),
    ("specgan", {"ngl": 2**31}, f"ngl={2**31}: must be at most {2**31 - 1}"),
    ("gansynth", {"pitch": 47}, "pitch=47: the model has pitches from 48 to 84"),
    ("gansynth", {"pitch": [60, 85]}, "pitch=85: the model has pitches from 48 to 84"),
    ("gansynth", {"pitch": "C4"}, "pitch='C4': must be a MIDI number, or a list of them"),
    ("gansynth", {"pitch": 60.5}, "pitch=60.5: must be a MIDI number, or a list of them"),
    ("gansynth", {"pitch": [60, 62], "n": 3}, "pitch: has 2 rows for 3 sounds"),
    ("gansynth", {"pitch": [60, 62, 64], "z": np.zeros((2, 4))}, "z: has 2 rows for 3 sounds"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), WRONG)
def test_a_wrong_argument_of_generate_is_named(models, name, arguments, message):
    with pytest.raises(UserError) as error:
        models[name].generate(**arguments)
    assert str(error.value) == message


def test_a_wrong_argument_of_the_others_is_named(models, capsys):
    model, notes = models["wavegan"], models["gansynth"]
    z, parent = np.zeros(100), DRUMS / "pretrained"
    wrong = {
        "steps=0: must be at least 1": lambda: model.interpolate(z, z, steps=0),
        "z1: has shape [3], must be [n, 100]": lambda: model.interpolate(z, z[:3]),
        "z0, z1: must be one latent vector each, not 3 together": lambda: model.interpolate([z, z], z),
        "n=0: must be at least 1": lambda: model.latents(0, seed=1),
        "seed=-1: must be at least 0": lambda: model.latents(1, seed=-1),
        "midi_file=nowhere.mid: not found": lambda: gansynth_tf.render_midi(notes, "nowhere.mid"),
        f"midi_file={TUNE}: a wavegan model has no pitches": lambda: gansynth_tf.render_midi(model, TUNE),
        "secs_per_instrument=0: must be seconds from 0.05 to 1e+06": lambda: gansynth_tf.render_midi(
            notes, TUNE, secs_per_instrument=0
        ),
        "secs_per_instrument=nan: must be seconds from 0.05 to 1e+06": lambda: gansynth_tf.render_midi(
            notes, TUNE, secs_per_instrument=float("nan")
        ),
        "z: has shape [1, 9], must be [n, 4]": lambda: gansynth_tf.render_midi(notes, TUNE, z=np.zeros((1, 9))),
        f"model_dir={parent}: holds no SavedModel; did you mean": lambda: wavegan_tf.load_model(parent),
        "config: must be a WaveGANConfig, not str": lambda: wavegan_tf.train("sounds", "run"),  # type: ignore[arg-type]
        "data_dir=sounds: is not a folder": lambda: wavegan_tf.train(WaveGANConfig(data_dir="sounds"), "run"),
        "data_dir must be given": lambda: specgan_tf.train(SpecGANConfig(), "run"),
        "wavegan_dim=0: must be at least 1": lambda: WaveGANConfig(wavegan_dim=0),
    }
    for message, call in wrong.items():
        with pytest.raises(UserError) as error:
            call()
        assert str(error.value).startswith(message)
        # The same error as a command prints it.
        assert flags.report(error.value) == 1
        printed = capsys.readouterr().err
        assert printed.replace("--", "").startswith(f"error: {message}")
        assert "--" in printed or message.startswith(("z", "config"))


def test_midi_is_the_same_for_the_same_seed_and_takes_latents(models):
    model = models["gansynth"]
    clips = [gansynth_tf.render_midi(model, TUNE, seed=seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(clips[0], clips[1])
    assert clips[0].shape[1] == 1 and clips[0].max() == pytest.approx(0.5) and (clips[0] != clips[2]).any()
    z = model.latents(2, seed=8)
    given = gansynth_tf.render_midi(model, str(TUNE), z=z)
    np.testing.assert_array_equal(given, gansynth_tf.render_midi(model, TUNE, z=z.tolist(), seed=5))


TINY: dict[str, Any] = {"data_first_slice": True, "train_batch_size": 4, "preview_n": 2}


def wavegan_config(**changes: Any) -> WaveGANConfig:
    own = {"wavegan_dim": 2, "wavegan_kernel_len": 9, "wavegan_latent_dim": 8}
    return WaveGANConfig(**{"data_dir": DRUMS / "drums", **TINY, **own, **changes})


def test_a_run_is_trained_continued_exported_and_loaded(tmp_path):
    run, model_dir = tmp_path / "run", tmp_path / "models" / "1"
    assert wavegan_tf.train(wavegan_config(train_steps=1), train_dir=run) == 1
    # From another thread, as of a server or a notebook's subshell, and with more steps: the same run goes on.
    steps: list[int] = []
    thread = threading.Thread(target=lambda: steps.append(wavegan_tf.train(wavegan_config(train_steps=2), run)))
    thread.start()
    thread.join()
    assert steps == [2] and wavegan_tf.train(wavegan_config(train_steps=2), str(run)) == 2
    wrong = {
        "wavegan_dim=4: the run in this directory was started with 2; keep that": lambda: wavegan_tf.train(
            wavegan_config(wavegan_dim=4), run
        ),
        f"model_dir={run}: holds a training run; export it": lambda: wavegan_tf.load_model(run),
        f"{run}/config.json: is not the configuration": lambda: specgan_tf.export_model(run, model_dir),
        f"{run}/experiment.json: not found": lambda: gansynth_tf.export_model(run, model_dir),
        f"{run}: has no checkpoint of step 9": lambda: wavegan_tf.export_model(run, model_dir, step=9),
    }
    for message, call in wrong.items():
        with pytest.raises(UserError) as error:
            call()
        assert str(error.value).startswith(message)
    assert wavegan_tf.export_model(run, model_dir) == 2
    model = wavegan_tf.load_model(model_dir)
    assert (model.name, model.sample_rate, model.latent_dim, model.pitches) == ("wavegan", 16000, 8, None)
    with pytest.raises(UserError, match="^export_dir=.*: exists already"):
        wavegan_tf.export_model(run, model_dir)
    # An export of before model.json named the signatures.
    path = model_dir / METADATA_FILE
    path.write_text(json.dumps({key: value for key, value in model.metadata.items() if key != "signatures"}))
    earlier = wavegan_tf.load_model(model_dir)
    assert "signatures" in model.metadata and "signatures" not in earlier.metadata
    np.testing.assert_array_equal(earlier.generate(3, seed=1), model.generate(3, seed=1))


@pytest.mark.slow
def test_runs_of_different_settings_follow_one_another_in_a_process(tmp_path):
    """Neither networks nor TensorFlow's settings of one run show in another, or in a model that was loaded before."""
    alone = tmp_path / "alone"
    assert wavegan_tf.train(wavegan_config(train_steps=2), alone) == 2
    wavegan_tf.export_model(alone, tmp_path / "1")
    model = wavegan_tf.load_model(tmp_path / "1")
    clips = model.generate(2, seed=1)
    other = wavegan_config(train_steps=1, wavegan_dim=4, deterministic=True, mixed_precision="bfloat16", seed=5)
    assert wavegan_tf.train(other, tmp_path / "other") == 1
    spec = SpecGANConfig(
        data_dir=str(DRUMS / "drums"), specgan_dim=2, specgan_kernel_len=3, specgan_latent_dim=8, train_steps=1, **TINY
    )
    assert specgan_tf.train(spec, tmp_path / "spec") == 1
    assert specgan_tf.export_model(tmp_path / "spec", tmp_path / "2", specgan_ngl=2) == 1
    sound = specgan_tf.load_model(tmp_path / "2")
    np.testing.assert_allclose(sound.generate(1, seed=1), sound.generate(1, seed=1, ngl=2), atol=ROUNDING)
    notes = GANSynthConfig(**{**SMALLER, "data_dir": str(NOTES)})
    assert gansynth_tf.train(notes, tmp_path / "notes") == SMALLER["total_num_images"]
    with pytest.raises(UserError, match="^latent_vector_size=5: the run in this directory was started with 4"):
        gansynth_tf.train(dataclasses.replace(notes, latent_vector_size=5), tmp_path / "notes")
    with pytest.raises(UserError, match=f"^train_dir={TUNE}: cannot be written"):
        gansynth_tf.train(notes, TUNE)
    assert gansynth_tf.export_model(tmp_path / "notes", tmp_path / "3") == SMALLER["total_num_images"]
    played = gansynth_tf.load_model(tmp_path / "3")
    assert played.generate(pitch=[60, 61], seed=1).shape == (2, SMALLER["audio_length"], 1)
    assert wavegan_tf.train(wavegan_config(train_steps=2), tmp_path / "again") == 2
    first, second = (commands.checkpoint_values(folder / "model.ckpt-2") for folder in (alone, tmp_path / "again"))
    for key, value in first.items():
        np.testing.assert_array_equal(second[key], value, key)
    np.testing.assert_array_equal(model.generate(2, seed=1), clips)


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGES)
def test_the_command_writes_what_generate_gives(name, models, tmp_path):
    pitch = [] if models[name].pitches is None else ["--pitch=60"]
    given = [f"--model_dir={TRAINED[name]}", f"--output_dir={tmp_path}", "--num_samples=5", "--seed=3", *pitch]
    commands.run(f"{name}_tf.generate", *given)
    # By number, which a label may precede and a pitch follow.
    paths = sorted(tmp_path.glob("*.wav"), key=lambda path: re.findall(r"\d{6}", path.name))
    written = np.stack([commands.read_int16(path) for path in paths])
    clips = models[name].generate(5, seed=3, pitch=60 if pitch else None)
    np.testing.assert_array_equal(written, decode.to_int16(clips))
    np.testing.assert_array_equal(np.load(tmp_path / "latents.npy"), models[name].latents(5, seed=3))
