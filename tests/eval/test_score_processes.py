"""Scores by several processes: the figures of one, to the last digit, also after one of them was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from eval import score
from eval.classifiers.labels import LABELS
from eval.classifiers.places import ClassifierInfo
from tests import commands
from tests.eval.small import call, save_classifier, write_words
from tests.eval.tiny_models import write_model


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    save_classifier(folder / "classifier" / "waveform", ClassifierInfo("sc09", "waveform", LABELS))
    write_words(folder / "fake", 70)
    write_words(folder / "real", 60, seed=1)
    write_model(folder / "model" / "1")
    return folder


def figures(folder: Path) -> list[tuple]:
    lines = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    return [(line["metric"], line["of"], line["value"], line["spread"], line["n"]) for line in lines]


def common(place: Path) -> list[str]:
    return [f"--real_dir={place}/real", f"--classifier_dir={place}/classifier"]


@pytest.mark.slow
@pytest.mark.parametrize("source", [["--model_dir=PLACE/model/1", "--num_samples=40"], ["--fake_dir=PLACE/fake"]])
def test_two_processes_have_the_figures_of_one(place, tmp_path, source):
    """As commands, so that one process computes as the others do: with the settings of a new one."""
    found = []
    arguments = [argument.replace("PLACE", str(place)) for argument in source]
    for workers in (1, 2):
        output = tmp_path / str(workers)
        process = commands.command(
            "eval.score", *arguments, *common(place), f"--output_dir={output}", f"--num_workers={workers}"
        )
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        assert not list(output.glob(".scoring*"))
        found.append((figures(output), (next(output.glob("*_probabilities.npy"))).read_bytes()))
    assert found[0] == found[1] and len(found[0][0]) >= 9


@pytest.mark.slow
def test_what_a_process_cannot_read_is_named(place, tmp_path):
    folder = tmp_path / "clips"
    write_words(folder, 40)
    (folder / "zero_000.wav").write_bytes(b"RIFF")
    arguments = [f"--fake_dir={folder}", "--metrics=d_self", "--num_workers=2", f"--output_dir={tmp_path}/out"]
    process = commands.command("eval.score", *arguments)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 1 and errors.splitlines()[-1].startswith(f"error: {folder}/zero_000.wav: ")
    assert not (tmp_path / "out").exists()


def helpers_of(parent: int) -> list[int]:
    """The processes that compute for a score."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(line.split()[0]) for line in found.stdout.splitlines() if "spawn_main" in line]


def wait_for_the_end(processes: list[int]) -> None:
    assert processes
    end = time.monotonic() + 30
    while any(Path(f"/proc/{process}").exists() for process in processes):
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_score_which_continues(place, tmp_path):
    folder, output = tmp_path / "clips", tmp_path / "out"
    write_words(folder, 700)
    arguments = [f"--fake_dir={folder}", *common(place), f"--output_dir={output}"]
    process = commands.command("eval.score", *arguments, "--num_workers=2")
    while len(list(output.glob(".scoring-*/fake-*.npz"))) < 3:
        time.sleep(0.05)
        assert process.poll() is None
    children = helpers_of(process.pid)
    os.kill(children[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 1 and "--num_workers: a process ended before its time" in errors.splitlines()[-1]
    wait_for_the_end(children)
    # Killed whole: the processes that helped end, too.
    process = commands.command("eval.score", *arguments, "--num_workers=2")
    before = len(list(output.glob(".scoring-*/fake-*.npz")))
    while len(list(output.glob(".scoring-*/fake-*.npz"))) < before + 2:
        time.sleep(0.05)
        assert process.poll() is None
    children = helpers_of(process.pid)
    process.kill()
    _, errors = process.communicate(timeout=200)
    assert "clips are finished already" in errors
    wait_for_the_end(children)
    call(score, *arguments)
    call(score, *arguments[:-1], f"--output_dir={tmp_path}/other")
    assert figures(output) == figures(tmp_path / "other") and not list(output.glob(".scoring*"))
