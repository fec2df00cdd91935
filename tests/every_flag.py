"""The commands, their flags, their options and the rules between them, for the tests of flags."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import re
import typing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from absl import flags as absl_flags

from eval import listening_page, resynthesis, score, train_classifier
from eval.classifiers.options import FitOptions
from eval.train_classifier import ClassifierNotes
from gansynth_tf import generate as gansynth_generate
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.prepare import NotePreparationOptions
from specgan_tf.config import SpecGANConfig
from specgan_tf.moments import MomentsOptions
from specgan_tf.prepare import AudioPreparationOptions
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import flags
from wavegan_tf.core.options import Options, is_list, value_type
from wavegan_tf.core.serving import commands as serving_commands

ROOT = Path(__file__).parents[1]
COMMANDS: dict[str, str] = dict(re.findall(r'"(\w+)=([\w.]+):run"', (ROOT / "setup.py").read_text()))
OPTIONS: dict[str, tuple[type[Options], ...]] = {
    "wavegan_train": (WaveGANConfig,),
    "specgan_train": (SpecGANConfig,),
    "specgan_moments": (MomentsOptions,),
    "gansynth_train": (GANSynthConfig,),
    "eval_train_classifier": (FitOptions, ClassifierNotes),
    "audio_prepare": (AudioPreparationOptions,),
    "gansynth_prepare": (NotePreparationOptions,),
}
TRAIN = {name: classes[0] for name, classes in OPTIONS.items() if name.endswith("n_train") or name == "gansynth_train"}
RULES: dict[str, dict[str, Any]] = {
    "wavegan_generate": {**serving_commands.RULES, **serving_commands._NO_SEED},
    "specgan_generate": {**serving_commands.RULES, **serving_commands._NO_SEED},
    "gansynth_generate": gansynth_generate._RULES,
    "eval_score": score._RULES,
    "eval_resynthesize": resynthesis._RULES,
    "eval_listening_page": listening_page._RULES,
    "eval_train_classifier": train_classifier._RULES,
}


class Defined(Exception):
    """Ends a command once its flags are defined."""


@functools.cache
def flags_of(command: str) -> dict[str, absl_flags.Flag]:
    """The flags that a command defines, which are gone again afterwards."""
    before, run = set(absl_flags.FLAGS), flags.run

    def stop(main: Any, passed_on: list[str] | None = None) -> typing.NoReturn:
        raise Defined

    flags.run = stop
    try:
        importlib.import_module(COMMANDS[command]).run()
    except Defined:
        return {name: absl_flags.FLAGS[name] for name in set(absl_flags.FLAGS) - before}
    finally:
        flags.run = run
        for name in set(absl_flags.FLAGS) - before:
            delattr(absl_flags.FLAGS, name)
    raise AssertionError(f"{command} ended")


class Option(NamedTuple):
    command: str
    options: type[Options]
    field: dataclasses.Field
    kind: Any

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def element(self) -> Any:
        """The type of a value, or of one value of a list."""
        return int if is_list(self.kind) else value_type(self.kind)

    def made(self, value: Any, **others: Any) -> Any:
        """Options with a value, in a list if this is one."""
        return self.options(**{self.name: (value,) if is_list(self.kind) else value}, **others)


def options(commands: typing.Iterable[str] = OPTIONS) -> list[Option]:
    found = []
    for command in commands:
        for kind in OPTIONS[command]:
            hints = typing.get_type_hints(kind)
            found += [Option(command, kind, field, hints[field.name]) for field in dataclasses.fields(kind)]
    return found


def identify(value: Any) -> str | None:
    return f"{value.command}-{value.name}" if isinstance(value, Option) else None


@pytest.fixture
def parse_fixture():
    """Defines the flags of a command and parses a command line of it."""
    before = set(absl_flags.FLAGS)

    def parsed(command: str, *arguments: str) -> None:
        for kind in OPTIONS[command]:
            if dataclasses.fields(kind)[0].name not in absl_flags.FLAGS:
                flags.define_flags(kind, command)
        absl_flags.FLAGS([command, *arguments])

    yield parsed
    for name in set(absl_flags.FLAGS) - before:
        delattr(absl_flags.FLAGS, name)
    absl_flags.FLAGS.unparse_flags()
