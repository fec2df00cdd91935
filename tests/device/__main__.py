"""Tries the training code's iteration on a device without TensorFlow: `export` here, `run` there (docs/device.md)."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.device import run


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
    run.add_arguments(commands.add_parser("run", help="compile, check and time it with JAX"), None)
    return parser


def _option(text: str) -> tuple[str, Any]:
    """NAME=VALUE; a value is JSON, or else a string."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _export(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from tests.device.export import export
    from tests.device.subjects import make_config, make_subject
    from wavegan_tf.core.errors import UserError

    given = dict(map(_option, options.options))
    stage = options.stage if options.model == "gansynth" else None
    named = {"dim": options.dim, "stage": stage, **given}
    try:
        config = make_config(options.model, options.dim, options.batch, options.precision, given)
        with tempfile.TemporaryDirectory() as directory:
            subject = make_subject(config, options.stage, directory)
            shown = {name: value for name, value in named.items() if value is not None}
            export(subject, options.model, shown, options.precision, options.output)
    except UserError as error:
        print(f"error: {error.on_command_line}", file=sys.stderr)
        return 1
    print(f"{options.output}: written; take it to the device and run `python {options.output.name}/run.py` there")
    return 0


def main() -> int:
    """Runs a command; returns the exit code."""
    options = _parser().parse_args()
    return _export(options) if options.command == "export" else run.main(options)


if __name__ == "__main__":
    sys.exit(main())
