"""Reading a listening page, and writing one as its command does."""

from __future__ import annotations

import base64
import html.parser
import json
from pathlib import Path

from eval import listening_page

VOID = {"meta", "img", "br", "li", "link", "input", "path"}


class Tags(html.parser.HTMLParser):
    """All start tags with their attributes, and a check that what opens also closes."""

    def __init__(self, text):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, tag):
        """Attributes of each such tag."""
        return [attributes for name, attributes in self.found if name == tag]

    def players(self):
        """Attributes of the clips' players."""
        return [attributes for attributes in self.named("audio") if "src" in attributes]


def data(uri, kind):
    prefix = f"data:{kind};base64,"
    assert uri.startswith(prefix)
    return base64.b64decode(uri[len(prefix) :], validate=True)


def write_page(description: Path, output: Path) -> None:
    """What `eval_listening_page --description --output` does."""
    source = listening_page.Source("--description", str(Path(description).parent))
    values = json.loads(Path(description).read_text(encoding="utf-8"))
    listening_page.write(listening_page.build(values, source), str(output))
