"""Running the project's commands as a user does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
import tensorflow as tf

from tests.forks import Forked

Running: TypeAlias = subprocess.Popen | Forked

# Those that `command` has started.
started: list[Running] = []
# A loaded machine needed more than 300 for 60 epochs of a classifier.
_SECONDS = 900
DRUMS = Path(__file__).parents[1] / "wavegan_tf" / "demo" / "drums"


def tiny(model: str) -> list[str]:
    """Flags of a run that makes a step in milliseconds; the networks have all their layers."""
    return [
        "--data_first_slice", f"--{model}_dim=2", f"--{model}_kernel_len={9 if model == 'wavegan' else 3}",
        f"--{model}_latent_dim=8", "--train_batch_size=4", "--preview_n=2",
    ]  # fmt: skip


def command(module: str, *arguments: str, fresh: bool = False, **environment: str) -> Running:
    """Starts `python -m module` with TensorFlow's notes as they are by default, its output to be read as text.

    Unless it is to be `fresh`, it is forked from a process that has imported TensorFlow.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    if not fresh:
        started.append(Forked(module, arguments, {**inherited, **environment}))
        return started[-1]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**inherited, **environment},
    )
    started.append(process)
    return process


def run(module: str, *arguments: str, code: int = 0, fresh: bool = False, **environment: str) -> str:
    """Runs to the end, checks the exit code and that TensorFlow is quiet, and returns what went to standard error."""
    process = command(module, *arguments, fresh=fresh, **environment)
    _, errors = process.communicate(timeout=_SECONDS)
    assert process.returncode == code, errors
    assert "external/local_xla" not in errors and "retracing" not in errors, errors
    return errors


def free_ports(count: int) -> list[int]:
    """Ports of this machine at which nobody listens."""
    sockets = [socket.socket() for _ in range(count)]
    for held in sockets:
        held.bind(("localhost", 0))
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def two_places() -> list[str]:
    """TF_CONFIG of two workers on this machine."""
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    return [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}) for index in (0, 1)]


def two_workers(module: str, *arguments: str, own: Sequence[Sequence[str]] = ((), ())) -> list[Running]:
    """Starts two workers; `own` holds further arguments of each."""
    return [command(module, *arguments, *more, TF_CONFIG=place) for place, more in zip(two_places(), own, strict=True)]


def run_two_workers(module: str, *arguments: str) -> str:
    """Runs two workers on this machine to their end; returns what one of them wrote to standard error."""
    for worker in two_workers(module, *arguments):
        _, errors = worker.communicate(timeout=_SECONDS)
        assert worker.returncode == 0, errors
    return errors


def one_line_error(errors: str) -> str:
    """The one line that says what was wrong, of a command's standard error."""
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in errors, errors
    return lines[0]


def wait_for(condition: Callable[[], object], process: Running, seconds: float = 180.0) -> None:
    """Waits until the condition holds while the process runs."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


def few_drums(directory: Path, count: int = 6) -> Path:
    """A folder with some of the drum hits as links."""
    directory.mkdir(exist_ok=True)
    for path in sorted(DRUMS.glob("*.flac"))[:count]:
        (directory / path.name).symlink_to(path)
    return directory


def checkpoint_values(prefix: Path) -> dict[str, np.ndarray]:
    """All tensors of a TensorFlow checkpoint but the description of its objects, the count of saves and the clock."""
    reader = tf.train.load_checkpoint(str(prefix))
    left_out = ("OBJECT_GRAPH", "save_counter", "train_time")
    names = [name for name in reader.get_variable_to_shape_map() if not any(part in name for part in left_out)]
    return {name: reader.get_tensor(name) for name in names}


def read_int16(path: Path) -> np.ndarray:
    """The samples of a file as they are stored, int16 [t, c]."""
    return soundfile.read(path, dtype="int16", always_2d=True)[0]
