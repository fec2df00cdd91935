"""Tries the training code's iteration on a device without TensorFlow: `export` here, `run` there (docs/device.md)."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.device import run, train


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.device", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write the compiled iteration, its inputs and TensorFlow's results")
    export.add_argument("--model", choices=("wavegan", "specgan", "gansynth"), required=True)
    export.add_argument("--dim", type=int, help="size of the networks, for GANSynth the most channels of a layer "
                        "(default: the paper's, 64 and 256)")  # fmt: skip
    export.add_argument("--batch", type=int, help="examples in a batch (default: the paper's, 64 and 8)")
    export.add_argument("--stage", type=int, default=12, help="GANSynth's, 0 to 12 (default: 12, the last)")
    export.add_argument("--precision", choices=run.PRECISIONS, default="float32", help="of the networks' arithmetic")
    export.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="options",
        help="any other option of the model's training, as wavegan_loss=dcgan; may be repeated",
    )
    export.add_argument("--output", type=Path, required=True, metavar="DIR")
    export_run = commands.add_parser("export_run", help="write what is needed to train a run elsewhere")
    export_run.add_argument("--train_dir", type=Path, required=True, help="the run, of any model, with a checkpoint")
    export_run.add_argument("--data_dir", required=True, help="its audio")
    export_run.add_argument("--output", type=Path, required=True, metavar="DIR")
    train.add_arguments(commands.add_parser("train", help="train there, with JAX"), None)
    take_back = commands.add_parser("take_back", help="save what was trained there as the run's newest checkpoint")
    take_back.add_argument("folder", metavar="DIR", type=Path, help="the folder `trained` that `train` wrote")
    take_back.add_argument("--train_dir", type=Path, required=True, help="the run that was exported")
    run.add_arguments(commands.add_parser("run", help="compile, check and time it with JAX"), None)
    return parser


def _option(text: str) -> tuple[str, Any]:
    """NAME=VALUE; a value is JSON, or else a string."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _export(options: argparse.Namespace) -> str:
    from tests.device.export import export
    from tests.device.subjects import make_config, make_subject

    given = dict(map(_option, options.options))
    stage = options.stage if options.model == "gansynth" else None
    named = {"dim": options.dim, "stage": stage, **given}
    config = make_config(options.model, options.dim, options.batch, options.precision, given)
    with tempfile.TemporaryDirectory() as directory:
        subject = make_subject(config, options.stage, directory)
        shown = {name: value for name, value in named.items() if value is not None}
        export(subject, options.model, shown, options.precision, options.output)
    return f"{options.output}: written; take it to the device and run `python {options.output.name}/run.py` there"


def _export_run(options: argparse.Namespace) -> str:
    from tests.device.runs import export_run

    export_run(options.train_dir, options.data_dir, options.output)
    return f"{options.output}: written; take it to the device and run `python {options.output.name}/train.py` there"


def _take_back(options: argparse.Namespace) -> str:
    from tests.device.runs import take_back

    return f"{options.train_dir}: has a checkpoint of step {take_back(options.folder, options.train_dir)}"


_COMMANDS = {"export": _export, "export_run": _export_run, "take_back": _take_back}


def main() -> int:
    """Runs a command; returns the exit code."""
    options = _parser().parse_args()
    if options.command in ("run", "train"):
        return (run if options.command == "run" else train).main(options)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from wavegan_tf.core.errors import UserError

    try:
        print(_COMMANDS[options.command](options))
    except UserError as error:
        print(f"error: {error.on_command_line}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
