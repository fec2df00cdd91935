"""The documents say what is so: links, flags, Python, commands and words."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests import documents
from tests.documented_runs import NOT_RUN, Workspace, why_not_run
from tests.documents import DOCUMENTS, ROOT, Command, name_of
from tests.every_flag import COMMANDS, flags_of

# Said instead: epoch, gradient norm, upsampled and downsampled, skipped, depends on, in addition to or alongside,
# concatenated, fixed or recreated, cannot be combined with, take precedence, metric, unavailable, encodes the pitch,
# currently implemented, continues, except for, fewer.
_NOT_SAID = (
    r"(?<!forward )(?<!backward )pass(es)?", r"slopes?", r"blow[ns]? [\w ]*up", r"shrunken", r"h[au]ngs? on", r"beside",
    r"(left|leaves?|leaving) ((it|them|that|the \w+) )?out", r"one behind the other", r"mend(ed)?", r"anew",
    r"go(es)? without", r"go(es)? before", r"(a|the|this|each|every) measures?", r"could not be had",
    r"tells? [\w ]*pitch", r"standing today", r"go(es)? on", r"going on", r"but for",
    r"less (files|clips|notes|images|steps|updates|bits)",
)  # fmt: skip
_PLACEHOLDER = re.compile(r"[A-Z_]+$")
_RUN_PYTHON = ("README.md", "docs/python.md")
_PARSED = [documents.read(path) for path in DOCUMENTS]
_every_document = pytest.mark.parametrize("document", _PARSED, ids=[name_of(path) for path in DOCUMENTS])


@_every_document
def test_links_lead_somewhere(document):
    anchors = {parsed.path: {anchor for _, anchor in documents.headings(parsed)} for parsed in _PARSED}
    for link in documents.links(document):
        if re.match(r"https?://", link):
            continue
        place, _, anchor = link.partition("#")
        path = (document.path.parent / place).resolve() if place else document.path
        assert path.exists() and path.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors[path], link


@_every_document
def test_contents_are_complete(document):
    text = "\n".join(document.text)
    if not re.search(r"^1\. \[", text, re.MULTILINE):
        return
    listed = documents.links(documents.Document(document.path, [text.split("\n## ")[0]]))
    assert [anchor for level, anchor in documents.headings(document) if level == 2 and f"#{anchor}" not in listed] == []


@_every_document
def test_files_exist(document):
    """Those in packages, tests and documents; of core, as in wavegan_tf."""
    text = document.path.read_text(encoding="utf-8")
    tops = "wavegan_tf|specgan_tf|gansynth_tf|eval|core|tests|docs|notebooks"
    for name in re.findall(rf"(?<![\w/])((?:{tops})/(?:[\w.-]+/)*(?:[\w-]+\.(?:py|md|ipynb|png|mid|npz))?)", text):
        wanted = ROOT / "wavegan_tf" / name if name.startswith("core/") else ROOT / name
        assert wanted.exists() or name.startswith("eval/inception/"), name  # which the original has


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_every_command_and_every_page_is_named():
    build = (ROOT / "BUILD.md").read_text(encoding="utf-8")
    others = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS if path.name != "BUILD.md")
    assert [command for command in COMMANDS if f"`{command}`" not in build or command not in others] == []
    targets = [(parsed.path.parent, link) for parsed in _PARSED for link in documents.links(parsed)]
    linked = {(folder / link.partition("#")[0]).resolve() for folder, link in targets}
    assert [name_of(path) for path in DOCUMENTS if path not in linked and path.name != "README.md"] == []


def is_taken(argument: str, flags: Mapping[str, Any]) -> bool:
    """True if a command with these flags takes the argument."""
    name, equals, value = argument.removeprefix("--").partition("=")
    if _PLACEHOLDER.match(argument) or argument in ("--help", "--helpfull"):
        return True
    if not argument.startswith("--"):
        return False
    if name not in flags:
        name = name.removeprefix("no")
        return name in flags and flags[name].boolean and not equals
    if not equals:
        return True  # named, without a value
    try:
        flags[name].parser.parse(value)
    except ValueError:
        return value == "..."
    return True


def wrong_arguments(command: Command) -> list[str]:
    """Arguments that the command does not take; the module that there is not."""
    if command.name in COMMANDS:
        end = command.arguments.index("--") if "--" in command.arguments else len(command.arguments)  # Beam's follow
        return [argument for argument in command.arguments[:end] if not is_taken(argument, flags_of(command.name))]
    path = ROOT / command.name.replace(".", "/")
    return [] if path.with_suffix(".py").exists() or (path / "__main__.py").exists() else [command.name]


@_every_document
def test_commands_have_these_flags(document):
    wrong = {str(command): wrong_arguments(command) for command in documents.commands(document)}
    assert {command: arguments for command, arguments in wrong.items() if arguments} == {}


def test_this_test_finds_commands_and_their_mistakes(tmp_path):
    path = tmp_path / "x.md"
    path.write_text(
        "# A\n\n    X=1 .venv/bin/wavegan_train --train_dir=a \\\n      --data_first_slice --wavegan_dim=b &  # c\n"
        "\nSee `specgan_train --nodata_slice_len $ALL` and `eval_score`.\n\n```bash\n"
        'ALL="--wrong=1"\nfor i in 1; do python -m eval.score --published; done\npython -m tests.nowhere x\n```\n'
    )
    found = documents.commands(documents.read(path))
    assert [(command.name, wrong_arguments(command)) for command in found] == [
        ("wavegan_train", ["--wavegan_dim=b"]), ("specgan_train", ["--nodata_slice_len", "--wrong=1"]),
        ("eval_score", []), ("tests.nowhere", ["tests.nowhere"]),
    ]  # fmt: skip
    assert documents.commands(documents.read(path), mentions=False) == [found[0], *found[2:]]


def test_no_two_commands_write_to_one_place():
    """Folders that hold audio or a model are refused."""
    commands = {command for document in _PARSED for command in documents.commands(document, mentions=False)}
    writing = [command for command in commands if command.name.endswith(("_generate", "_export", "_resynthesize"))]
    places = [argument for command in writing for argument in command.arguments if re.match("--(out|ex)", argument)]
    assert len(places) > 20 and [place for place, count in Counter(places).items() if count > 1] == []


def test_make_has_these_targets():
    rules = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(INSTALLED)", ".venv/.installed")
    targets = set(re.findall(r"^([\w./-]+):(?!=)", rules, re.MULTILINE))
    documented = set().union(*(documents.make_targets(document) for document in _PARSED))
    assert {"demo", "test"} <= documented and documented - targets == set()


@_every_document
def test_words_are_those_of_the_field(document):
    found = re.finditer(rf"\b({'|'.join(_NOT_SAID)})\b", document.prose, re.IGNORECASE)
    assert [document.prose[max(0, match.start() - 30) : match.end() + 30] for match in found] == []


@_every_document
def test_python_is_valid(document):
    for block in document.blocks:
        if block.language == "python":
            ast.parse(block.text)


@pytest.mark.slow
@pytest.mark.parametrize("name", _RUN_PYTHON)
def test_python_runs(name, tmp_path):
    blocks = [block.text for block in documents.read(ROOT / name).blocks if block.language == "python"]
    assert len(blocks) >= 3
    Workspace(tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "error:::wavegan_tf", "-c", "\n".join(blocks)], cwd=tmp_path, capture_output=True,
        text=True, timeout=900, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "16000 100" in done.stdout


def test_what_is_not_run_is_documented():
    found = [str(command) for document in _PARSED for command in documents.commands(document)]
    assert [part for part in NOT_RUN if not any(part in command for command in found)] == []


@pytest.mark.slow
@_every_document
def test_commands_run(document, tmp_path):
    workspace = Workspace(tmp_path)
    for command in documents.commands(document, mentions=False):
        if why_not_run(command) is None:
            workspace.run(command)
