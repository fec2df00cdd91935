"""Fixtures of all tests: one kills the commands that a failed test left running, one starts headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests import browser, commands

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(autouse=True)
def no_command_outlives_its_test() -> Iterator[None]:
    """Kills what a test that failed has left running; what wider fixtures start is theirs."""
    before = len(commands.started)
    yield
    for process in commands.started[before:]:
        process.kill()
    del commands.started[before:]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, since Playwright can be started only once in a process; sounds play without a click before."""
    from playwright.sync_api import sync_playwright

    path = browser.find()
    if path is None:
        pytest.fail(browser.ADVICE, pytrace=False)
    with sync_playwright() as playwright:
        arguments = ["--autoplay-policy=no-user-gesture-required"]
        yield playwright.chromium.launch(executable_path=path, env={**browser.environment(path)}, args=arguments)
