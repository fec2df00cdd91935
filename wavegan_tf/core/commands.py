"""The command line of exporting and importing runs of all models, and how one command starts another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import flags as absl_flags
from absl import logging

from wavegan_tf.core import flags

# `python -m` would look for modules in the current folder first, and execute what has the name of one of them there.
_START = (
    "import sys; place = sys.argv.pop(1); sys.path[:] = filter(None, sys.path); "
    "place in sys.path or sys.path.insert(0, place); "
    "import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


def define_export_flags(example: str = "models/drums/1") -> None:
    """Defines the flags of the export command; `example` is a version folder for the help."""
    flags.define_path("train_dir", "", "The run to export.")
    flags.define_path("export_dir", "", f"Version folder to write, such as {example}.")
    absl_flags.DEFINE_integer("step", None, "Which checkpoint to export. Default: the newest.", 0)
    absl_flags.DEFINE_boolean("float16", False, "Store the weights as float16, half the size, rounded to 11 bits.")


def export(export_one: Callable[..., int], unit: str = "step", **others: Any) -> None:
    """Reads the flags and exports with `export_one`.

    Args:
      export_one: (train_dir, export_dir, step=, float16=, ...) -> step.
      unit: what steps count.
      **others: further arguments of `export_one`.
    """
    values = absl_flags.FLAGS
    flags.require(train_dir=values.train_dir, export_dir=values.export_dir)
    step = export_one(values.train_dir, values.export_dir, step=values.step, float16=values.float16, **others)
    logging.info("%s %d of %s is now %s", unit, step, values.train_dir, values.export_dir)
    if not os.path.basename(os.path.abspath(values.export_dir)).isdigit():
        logging.warning("TensorFlow Serving looks only into folders named by a number, such as models/drums/1")


def define_import_flags(contents: str = "args.txt and a checkpoint") -> None:
    """Defines the flags of the import command; `contents` are those of an original's directory."""
    flags.define_path("tf1_dir", "", f"Training directory of the original code: {contents}.")
    flags.define_path("train_dir", "", "Directory of the new run.")


def import_tf1(import_one: Callable[..., int], unit: str = "step", **others: Any) -> None:
    """Reads the flags and imports with `import_one`.

    Args:
      import_one: (tf1_dir, train_dir, ...) -> step.
      unit: what steps count.
      **others: further arguments of `import_one`.
    """
    values = absl_flags.FLAGS
    flags.require(tf1_dir=values.tf1_dir, train_dir=values.train_dir)
    step = import_one(values.tf1_dir, values.train_dir, **others)
    logging.info("%s %d of %s is now a run in %s", unit, step, values.tf1_dir, values.train_dir)


def in_a_process(module: str, *arguments: str) -> list[str]:
    """The command line of a process that runs a command of this very project, whatever the current folder holds.

    Args:
      module: of the command, such as "wavegan_tf.export".
      *arguments: its own.
    """
    return [sys.executable, "-c", _START, str(Path(__file__).resolve().parents[2]), module, *arguments]
