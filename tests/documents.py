"""Contents of the documents: text, headings, links, blocks of code, and the project's commands in them."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

from tests.every_flag import COMMANDS

ROOT = Path(__file__).parents[1]
_TOP = ("README.md", "BUILD.md", "CONTRIBUTING.md")
DOCUMENTS = [*(ROOT / name for name in _TOP), *sorted((ROOT / "docs").glob("*.md"))]
MODULES = {module: command for command, module in COMMANDS.items()}
_PACKAGES = ("wavegan_tf", "specgan_tf", "gansynth_tf", "eval", "tests")
_SHELL = ("indented", "bash")
_ENDS = ("&", "&&", "|", "||", ";", ">")


def name_of(path: Path) -> str:
    """The path as the documents write it."""
    return str(path.relative_to(ROOT))


@dataclasses.dataclass
class Block:
    """Code between fences, of a language, or indented."""

    language: str
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclasses.dataclass
class Document:
    """A document in its parts: lines of text and blocks of code, in their order."""

    path: Path
    parts: list[str | Block] = dataclasses.field(default_factory=list)

    @property
    def text(self) -> list[str]:
        """The lines of text."""
        return [part for part in self.parts if isinstance(part, str)]

    @property
    def blocks(self) -> list[Block]:
        """The blocks of code."""
        return [part for part in self.parts if isinstance(part, Block)]

    @property
    def prose(self) -> str:
        """The text in one line, without code."""
        return re.sub(r"\s+", " ", re.sub(r"`[^`]*`", "CODE", "\n".join(self.text)))


def read(path: Path) -> Document:
    """Takes a document apart."""
    parts: list[str | Block] = []
    fenced = False
    for line in path.read_text(encoding="utf-8").splitlines():
        last = parts[-1] if parts else ""
        if fence := re.match(r"```(\w*)$", line):
            fenced = not fenced
            parts.append(Block(fence[1], []) if fenced else "")
        elif isinstance(last, Block) and (fenced or not line or line.startswith("    ")):
            last.lines.append(line if fenced else line[4:])
        elif line.startswith("    ") and not last:
            parts.append(Block("indented", [line[4:]]))
        else:
            parts.append(line)
    return Document(path, parts)


def headings(document: Document) -> list[tuple[int, str]]:
    """Level and anchor of each heading, as GitHub makes it of the title."""
    found = []
    for line in document.text:
        if match := re.match(r"(#+) (.*)", line):
            title = re.sub(r"[^\w\- ]", "", match[2].replace("`", "").lower())
            found.append((len(match[1]), title.replace(" ", "-")))
    return found


def links(document: Document) -> list[str]:
    """Targets of all links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", "\n".join(document.text))


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of the project in a document.

    Attributes:
      name: of the console script, or the module of another `python -m`.
      arguments: what follows it, with the document's shell variables in place.
    """

    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.name, *self.arguments))


def _command_of(line: str) -> Command | None:
    """The command in a line of a shell, if it is one of the project's."""
    if not re.search(rf"\b({'|'.join(COMMANDS)})\b|\bpython -m \w", line):
        return None
    words = shlex.split(line.replace(";", " ; "), comments=True)
    for place, word in enumerate(words):
        name, rest = word.removeprefix(".venv/bin/"), words[place + 1 :]
        if name == "python" and rest[:1] == ["-m"]:
            name, rest = MODULES.get(rest[1], rest[1]), rest[2:]
        if name in COMMANDS or name.split(".")[0] in _PACKAGES:
            ends = [number for number, other in enumerate(rest) if other in _ENDS]
            return Command(name, tuple(rest[: ends[0]] if ends else rest))
    return None


def commands(document: Document, mentions: bool = True) -> list[Command]:
    """Takes the commands with arguments out of a document, each once.

    Args:
      document: where from.
      mentions: those between backquotes in running text too, which need not be whole, not only in blocks and tables.
    """
    shell = [block.text for block in document.blocks if block.language in _SHELL]
    variables = dict(re.findall(r'^([A-Z0-9]+)="(.*)"$', "\n".join(shell), re.MULTILINE))
    lines: list[str] = []
    for part in document.parts:
        if isinstance(part, Block):
            lines += re.sub(r"\\\n\s*", "", part.text).splitlines() if part.language in _SHELL else []
        elif mentions or part.startswith("|"):
            lines += [code for code in re.findall(r"`([^`]+)`", part) if code.split()[0] in COMMANDS]
    found: dict[Command, None] = {}
    for line in lines:
        for name, value in {**variables, "(mktemp -d)": "runs/temporary"}.items():
            line = line.replace(f"${name}", value)
        command = _command_of(line)
        if command is not None and command.arguments:
            found[command] = None
    return list(found)


def make_targets(document: Document) -> set[str]:
    """Targets of `make` that the document names."""
    texts = [line for block in document.blocks for line in block.lines]
    texts += re.findall(r"`(make [^`\n]*)`", "\n".join(document.text))
    lines = [line.split("#")[0].split() for line in texts if line.startswith("make ")]
    return {word for line in lines for word in line[1:] if "=" not in word}
