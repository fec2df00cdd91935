"""The listening page in a browser: it plays, shows, sorts, counts votes and hands them out, on two sizes of screen."""

import csv
import io
import json
import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from eval import listening_page
from eval.page.render import Column, Table
from tests.commands import DRUMS

NAMES = ["Real <hits> & \"more\"", "Others, </script>"]
COUNT = 3
ROLES = {"button", "link", "textbox", "checkbox", "Audio", "slider", "DisclosureTriangle", "region", "image"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
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


@pytest.fixture
def open_page(chromium, file):
    """Opens the page in a window with a storage of its own; its console must stay empty of errors."""
    contexts, errors = [], []

    def open_it(script="", **window):
        contexts.append(context := chromium.new_context(**window))
        context.set_default_timeout(10_000)
        context.add_init_script(script)
        page = context.new_page()
        page.on("console", lambda message: errors.extend([message.text] * (message.type in ("error", "assert"))))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(file.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(open_page):
    return open_page()


def start_test(page, seed="7"):
    page.fill("#seed", seed)
    page.click("#start")
    expect(page.locator("#blind")).to_be_visible()
    expect(page.locator("#browse")).to_be_hidden()


def listen(page):
    for key in "ab":
        page.keyboard.press(key)
        expect(page.locator(f"#audio_{key}")).not_to_have_js_property("currentTime", 0)
        assert page.evaluate("[...document.querySelectorAll('audio')].filter(a => !a.paused).length") <= 1
    expect(page.locator("[data-vote=A]")).to_have_attribute("aria-disabled", "false")


def votes_kept(page):
    return page.evaluate("JSON.parse(localStorage[Object.keys(localStorage)[0]])")


def test_players_load_one_plays_at_a_time_and_pictures_show(page):
    players = page.locator("#browse audio")
    expect(players).to_have_count(2 * COUNT)
    for player in players.all():
        expect(player).not_to_have_js_property("readyState", 0)
        assert player.evaluate("player => player.duration") > 0
    widths = page.evaluate("Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))")
    assert len(widths) == 2 * COUNT and min(widths) > 1
    assert page.evaluate("[...document.querySelectorAll('figure path')].every(p => p.getBBox().width > 150)")
    players.nth(0).evaluate("player => player.play()")
    expect(players.nth(0)).not_to_have_js_property("currentTime", 0)
    players.nth(1).evaluate("player => player.play()")
    expect(players.nth(0)).to_have_js_property("paused", True)
    assert page.evaluate("performance.getEntriesByType('resource').filter(r => !/^(data|blob):/.test(r.name))") == []


def test_sorting_reorders_clips_and_tables(page):
    def order(key):
        return page.locator(".clips").evaluate_all(
            f"lists => lists.map(list => [...list.children].map(card => card.dataset.{key}))"
        )

    for key in ("level", "centroid", "duration"):
        page.click(f"#sorting [data-key={key}]")
        rising = [[float(value) for value in values] for values in order(key)]
        assert all(values == sorted(values) for values in rising)
        page.click(f"#sorting [data-key={key}]")
        assert [[float(value) for value in values] for values in order(key)] == [values[::-1] for values in rising]
        expect(page.locator("#status")).to_have_text(re.compile(", descending\\.$"))
    expect(page.locator("#sorting [aria-pressed=true]")).to_have_text(["Length"])
    page.click("#sorting [data-key=index]")
    assert order("index") == [["0", "1", "2"]] * 2
    for column, expected in ((2, "abc"), (2, "bac"), (1, "abc"), (1, "cba")):
        page.click(f"[aria-labelledby=table_0] th:nth-child({column}) button")
        expect(page.locator("[aria-labelledby=table_0] tbody th")).to_have_text(list(expected))
    sorted_by = page.locator("thead th[aria-sort]")
    expect(sorted_by).to_have_count(1)
    expect(sorted_by).to_have_attribute("aria-sort", "descending")


def test_a_blind_trial_tells_nothing_and_votes_are_counted_and_given_out(page):
    page.fill("#listener", 'Ann "A", <b>')
    start_test(page)
    expect(page.locator("#blind_title")).to_be_focused()
    trial, status = page.locator("#blind"), page.locator("#status")
    html = trial.evaluate("e => e.outerHTML")
    for told in (*NAMES, "Real", "Others", "sonicpi", "data:", "<img", "<svg"):
        assert told not in html
    assert len(set(re.findall(r"blob:[^\"]*", html))) == 2
    page.keyboard.press("1")
    expect(status).to_have_text(re.compile("^Listen to both sounds first"))
    listen(page)
    page.keyboard.press("1")
    expect(status).to_have_text("Vote 1 counted. Pair 2 is ready.")
    assert len(set(re.findall(r"blob:[^\"]*", trial.evaluate("e => e.outerHTML")))) == 2
    listen(page)
    page.click("[data-vote=none]")
    expect(page.locator("#trial")).to_have_text("Pair 3")
    page.click("#stop")
    wins = sorted(NAMES).index(votes_kept(page)[0]["winner"])
    interval = ["0 %", "0 % to 79 %"] if wins else ["100 %", "21 % to 100 %"]
    expected = [*sorted(NAMES), *(("0", "1") if wins else ("1", "0")), "1", *interval]
    expect(page.locator("#results tbody tr > *")).to_have_text(expected)
    saved = {}
    for kind in ("json", "csv"):
        with page.expect_download() as download:
            page.click(f"#save_{kind}")
        assert download.value.suggested_filename == f"votes.{kind}"
        saved[kind] = download.value.path().read_text(encoding="utf-8")
    votes = json.loads(saved["json"])
    assert [(vote["vote"], vote["trial"], vote["seed"]) for vote in votes] == [("A", 1, 7), ("none", 2, 7)]
    assert votes[0]["winner"] == votes[0]["a_set"] and votes[1]["winner"] == ""
    for vote in votes:
        assert {vote["a_set"], vote["b_set"]} == set(NAMES)
        assert vote["listener"] == 'Ann "A", <b>' and vote["question"] == "Which <one>?"
        assert "sonicpi" in vote["a_clip"] and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", vote["time"])
    rows = list(csv.DictReader(io.StringIO(saved["csv"], newline="")))
    assert rows == [{key: str(value) for key, value in vote.items()} for vote in votes]


KEEP_SOUNDS = """
  window.sounds = [];
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => { if (blob.type === "audio/wav") window.sounds.push(blob); return make(blob); };
"""
SOUNDS = "Promise.all(window.sounds.map(async b => [...new Uint8Array(await b.arrayBuffer())]))"


@pytest.mark.parametrize("same_level", [False, True])
def test_the_sounds_of_a_trial_are_equally_long_and_on_demand_equally_loud(open_page, same_level):
    page = open_page(KEEP_SOUNDS)
    page.set_checked("#same_level", same_level)
    start_test(page, "11")
    pair = [soundfile.read(io.BytesIO(bytes(sound)), dtype="int16")[0] for sound in page.evaluate(SOUNDS)]
    listen(page)
    page.keyboard.press("1")
    page.click("#stop")
    (vote,) = votes_kept(page)
    assert vote["same_level"] == ("yes" if same_level else "no")
    paths = [next(DRUMS.glob(f"{vote[key]}.*")) for key in ("a_clip", "b_clip")]
    originals = [soundfile.read(path, dtype="int16")[0] for path in paths]
    levels = [np.sqrt(np.mean(np.square(sound, dtype=np.float64))) for sound in originals]
    assert abs(20 * np.log10(levels[0] / levels[1])) > 1 and len(originals[0]) != len(originals[1])
    for sound, original, level in zip(pair, originals, levels, strict=True):
        assert len(sound) == max(map(len, originals)) and not sound[len(original) :].any()
        gain = min(levels) / level if same_level else 1.0
        np.testing.assert_allclose(sound[: len(original)], gain * original, atol=1 + 32768 * 1e-4 if gain < 1 else 0)


def test_votes_stay_until_they_are_deleted_and_one_seed_gives_the_same_pairs(page):
    seen, count, reset = [], page.locator("#count"), page.locator("#reset")
    for _ in range(2):
        start_test(page)
        listen(page)
        page.keyboard.press("2")
        page.click("#stop")
        page.reload()
        seen.append(votes_kept(page)[-1])
    same = ("a_set", "a_clip", "b_set", "b_clip", "winner")
    assert [seen[0][key] for key in same] == [seen[1][key] for key in same]
    expect(count).to_have_text("2 votes.")
    reset.click()
    expect(reset).to_have_text("Press again to delete 2 votes")
    reset.click()
    expect(count).to_have_text("0 votes.")
    page.reload()
    expect(count).to_have_text("0 votes.")


BLOCKED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"


@pytest.mark.parametrize("script", [BLOCKED, FULL], ids=["blocked", "full"])
def test_without_storage_votes_are_counted_and_the_page_says_that_they_are_not_kept(open_page, script):
    page = open_page(script)
    start_test(page)
    for _ in range(2):
        listen(page)
        page.keyboard.press("0")
    page.click("#stop")
    expect(page.locator("#count")).to_have_text("2 votes.")
    expect(page.locator("#kept")).to_contain_text("does not keep")


def test_what_is_no_vote_in_the_storage_is_passed_over(page):
    vote = {"a_set": NAMES[0], "b_set": NAMES[1], "winner": NAMES[0]}
    for stored in ("[null, 3, {}, " + json.dumps(vote) + "]", "{", '{"a": 1}'):
        page.evaluate("text => localStorage.setItem('listening_page/' + document.body.dataset.page, text)", stored)
        page.reload()
        expect(page.locator("#count")).to_have_text("1 vote." if "winner" in stored else "0 votes.")
        expect(page.locator("#test")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_screen_names_and_contrast(open_page, scheme):
    page = open_page(viewport={"width": 360, "height": 740}, is_mobile=True, color_scheme=scheme)
    devtools = page.context.new_cdp_session(page)
    for is_blind in (False, True):
        if is_blind:
            start_test(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        nodes = devtools.send("Accessibility.getFullAXTree")["nodes"]
        found = [(node["role"]["value"], node["name"]["value"]) for node in nodes if "name" in node]
        ours = [(role, name) for role, name in found if role in ROLES]
        assert {"button", "Audio"} <= {role for role, _ in ours}
        assert [role for role, name in ours if not name] == []
        heights = page.locator("button, summary").evaluate_all("all => all.map(e => e.offsetHeight).filter(Boolean)")
        assert min(heights) >= 24
        assert min(page.evaluate(CONTRASTS)) >= 4.5


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
