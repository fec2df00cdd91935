"""Finding the Chromium that the tests of the listening page are run in."""

import os

import pytest

from tests import browser


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch, tmp_path):
    """No Chromium anywhere, and no way to get one."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.delenv("CHROME", raising=False)
    monkeypatch.setattr(browser, "FOLDER", tmp_path / "chromium")
    monkeypatch.setattr(browser, "_install", lambda: None)


def program(path, code=0):
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_without_any_one_line_says_how_to_get_one():
    assert browser.find() is None
    with pytest.raises(SystemExit) as error:
        browser.install()
    assert "apt-get install chromium" in str(error.value) and "CHROME" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_first_that_starts_is_taken(monkeypatch, tmp_path):
    (tmp_path / "chromium").mkdir()
    installed = program(tmp_path / "chromium" / "chromium")
    assert browser.find() == browser.install() == str(installed)
    assert browser.environment(str(installed))["LD_LIBRARY_PATH"].startswith(str(tmp_path))
    for bad in (program(tmp_path / "broken", 1), tmp_path / "no_program", tmp_path / "missing"):
        if bad.name == "no_program":
            bad.touch()
        monkeypatch.setenv("CHROME", str(bad))
        assert browser.find() == str(installed)
    monkeypatch.setenv("CHROME", str(program(tmp_path / "named")))
    assert browser.find() == str(tmp_path / "named")
    assert "LD_LIBRARY_PATH" not in set(browser.environment(str(tmp_path / "named"))) - set(os.environ)
