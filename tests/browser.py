"""A headless Chromium for tests: found on this machine or else downloaded, and driven over a pipe.

`python -m tests.browser` makes sure that there is one. The downloaded one is the npm package @sparticuz/chromium, which
brings the shared libraries that a bare machine lacks; it goes beside the environment's own files.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

FOLDER = Path(sys.prefix) / "chromium"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_VERSION = "153.0.0"
_URL = f"https://registry.npmjs.org/@sparticuz/chromium/-/chromium-{_VERSION}.tgz"
_SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--mute-audio", "--autoplay-policy=no-user-gesture-required", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{0}</dir><dir>/usr/share/fonts</dir><cachedir>{0}/cache</cachedir></fontconfig>
"""
# Pythons before 3.10.12, 3.11.4 and 3.12 know no filter (Debian 12 has 3.11.2); the file is known by its hash anyway.
_SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
# Gives the two ends of the pipes the numbers that Chromium expects, then becomes Chromium.
_START = "import os,sys;r,w=map(int,sys.argv[1:3]);os.dup2(r,3);os.dup2(w,4);os.execvp(sys.argv[3],sys.argv[3:])"


def find() -> str | None:
    """Path of a Chromium that starts: $CHROME, one on PATH, or the downloaded one; None if there is none."""
    candidates = [os.environ.get("CHROME"), *map(shutil.which, _NAMES), str(FOLDER / "chromium")]
    for path in candidates:
        if path and os.path.exists(path):
            told = subprocess.run([path, "--version"], capture_output=True, env=environment(path), timeout=60)
            if told.returncode == 0:
                return path
    return None


def environment(path: str) -> dict[str, str]:
    """Environment to start it with: the downloaded one brings libraries and fonts."""
    if Path(path).parent != FOLDER:
        return dict(os.environ)
    return {**os.environ, "LD_LIBRARY_PATH": str(FOLDER / "lib"), "FONTCONFIG_FILE": str(FOLDER / "fonts.conf")}


def install() -> str:
    """Path of a Chromium, downloaded if this machine has none."""
    path = find()
    if path is None:
        _download()
        path = find()
    if path is None:
        raise SystemExit(f"{FOLDER}/chromium does not start here; install Chromium, or name one in $CHROME")
    return path


def _download() -> None:
    import brotli

    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise SystemExit("the tests need Chromium: install it, or name one in $CHROME")
    print(f"Downloading {_URL} (70 MB, once)", flush=True)
    with urllib.request.urlopen(_URL, timeout=300) as response:
        data = response.read()
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != _SHA512:
        raise SystemExit(f"{_URL}: is not the file that it should be")
    FOLDER.parent.mkdir(exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=FOLDER.parent, prefix=".chromium"))
    with tarfile.open(fileobj=io.BytesIO(data)) as package:
        for name in ("chromium", "al2023.tar", "fonts.tar"):
            member = package.extractfile(f"package/bin/{name}.br")
            assert member is not None
            content = brotli.decompress(member.read())
            if name == "chromium":
                (temporary / name).write_bytes(content)
                (temporary / name).chmod(0o755)
            else:
                with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                    archive.extractall(temporary, **_SAFELY)
    (temporary / "fonts.conf").write_text(_FONTS.format(FOLDER / "fonts"), encoding="utf-8")
    shutil.rmtree(FOLDER, ignore_errors=True)
    temporary.rename(FOLDER)


class Browser:
    """One page in a headless Chromium with a profile of its own.

    Attributes:
      errors: what the console said that is an error, and exceptions that nobody caught.
    """

    def __init__(self, folder: Path):
        """Starts it; `folder` is for its profile and for what it downloads."""
        self.folder, self._number, self._buffer = folder, 0, b""
        self.errors: list[str] = []
        path = install()
        ends = [end for pipe in (os.pipe(), os.pipe()) for end in pipe]
        read_there, self._write, self._read, write_there = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
        command = [path, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        start = [sys.executable, "-c", _START, str(read_there), str(write_there), *command]
        with open(folder / "chromium.log", "wb") as log:
            self._process = subprocess.Popen(
                start, pass_fds=(read_there, write_there), env=environment(path), stdout=log, stderr=log
            )
        for end in (*ends, read_there, write_there):
            os.close(end)
        self._session: str | None = None
        target = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """Ends it."""
        self._session = None
        try:
            self.call("Browser.close")
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._read, 1 << 20)
            if not data:
                raise OSError("Chromium ended: " + (self.folder / "chromium.log").read_text(errors="replace")[-2000:])
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        method, found = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(found["exceptionDetails"]))
        elif method == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.errors.append(found["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and found["type"] in ("error", "assert"):
            self.errors.append(str(found["args"]))
        return message

    def evaluate(self, expression: str) -> Any:
        """What a JavaScript expression gives, once its promise is kept; as if a person had just touched the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 10.0) -> Any:
        """Waits until an expression is true; returns its value."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < deadline, f"still not so: {expression}"
            time.sleep(0.03)
        return value

    def open(self, path: Path, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Opens a file in a window of that size, in CSS pixels."""
        self.resize(width, height)
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        url = path.absolute().as_uri()
        self.call("Page.navigate", url=url)
        self.wait(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def resize(self, width: int, height: int) -> None:
        """Gives the window a size in CSS pixels; a narrow one counts as a telephone's."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def press(self, key: str) -> None:
        """Presses a key that writes a character."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")

    def click(self, selector: str) -> None:
        """Brings an element into view and clicks its middle."""
        x, y = self.evaluate(
            f"(() => {{const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path: Path) -> None:
        """Writes a PNG of what the window shows."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


if __name__ == "__main__":
    print(f"Chromium for the tests: {install()}")
