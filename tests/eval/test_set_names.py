"""Names of sets: of each set one, and of no other."""

import itertools
import json
import os

import pytest

from eval import set_names
from tests.eval.small import raises_user_error

PLACES = ("models/a/1", "models/b/1", "models/a_1", "more/models/a/1", "a/1", "clips", "more/clips", "clips_a", "7")


def record(output_dir, name, place, classifiers, **others):
    with open(output_dir / "scores.jsonl", "a", encoding="utf-8") as file:
        for classifier in classifiers:
            line = {"name": name, "place": str(place), "classifier": {"name": classifier}, **others}
            file.write(json.dumps(line) + "\n")
        file.write('{"name": "a/1", "pla')  # as a record that was cut short
        file.write("\n")


@pytest.mark.parametrize("classifiers", [["waveform"], ["waveform", "a/waveform", "a_1/log_mel"]])
@pytest.mark.parametrize("order", [PLACES, PLACES[::-1], sorted(PLACES)])
def test_no_two_sets_share_a_file_and_each_keeps_its_name(order, classifiers, tmp_path):
    names: dict[str, str] = {}
    files: dict[str, set[str]] = {}
    for place in (*order, *order):
        name = set_names.name_of(str(tmp_path / place), str(tmp_path), classifiers)
        assert names.setdefault(place, name) == name and place.endswith(name.split("/")[-1])
        files[place] = {set_names.probabilities_file(name, classifier) for classifier in classifiers}
        assert not any(os.sep in file for file in files[place])
        record(tmp_path, name, tmp_path / place, classifiers)
    assert len(set(names.values())) == len(PLACES)
    for first, second in itertools.combinations(PLACES, 2):
        assert not files[first] & files[second], (first, second)


def test_a_name_is_as_short_as_it_can_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set_names.name_of("models/a/1/", "out", []) == "a/1"
    assert set_names.name_of("models/mine", "out", []) == "mine"
    (tmp_path / "models" / "a").mkdir(parents=True)
    monkeypatch.chdir("models/a")
    assert set_names.name_of("1", "out", []) == set_names.name_of("./1", "out", []) == "a/1"


def test_a_name_that_is_asked_for_is_taken_unless_it_is_of_another_set(tmp_path):
    record(tmp_path, "mine", tmp_path / "a", ["waveform"])
    record(tmp_path, "run 20", tmp_path / "x", ["waveform"], step=20, watched=str(tmp_path / "run"))
    assert set_names.name_of(str(tmp_path / "a"), str(tmp_path), ["waveform"], "mine") == "mine"
    assert set_names.name_of(str(tmp_path / "run"), str(tmp_path), ["waveform"], "run") == "run"
    assert set_names.name_of(str(tmp_path / "b"), str(tmp_path), ["waveform"], "yours") == "yours"
    for name, owner in (("mine", "a"), ("run", "run"), ("run 20", "run")):
        with raises_user_error(f"--name={name}: is of {tmp_path}/{owner} in {tmp_path}/scores.jsonl; give another"):
            set_names.name_of(str(tmp_path / "b"), str(tmp_path), ["waveform"], name)


def test_runs_of_one_name_are_told_apart(tmp_path):
    record(tmp_path, "run 20", tmp_path / "x", ["waveform"], step=20, watched=str(tmp_path / "a" / "run"))
    assert set_names.name_of(str(tmp_path / "a" / "run"), str(tmp_path), ["waveform"]) == "run"
    assert set_names.name_of(str(tmp_path / "b" / "run"), str(tmp_path), ["waveform"]) == "b/run"
