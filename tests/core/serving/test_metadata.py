"""Folders of models, and names of those that come with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

import gansynth_tf
import wavegan_tf
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.metadata import model_folder, read_metadata

COMES_WITH = {
    "pretrained/drums": (wavegan_tf, "wavegan"), "pretrained/specgan_drums": (wavegan_tf, "specgan"),
    "pretrained/notes": (gansynth_tf, "gansynth"),
}  # fmt: skip


@pytest.mark.parametrize("name", COMES_WITH)
def test_models_that_come_with_the_project_are_known_by_name_everywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package, model = COMES_WITH[name]
    assert model_folder(name) == model_folder(Path(name)) == str(Path(str(package.__file__)).parent / "demo" / name)
    assert read_metadata(name)["model"] == model


def test_a_folder_that_is_there_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pretrained/drums").mkdir(parents=True)
    assert model_folder("pretrained/drums") == "pretrained/drums"
    with pytest.raises(UserError, match="holds no SavedModel"):
        read_metadata("pretrained/drums")


@pytest.mark.parametrize("name", ["models/drums", "pretrained", "pretrained/drums/1", "./a/pretrained/drums"])
def test_other_names_are_folders(name):
    assert model_folder(name) == name


def test_an_unknown_one_is_told_which_there_are():
    with pytest.raises(UserError, match="pretrained/drum: .* are pretrained/drums, pretrained/notes, pretrained/spec"):
        read_metadata("pretrained/drum")
