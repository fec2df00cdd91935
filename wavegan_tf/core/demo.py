"""Common parts of the demos: a folder for each, the commands run as a user would, and the index of all pages."""

from __future__ import annotations

import argparse
import html
import json
import shlex
import shutil
import signal
import string
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from wavegan_tf.core import flags
from wavegan_tf.core.commands import in_a_process
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.writing import why, write_file

_MARKER = ".made_by_demo"
_INDEX = string.Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demos</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 0 auto; padding: 1rem; }
li { margin: 1rem 0; } a { font-size: 1.2rem; }
</style>
</head>
<body>
<main>
<h1>What was trained here</h1>
<ul>
${items}
</ul>
</main>
</body>
</html>
""")


class Figure(NamedTuple):
    """One column of a table: its key in the rows, and how to show it."""

    key: str
    heading: str
    unit: str
    meaning: str
    decimals: int = 1


def table(
    title: str, text: str, figures: Sequence[Figure], rows: Mapping[str, Mapping[str, float | None]]
) -> dict[str, Any]:
    """A table of a page's description: figures of each set by their keys, None where there is none."""
    columns = [{"key": "set", "heading": "Set"}, *(figure._asdict() for figure in figures)]
    return {"title": title, "text": text, "columns": columns, "rows": [{"set": name, **rows[name]} for name in rows]}


def parse(argv: list[str], package: str, description: str | None, minutes: float) -> argparse.Namespace:
    """Options output_dir and minutes of training; `minutes` is the default."""
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=description)
    parser.add_argument("--output_dir", default="demo_output", help="folder for everything that the demos make")
    parser.add_argument("--minutes", type=float, default=minutes, help="how long to train")
    options = parser.parse_args(argv)
    if not 0 < options.minutes < 1e4:
        parser.error(f"--minutes={options.minutes:g} should be above 0")
    return options


def say(line: str) -> None:
    """Prints a heading."""
    print(f"\n=== {line}", flush=True)


def prepare(output_dir: Path, name: str) -> Path:
    """The folder `name` of one demo in that of all demos, emptied of earlier work.

    Raises:
      UserError: `output_dir` was made by something else, or cannot be written.
    """
    marker, folder = output_dir / _MARKER, output_dir / name
    flag = f"--output_dir={output_dir}"
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        if any(output_dir.iterdir()) and not marker.exists():
            raise UserError(f"{flag} holds files that the demo did not make: name a new or an empty folder")
        marker.touch()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{flag} can't be used ({why(error)}): name another folder") from error
    return folder


def publish(
    output_dir: Path,
    name: str,
    title: str,
    text: str,
    description: Mapping[str, Any],
    instruments: Mapping[str, Path | str],
) -> None:
    """Writes a demo's page, its instruments and the index of all pages there are.

    Args:
      output_dir: the folder of all demos.
      name: this demo's folder in it.
      title: of the page.
      text: a sentence about it.
      description: what eval_listening_page needs to know beside the title; files are relative to the demo's folder.
      instruments: headings of pages to play on, and the models that they play.

    Raises:
      UserError: a page can't be written.
    """
    path = output_dir / name / "page.json"
    write_file(str(path), json.dumps({"title": title, **description}, indent=1))
    command("eval", "listening_page", description=path, output=output_dir / name / "index.html")
    played = {}
    (output_dir / name / "instruments").mkdir(exist_ok=True)
    for number, (heading, model_dir) in enumerate(instruments.items(), 1):
        played[heading] = page = f"{name}/instruments/{number}.html"
        command("wavegan_tf.core.edge", "export", model_dir=model_dir, output=output_dir / page, title=heading)
    marker = output_dir / _MARKER
    try:
        pages = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # new, or cut short
        pages = {}
    pages[name] = [title, text, played]
    write_file(str(marker), json.dumps(pages))
    items = []
    # An index of an earlier version has no instruments.
    for folder, (heading, about, *rest) in sorted(pages.items()):
        if (output_dir / folder / "index.html").exists():
            links = "".join(f"<br>Play: {_link(page, of)}" for of, page in (rest[0] if rest else {}).items())
            items.append(f"<li>{_link(f'{folder}/index.html', heading)}<br>{html.escape(about)}{links}")
    write_file(str(output_dir / "index.html"), _INDEX.substitute(items="\n".join(items)))
    print(f"\nListen:   {output_dir / name / 'index.html'}\nAll:      {output_dir / 'index.html'}")


def _link(page: str, text: str) -> str:
    return f'<a href="{page}">{html.escape(text)}</a>'


def command(package: str, name: str, **options: object) -> None:
    """Runs one of the project's commands as a user would, its output on this terminal.

    Raises:
      UserError: it failed; its own message stands above.
    """
    arguments = [f"--{key}" if value is True else f"--{key}={value}" for key, value in options.items()]
    print("$", shlex.join(["python", "-m", f"{package}.{name}", *arguments]), flush=True)
    process = subprocess.Popen(in_a_process(f"{package}.{name}", *arguments))
    # Ctrl-C reaches the command too: the trainer saves and ends, and the demo goes on with what was learned.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, previous)
    if code:
        raise UserError(f"`python -m {package}.{name}` failed with exit code {code}; its message is above")


def run(main: Callable[[list[str]], None]) -> NoReturn:
    """Calls a demo's `main` with the command line's arguments: exit code 0, or 1 with one line for a user's mistake."""
    sys.exit(flags.guarded(lambda: main(sys.argv[1:])))
