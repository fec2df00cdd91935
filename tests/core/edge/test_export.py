"""export_edge: the models of this repository as files, what stands beside and in them, and mistakes."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import ai_edge_litert.interpreter
import numpy as np
import pytest
import tensorflow as tf

import wavegan_tf
from tests import commands, edge_files, exported
from tests.eval.small import call, raises_user_error
from tests.eval.tiny_models import write_model
from tests.test_api import TRAINED
from wavegan_tf.core.edge import conversion, export, flatbuffer, metadata
from wavegan_tf.core.nn import convolution
from wavegan_tf.core.serving.metadata import METADATA_FILE

LARGEST_DIFFERENCES = {"wavegan": 1e-5, "specgan": 1e-3, "gansynth": 1e-3}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A WaveGAN in our form that is converted in a moment."""
    return write_model(tmp_path_factory.mktemp("tiny") / "1")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Those of the models of this repository by model and weights."""
    folder = tmp_path_factory.mktemp("edge")
    for name, model_dir in TRAINED.items():
        model = wavegan_tf.load_model(model_dir)
        for weights in ("float32", "float16"):
            model.export_edge(folder / name / f"{weights}.tflite", weights)
    return folder


@pytest.mark.parametrize("name", TRAINED)
def test_trained_models_sound_as_their_savedmodels_do(files, name):
    exact, half = (
        edge_files.difference(str(TRAINED[name]), files / name / f"{weights}.tflite", 4)
        for weights in ("float32", "float16")
    )
    assert (exact.largest if name == "wavegan" else exact.relative) < LARGEST_DIFFERENCES[name]
    assert half.spectral < 0.1
    sizes = [(files / name / f"{weights}.tflite").stat().st_size for weights in ("float16", "float32")]
    assert sizes[0] < 0.57 * sizes[1] and sizes[0] < 4e6


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("interpreter", [tf.lite.Interpreter, ai_edge_litert.interpreter.Interpreter])
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_both_runtimes_take_inputs_by_name(files, name, interpreter):
    model = wavegan_tf.load_model(TRAINED[name])
    rows = edge_files.inputs_of(model, 1)
    made = edge_files.runner((files / name / "float32.tflite").read_bytes(), interpreter)(**rows)
    expected = np.stack(list(model.stream(rows, 1)))
    assert made.shape == expected.shape and made.dtype == np.float32
    assert np.sqrt(np.mean((made - expected) ** 2)) < 1e-3 * np.sqrt(np.mean(expected**2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (exported.wavegan, {}),
        (exported.wavegan, {"wavegan_genr_upsample": "nn", "wavegan_genr_pp": True}),
        (exported.specgan, {"specgan_ngl": 2}),
        (exported.specgan, {"specgan_ngl": 2, "specgan_genr_upsample": "nn", "specgan_batchnorm": True}),
        (exported.gansynth, {}),
        (exported.gansynth, {"simple_arch": True}),
    ],
)
def test_models_that_were_exported_on_a_machine_with_a_gpu(make, options, tmp_path, monkeypatch):
    """There the graph has other forms of the convolutions."""
    monkeypatch.setattr(convolution, "_on_gpu", lambda: True)
    model_dir = make(tmp_path / "1", **options)
    wavegan_tf.load_model(model_dir).export_edge(tmp_path / "a.tflite", "float32")
    assert edge_files.difference(model_dir, tmp_path / "a.tflite").relative < 1e-4


def test_what_a_file_says_of_itself_stands_beside_it_too(files):
    text = (files / "gansynth" / "float16.json").read_text()
    assert flatbuffer.embedded((files / "gansynth" / "float16.tflite").read_bytes()) == text
    found = json.loads(text)
    assert isinstance(found.pop("version"), str)
    # Shipped models have these two; the page shows them.
    assert "four instruments" in found.pop("description") and "MIT" in found.pop("licence")
    assert found == {
        "model": "gansynth", "sample_rate": 8000, "latent_dim": 4, "audio_length": 8000, "min_pitch": 48,
        "max_pitch": 84, "data_type": "linear", "data_shape": [32, 512, 2], "stage": 2, "progress": 1.0,
        "step": 466524, "num_channels": 1, "samples": 8000, "weights": "float16", "latent": "normal",
        "inputs": [{"name": "z", "dtype": "float32", "shape": [1, 4]},
                   {"name": "pitch", "dtype": "int32", "shape": [1]}],
        "outputs": [{"name": "audio", "dtype": "float32", "shape": [1, 8000, 1]}],
    }  # fmt: skip
    drums = json.loads((files / "specgan" / "float32.json").read_text())
    assert "moments" not in drums and [row["name"] for row in drums["inputs"]] == ["z", "label"]
    assert drums["inputs"][0] == {"name": "z", "dtype": "float32", "shape": [1, 100]}
    assert drums["inputs"][1] == {"name": "label", "dtype": "int32", "shape": [1]}
    assert (drums["latent"], drums["weights"], drums["samples"]) == ("uniform", "float32", 16384)


def test_what_the_savedmodel_says_in_addition_is_kept():
    said = {
        "model": "wavegan", "weights": "average", "signatures": {}, "labels": ["kick", "snare"], "licence": "MIT",
    }  # fmt: skip
    found = metadata.describe(said, "int8", "uniform", [tf.TensorSpec([1, 4], name="z")], [1, 64, 2])
    assert found.pop("inputs")[0]["shape"] == [1, 4] and found.pop("outputs")[0]["shape"] == [1, 64, 2]
    assert found == {
        "model": "wavegan", "generator": "average", "labels": ["kick", "snare"], "licence": "MIT", "weights": "int8",
        "latent": "uniform", "samples": 64, "num_channels": 2,
    }  # fmt: skip


@pytest.mark.slow
def test_the_command_writes_both_files_and_one_line(tiny, tmp_path):
    written = commands.run(
        "wavegan_tf.core.edge.export", f"--model_dir={tiny}", f"--output={tmp_path}/new/drums.tflite"
    )
    size = (tmp_path / "new" / "drums.tflite").stat().st_size
    assert written == f"{tmp_path}/new/drums.tflite: the wavegan model of {tiny}, {size / 1e6:.2f} MB\n"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["drums.json", "drums.tflite"]
    assert edge_files.difference(tiny, tmp_path / "new" / "drums.tflite").spectral < 0.3


def test_a_file_is_written_again(tiny, tmp_path):
    for weights in ("float32", "float16"):
        call(export, f"--model_dir={tiny}", f"--output={tmp_path}/a.tflite", f"--weights={weights}")
        assert json.loads((tmp_path / "a.json").read_text())["weights"] == weights


def test_a_page_is_made_of_the_model_and_what_it_says(tiny, tmp_path, monkeypatch):
    made = []
    page = types.ModuleType("wavegan_tf.core.edge.page")
    page.make_page = lambda *given: made.append(given) or "<p>\u266a</p>"  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.setitem(sys.modules, page.__name__, page)
    monkeypatch.setattr(importlib.import_module("wavegan_tf.core.edge"), "page", page, raising=False)
    call(export, f"--model_dir={tiny}", f"--output={tmp_path}/a.html", "--title=Hits")
    wavegan_tf.load_model(tiny).export_edge(tmp_path / "B.HTML", weights="float32")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "<p>\u266a</p>"
    (model, described, title), (_, other, none) = made
    assert (title, none) == ("Hits", None) and (described["weights"], other["weights"]) == ("float16", "float32")
    assert json.loads(str(flatbuffer.embedded(model))) == described
    assert sorted(path.name for path in tmp_path.iterdir()) == ["B.HTML", "a.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output=OUT/a.tflite"], "^--model_dir must be given$"),
        (["--model_dir=TINY"], "^--output must be given$"),
        (["--model_dir=OUT/none", "--output=OUT/a.tflite"], "^--model_dir=OUT/none: holds no SavedModel"),
        (["--model_dir=TINY", "--output=OUT/a.onnx"], r"^--output=OUT/a.onnx: must end in .tflite \(a model\) or"),
        (["--model_dir=TINY", "--output=OUT"], "^--output=OUT: must end in .tflite"),
        (["--model_dir=TINY", "--output=OUT/dir.tflite"], "^--output=OUT/dir.tflite: is a folder; name a file in it$"),
        (["--model_dir=TINY", "--output=OUT/file/a.tflite"], "^--output=OUT/file/a.tflite: cannot be written"),
        (["--model_dir=TINY", "--output=OUT/a.tflite", "--title=x"], "^--title: requires --output=NAME.html$"),
        (["--model_dir=TINY", "--output=OUT/a.html", "--title=\udcff"], "^--title: holds characters that a page"),
        (["--model_dir=TINY", "--output=OUT/other.tflite"], "its description would replace OUT/other.json, which"),
        (["--model_dir=TINY", "--output=TINY/assets.extra/model.tflite"], "would replace TINY/assets.extra/model.json"),
    ],
)  # fmt: skip
def test_mistakes(tiny, tmp_path, arguments, message):
    (tmp_path / "dir.tflite").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "other.json").write_text('["notes"]')
    before = sorted(tmp_path.rglob("*"))
    places = {"TINY": tiny, "OUT": str(tmp_path)}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
        message = message.replace(name, place)
    with raises_user_error(message):
        call(export, *arguments)
    assert sorted(tmp_path.rglob("*")) == before


def test_eight_bits_are_for_wavegan_alone(tmp_path):
    for name, change in (("specgan", 2.4), ("gansynth", 3.9)):
        model = wavegan_tf.load_model(TRAINED[name])
        with raises_user_error(f"^weights=int8: is for WaveGAN alone.* {name} model .* by {change} dB "):
            model.export_edge(tmp_path / "new" / "a.tflite", "int8")
    with raises_user_error("^weights=float64: must be one of float32, float16, int8$"):
        model.export_edge(tmp_path / "new" / "a.tflite", "float64")
    assert not (tmp_path / "new").exists()


def renamed(tiny: str, folder: Path, **changes: Any) -> str:
    """A copy of a model that says something else of itself."""
    shutil.copytree(tiny, folder)
    path = folder / METADATA_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return str(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_rate": 2999}, "browsers play rates from 3000 Hz, not the model's 2999; take .tflite"),
        ({"num_channels": 33}, "browsers play at most 32 channels, not the model's 33; take .tflite"),
    ],
)
def test_sounds_that_browsers_do_not_play_are_refused_for_a_page_alone(tiny, tmp_path, changes, message):
    model = wavegan_tf.load_model(renamed(tiny, tmp_path / "1", **changes))
    with raises_user_error(f"^output={tmp_path}/new/a.html: {message}$"):
        model.export_edge(tmp_path / "new" / "a.html")
    assert not (tmp_path / "new").exists()
    if "sample_rate" in changes:
        model.export_edge(tmp_path / "new" / "a.tflite")


def test_models_that_are_not_ours_name_no_module(tiny, tmp_path):
    """A file says which model it is; a module of such a name must not be imported."""
    for name in ("tests.core", "os", "nogan"):
        model = wavegan_tf.load_model(renamed(tiny, tmp_path / name, model=name))
        with raises_user_error(f"holds a {name} model; known are wavegan, specgan, gansynth$"):
            model.export_edge(tmp_path / "a.tflite")


def test_what_json_has_no_number_for_is_refused(tiny, tmp_path):
    model_dir = renamed(tiny, tmp_path / "1", loss=float("nan"))
    with raises_user_error(r"lacks what a conversion needs \(Out of range float values are not JSON compliant"):
        wavegan_tf.load_model(model_dir).export_edge(tmp_path / "a.tflite")


def test_a_model_without_the_signature_of_its_kind(tiny, tmp_path):
    model_dir = renamed(tiny, tmp_path / "1", model="specgan")
    path = Path(model_dir) / METADATA_FILE
    whole = json.loads((TRAINED["specgan"] / METADATA_FILE).read_text())
    del whole["labels"]
    path.write_text(json.dumps({**whole, "latent_dim": 4, "signatures": json.loads(path.read_text())["signatures"]}))
    with raises_user_error(r"lacks what a conversion needs \('spectrogram' is missing\); export the run again$"):
        wavegan_tf.load_model(model_dir).export_edge(tmp_path / "a.tflite")


def test_an_operation_that_tensorflow_lite_lacks_is_named(capfd):
    with pytest.raises(conversion.Inconvertible, match="^TensorFlow Lite has no Digamma$"):
        conversion.compiled(lambda x: tf.math.digamma(x), [tf.TensorSpec([3], name="x")], tf.Module())
    assert "Digamma" not in capfd.readouterr().err
