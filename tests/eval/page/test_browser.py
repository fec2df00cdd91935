"""The listening page in a browser: it plays, shows, sorts, counts votes and hands them out, on two sizes of screen."""

import csv
import io
import json
import re
import time

import numpy as np
import pytest
import soundfile

from eval import listening_page
from eval.page.render import Column, Table
from tests.browser import Browser
from tests.commands import DRUMS

NAMES = ["Real <hits> & \"more\"", "Others, </script>"]
COUNT = 3
READY = "[...document.querySelectorAll('#browse audio')].every(a => a.readyState >= 1 && a.duration > 0)"
STATUS = "document.getElementById('status').textContent"
PLAYING = "[...document.querySelectorAll('audio')].filter(a => !a.paused).length"
ROLES = {"button", "link", "textbox", "checkbox", "Audio", "slider", "DisclosureTriangle", "region", "image"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    paths = sorted(DRUMS.glob("*_001.flac"))[: 2 * COUNT]
    sets = [
        {"name": name, "files": [str(path) for path in paths[start::2]], "beside": start > 0}
        for start, name in enumerate(NAMES)
    ]
    description = {"title": "A page", "sets": sets, "question": "Which <one>?"}
    built = listening_page.build(description, listening_page.Source("a test"))
    rows = [{"set": name, "value": value} for name, value in (("b", 10.0), ("a", 9.5), ("c", None))]
    table = Table("Figures", "", [Column("set", "Set"), Column("value", "Value", "dB", "what it is")], rows)
    listening_page.write(built._replace(tables=[table]), str(folder / "page.html"))
    return folder / "page.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def opened(browser, page):
    """The page in a window, without votes of an earlier test; its console must stay empty of errors."""
    browser.open(page)
    browser.evaluate("localStorage.clear()")
    browser.open(page)
    browser.errors.clear()
    yield browser
    assert browser.errors == []


def start_test(browser, seed="7"):
    browser.evaluate(f"document.getElementById('seed').value = '{seed}'")
    browser.click("#start")
    browser.wait("!document.getElementById('blind').hidden && document.getElementById('browse').hidden")


def listen(browser):
    for key in "ab":
        browser.press(key)
        browser.wait(f"document.getElementById('audio_{key}').currentTime > 0")
        assert browser.evaluate(PLAYING) <= 1
    browser.wait("document.querySelector('[data-vote=A]').getAttribute('aria-disabled') === 'false'")


def test_players_load_one_plays_at_a_time_and_pictures_show(opened):
    opened.wait(READY)
    assert opened.evaluate("document.querySelectorAll('#browse audio').length") == 2 * COUNT
    loaded = "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    assert len(widths := opened.evaluate(loaded)) == 2 * COUNT and min(widths) > 1
    assert opened.evaluate("[...document.querySelectorAll('figure path')].every(p => p.getBBox().width > 150)")
    opened.evaluate("document.querySelectorAll('#browse audio')[0].play()")
    opened.wait("document.querySelectorAll('#browse audio')[0].currentTime > 0.1")
    opened.evaluate("document.querySelectorAll('#browse audio')[1].play()")
    assert opened.evaluate("document.querySelectorAll('#browse audio')[0].paused")
    assert opened.evaluate("performance.getEntriesByType('resource').filter(r => !/^(data|blob):/.test(r.name))") == []


def test_sorting_reorders_clips_and_tables(opened):
    def order(key):
        return opened.evaluate(
            "[...document.querySelectorAll('.clips')].map(list => [...list.children]"
            f".map(card => card.dataset.{key}))"
        )

    for key in ("level", "centroid", "duration"):
        opened.click(f"#sorting [data-key={key}]")
        rising = [[float(value) for value in values] for values in order(key)]
        assert all(values == sorted(values) for values in rising)
        opened.click(f"#sorting [data-key={key}]")
        assert [[float(value) for value in values] for values in order(key)] == [values[::-1] for values in rising]
        assert opened.evaluate(STATUS).endswith(", descending.")
    pressed = "[...document.querySelectorAll('#sorting [aria-pressed=true]')].map(b => b.textContent)"
    assert opened.evaluate(pressed) == ["Length"]
    opened.click("#sorting [data-key=index]")
    assert order("index") == [["0", "1", "2"]] * 2
    rows = "[...document.querySelectorAll('[aria-labelledby=table_0] tbody th')].map(c => c.textContent).join('')"
    for column, expected in ((2, "abc"), (2, "bac"), (1, "abc"), (1, "cba")):
        opened.click(f"[aria-labelledby=table_0] th:nth-child({column}) button")
        assert opened.evaluate(rows) == expected
    sort = "[...document.querySelectorAll('thead th')].map(c => c.getAttribute('aria-sort')).filter(Boolean)"
    assert opened.evaluate(sort) == ["descending"]


def test_a_blind_trial_tells_nothing_and_votes_are_counted_and_given_out(opened, tmp_path):
    opened.evaluate("document.getElementById('listener').value = 'Ann \"A\", <b>'")
    start_test(opened)
    assert opened.evaluate("document.activeElement.id") == "blind_title"
    trial = opened.evaluate("document.getElementById('blind').outerHTML")
    for told in (*NAMES, "Real", "Others", "sonicpi", "data:", "<img", "<svg"):
        assert told not in trial
    assert len(set(re.findall(r"blob:[^\"]*", trial))) == 2
    opened.press("1")
    assert opened.evaluate(STATUS).startswith("Listen to both sounds first")
    listen(opened)
    opened.press("1")
    assert opened.evaluate(STATUS) == "Vote 1 counted. Pair 2 is ready."
    assert len(set(re.findall(r"blob:[^\"]*", opened.evaluate("document.getElementById('blind').outerHTML")))) == 2
    listen(opened)
    opened.click("[data-vote=none]")
    assert opened.evaluate("document.getElementById('trial').textContent") == "Pair 3"
    opened.click("#stop")
    cells = opened.evaluate("[...document.querySelectorAll('#results tbody tr > *')].map(c => c.textContent)")
    wins = sorted(NAMES).index(json.loads(opened.evaluate("localStorage[Object.keys(localStorage)[0]]"))[0]["winner"])
    interval = ["0 %", "0 % to 79 %"] if wins else ["100 %", "21 % to 100 %"]
    assert cells == [*sorted(NAMES), *(("0", "1") if wins else ("1", "0")), "1", *interval]
    opened.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for kind in ("json", "csv"):
        opened.click(f"#save_{kind}")
        deadline = time.monotonic() + 10
        while not (tmp_path / f"votes.{kind}").exists():
            assert time.monotonic() < deadline
            opened.evaluate("1")
    votes = json.loads((tmp_path / "votes.json").read_text(encoding="utf-8"))
    assert [(vote["vote"], vote["trial"], vote["seed"]) for vote in votes] == [("A", 1, 7), ("none", 2, 7)]
    assert votes[0]["winner"] == votes[0]["a_set"] and votes[1]["winner"] == ""
    for vote in votes:
        assert {vote["a_set"], vote["b_set"]} == set(NAMES)
        assert vote["listener"] == 'Ann "A", <b>' and vote["question"] == "Which <one>?"
        assert "sonicpi" in vote["a_clip"] and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", vote["time"])
    with open(tmp_path / "votes.csv", encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [{key: str(value) for key, value in vote.items()} for vote in votes]


KEEP_SOUNDS = """
  window.sounds = [];
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => { if (blob.type === "audio/wav") window.sounds.push(blob); return make(blob); };
"""
SOUNDS = "Promise.all(window.sounds.map(async b => [...new Uint8Array(await b.arrayBuffer())]))"


@pytest.mark.parametrize("same_level", [False, True])
def test_the_sounds_of_a_trial_are_equally_long_and_on_demand_equally_loud(opened, same_level):
    opened.evaluate(KEEP_SOUNDS)
    opened.evaluate(f"document.getElementById('same_level').checked = {json.dumps(same_level)}")
    start_test(opened, "11")
    pair = [soundfile.read(io.BytesIO(bytes(sound)), dtype="int16")[0] for sound in opened.evaluate(SOUNDS)]
    listen(opened)
    opened.press("1")
    opened.click("#stop")
    (vote,) = opened.evaluate("JSON.parse(localStorage[Object.keys(localStorage)[0]])")
    assert vote["same_level"] == ("yes" if same_level else "no")
    paths = [next(DRUMS.glob(f"{vote[key]}.*")) for key in ("a_clip", "b_clip")]
    originals = [soundfile.read(path, dtype="int16")[0] for path in paths]
    levels = [np.sqrt(np.mean(np.square(sound, dtype=np.float64))) for sound in originals]
    assert abs(20 * np.log10(levels[0] / levels[1])) > 1 and len(originals[0]) != len(originals[1])
    for sound, original, level in zip(pair, originals, levels, strict=True):
        assert len(sound) == max(map(len, originals)) and not sound[len(original) :].any()
        gain = min(levels) / level if same_level else 1.0
        np.testing.assert_allclose(sound[: len(original)], gain * original, atol=1 + 32768 * 1e-4 if gain < 1 else 0)


def test_votes_stay_until_they_are_deleted_and_one_seed_gives_the_same_pairs(opened, page):
    seen = []
    for _ in range(2):
        start_test(opened)
        listen(opened)
        opened.press("2")
        opened.click("#stop")
        opened.open(page)
        seen.append(opened.evaluate("JSON.parse(localStorage[Object.keys(localStorage)[0]])")[-1])
    same = ("a_set", "a_clip", "b_set", "b_clip", "winner")
    assert [seen[0][key] for key in same] == [seen[1][key] for key in same]
    assert opened.evaluate("document.getElementById('count').textContent") == "2 votes."
    opened.click("#reset")
    assert opened.evaluate("document.getElementById('reset').textContent") == "Press again to delete 2 votes"
    opened.click("#reset")
    assert opened.evaluate("document.getElementById('count').textContent") == "0 votes."
    opened.open(page)
    assert opened.evaluate("document.getElementById('count').textContent") == "0 votes."


BLOCKED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"


@pytest.mark.parametrize("script", [BLOCKED, FULL], ids=["blocked", "full"])
def test_without_storage_votes_are_counted_and_the_page_says_that_they_are_not_kept(opened, page, script):
    added = opened.call("Page.addScriptToEvaluateOnNewDocument", source=script)
    try:
        opened.open(page)
        start_test(opened)
        for _ in range(2):
            listen(opened)
            opened.press("0")
        opened.click("#stop")
        assert opened.evaluate("document.getElementById('count').textContent") == "2 votes."
        assert "does not keep" in opened.evaluate("document.getElementById('kept').textContent")
    finally:
        opened.call("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])


def test_what_is_no_vote_in_the_storage_is_passed_over(opened, page):
    vote = {"a_set": NAMES[0], "b_set": NAMES[1], "winner": NAMES[0]}
    for stored in ("[null, 3, {}, " + json.dumps(vote) + "]", "{", '{"a": 1}'):
        put = f"localStorage.setItem('listening_page/' + document.body.dataset.page, {json.dumps(stored)})"
        opened.evaluate(put)
        opened.open(page)
        expected = "1 vote." if "winner" in stored else "0 votes."
        assert opened.evaluate("document.getElementById('count').textContent") == expected
        assert not opened.evaluate("document.getElementById('test').hidden")


@pytest.mark.parametrize("dark", [False, True])
def test_small_screen_names_and_contrast(opened, page, dark):
    opened.open(page, 360, 740, dark=dark)
    for is_blind in (False, True):
        if is_blind:
            start_test(opened)
        assert opened.evaluate("document.documentElement.scrollWidth") <= 360
        nodes = opened.call("Accessibility.getFullAXTree")["nodes"]
        found = [(node["role"]["value"], node["name"]["value"]) for node in nodes if "name" in node]
        ours = [(role, name) for role, name in found if role in ROLES]
        assert {"button", "Audio"} <= {role for role, _ in ours}
        assert [role for role, name in ours if not name] == []
        heights = "[...document.querySelectorAll('button, summary')].map(e => e.offsetHeight).filter(Boolean)"
        assert min(opened.evaluate(heights)) >= 24
        assert min(opened.evaluate(CONTRASTS)) >= 4.5


# Contrast of the text of every element that shows some, by the formula of WCAG 2.
CONTRASTS = """(() => {
  const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map((x) => x / 255)
    .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4))
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const back = (e) => {
    const found = getComputedStyle(e).backgroundColor;
    return /, 0\\)$/.test(found) && e.parentElement ? back(e.parentElement) : found;
  };
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.offsetParent && !e.disabled && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((e) => [light(getComputedStyle(e).color), light(back(e))].sort((a, b) => b - a))
    .map(([more, less]) => (more + 0.05) / (less + 0.05));
})()"""
