"""Every mistake is one printable line, whatever a file or a library puts into it."""

from __future__ import annotations

import pytest

from wavegan_tf.core.errors import UserError, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "ValueError"),
        ("\n \t", "ValueError"),
        ("a\nb\r\n c", "a b c"),
        ("a\x1b[31m\x00", r"a\x1b[31m\x00"),
        ("\ud800", r"\ud800"),
        ("{{function_node __wrapped__Iterator}} truncated record at 7 [Op:Next] name: ", "truncated record at 7"),
        ("Graph execution error:\n\nDetected at node a/b defined at (x):\n<stack traces unavailable>\nbad z", "bad z"),
        ("9" * 5000, "9" * 200),
    ],
)
def test_reasons_are_one_line(text, line):
    assert one_line(ValueError(text)) == line


@pytest.mark.parametrize("part", ["a\nb", "a\x85b", "a\x1bb", "a\0b", "a\ud800b", "a\u2028b", "ab" * 100_000])
def test_mistakes_are_one_line(part):
    error = UserError(f"--data_dir={part}: is no folder")
    for line in (str(error), error.on_command_line):
        assert line.isprintable() and len(line.splitlines()) == 1 and len(line) < 11_000
        assert line.startswith(("data_dir=a", "--data_dir=a")) and line.endswith("b: is no folder")
