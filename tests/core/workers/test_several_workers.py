"""Two worker processes on this machine: what ends one ends the other in one line, and they go on together later."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from specgan_tf import moments
from specgan_tf.geometry import Moments
from tests.commands import (
    Running,
    command,
    few_drums,
    one_line_error,
    run_two_workers,
    tiny,
    two_places,
    two_workers,
    wait_for,
)
from tests.gansynth.small import SMALLER, arguments

RESTART = "start all workers again with the same command"


def ended(process: Running, code: int) -> str:
    """Waits for a worker's end and returns its standard error."""
    _, errors = process.communicate(timeout=300)
    assert process.returncode == code and "Traceback" not in errors, errors
    return errors


def read_until(process: Running, text: str) -> None:
    """Reads a worker's standard error up to a line with the text."""
    timer = threading.Timer(180, process.kill)
    timer.start()
    assert process.stderr and any(text in line for line in process.stderr), f"ended before it said {text!r}"
    timer.cancel()


def saved_steps(directory: Path) -> list[int]:
    return sorted(int(path.stem.rpartition("-")[2]) for path in directory.glob("model.ckpt-*.index"))


def training(tmp_path: Path, model: str = "wavegan") -> tuple[Path, list[str]]:
    directory = tmp_path / "run"
    data = few_drums(tmp_path / "drums")
    return directory, [f"--data_dir={data}", f"--train_dir={directory}", *tiny(model)]


@pytest.mark.slow
def test_a_killed_worker_ends_the_other_and_both_go_on_when_started_again(tmp_path):
    directory, given = training(tmp_path)
    workers = two_workers("wavegan_tf.train", *given, "--train_save_secs=1")
    wait_for(lambda: len(saved_steps(directory)) > 1, workers[0])
    workers[1].kill()
    error = one_line_error(ended(workers[0], 1))
    assert re.match(r"error: worker 1 \(localhost:\d+\) has ended; ", error) and RESTART in error
    workers[1].communicate()
    step = saved_steps(directory)[-1]
    errors = run_two_workers("wavegan_tf.train", *given, f"--train_steps={step + 2}")
    assert f"continuing at step {step} in" in errors
    assert saved_steps(directory)[-1] == step + 2


def test_other_files_end_both_workers_with_one_line(tmp_path):
    directory, given = training(tmp_path)
    fewer = few_drums(tmp_path / "fewer", 5)
    own: list[list[str]] = [[], [f"--data_dir={fewer}"]]
    for worker in two_workers("wavegan_tf.train", *given, own=own):
        error = one_line_error(ended(worker, 1))
        assert re.match(r"error: number of audio files: 5 in worker 1 \(\S+\), 6 in worker 0 \(\S+\); all ", error)
    assert not saved_steps(directory)


# Where a worker is killed or stopped; see faulty.py.
PHASES = {
    "before TensorFlow connects": ("wavegan_tf.core.training.runtime", "_multi_worker_strategy"),
    "while they agree": ("wavegan_tf.core.dcgan.trainer", "digest_of_audio"),
    "while variables are made": ("wavegan_tf.core.dcgan.trainer", "Trainables"),
    "before the first update": ("wavegan_tf.core.training.loop", "run"),
    "within an update": ("wavegan_tf.core.dcgan.updates", "rows"),
}


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_dies_or_stops_ends_the_other_in_every_phase(tmp_path, phase, number, victim):
    _, given = training(tmp_path)
    workers = [
        command("tests.core.workers.faulty", *PHASES[phase], str(int(number)), str(victim), *given, TF_CONFIG=task)
        for task in two_places()
    ]
    error = one_line_error(ended(workers[1 - victim], 1))
    what = "has ended" if number == signal.SIGKILL else "has not answered for 10 seconds"
    assert re.match(rf"error: worker {victim} \(localhost:\d+\) {what}; ", error) and RESTART in error
    workers[victim].kill()
    workers[victim].communicate()


@pytest.mark.slow
def test_a_stopped_worker_is_found_in_two_minutes_and_ends_when_it_wakes(tmp_path):
    directory, given = training(tmp_path)
    workers = two_workers("wavegan_tf.train", *given, "--train_save_secs=1")
    wait_for(lambda: len(saved_steps(directory)) > 1, workers[0])
    workers[1].send_signal(signal.SIGSTOP)
    _, errors = workers[0].communicate(timeout=120)
    error = one_line_error(errors)
    assert workers[0].returncode == 1 and "has not answered for 90 seconds" in error and RESTART in error
    workers[1].send_signal(signal.SIGCONT)
    one_line_error(ended(workers[1], 1))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["wavegan", "specgan"])
def test_other_options_end_both_workers_with_one_line(tmp_path, model):
    _, given = training(tmp_path, model)
    own: list[list[str]] = [[], [f"--{model}_disc_nupdates=3"]]
    for worker in two_workers(f"{model}_tf.train", *given, own=own):
        error = one_line_error(ended(worker, 1))
        assert re.match(rf"error: --{model}_disc_nupdates: 3 in worker 1 \(\S+\), 5 in worker 0 \(\S+\); ", error)


@pytest.mark.slow
def test_other_moments_end_both_workers_with_one_line(tmp_path):
    directory, given = training(tmp_path, "specgan")
    files = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for place, path in enumerate(files):
        moments.save(Moments(np.zeros(129, np.float32), np.full(129, 1.0 + place, np.float32)), str(path))
    for worker in two_workers("specgan_tf.train", *given, own=[[f"--data_moments_fp={path}"] for path in files]):
        error = one_line_error(ended(worker, 1))
        assert error.startswith("error: content of --data_moments_fp: ")
    assert not (directory / moments.MOMENTS_FILE).exists()
    assert "starting at step 0" in run_two_workers("specgan_tf.train", *given, "--train_steps=1")


@pytest.mark.slow
def test_a_train_dir_that_one_does_not_see_ends_both_workers_with_one_line(tmp_path):
    _, given = training(tmp_path)
    run_two_workers("wavegan_tf.train", *given, "--train_steps=1")
    own: list[list[str]] = [[], [f"--train_dir={tmp_path / 'elsewhere'}", "--train_steps=1"]]
    for worker in two_workers("wavegan_tf.train", *given, own=own):
        error = one_line_error(ended(worker, 1))
        assert error.startswith("error: step of the checkpoint: 0 in worker 1 ") and "the same --train_dir" in error


@pytest.mark.slow
def test_a_late_worker_is_waited_for_in_one_line(tmp_path):
    _, given = training(tmp_path)
    places = two_places()
    first = command("wavegan_tf.train", *given, "--train_steps=1", TF_CONFIG=places[0])
    read_until(first, "waiting for workers: localhost:")
    second = command("wavegan_tf.train", *given, "--train_steps=1", TF_CONFIG=places[1])
    ended(second, 0)
    assert "all 2 workers are there" in ended(first, 0)


@pytest.mark.slow
@pytest.mark.parametrize("worker", [0, 1])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_the_wait(tmp_path, worker, number, code):
    directory, given = training(tmp_path)
    process = command("wavegan_tf.train", *given, TF_CONFIG=two_places()[worker])
    read_until(process, "waiting for workers: localhost:")
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    said = "SIGTERM: stopped while waiting" if code == 0 else "interrupted"
    assert errors.startswith(said) and len(errors.splitlines()) == 1
    assert not directory.exists()


@pytest.mark.slow
@pytest.mark.parametrize("worker", [0, 1])
def test_a_stop_signal_to_one_stops_both_with_a_checkpoint(tmp_path, worker):
    directory, given = training(tmp_path)
    workers = two_workers("wavegan_tf.train", *given)
    wait_for(lambda: (directory / "stats.jsonl").exists(), workers[0])
    workers[worker].send_signal(signal.SIGTERM)
    said = [ended(process, 0) for process in workers]
    step = saved_steps(directory)[-1]
    assert step > 0 and f"SIGTERM: stopping after step {step}" in said[worker]
    assert f"a signal to another worker: stopping after step {step}" in said[1 - worker]


@pytest.mark.slow
def test_gansynth_workers_end_and_go_on_likewise(tmp_path):
    given = arguments(tmp_path / "run", **{**SMALLER, "total_num_images": 4000, "train_save_secs": 1.0})
    workers = two_workers("gansynth_tf.train", *given)
    wait_for(lambda: len(saved_steps(tmp_path / "run" / "stage_00001")) > 1, workers[0])
    workers[0].kill()
    error = one_line_error(ended(workers[1], 1))
    assert re.match(r"error: worker 0 \(localhost:\d+\) has ended; ", error) and RESTART in error
    workers[0].communicate()
    stages = sorted((tmp_path / "run").glob("stage_*"))
    step = saved_steps(stages[-1])[-1]
    again = arguments(tmp_path / "run", **{**SMALLER, "total_num_images": step + 4})
    assert f"continuing at image {step} in" in run_two_workers("gansynth_tf.train", *again)


@pytest.mark.slow
def test_other_notes_end_both_gansynth_workers_with_one_line(tmp_path):
    given = arguments(tmp_path / "run", **SMALLER)
    own: list[list[str]] = [[], ["--data_velocities=127"]]
    for worker in two_workers("gansynth_tf.train", *given, own=own):
        assert one_line_error(ended(worker, 1)).startswith("error: --data_velocities: '127' in worker 1 ")
