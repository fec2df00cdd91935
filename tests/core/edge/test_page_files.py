"""Files of the drum machine's page: sounds, kits and latents, which wavegan_generate reads, and the way back."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect

import wavegan_tf
from tests.core.edge.playing import codes, settled, slide, state, until
from tests.core.edge.tiny_models import convert_wavegan, metadata_of, runner
from tests.core.serving.test_commands import Command
from tests.eval.small import call
from tests.eval.tiny_models import write_model
from wavegan_tf.core.edge.page import make_page
from wavegan_tf.core.serving.latents import read_latents


@pytest.fixture
def page(pages, tiny) -> Page:
    return pages.open(tiny.page("wavegan"))


def save(page, name, folder) -> Path:
    """Clicks a button that offers a file; returns the path at which it was saved."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def load(page, path):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Load …").click()
    chooser.value.set_files(path)


def test_a_sound_is_saved_as_the_model_makes_it(page, tiny, tmp_path):
    slide(page, "Pitch", 12)
    path = save(page, "Save sound", tmp_path)
    wave, rate = soundfile.read(path, dtype="int16")
    z = np.array(page.evaluate("[...instrument.latentOf('1')]"), np.float32)
    wanted = runner(tiny.model("wavegan"))(z=z[None])[:, 0]
    assert (path.name, rate, len(wave)) == ("sound_1.wav", 16000, 4096)
    assert np.abs(wave - 32767 * wanted).max() <= 1.1 and np.abs(wave).max() > 1000


def test_stereo_sounds_and_their_classes_are_saved(pages, tiny, tmp_path):
    page = pages.open(tiny.page("labelled"))
    with zipfile.ZipFile(save(page, "Save kit", tmp_path)) as kit:
        waves = [soundfile.read(io.BytesIO(kit.read(f"{n:02d}.wav"))) for n in range(1, 9)]
        assert kit.read("labels.txt").decode().split("\n")[:3] == metadata_of("labelled")["labels"]
    run = runner(tiny.model("labelled"))
    for index, (wave, rate) in enumerate(waves):
        z = np.array(page.evaluate("code => [...instrument.latentOf(code)]", str(index + 1)), np.float32)
        np.testing.assert_allclose(wave, run(z=z[None], label=np.array([index % 3], np.int32)), atol=7e-5)
        assert rate == 22050


def test_a_kit_is_what_wavegan_generate_makes_of_its_latents(pages, tmp_path):
    model_dir = write_model(tmp_path / "model")
    (tmp_path / "page.html").write_text(make_page(*convert_wavegan(model_dir)), encoding="utf-8")
    page = pages.open(tmp_path / "page.html")
    named = page.evaluate("['421', '421/0', '421/1', '421/5'].map(code => [...instrument.latentOf(code)])")
    drawn = wavegan_tf.load_model(model_dir).latents(6, seed=421)
    np.testing.assert_array_equal(np.array(named, np.float32), drawn[[0, 0, 1, 5]])
    page.get_by_role("button", name="New kit").click()
    page.get_by_role("button", name="Nudge", exact=True).click()
    path = save(page, "Save kit", tmp_path)
    assert path.name == "kit.zip"
    with zipfile.ZipFile(path) as kit:
        assert kit.testzip() is None
        kit.extractall(tmp_path / "kit")
    names = sorted(path.name for path in (tmp_path / "kit").iterdir())
    assert names == [*(f"{n:02d}.wav" for n in range(1, 9)), "kit.json", "latents.npy"]
    latents = str(tmp_path / "kit" / "latents.npy")
    z = read_latents(latents, 4)
    assert z.dtype == np.float32 and z.shape == (8, 4)
    call(Command("wavegan"), f"--model_dir={model_dir}", f"--latents_file={latents}", f"--output_dir={tmp_path}/out")
    made = sorted((tmp_path / "out").glob("*.wav"))
    assert len(made) == 8
    for number, path in enumerate(made, 1):
        wanted, rate = soundfile.read(path, dtype="int16")
        wave, own_rate = soundfile.read(tmp_path / "kit" / f"{number:02d}.wav", dtype="int16")
        assert rate == own_rate and np.abs(wave.astype(int) - wanted).max() <= 1 and np.abs(wave).max() > 1000
    # And back: the latents that wavegan_generate has written beside its clips.
    load(page, tmp_path / "out" / "latents.npy")
    until(page, "instrument.machine.state.pads.every(pad => pad.code.startsWith('='))")
    own = page.evaluate("instrument.machine.state.pads.map(pad => [...instrument.latentOf(pad.code)])")
    np.testing.assert_array_equal(np.array(own, np.float32), z)


def test_a_kit_is_read_back(page, pages, tiny, tmp_path):
    page.get_by_role("button", name="New kit").click()
    page.get_by_role("combobox", name="Pads").select_option("12")
    slide(page, "Gain", 0.4)
    settled(page)
    saved = state(page)["pads"]
    path = save(page, "Save kit", tmp_path)
    other = pages.open(tiny.page("wavegan"))
    load(other, path)
    until(other, "instrument.machine.state.pads.length === 12")
    assert state(other)["pads"] == saved
    expect(other.locator(".hit")).to_have_count(12)
    other.get_by_role("button", name="Undo").click()
    assert codes(other) == [str(n) for n in range(1, 9)]
    # Packed by another program, with latents that were changed, and without what only the page knows.
    with zipfile.ZipFile(path) as kit, zipfile.ZipFile(tmp_path / "changed.zip", "w", zipfile.ZIP_DEFLATED) as changed:
        z = np.load(io.BytesIO(kit.read("latents.npy")))
        buffer = io.BytesIO()
        np.save(buffer, np.flip(z[:10], 0).astype(np.float64))
        changed.writestr("latents.npy", buffer.getvalue())
        changed.writestr("kit.json", kit.read("kit.json"))
    other.get_by_role("button", name="Lock pad 2").click()
    load(other, tmp_path / "changed.zip")
    until(other, "instrument.machine.state.pads.length === 10")
    own = other.evaluate("instrument.machine.state.pads.map(pad => [...instrument.latentOf(pad.code)])")
    wanted = np.flip(z[:10], 0)
    np.testing.assert_array_equal(np.array(own, np.float32)[2:], wanted[2:])
    assert codes(other)[1] == "2" and state(other)["pads"][0]["gain"] == pytest.approx(0.4)


def test_files_that_are_none_are_refused_in_a_sentence(page, tmp_path):
    before = codes(page)
    wrong = {
        "a.txt": (b"x", "a kit is a .zip, latents are an .npy, a pattern is a .json"),
        "b.zip": (b"PK", "not a zip file"),
        "c.npy": (b"\x93NUMPY", "not an npy file"),
        "e.json": (b"{", "can't be read"),
        "f.json": (json.dumps({"kind": "kit"}).encode(), "not a pattern"),
        "j.json": (b"null", "not a pattern"),
    }
    for name, array in {
        "g.npy": np.zeros([3, 7], np.float32),
        "h.npy": np.full([1, 100], np.nan, np.float32),
        "i.npy": np.zeros([100], np.float32),
        "k.npy": np.zeros([1, 100], int),
    }.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        wrong[name] = (
            buffer.getvalue(),
            {"g.npy": "7 numbers, this model takes 100", "h.npy": "finite"}.get(name, "two dimensions"),
        )
    for shape, text in (("(9, 100)", "ends too early"), ("(99999999999, 0)", "is empty"), ("(0, 100)", "is empty")):
        name = f"n{len(wrong)}.npy"
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        wrong[name] = (b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(400), text)
    wrong["o.npy"] = (b"\x93NUMPY\x02\x00" + (10**6).to_bytes(4, "little") + b" " * 10**6, "two dimensions")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x", "some content")
    wrong["l.zip"] = (buffer.getvalue(), "no latents.npy")
    wrong["m.zip"] = (buffer.getvalue().replace(b"some content", b"other content"[:12]), "checksum")
    for name, (content, text) in wrong.items():
        (tmp_path / name).write_bytes(content)
        load(page, tmp_path / name)
        alert = page.get_by_role("alert").filter(has_text=f"{name}: ")
        expect(alert).to_contain_text(text)
        alert.get_by_role("button").click()
    assert codes(page) == before


@pytest.mark.parametrize("place", ["main", "html"])  # beside the body, which wide windows have room for
def test_a_file_is_dropped_on_the_page(page, tmp_path, place):
    np.save(tmp_path / "x.npy", np.full([2, 100], 0.5, np.float32))
    data = page.evaluate_handle(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(bytes)], "x.npy"));
          return data; }""",
        list((tmp_path / "x.npy").read_bytes()),
    )
    page.dispatch_event(place, "drop", {"dataTransfer": data})
    until(page, "instrument.machine.state.pads[1].code.startsWith('=')")
    assert codes(page)[2] == "3"


def test_a_folder_that_is_dropped_is_refused_in_a_sentence(page, tmp_path):
    (tmp_path / "kit").mkdir()
    device = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(tmp_path / "kit")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        device.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    expect(page.get_by_role("alert")).to_contain_text("kit: can't be read; drop files, not folders")


def test_a_loop_is_saved(page, tmp_path):
    settled(page)
    wave, rate = soundfile.read(save(page, "Save loop as wav", tmp_path))
    assert rate == 16000 and wave.shape == (round(16 * 60 / 110 / 4 * 16000), 2) and 0.01 < np.abs(wave).max() < 1
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Save loop as wav").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no step to be heard")
