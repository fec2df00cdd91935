"""A pipeline in processes of its own, which end with this one, and are started again if one of them is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from wavegan_tf.core.audio.options import num_threads
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.folders import work_folder
from wavegan_tf.core.preparation import filesystems

# Starts of the same pipeline. Whatever kills a worker each time, such as one file or too little memory, ends it then.
_MOST_STARTS = 3
_LOOK_SECS = 0.1
_ROOT = str(Path(__file__).resolve().parents[3])
_START = (
    "import sys; sys.path[:] = filter(None, sys.path); sys.path.insert(0, sys.argv.pop(1)); "
    "from wavegan_tf.core.preparation import pipeline; pipeline.main(sys.argv[1:])"
)


def beam_arguments(given: Sequence[str], is_small: bool = False) -> list[str]:
    """Beam's options of a command line, and as many processes as there are cores unless these say otherwise.

    Args:
      given: the options.
      is_small: whether the work takes less time than processes to start.

    Raises:
      UserError: Apache Beam is not installed, or refuses them.
    """
    filesystems.require_beam()
    from wavegan_tf.core.preparation import pipeline

    arguments = list(given)
    pipeline.beam_options(arguments)
    if pipeline.is_local(arguments):
        names = {argument.partition("=")[0] for argument in arguments}
        if "--direct_running_mode" not in names:
            arguments.append(f"--direct_running_mode={'in_memory' if is_small else 'multi_processing'}")
        if "--direct_num_workers" not in names and not pipeline.is_in_this_process(arguments):
            arguments.append(f"--direct_num_workers={num_threads()}")
    return arguments


def run(
    function: str,
    settings: Mapping[str, Any],
    units: Sequence[Mapping[str, Any]],
    arguments: Sequence[str],
    look: Callable[[], None] = lambda: None,
) -> None:
    """Does units of work by a pipeline, each once; those that another start has done are the function's to pass over.

    Args:
      function: "module:name" of a function of the settings and a unit.
      settings: JSON values.
      units: JSON values, each with its number.
      arguments: from `beam_arguments`.
      look: called now and then, to show how far it is.

    Raises:
      UserError: a unit found a mistake, the pipeline failed, or its processes were killed again and again.
    """
    from wavegan_tf.core.preparation import pipeline

    job = {"function": function, "settings": settings, "units": list(units), "beam": list(arguments)}
    if pipeline.is_in_this_process(arguments):
        pipeline.run(job)
        look()
        return
    with work_folder(tempfile.gettempdir(), "preparation") as folder:
        path, answer, log = (os.path.join(folder, name) for name in ("job.json", "answer", "log"))
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(job, file)
        for start in range(1, _MOST_STARTS + 1):
            code = _run_process([path, answer], folder, log, look)
            if code == pipeline.DONE:
                return
            line = _text(answer) if code in (pipeline.REFUSED, pipeline.LOST) else f"exit code {code}"
            if code == pipeline.REFUSED:
                raise UserError(line)
            if code not in (pipeline.LOST, -signal.SIGKILL, -signal.SIGTERM):
                raise UserError(f"Beam's pipeline ended: {_last_line(_text(log)) or line}")
            if start < _MOST_STARTS:
                logging.warning("a process of the pipeline was lost (%s); starting it again", line)
        raise UserError(
            f"a process of the pipeline was lost {_MOST_STARTS} times (last {line}): too little memory, or a file that "
            "ends its decoder; what is finished is kept, and the same command goes on with the rest"
        )


def _run_process(arguments: Sequence[str], folder: str, log: str, look: Callable[[], None]) -> int:
    """Runs the pipeline's process to its end, and ends all that it has started; returns its exit code."""
    paths = [_ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {
        **os.environ,
        # Workers are started by `python -m`, which would look for modules in the current folder: an empty one, then.
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, paths)),
        "PYTHONWARNINGS": "ignore",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    with open(log, "ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, _ROOT, *arguments],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
        )  # fmt: skip
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_SECS)
                break
            look()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
