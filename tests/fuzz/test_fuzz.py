"""A small part of `make fuzz`, the same each time; and that the search notices what it is for."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from tests.fuzz import __main__ as command
from tests.fuzz import child, kinds, mutations, trial
from tests.test_architecture import ROOT
from wavegan_tf.core.errors import UserError

# Without TensorFlow, which can end the process, and the decoders of audio, which take longer.
QUICK = (
    "npy", "npz", "pickle", "normalizer", "model_json", "classifier_json", "config_json", "hparams", "experiment_json",
    "args_txt", "tf_config", "examples_json", "splits_csv", "scores_jsonl", "midi",
)  # fmt: skip


def test_the_search_has_a_reader_of_every_kind():
    assert set(QUICK) < set(kinds.READERS) and len(kinds.READERS) == 30


@pytest.mark.parametrize("name", QUICK)
def test_damaged_files_are_answered_or_refused_in_one_line(tmp_path, name, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    told = child.search(kinds.READERS[name](), tmp_path, 30, 0.0, 3)
    assert set(told) == {"ok"} and len(told) >= 30


@pytest.mark.slow
def test_no_reader_ends_its_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--found", str(tmp_path), "--seed", "1", "--tries", "40"],
        cwd=ROOT, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 0 faults, ") == len(kinds.READERS)


def _raises(error):
    def read():
        raise error

    return read


def _waits():
    end = time.process_time() + 1.1
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (lambda: 3, ""),
        (_raises(UserError("x: is damaged")), ""),
        (_raises(UserError("{{function_node x}} is damaged")), "the line is"),
        (_raises(KeyError("x")), "KeyError at test_fuzz.py"),
        (_raises(MemoryError()), "MemoryError at test_fuzz.py"),
        (_waits, "it took 1."),
        (lambda: np.ones(1 << 28, np.uint8).sum(), "it took 25"),
    ],
)  # fmt: skip
def test_a_try_tells_what_is_wrong(read, fault):
    found = trial.fault_of(read)
    assert found.startswith(fault) and bool(found) == bool(fault)


@pytest.mark.parametrize(
    ("code", "ended"),
    [("", None), ("import os; os.abort()", "SIGABRT"), ("raise SystemExit(3)", "ended with 3"),
     ("import time; time.sleep(60)", "no answer in 1 s")],
)  # fmt: skip
def test_the_end_of_a_process_is_noticed(tmp_path, monkeypatch, code, ended):
    monkeypatch.setattr(command, "_QUIET_SECONDS", 1.0)
    assert command._watch([sys.executable, "-c", code], tmp_path, 0.0) == ended


@pytest.mark.parametrize("kind", mutations.KINDS)
def test_damage_of_every_kind_changes_files_and_bounds_their_size(kind):
    whole, other = b'{"a": 12, "b": 345}' * 3, b"another"
    steps = [mutations.Step(kind, place, 1 + place % 14, place) for place in range(40)]
    found = {mutations.damaged(whole, [step], other) for step in steps}
    assert len(found - {whole}) > 5
    assert max(map(len, [mutations.damaged(whole, steps, other), *found])) <= mutations._MOST_BYTES
