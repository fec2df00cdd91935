"""The command that runs an export: what it prints, needs and says when something is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.device import __main__ as command
from tests.device import run

ROOT = Path(__file__).parents[2]
# Runs a script or module of its own name, and says which modules of ours or TensorFlow's were imported.
ALONE = """
import os, runpy, sys
path, sys.argv = sys.argv[1], sys.argv[1:]
sys.path.insert(0, os.path.dirname(path))
code = 0
try:
    (runpy.run_path if path.endswith(".py") else runpy.run_module)(path, run_name="__main__")
except SystemExit as end:
    code = end.code
ours = {name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "wavegan_tf", "specgan_tf", "gansynth_tf"}
sys.exit(f"imported {ours}" if ours else code)
"""


@pytest.fixture(scope="module")
def folder(exported):
    return exported("specgan")[1]


@pytest.fixture
def copied(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture
def said(monkeypatch, capsys):
    """A function of arguments -> exit code and the lines of stderr of `python -m tests.device`."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tests.device", *map(str, arguments)])
        code = command.main()
        return code, capsys.readouterr().err.splitlines()

    return call


def alone(*arguments, cwd):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    return subprocess.run(
        [sys.executable, "-c", ALONE, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_exported_folder_runs_by_itself(folder, tmp_path):
    done = alone(folder / "run.py", "--steps=2", "--json=found.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "found.json").read_text())
    assert (report["model"], report["batch"], report["precision"]) == ("specgan", 4, "float32")
    assert 0 < report["least_seconds"] <= report["median_seconds"] < 60 and report["memory_bytes"] > 1e5
    share = report["flops"] / report["least_seconds"] / report["product_flops_per_second"]
    assert report["share_of_product_rate"] == pytest.approx(share)
    differences = report["differences"]
    assert differences["metrics"]["relative"] < 1e-3 and differences["state"]["relative"] < 1e-4
    assert f"| {report['compile_seconds']:.1f} s | {report['least_seconds']:.4g} s |" in done.stdout
    assert "specgan (batch=4), float32" in done.stdout


def test_module_runs_without_tensorflow(tmp_path):
    done = alone("tests.device", "run", tmp_path, cwd=ROOT)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path}: is not what `python -m tests.device export` wrote")


def test_wrong_result_is_an_error(copied, said, monkeypatch):
    monkeypatch.setattr(run, "product_rate", lambda precision, tf32: 1e9)
    with np.load(copied / "iteration.npz") as archive:
        arrays = dict(archive)
    name = next(name for name in arrays if name.endswith("upconv_2_kernel_velocity"))
    arrays[name][5] *= 1.5
    np.savez(copied / "iteration.npz", **arrays)
    code, (line,) = said("run", copied, "--steps=1")
    assert code == 1
    assert line.startswith(f"error: {name.removeprefix('expected/')} differs from TensorFlow's by ")
    assert line.endswith("of its largest element; 2e-02 is allowed")


def test_other_mistakes_are_one_line(copied, said, monkeypatch):
    manifest = json.loads((copied / run.MANIFEST).read_text())
    (copied / run.MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    code, (line,) = said("run", copied)
    assert code == 1 and "format 99" in line and "reads format 2; export it anew" in line
    (copied / run.MANIFEST).write_text(json.dumps(manifest))

    code, (line,) = said("run", copied, "--steps=0")
    assert code == 1 and line == "error: --steps=0: must be at least 1"

    (copied / "iteration.exact.mlirbc").write_bytes(b"nothing that StableHLO knows")
    code, (line,) = said("run", copied, "--tf32=off")
    assert code == 1 and "iteration.exact.mlirbc: JAX" in line and "cannot compile this program" in line

    arrays = (copied / "iteration.npz").read_bytes()
    (copied / "iteration.npz").unlink()
    code, (line,) = said("run", copied)
    assert code == 1 and f"{copied}: is not whole" in line

    with monkeypatch.context() as patch:
        patch.setattr(run, "_compile", lambda *_: (_ for _ in ()).throw(RuntimeError("RESOURCE_EXHAUSTED: 9 GB")))
        (copied / "iteration.npz").write_bytes(arrays)
        code, (line,) = said("run", copied)
    assert code == 1 and line.startswith("error: out of memory on the device") and "--batch" in line

    monkeypatch.setitem(sys.modules, "jax", None)
    code, (line,) = said("run", copied)
    assert code == 1 and "pip install" in line and "[device]" in line
    code, (line,) = said("export", "--model=wavegan", "--dim=2", f"--output={copied}")
    assert code == 1 and "exporting needs JAX" in line


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["--model=wavegan", "--set", "wavegan_lss=wgan"], "--set wavegan_lss: wavegan has no such option"),
        (["--model=wavegan", "--dim=0"], "--wavegan_dim=0: must be at least 1"),
        (["--model=specgan", "--batch=0"], "--train_batch_size=0: must be at least 1"),
        (["--model=gansynth", "--stage=13", "--dim=2"], "--stage=13: must be from 0 to 12"),
        (["--model=wavegan", "--set", "wavegan_loss=gan"], "--wavegan_loss=gan: must be one of"),
    ],
)
def test_wrong_export_options_are_one_line(said, tmp_path, arguments, wrong):
    code, (line,) = said("export", *arguments, f"--output={tmp_path}")
    assert code == 1 and wrong in line


def test_state_is_drawn_alike_everywhere():
    """Pinned, as an export made with one version of NumPy is run with another."""
    specs = {
        "weight": {"shape": [2, 2], "dtype": "float32", "mean": 0.5, "spread": 0.25, "seed": 3},
        "count": {"shape": [], "dtype": "int64", "mean": 7.0, "spread": 0.0, "seed": 4},
    }
    state = run.draw(specs)
    assert state["count"] == 7 and state["count"].dtype == np.int64
    assert state["weight"].dtype == np.float32
    np.testing.assert_allclose(state["weight"], [[0.29282457, 0.36840525], [0.6506372, 0.541081]], rtol=1e-7)


@pytest.mark.parametrize("shape", [(16384,), (16385,), (25, 64, 128), (3, 3, 256, 256)])
def test_sample_is_small_and_meets_every_channel(shape):
    channels = np.broadcast_to(np.arange(shape[-1]), shape)
    found = run.sample(np.ascontiguousarray(channels))
    assert len(found) <= 16384
    if len(shape) > 1:
        assert set(found) == set(range(shape[-1]))
