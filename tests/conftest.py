"""One headless Chromium for all tests of pages: Playwright can be started only once in a process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests import browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; sounds play without a click before."""
    from playwright.sync_api import sync_playwright

    path = browser.find()
    if path is None:
        pytest.fail(browser.ADVICE, pytrace=False)
    with sync_playwright() as playwright:
        arguments = ["--autoplay-policy=no-user-gesture-required"]
        yield playwright.chromium.launch(executable_path=path, env={**browser.environment(path)}, args=arguments)
