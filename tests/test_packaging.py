import importlib
import importlib.metadata
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement

import wavegan_tf

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def arguments():
    """What setup.py hands to setuptools."""
    captured: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", captured.update)
        patch.chdir(ROOT)
        runpy.run_path("setup.py")
    return captured


def environment(python):
    return {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux",
            "platform_machine": "x86_64", "platform_python_implementation": "CPython",
            "implementation_name": "cpython", "extra": ""}  # fmt: skip


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_lock_has_one_version_of_every_requirement(arguments, python):
    locked: dict[str, str] = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or line.startswith("    #"):
            continue
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==" and requirement.url is None
        if requirement.marker is None or requirement.marker.evaluate(environment(python)):
            assert requirement.name not in locked, "two versions for one Python"
            locked[requirement.name] = pin.version
    extras = arguments["extras_require"]
    for text in [*arguments["install_requires"], *extras["io"], *extras["eval"], *extras["dev"], "setuptools>=70.1"]:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(environment(python)):
            assert requirement.specifier.contains(locked[requirement.name]), text
    newest = python == "3.13"
    assert locked["tensorflow"] == ("2.21.0" if newest else "2.17.1")
    assert locked.get("tensorflow-io") == (None if newest else "0.37.1")


def test_lock_names_no_host_and_no_path():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|--|file:|^[ ]*/|@", text, re.MULTILINE)


def test_no_file_names_the_address_of_a_package_registry():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    pattern = r"(npmjs|pypi|pythonhosted|yarnpkg|crates|anaconda)\.(org|com|io)"
    found = subprocess.run(["git", "grep", "-lE", pattern], cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, ""), found


def test_git_ignores_what_the_documented_commands_write():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    flags = "train_dir|train_root_dir|export_dir|output_dir|classifier_dir|output|data_moments_fp"
    texts = [path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))]
    places = {place for text in texts for place in re.findall(rf"--(?:{flags})=(?!\w+://)([a-z][\w./]*)", text)}
    assert {"runs/mine", "models/mine/1", "scores"} <= places
    done = subprocess.run(["git", "check-ignore", *places], cwd=ROOT, capture_output=True, text=True)
    assert places - set(done.stdout.split()) == set()


def test_version_packages_and_data(arguments):
    assert arguments["version"] == wavegan_tf.__version__
    packages = arguments["packages"]
    assert {"wavegan_tf", "wavegan_tf.core", "wavegan_tf.demo", "specgan_tf"} <= set(packages)
    assert not any(name.startswith("tests") for name in packages)
    for package, patterns in arguments["package_data"].items():
        assert package in packages
        for pattern in patterns:
            assert list(ROOT.joinpath(*package.split(".")).glob(pattern)), pattern


def test_the_packages_say_that_they_are_typed(arguments):
    typed = {package for package, patterns in arguments["package_data"].items() if "py.typed" in patterns}
    assert typed == {name for name in arguments["packages"] if "." not in name}
    for package in typed:
        assert (ROOT / package / "py.typed").read_bytes() == b"", "a marker, or mypy takes it for a partial stub"


def test_every_console_script_exists(arguments):
    for script in arguments["entry_points"]["console_scripts"]:
        module, function = script.split("=")[1].split(":")
        assert callable(getattr(importlib.import_module(module), function)), script


def test_tensorboard_starts_in_the_locked_environment():
    command = Path(sys.executable).with_name("tensorboard")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.strip() == importlib.metadata.version("tensorboard"), done.stderr


@pytest.mark.parametrize("package", ["wavegan_tf", "specgan_tf", "gansynth_tf", "eval"])
def test_tensorflow_is_quiet_whichever_package_is_imported_first(package):
    code = f"import {package}, os, sys; print(os.environ['TF_CPP_MIN_LOG_LEVEL'], 'tensorflow' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("3 False\n", "")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("python", ["", "false"])
def test_make_without_a_usable_python_says_so_in_one_line(tmp_path, python):
    for name in ("Makefile", "requirements.lock", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(["make", f"PYTHON={python}", "test"], cwd=tmp_path, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0 and len(lines) == 1
    assert "Python 3.10 to 3.13" in lines[0] and "make PYTHON=" in lines[0]
