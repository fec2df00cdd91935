"""Pages with tiny models in a headless Chromium, whose consoles stay empty and which ask for nothing."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.core.edge import tiny_models


class Pages:
    """Opens pages, each in a window with a storage of its own unless a context is given."""

    def __init__(self, chromium: Browser) -> None:
        self.chromium = chromium
        self.contexts: list[BrowserContext] = []
        self.errors: list[str] = []
        self.requests: list[str] = []

    def context(self, script: str = "", **window: Any) -> BrowserContext:
        context = self.chromium.new_context(**{"accept_downloads": True, **window})
        context.set_default_timeout(20_000)
        context.add_init_script(script)
        self.contexts.append(context)
        return context

    def open(self, place: Path | str, context: BrowserContext | None = None, **window: Any) -> Page:
        """A page that has started."""
        url = place if isinstance(place, str) else place.as_uri()
        page = (context or self.context(**window)).new_page()
        page.on("console", lambda message: self.errors.extend([message.text] * (message.type in ("error", "warning"))))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        return page


@pytest.fixture
def pages(chromium: Browser) -> Iterator[Pages]:
    opened = Pages(chromium)
    yield opened
    for context in opened.contexts:
        context.close()
    assert opened.errors == []
    kinds = ("file:", "data:", "blob:", "http://localhost:")
    assert [url for url in opened.requests if not url.startswith(kinds)] == []


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tiny_models.Tiny:
    """Tiny models and their pages, made when they are asked for."""
    return tiny_models.Tiny(tmp_path_factory.mktemp("instruments"))


@pytest.fixture(scope="session")
def address(tiny: tiny_models.Tiny) -> Iterator[str]:
    """Address of a plain server of files, with the pages of `tiny`."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("localhost", 0), functools.partial(Quiet, directory=str(tiny.folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
