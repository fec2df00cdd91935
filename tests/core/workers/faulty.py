"""Runs wavegan_train, and in one of two workers a function kills or stops its process instead of doing its work.

Arguments: the module and the name of the function, the number of the signal, the worker, then those of wavegan_train.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys

from wavegan_tf.core.workers import links


def main() -> None:
    """See the module."""
    module, name, number, victim, *rest = sys.argv[1:]
    # Long enough for a machine that does other things as well.
    links.BEAT_SECS, links.SILENCE_SECS = 0.5, 10.0
    if json.loads(os.environ["TF_CONFIG"])["task"]["index"] == int(victim):
        found = importlib.import_module(module)
        getattr(found, name)  # A function that has moved would leave the worker as it is.
        setattr(found, name, lambda *_, **__: os.kill(os.getpid(), int(number)))
    sys.argv[1:] = rest
    runpy.run_module("wavegan_tf.train", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
