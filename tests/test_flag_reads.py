"""Something reads each flag and each option, beyond what declares and checks it."""

from __future__ import annotations

import dataclasses
import functools

import pytest

from tests.every_flag import COMMANDS, OPTIONS, ROOT, flags_of
from tests.flag_reads import Program


def source_of(module: str) -> str | None:
    """The text of a module of the project."""
    path = ROOT.joinpath(*module.split("."))
    if module.partition(".")[0] not in ("wavegan_tf", "specgan_tf", "gansynth_tf", "eval"):
        return None
    found = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()]
    return found[0].read_text(encoding="utf-8") if found else None


@functools.cache
def program_of(command: str) -> Program:
    return Program(COMMANDS[command], source_of)


def unread(program: Program, flags: dict[str, list[str]]) -> list[str]:
    """The flags (name -> classes that have it as an option) that nothing reads."""
    return [
        name
        for name, kinds in flags.items()
        if not program.reads_flag(name) and not any(program.reads_option(kind, name) for kind in kinds)
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_something_reads_each_flag(command):
    fields = {kind.__name__: {f.name for f in dataclasses.fields(kind)} for kind in OPTIONS.get(command, ())}
    flags = {name: [kind for kind in fields if name in fields[kind]] for name in flags_of(command)}
    assert not unread(program_of(command), flags)


@pytest.mark.parametrize("command", OPTIONS)
def test_an_option_that_is_only_declared_would_be_found(command):
    """Of the real program, with two more: one that is named nowhere, and one whose name is read off other things."""
    kind = OPTIONS[command][0].__name__
    assert unread(program_of(command), {name: [kind] for name in ("dead", "seed", "shape")}) == ["dead", "shape"]


OPTIONS_MODULE = """
from absl import flags
class Options: pass
class Base(Options):
    kept: int = 0
    inherited: int = 0
class Run(Base):
    direct: int = 0
    checked: int = 0
    sized: int = 0
    elsewhere: int = 0
    unreached: int = 0
    unnamed_property: int = 0
    by_property: int = 0
    by_getattr: int = 0
    in_all: int = 0
    run_own: int = 0
    def __post_init__(self): self.checked
    def need(self): return self.sized
    @property
    def total(self): return self.by_property
    @property
    def nobody_asks(self): return self.unnamed_property
class Other:
    elsewhere: int = 0
"""
MAIN_MODULE = """
import dataclasses
from absl import flags as absl_flags
from pkg import options
from pkg.options import Other, Run
NAMES = ("by_getattr",)
class Trainer:
    def __init__(self, config: Run | None):
        self._config = config
    def train(self):
        return self._config.direct, absl_flags.FLAGS.taken
def build(config: options.Base): return config.inherited
def main():
    made: Run = load()
    Trainer(made).train(), build(made), made.total, Other().elsewhere
    values = absl_flags.FLAGS
    values["present_only"].present, values["by_name"].value
    [getattr(made, name) for name in NAMES]
    [getattr(made, field.name) for field in dataclasses.fields(Run)]
    made.direct = made.kept
    "only_named"
def never(config: Run): return config.unreached, absl_flags.FLAGS.never
def run():
    absl_flags.DEFINE_string("only_named", "", "")
    main()
"""
READ = ["kept", "inherited", "direct", "by_property", "by_getattr"]
UNREAD = ["checked", "sized", "elsewhere", "unreached", "unnamed_property", "in_all", "missing"]


@pytest.mark.parametrize("name", READ + UNREAD)
def test_what_counts_as_reading_an_option(name):
    program = Program("pkg.main", {"pkg.main": MAIN_MODULE, "pkg.options": OPTIONS_MODULE}.get)
    assert program.reads_option("Run", name) == (name in READ)
    assert not program.reads_flag(name)


@pytest.mark.parametrize(
    ("name", "is_read"),
    [("taken", True), ("by_name", True), ("present_only", False), ("only_named", False), ("never", False)],
)
def test_what_counts_as_reading_a_flag(name, is_read):
    program = Program("pkg.main", {"pkg.main": MAIN_MODULE, "pkg.options": OPTIONS_MODULE}.get)
    assert program.reads_flag(name) == is_read
