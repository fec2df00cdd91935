"""The pipeline: units of work, each done once by a function of this project, on whatever runner Beam is told to use.

A job is a JSON value: the function as "module:name", its settings, the units, and Beam's own options. A unit leaves a
file as its result, so that nothing needs to come back through the runner. This module is also the process that runs a
pipeline whose workers are processes: see `processes`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import logging
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.runner import create_runner

from wavegan_tf.core.errors import UserError, found_in, marked, one_line
from wavegan_tf.core.folders import has_locks, try_to_lock

_LOCAL_RUNNERS = ("", "DirectRunner", "FnApiRunner", "SwitchingDirectRunner")
_LOST_WORKER = re.compile(r"Worker subprocess exited with return code (-?\d+)")
# Exit codes of the process that runs a pipeline; others are faults.
DONE, REFUSED, LOST = 0, 3, 4
_PARENT_SECS = 0.5


class Work(beam.DoFn):
    """Does units of work; yields the number of each."""

    def __init__(self, function: str, settings: Mapping[str, Any], claims: str | None):
        """Takes "module:name" of a function of settings and a unit, and the folder of `claimed`."""
        self._function, self._settings, self._claims = function, dict(settings), claims

    def process(self, units: Sequence[Mapping[str, Any]]) -> Iterator[int]:
        """Does those that no other worker does or has done."""
        for unit in units:
            with claimed(self._claims, unit["number"]) as is_mine:
                if is_mine:
                    self._do(unit)
                    yield unit["number"]

    def _do(self, unit: Mapping[str, Any]) -> None:
        try:
            resolve(self._function)(self._settings, unit)
        except UserError as error:
            raise marked(error) from None


def folder_of_claims(parent: str) -> str | None:
    """A new folder for `claimed`; None on a disk without locks, where each worker keeps to units of its own."""
    return tempfile.mkdtemp(prefix="claims-", dir=parent) if has_locks(parent) else None


@contextlib.contextmanager
def claimed(folder: str | None, number: int) -> Iterator[bool]:
    """Yields whether a unit is this worker's, and marks it as done when the block ends without an error.

    Args:
      folder: of this machine, empty when the pipeline starts; None if no other worker is given the same units.
      number: of the unit.
    """
    if folder is None:
        yield True
        return
    with open(os.path.join(folder, str(number)), "ab", buffering=0) as file:
        is_mine = try_to_lock(file) and os.fstat(file.fileno()).st_size == 0
        yield is_mine
        if is_mine:
            file.write(b"done")


def shares(units: Sequence[Mapping[str, Any]], workers: int) -> list[list[Mapping[str, Any]]]:
    """The units in the order of each worker: first its own, then, from their ends, those of the others.

    The runner gives each worker a fixed share; so a worker whose share takes less time helps with the rest.
    """
    own = [units[worker::workers] for worker in range(min(workers, len(units)))]
    return [[*mine, *(unit for other in own if other is not mine for unit in reversed(other))] for mine in own]


@functools.cache
def resolve(function: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], None]:
    """The function of a job."""
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def run(job: Mapping[str, Any]) -> None:
    """Runs a job's pipeline to its end.

    Raises:
      UserError: a unit found a mistake, Beam refuses its options, or the pipeline failed.
    """
    options = beam_options(job["beam"])
    local, claims = is_local(job["beam"]), job.get("claims")
    workers = options.view_as(DirectOptions).direct_num_workers or os.cpu_count() or 1
    units = shares(job["units"], workers) if claims else [[unit] for unit in job["units"]]
    try:
        with _quiet_logging(), beam.Pipeline(runner=_local_runner() if local else None, options=options) as pipeline:
            done = (
                pipeline
                | "Match" >> beam.Create(units)
                | "Spread" >> beam.Reshuffle()
                | "Decode and write" >> beam.ParDo(Work(job["function"], job["settings"], claims))
            )
            _ = done | "Gather" >> beam.combiners.Count.Globally()
    except UserError:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        if found := found_in(error):
            raise found from None
        shown = " ".join(job["beam"]) or "the default runner"
        raise UserError(f"Beam's pipeline failed with {shown}: {_cause(str(error)) or type(error).__name__}") from error


def _cause(text: str) -> str:
    """The last line of a text that is not of a traceback."""
    lines = [line.strip() for line in text.splitlines() if line[:1].strip() and not line.startswith("Traceback")]
    return one_line(ValueError(lines[-1])) if lines else ""


def _local_runner() -> Any:
    """Beam's direct runner for batches. `DirectRunner` would first try to download another one."""
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    return FnApiRunner()


def is_local(arguments: Sequence[str]) -> bool:
    """True if options name no runner, or the one on this machine."""
    return (_parsed(arguments)[0].view_as(StandardOptions).runner or "") in _LOCAL_RUNNERS


def is_in_this_process(arguments: Sequence[str]) -> bool:
    """True if options ask the runner on this machine for no processes of its own."""
    return is_local(arguments) and _running_mode(arguments) != "multi_processing"


def _running_mode(arguments: Sequence[str]) -> str:
    return _parsed(arguments)[0].view_as(DirectOptions).direct_running_mode


def beam_options(arguments: Sequence[str]) -> PipelineOptions:
    """Beam's options of a command line.

    Raises:
      UserError: one has an impossible value, or is unknown to the runner on this machine.
    """
    options, unknown = _parsed(arguments)
    if is_local(arguments):
        if unknown:
            raise UserError(f"-- {unknown[0]}: is no option of Apache Beam's direct runner")
        return options
    runner = options.view_as(StandardOptions).runner
    try:
        create_runner(runner)
    except Exception as error:  # whatever a runner's module raises where something of it is missing
        raise UserError(f"-- --runner={runner}: Apache Beam cannot make it ({one_line(error)})") from None
    return options


def _parsed(arguments: Sequence[str]) -> tuple[PipelineOptions, list[str]]:
    """Beam's options, and the arguments that are none of those it knows; see `beam_options`."""
    from apache_beam.options import pipeline_options

    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(complaint), _quiet_logging():
            parser = pipeline_options._BeamArgumentParser(allow_abbrev=False)
            for kind in pipeline_options.PipelineOptions.__subclasses__():
                kind._add_argparse_args(parser)
            _, unknown = parser.parse_known_args(list(arguments))
            options = PipelineOptions(list(arguments))
            options.get_all_options()
    except (SystemExit, Exception) as error:
        lines = [line for line in complaint.getvalue().splitlines() if "error:" in line]
        reason = lines[-1].partition("error:")[2].strip() if lines else one_line(error)
        raise UserError(f"-- {' '.join(arguments)}: Apache Beam refuses its options ({reason})") from None
    return options, unknown


@contextlib.contextmanager
def _quiet_logging() -> Iterator[None]:
    logger = logging.getLogger("apache_beam")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def main(arguments: Sequence[str]) -> None:
    """Runs the job in the file that the first argument names, and ends the process with one of the exit codes.

    The mistake of a user goes into the file that the second argument names. All processes of its group end with it:
    it is the first of a group of its own.
    """
    job_file, answer_file = arguments
    _end_with(os.getppid())
    logging.getLogger().setLevel(logging.WARNING)

    def lost(details: threading.ExceptHookArgs) -> None:
        if found := _LOST_WORKER.search(str(details.exc_value)):
            _answer(answer_file, f"exit code {found[1]}")
            os._exit(LOST)  # the pipeline would wait for ever
        threading.__excepthook__(details)

    threading.excepthook = lost
    with open(job_file, encoding="utf-8", errors="surrogateescape") as file:
        job = json.load(file)
    if is_local(job["beam"]):
        job["claims"] = folder_of_claims(os.path.dirname(job_file))
    try:
        run(job)
    except UserError as error:
        _answer(answer_file, error.on_command_line)
        if error.__cause__ is not None:
            logging.error("the pipeline failed", exc_info=error.__cause__)
        sys.stderr.flush()
        os._exit(REFUSED)  # workers that go on must not delay it
    os._exit(DONE)


def _answer(path: str, line: str) -> None:
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(line)


def _end_with(parent: int) -> None:
    """Ends this process and all of its group when its parent is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECS)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
