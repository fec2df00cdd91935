"""Flags that would be ignored are refused."""

from __future__ import annotations

import pytest
from absl import flags

from wavegan_tf.core.effects import not_with, only_with
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.flags import require_effect

RULES = {
    "steps": [only_with("walk")],
    "level": [only_with("codec", values=("mp3", "ogg"))],
    "count": [not_with("file", reason=", which has its own"), not_with("codec", values=("raw",))],
    "fix": [only_with("walk", "file")],
}


@pytest.fixture
def parse():
    before = set(flags.FLAGS)
    for name in ("steps", "level", "count"):
        flags.DEFINE_integer(name, 1, "A number.")
    for name in ("codec", "file"):
        flags.DEFINE_string(name, "", "A text.")
    for name in ("walk", "fix"):
        flags.DEFINE_boolean(name, False, "A switch.")
    yield lambda *arguments: flags.FLAGS(["c", *arguments])
    for name in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps=1"], "--steps: requires --walk"),
        (["--steps=2", "--nowalk"], "--steps: requires --walk"),
        (["--level=2", "--codec=raw"], "--level: requires --codec=mp3 or ogg"),
        (["--count=0", "--file=x"], "--count: cannot be combined with --file, which has its own"),
        (["--count=0", "--codec=raw"], "--count: cannot be combined with --codec=raw"),
        (["--nofix"], "--fix: requires --walk or --file"),
    ],
)
def test_what_would_be_ignored(parse, arguments, message):
    parse(*arguments)
    with pytest.raises(UserError) as error:
        require_effect(RULES)
    assert error.value.on_command_line == message


@pytest.mark.parametrize(
    "arguments",
    [[], ["--steps=2", "--walk"], ["--codec=ogg", "--level=1"], ["--count=3", "--codec=mp3"], ["--fix", "--file=x"]],
)
def test_what_has_an_effect(parse, arguments):
    parse(*arguments)
    require_effect(RULES)


def test_values_can_be_those_of_a_run(parse):
    parse("--steps=2")
    require_effect(RULES, {"walk": True}.get)
    parse("--steps=2", "--walk")
    with pytest.raises(UserError, match="steps: requires walk"):
        require_effect(RULES, {"walk": False}.get)
