import contextlib
import logging
import os
import subprocess
import sys

import pytest
import tensorflow as tf
from absl import logging as absl_logging

from wavegan_tf.core import messages

PROGRAM = """
from absl import logging
from wavegan_tf.core import messages
if {warns}:
    logging.warning("before")
logging.set_verbosity(logging.get_verbosity())  # as TensorFlow does when it writes a SavedModel
with messages.shown():
    logging.set_verbosity(logging.get_verbosity())
    logging.info("one of %d", 2)
    logging.warning("two")
    exec(compile("logging.info('of TensorFlow')\\nlogging.warning('its warning')", "/x/tensorflow/python/y.py", "exec"))
logging.info("after")
"""


def said(warns: bool) -> list[str]:
    program = [sys.executable, "-c", PROGRAM.format(warns=warns)]
    return subprocess.run(program, capture_output=True, text=True, check=True).stderr.splitlines()


def test_where_nothing_is_set_up_ours_are_shown_and_tensorflows_warnings():
    assert said(False) == ["one of 2", "two", "its warning"]
    # absl has set Python's logging up by then, for warnings.
    assert said(True) == ["WARNING:absl:before", "one of 2", "two", "its warning"]


def test_what_somebody_has_set_up_stays(caplog, capsys):
    with messages.shown():
        absl_logging.warning("to the handlers of pytest")
    assert caplog.messages == ["to the handlers of pytest"] and capsys.readouterr().err == ""
    assert logging.getLogger("absl").propagate


def test_tensorflow_can_be_left_out(caplog):
    program = compile("log.warning('of TensorFlow')", "/x/tensorflow/python/saved_model/load.py", "exec")
    for context in (messages.of_ours_alone(), contextlib.nullcontext()):
        with context:
            for log in (absl_logging, tf.compat.v1.logging):
                exec(program, {"log": log})
            absl_logging.warning("ours")
    assert caplog.messages == ["ours", "of TensorFlow", "of TensorFlow", "ours"]


def test_advice_about_retracing_is_left_out_while_training(caplog):
    advice = "5 out of the last 5 calls to %s triggered tf.function retracing."
    for context in (messages.shown(), contextlib.nullcontext()):
        with context:
            tf.compat.v1.logging.warning(advice, "f")
            tf.compat.v1.logging.warning("other")
    assert caplog.messages == ["other", advice % "f", "other"]


NAMES = r"""
from wavegan_tf.core import flags

def main():
    print("b\udcff \u266f")
    "a\udcff/b".encode()

flags.run(main)
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_names_that_no_encoding_holds(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", NAMES], capture_output=True, env=environment)
    sharp = {"utf-8": "\u266f".encode()}.get(encoding, rb"\u266f")
    assert (done.returncode, done.stdout) == (1, rb"b\udcff " + sharp + b"\n")
    assert done.stderr == b"error: a\\xff/b: TensorFlow takes paths in UTF-8 only; rename it\n"
