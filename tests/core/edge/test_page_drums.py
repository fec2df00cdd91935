"""The drum machine's page in a browser: its sounds, and each control of pads, morph and sequencer."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.core.edge.playing import SPY, codes, hits, settled, slide, state, until
from tests.core.edge.tiny_models import metadata_of, runner

Z = "machine => machine.state.pads.map(pad => [...instrument.latentOf(pad.code)])"


@pytest.fixture
def page(pages, tiny) -> Page:
    return pages.open(tiny.page("wavegan"), script=SPY, viewport={"width": 1280, "height": 900})


def test_a_page_starts_anywhere_and_makes_the_models_sounds(pages, tiny, address):
    random = np.random.default_rng(2)
    for kind, place in (("wavegan", tiny.page("wavegan")), ("labelled", f"{address}/{tiny.page('labelled').name}")):
        page, metadata, run = pages.open(place), metadata_of(kind), runner(tiny.model(kind))
        size, labels = metadata["latent_dim"], len(metadata.get("labels", []))
        for z in random.uniform(-1, 1, [5, size]).astype(np.float32):
            label = {"label": int(random.integers(labels))} if labels else {}
            made = page.evaluate(
                "async inputs => [...await instrument.engine.generate(inputs)]", {"z": z.tolist(), **label}
            )
            wanted = run(z=z[None], **{name: np.array([value], np.int32) for name, value in label.items()})
            assert wanted.shape == (metadata["samples"], metadata["num_channels"]) and wanted.std() > 0.01
            np.testing.assert_allclose(np.reshape(made, wanted.shape), wanted, atol=2e-6)
        settled(page)
        assert (
            page.evaluate("performance.getEntriesByType('resource').filter(r => !/^(data|blob):/.test(r.name))") == []
        )


def test_pads_are_played_by_mouse_keys_and_midi(page):
    settled(page)
    pads = page.locator(".hit")
    expect(pads).to_have_count(8)
    expect(pads.nth(1)).to_have_accessible_name("Pad 2 sound 2")
    for index in range(8):
        pads.nth(index).click()
        page.keyboard.press(str(index + 1))
        pads.nth(index).focus()
        page.keyboard.press("Enter")
        assert [hit["samples"] for hit in hits(page)] == [4096] * 3
        assert state(page)["selected"] == index
    page.get_by_role("button", name="Connect MIDI").click()
    expect(page.locator("#midi_state")).to_have_text("Pads of a test")
    gains = page.evaluate("""() => {
        window.gains = [];
        const set = AudioParam.prototype.setValueAtTime;
        AudioParam.prototype.setValueAtTime = function (value, when) {
          window.gains.push(value);
          return set.call(this, value, when);
        };
        for (const [note, velocity] of [[36, 127], [43, 64], [44, 64], [35, 64], [38, 0]]) midi(0x99, note, velocity);
        midi(0x89, 36, 64); midi(0xB9, 64, 127); return window.gains; }""")
    assert len(hits(page)) == 4, "velocity 0 and note off are silent"
    np.testing.assert_allclose(gains, [1, (64 / 127) ** 2, (64 / 127) ** 2, (64 / 127) ** 2])


def test_a_pad_is_heard(page):
    settled(page)
    peak = page.evaluate("""async () => {
        const { context, output } = instrument.machine.sound, meter = context.createAnalyser();
        output.dry.connect(meter);
        instrument.machine.play(0);
        const samples = new Float32Array(meter.fftSize), end = performance.now() + 5000;
        while (performance.now() < end && !samples.some((x) => Math.abs(x) > 0.01)) {
          await new Promise((done) => setTimeout(done, 20));
          meter.getFloatTimeDomainData(samples);
        }
        return [context.sampleRate, Math.max(...samples.map(Math.abs))]; }""")
    assert peak[0] == 16000 and 0.01 < peak[1] <= 1


def test_a_pad_is_played_by_touch(pages, tiny):
    page = pages.open(
        tiny.page("wavegan"), script=SPY, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    settled(page)
    page.locator(".hit").nth(2).tap()
    assert len(hits(page)) == 1 and state(page)["selected"] == 2
    step = page.locator("[data-pad='6'][data-step='3']")
    step.tap()
    expect(step).to_have_attribute("aria-pressed", "true")
    step.tap()
    expect(step).to_have_attribute("aria-pressed", "false")


def test_sounds_are_rolled_nudged_locked_typed_and_undone(page):
    settled(page)
    first = codes(page)
    assert first == [str(n) for n in range(1, 9)]
    page.get_by_role("button", name="New random sound on pad 3").click()
    assert codes(page)[2] != "3" and codes(page)[:2] == ["1", "2"]
    page.get_by_role("button", name="Undo").click()
    assert codes(page) == first
    page.get_by_role("button", name="Redo").click()
    rolled = codes(page)
    page.keyboard.press("Control+z")
    assert codes(page) == first
    page.keyboard.press("Control+Shift+Z")
    assert codes(page) == rolled
    page.get_by_role("button", name="Lock pad 3").click()
    page.get_by_role("button", name="New kit").click()
    assert codes(page)[2] == rolled[2] and not set(codes(page)) & {"1", "2", "4", "5", "6", "7", "8"}
    expect(page.get_by_role("button", name="New random sound on pad 3")).to_be_disabled()
    page.locator(".hit").nth(2).click()
    for name in ("New sound", "Nudge"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    expect(page.get_by_role("textbox", name="Seed")).to_be_disabled()
    page.get_by_role("button", name="Lock", exact=True).click()
    page.get_by_role("textbox", name="Seed").fill("3")
    page.keyboard.press("Enter")
    before = page.evaluate(f"({Z})(instrument.machine)")[2]
    slide(page, "Size of a nudge", 20)
    page.get_by_role("button", name="Nudge", exact=True).click()
    assert re.fullmatch(r"3~\d+\*20", codes(page)[2])
    after = page.evaluate(f"({Z})(instrument.machine)")[2]
    moved = np.abs(np.subtract(after, before))
    assert 0 < moved.max() <= 0.2 and np.abs(after).max() <= 1
    assert page.get_by_role("textbox", name="Seed").input_value() == codes(page)[2]


def test_what_is_no_sound_is_refused(page):
    for wrong in (
        "",
        "x",
        "12,",
        "lin(1,2",
        "lin(1,2,300)",
        "99999999999",
        "2147483648",
        "1/",
        "1/65536",
        "=AAAA",
        "1~2",
        "1~2*101",
        "=!",
        "1" * 50_000,
    ):
        page.get_by_role("textbox", name="Seed").fill(wrong)
        page.get_by_role("button", name="Load", exact=True).click()
        expect(page.locator("#seed_error")).not_to_be_empty()
        page.get_by_role("textbox", name="Seed").fill("1")
        page.get_by_role("button", name="Load", exact=True).click()
        expect(page.locator("#seed_error")).to_be_empty()
    assert codes(page)[0] == "1"


def test_the_same_seed_is_the_same_latent_and_both_ways_lead_from_one_to_another(page):
    def latent(code):
        return np.array(page.evaluate("code => [...instrument.latentOf(code)]", code))

    a, b = latent("421"), latent("99")
    np.testing.assert_array_equal(a, latent(" 421 "))
    assert a.shape == (100,) and np.abs(a).max() < 1 and 0.5 < a.std() < 0.65
    np.testing.assert_allclose(latent("lin(421,99,25)"), 0.75 * a + 0.25 * b, atol=1e-6)
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    directions = a / np.linalg.norm(a), b / np.linalg.norm(b)
    wanted = (np.sin(0.75 * angle) * directions[0] + np.sin(0.25 * angle) * directions[1]) / np.sin(angle)
    wanted *= 0.75 * np.linalg.norm(a) + 0.25 * np.linalg.norm(b)
    np.testing.assert_allclose(latent("sph(421,99,25)"), wanted, atol=1e-6)
    np.testing.assert_array_equal(latent("lin(lin(421,99,25),7~8*50,0)"), latent("lin(421,99,25)"))


def test_a_morph_is_heard_and_put_on_a_pad(page):
    settled(page)
    for name, value in (("A", "3"), ("B", "4"), ("Put it on", "6")):
        page.get_by_role("combobox", name=name, exact=True).select_option(value)
    page.get_by_role("combobox", name="Way").select_option("linear")
    settled(page)
    hits(page)
    slide(page, "From A to B", 35)
    until(page, "hits.length === 1")
    page.get_by_role("button", name="Put the morphed sound").click()
    assert codes(page)[6] == "lin(4,5,35)"
    slide(page, "From A to B", 100)
    page.get_by_role("combobox", name="Way").select_option("spherical")
    page.get_by_role("button", name="Put the morphed sound").click()
    assert codes(page)[6] == "5"
    page.get_by_role("button", name="Lock pad 7").click()
    expect(page.get_by_role("button", name="Put the morphed sound")).to_be_disabled()


def test_a_morph_is_put_on_one_of_its_own_pads_again_and_again(page):
    page.get_by_role("combobox", name="B", exact=True).select_option("2")
    put, wanted = page.get_by_role("button", name="Put the morphed sound"), None
    slide(page, "From A to B", 95)
    page.get_by_role("combobox", name="Way").select_option("linear")
    for _ in range(60):
        first, _, third = page.evaluate(f"({Z})(instrument.machine)")[:3]
        wanted = np.add(first, np.multiply(0.95, np.subtract(third, first)))
        put.click()
        assert len(codes(page)[2]) < 1000 and page.get_by_role("alert").filter(has_text="name").count() == 0
        np.testing.assert_allclose(page.evaluate(f"({Z})(instrument.machine)")[2], wanted, atol=1e-6)


def test_a_locked_pad_takes_no_name(page):
    page.get_by_role("button", name="Lock", exact=True).click()
    for control in (page.get_by_role("textbox", name="Seed"), page.get_by_role("button", name="Load", exact=True)):
        expect(control).to_be_disabled()


def test_settings_of_a_pad_are_heard(page):
    settled(page)
    page.evaluate("""() => {
        window.panned = [];
        const make = BaseAudioContext.prototype.createStereoPanner;
        BaseAudioContext.prototype.createStereoPanner = function () {
          window.panned.push(make.call(this));
          return window.panned.at(-1);
        }; }""")
    page.locator(".hit").nth(1).click()
    for name, value in (("Gain", 0.5), ("Pitch", 12), ("Pan", -1), ("Decay", 0.5)):
        slide(page, name, value)
    hits(page)
    page.keyboard.press("2")
    (hit,) = hits(page)
    assert hit["rate"] == 2 and page.evaluate("panned.at(-1).pan.value") == -1
    pad = state(page)["pads"][1]
    assert (pad["gain"], pad["pitch"], pad["pan"], pad["decay"]) == (0.5, 12, -1, 0.5)
    page.get_by_role("button", name="Undo").click()
    assert state(page)["pads"][1]["decay"] == 1, "a slider's way is undone at once"
    page.get_by_role("button", name="Reset settings").click()
    assert state(page)["pads"][1] == {
        "code": "2",
        "label": 0,
        "locked": False,
        "gain": 1,
        "pitch": 0,
        "pan": 0,
        "decay": 1,
    }
    slide(page, "Volume", 0.3)
    slide(page, "Reverb", 0.9)
    assert (state(page)["volume"], state(page)["reverb"]) == (0.3, 0.9)


def test_more_pads(page):
    page.get_by_role("combobox", name="Pads").select_option("12")
    expect(page.locator(".hit")).to_have_count(12)
    expect(page.get_by_role("row")).to_have_count(12)
    settled(page)
    page.get_by_role("combobox", name="A", exact=True).select_option("11")
    page.get_by_role("combobox", name="Pads").select_option("8")
    expect(page.locator(".hit")).to_have_count(8)
    slide(page, "From A to B", 40)
    settled(page)


def test_classes_can_be_chosen(pages, tiny):
    page = pages.open(tiny.page("labelled"), script=SPY)
    settled(page)
    assert [pad["label"] for pad in state(page)["pads"]] == [0, 1, 2, 0, 1, 2, 0, 1]
    expect(page.locator(".name").nth(2)).to_have_text("hi-hat </script> 3")
    quiet, loud = (
        page.evaluate("i => Math.max(...instrument.machine.sounds.get({code: '1', label: i}).samples)", i)
        for i in (0, 0)
    )
    assert quiet == loud > 0
    page.get_by_role("combobox", name="Class").select_option("hi-hat </script>")
    settled(page)
    assert page.evaluate("Math.max(...instrument.machine.sounds.get({code: '1', label: 2}).samples)") > 2 * quiet
    about = page.locator(".about")
    expect(about).to_contain_text("Trained on <b>nothing</b> & less.")
    expect(about).to_contain_text("Licence of the model: MIT.")
    expect(about).to_contain_text("0.14 s of sound (22,050 Hz, stereo) from 5 random numbers")
    page.get_by_text("Licences of the software").click()
    expect(page.get_by_label("Licences", exact=True)).to_contain_text('(the "Software")')


def test_the_session_is_kept(pages, tiny):
    context = pages.context()
    page = pages.open(tiny.page("wavegan"), context)
    page.get_by_role("button", name="New kit").click()
    page.get_by_role("button", name="Pattern C").click()
    page.locator("[data-pad='2'][data-step='5']").click()
    slide(page, "Reverb", 0.5)
    kept = state(page)
    until(page, "Object.keys(localStorage).length === 1")
    page.wait_for_timeout(400)
    page.close()
    page = pages.open(tiny.page("wavegan"), context)
    assert state(page) == kept and kept["pattern"] == 2 and kept["patterns"][2]["tracks"][2][5] == 0.8
    wrong = {"pads": [{"code": "lin("}, 7], "tempo": "x", "patterns": [{"tracks": [[9]]}], "song": [99]}
    for damaged in ("{", json.dumps(wrong)):
        page.evaluate("text => { localStorage[Object.keys(localStorage)[0]] = text; }", damaged)
        other = pages.open(tiny.page("wavegan"), context)
        assert codes(other)[:2] == ["1", "2"] and state(other)["song"] == [] and state(other)["tempo"] == 110
        other.close()


def test_a_link_brings_the_sounds(pages, tiny):
    page = pages.open(tiny.page("wavegan"))
    page.get_by_role("textbox", name="Seed").fill("lin(421,99~7*20,35)")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Copy link").click()
    link = page.get_by_role("textbox", name="Link").input_value()
    other = pages.open(link)
    assert codes(other) == ["lin(421,99~7*20,35)", *(str(n) for n in range(2, 9))]
    assert "#" not in other.evaluate("location.href")
    other.get_by_role("button", name="Lock pad 1").click()
    other.evaluate("location.hash = '#sounds=77'")
    until(other, "instrument.machine.state.pads[1].code === '77'")
    page.get_by_role("button", name="Link to kit").click()
    link = page.get_by_role("textbox", name="Link").last.input_value()
    assert codes(pages.open(link)) == codes(page)
    other.evaluate("location.hash = '#sounds=nothing'")
    expect(other.get_by_role("alert").filter(has_text="link")).to_contain_text("can't be read")
