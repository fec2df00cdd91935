"""The page as a document: what it is made of, that nothing in it breaks it, and how it looks and says what is wrong."""

from __future__ import annotations

import html.parser
import json
import re
import runpy
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.core.edge.playing import SPY, settled
from tests.core.edge.tiny_models import metadata_of
from wavegan_tf.core.edge import page as page_module
from wavegan_tf.core.edge.page import make_page

WEB = Path(page_module.__file__).parent / "web"


class Parts(html.parser.HTMLParser):
    """Text of the elements with an id, and of title and h1."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.tags: list[str] = []
        self.place = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.place = dict(attributes).get("id") or tag

    def handle_data(self, data):
        self.texts[self.place] = self.texts.get(self.place, "") + data


def test_the_built_script_is_that_of_its_sources():
    build = runpy.run_path(str(WEB / "build.py"))
    first, script = (WEB / "built" / "page.js").read_text(encoding="utf-8").split("\n", 1)
    assert first == f"// sources: {build['sources_hash']()}", "run make page"
    for text in (script, (WEB / "page.css").read_text(encoding="utf-8")):
        assert "</script" not in text.lower() and "<!--" not in text and "</style" not in text.lower()


def test_the_lock_has_one_version_of_what_is_built_in():
    packages = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = json.loads((WEB / "package.json").read_text(encoding="utf-8"))
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert packages[f"node_modules/{name}"]["version"] == version
        assert name == "esbuild" or f"{name}" in (WEB / "licences.txt").read_text(encoding="utf-8")
    assert all("resolved" not in package for package in packages.values())


def test_sources_are_short():
    for path in sorted(WEB.glob("src/**/*.js")):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 300 and max(map(len, lines)) <= 150, path
        assert lines[0].startswith("// "), path


@pytest.mark.parametrize(
    "title", [None, 'A "kit" of <b>Tom\'s</b> & </script><script>alert(1)</script> $title ${script}']
)
def test_title_and_metadata_stand_as_they_are_given(title):
    metadata = {**metadata_of("labelled"), "description": "</script><!-- <script> \u2028 \\ \" ' & $model"}
    text = make_page(b"model", metadata, title)
    plain, parts = Parts(make_page(b"model", metadata, "plain")), Parts(text)
    assert parts.tags == plain.tags
    assert parts.texts["title"].strip() == parts.texts["h1"].strip() == (title or "SpecGAN drum machine")
    assert json.loads(parts.texts["metadata"]) == metadata
    assert "TensorFlow Lite" in parts.texts["licences"] and '(the "Software")' in parts.texts["licences"]
    assert not re.search(r"(src|href)=[\"'](?!data:)", text.split('<script type="text/plain"')[0])


def test_models_have_sessions_of_their_own():
    pages = [make_page(model, metadata_of("wavegan")) for model in (b"a", b"b", b"a")]
    names = [re.findall(r'data-page="(\w+)"', page) for page in pages]
    assert names[0] == names[2] != names[1]


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (768, "light"), (1280, "dark")])
def test_it_fits_into_the_window(pages, tiny, width, scheme):
    page = pages.open(tiny.page("labelled"), viewport={"width": width, "height": 844}, color_scheme=scheme)
    settled(page)
    for steps in ("32", "16"):
        page.get_by_role("combobox", name="Steps").select_option(steps)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        outside = """[...document.querySelectorAll("button, input, select, canvas")].filter((element) => {
            const { left, right, width } = element.getBoundingClientRect();
            return width && (left < -0.5 || right > innerWidth + 0.5); }).length"""
        assert page.evaluate(outside) == 0
    covered = """(canvas) => { const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size; }"""
    assert all(canvas.evaluate(covered) > 20 for canvas in page.locator(".pad canvas").all())


@pytest.mark.parametrize("width", [360, 1000])
def test_long_names_of_classes_fit_into_the_window(pages, tiny, tmp_path, width):
    labels = {"labels": ["W" * 60, "snare", "hi-hat"]}
    (tmp_path / "a.html").write_text(make_page(tiny.model("labelled"), {**metadata_of("labelled"), **labels}))
    page = pages.open(tmp_path / "a.html", viewport={"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    box, panel = (page.locator(name).bounding_box() for name in ("select[aria-label=Class]", ".editor"))
    assert box["width"] > 100 and box["x"] + box["width"] < panel["x"] + panel["width"]


def test_everything_has_a_name_and_is_reached_by_tab(pages, tiny):
    page = pages.open(tiny.page("labelled"), viewport={"width": 1280, "height": 900})
    settled(page)
    unnamed = """[...document.querySelectorAll("button, input, select, summary")].filter((element) => {
        const name = element.getAttribute("aria-label") || element.textContent.trim();
        return element.checkVisibility() && !(name || element.labels?.[0]?.textContent.trim());
        }).map((element) => element.outerHTML)"""
    assert page.evaluate(unnamed) == []
    reachable = page.evaluate("""[...document.querySelectorAll("button, input, select, summary")]
        .filter((element) => element.checkVisibility() && !element.disabled && element.tabIndex >= 0).length""")
    seen = set()
    for _ in range(reachable):
        page.keyboard.press("Tab")
        found = page.evaluate("""() => { const { activeElement: element } = document;
            window.met ??= new Map(); if (!met.has(element)) met.set(element, met.size);
            const style = getComputedStyle(element);
            return [met.get(element), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2]; }""")
        assert found[1], "the focus is visible"
        seen.add(found[0])
    assert len(seen) == reachable


def test_a_browser_that_lacks_something_is_told(pages, tiny, chromium):
    for script, text in {
        "delete WebAssembly": "no WebAssembly",
        "WebAssembly.validate = () => false": "no SIMD",
        "delete DecompressionStream": "no DecompressionStream",
        "delete Worker": "no Web Workers",
        "delete AudioContext": "no Web Audio",
    }.items():
        page = pages.context(script).new_page()
        page.goto(tiny.page("wavegan").as_uri())
        expect(page.get_by_role("alert")).to_contain_text("This browser can't run the model")
        expect(page.get_by_role("alert")).to_contain_text(text)
        page.close()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("delete Navigator.prototype.requestMIDIAccess", "This browser has no MIDI"),
        (
            "navigator.requestMIDIAccess = async () => { throw new DOMException('denied by the user'); }",
            "denied by the user",
        ),
    ],
)
def test_without_midi_the_rest_works_and_why_is_said(pages, tiny, script, text):
    page = pages.open(tiny.page("wavegan"), script=script)
    connect = page.get_by_role("button", name="Connect MIDI")
    if connect.is_enabled():
        connect.click()
        expect(page.get_by_role("alert")).to_contain_text(text)
    expect(page.locator("#midi_state")).to_contain_text(text)
    settled(page)


def test_errors_of_the_worker_are_shown(pages, tiny, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(make_page(b"no model at all", metadata_of("wavegan")), encoding="utf-8")
    page = pages.context().new_page()
    page.goto(broken.as_uri())
    expect(page.get_by_role("alert")).to_contain_text("The model can't be started: ")
    expect(page.locator("#starting")).to_have_count(0)
    metadata = {**metadata_of("labelled"), "labels": None}
    broken.write_text(make_page(tiny.model("labelled"), metadata), encoding="utf-8")
    page.goto(broken.as_uri())
    expect(page.get_by_role("alert").first).to_contain_text('The model wants "label"')
    page = pages.open(tiny.page("wavegan"), script=SPY)
    settled(page)
    page.evaluate("instrument.engine.worker.dispatchEvent(new ErrorEvent('error', { message: 'out of memory' }))")
    page.get_by_role("button", name="New sound", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The model's worker has stopped: out of memory")


def test_without_a_storage_the_page_works_and_says_so(pages, tiny):
    page = pages.open(tiny.page("wavegan"), script="Storage.prototype.setItem = () => { throw new Error('full'); }")
    page.get_by_role("button", name="New kit").click()
    expect(page.get_by_role("alert")).to_contain_text("does not keep the session")
