"""Modules of the keyboard by themselves: the bank of notes, pitches, seeds and links, MIDI files that are written."""

import numpy as np

from gansynth_tf.midi import reading
from tests import javascript
from wavegan_tf.core.edge import page

# An engine that keeps its answers until they are asked for, and a context without sound.
BANK = """
const { NoteBank } = await load("bank.js");
const made = [];
let waiting = null;
const engine = {
  metadata: { min_pitch: 50, max_pitch: 60, sample_rate: 100 },
  generate: ({ z, pitch }) => new Promise((resolve, reject) => {
    made.push(`${z}/${pitch}`);
    waiting = { resolve: () => resolve(new Float32Array(given.samples ?? 10)), reject };
  }),
};
const context = { createBuffer: (channels, length) => {
  const data = new Float32Array(length);
  return { length, getChannelData: () => data };
} };
const bank = new NoteBank(engine, context);
const turn = () => new Promise((done) => setTimeout(done));
const finish = async (count = 1) => {
  for (let i = 0; i < count; i++) {
    waiting?.resolve();
    await turn();
  }
};
"""


def test_notes_are_made_outwards_and_those_that_are_waited_for_first():
    source = """
    bank.use([1]);
    await finish(2);
    bank.playAround(52);
    await finish(3);
    const wanted = [bank.note([2], 57), bank.currentNote(50), bank.currentNote(52)];
    await finish(20);
    await Promise.all(wanted);
    bank.use([2]);
    await finish(1);
    answer([made, bank.ready]);
    """
    made, ready = javascript.run(BANK + source, {})
    first = ["1/60", "1/59", "1/58", "1/52", "1/53", "1/51"]  # 58 was under way when 52 was struck
    assert made[:8] == [*first, "1/50", "2/57"] and made[8:12] == ["1/54", "1/55", "1/56", "1/57"]
    assert sorted(made[:12]) == sorted({*made[:12]}) and len([one for one in made if one[:2] == "1/"]) == 11
    assert made[12] == "2/52" and ready == 2  # 57 was there already


def test_what_stands_in_for_a_note():
    source = """
    const found = (pitch) => { const one = bank.lookUp(pitch); return one && [one.pitch, one.isExact]; };
    const nothing = found(55);
    bank.use([1]);
    await finish(11);
    bank.use([2]);
    bank.playAround(55);
    await finish(3);
    bank.use([3]);
    const answers = [found(60), found(50), found(55)];
    bank.use([2]);
    answers.push(found(52), found(51), found(55), found(60));
    bank.use([1]);
    answer([nothing, ...answers, found(50)]);
    """
    assert javascript.run(BANK + source, {}) == [
        None, [60, False], [50, False], [55, False], [55, False], [51, False], [55, True], [60, True], [50, True],
    ]  # fmt: skip


def test_the_instruments_played_last_are_kept_while_there_is_room():
    # Eleven notes of 4 MB: four instruments fill 192 MB.
    source = """
    for (const z of [1, 2, 3, 4, 5, 6, 1]) {
      bank.use([z]);
      await finish(11);
    }
    answer([...bank.timbres.keys()].map(Number));
    """
    assert javascript.run(BANK + source, {"samples": 1 << 20}) == [4, 5, 6, 1]


def test_failures_and_cancelled_notes_are_told():
    source = """
    const faults = [];
    bank.onfault = (error) => faults.push(error.message);
    const controller = new AbortController(), { signal } = controller;
    const first = bank.note([1], 50), second = bank.note([1], 51, { signal }), third = bank.note([1], 52);
    controller.abort(new Error("cancelled"));
    const told = [first, second, third].map((one) => one.then(() => "made", (error) => error.message));
    await finish();
    waiting.reject(new Error("broken"));
    const later = await bank.note([1], 53).catch((error) => error.message);
    answer([await Promise.all(told), later, (await bank.note([1], 50)).length, faults, made]);
    """
    told, later, kept, faults, made = javascript.run(BANK + source, {})
    assert (told, later, kept) == (["made", "cancelled", "broken"], "broken", 10)
    assert (faults, made) == (["broken"], ["1/50", "1/52"])


def test_notes_of_an_instrument_that_is_not_played_any_more_are_not_waited_for():
    source = """
    bank.use([1]);
    const urgent = bank.currentNote(52), clip = bank.note([5], 53);
    bank.use([2]);
    const told = await urgent.catch((error) => error.name);
    await finish(3);
    await clip;
    answer([told, made]);
    """
    assert javascript.run(BANK + source, {}) == ["AbortError", ["1/60", "5/53", "2/60", "2/59"]]


def test_pitches():
    source = """
    const { nameOf, withinRange } = await load("pitches.js");
    answer([[0, 21, 60, 61, 127].map(nameOf), given.map((row) => withinRange(...row))]);
    """
    wide, narrow = [60, 35, 0, 85, 127], [59, 52, 70, 76]
    names, found = javascript.run(
        source, [*([pitch, 36, 84] for pitch in wide), *([pitch, 60, 64] for pitch in narrow)]
    )
    assert names == ["C-1", "A0", "C4", "C♯4", "G9"]
    assert found == [60, 47, 36, 73, 79, None, 64, None, 64]


def test_seeds_as_they_are_typed():
    source = 'const { parseSeed } = await load("mixture.js"); answer(given.map(parseSeed));'
    texts = ["0", " 12 ", "5/7", "5 / 0", "2147483647", "2147483648", "", "-1", "1.5", "5/", "x", "5/65536"]
    seeds = [(0, 0), (12, 0), (5, 7), (5, 0), (2147483647, 0), *[None] * 7]
    assert javascript.run(source, texts) == [s and {"seed": s[0], "row": s[1]} for s in seeds]


def test_links_and_what_the_browser_kept():
    source = """
    const { fromHash, initialMixture, restored, toHash } = await load("mixture.js");
    const first = initialMixture();
    answer([
      given.hashes.map((hash) => fromHash(hash, first)).map((mixture) => mixture && toHash(mixture)),
      [first, ...given.kept.map((parts) => parts && { ...first, ...parts })].map((kept) => restored(kept) !== null),
    ]);
    """
    good = ["seeds=5/7,0&morph=0.25", "seeds=1,2,3,4&x=0.5&y=1"]
    wrong = ["", "#", "#seeds=", "#seeds=1", "#seeds=1,2,3", "#seeds=1,x", "#seeds=1,2&morph=2", "#seeds=1,2,3,4&x=a"]
    damaged = [None, {"seeds": 5}, {"seeds": [1, 2, 3, 4]}, {"mode": "three"}, {"x": -1}, {"morph": None, "y": "no"}]
    hashes = [*(f"#{one}" for one in good), "#seeds=1,2", *wrong]
    found, kept = javascript.run(source, {"hashes": hashes, "kept": damaged})
    assert found == [*good, "seeds=1,2&morph=0", *[None] * len(wrong)]
    assert kept == [True, *[False] * len(damaged)]


def test_written_midi_files_are_read_again(tmp_path):
    rng = np.random.default_rng(0)
    starts = np.sort(rng.uniform(0, 300, 50)).round(3)
    pitches, velocities = rng.integers(128, size=50).tolist(), rng.integers(1, 128, 50).tolist()
    rows = zip(pitches, velocities, starts.tolist(), strict=True)
    notes = [{"pitch": p, "velocity": v, "start": s, "end": s + 0.2} for p, v, s in rows]
    notes[7] = {**notes[6], "start": notes[6]["end"], "end": notes[6]["end"] + 0.2}  # struck again as it ends
    source = 'const { encodeMidi } = await load("midi_writer.js"); answer([...encodeMidi(given)]);'
    (tmp_path / "x.mid").write_bytes(bytes(javascript.run(source, notes)))
    found = reading.read_midi(str(tmp_path / "x.mid"))
    expected = sorted(notes, key=lambda note: (round(note["start"] * 960), note["pitch"]))
    assert found.faults == () and found.pitches.tolist() == [note["pitch"] for note in expected]
    assert found.velocities.tolist() == [note["velocity"] for note in expected]
    np.testing.assert_allclose(found.start_times, [note["start"] for note in expected], atol=0.001)


def test_bytes_of_every_length_and_value_come_through_the_page():
    source = 'const { decode85 } = await load("../embedded.js"); answer(given.map((text) => [...decode85(text)]));'
    contents = [bytes(range(n)) for n in range(12)] + [bytes(range(256)) * 3, b"\xff" * 9, b"\0" * 9]
    contents.append(np.random.default_rng(0).bytes(4001))
    texts = [page._text(content) for content in contents]
    assert [bytes(found) for found in javascript.run(source, texts)] == contents
    assert not set("".join(texts)) & set("<\"'\\ \n\r")


def test_why_there_is_no_midi():
    source = """
    const { lackOfMidi } = await load("../midi.js");
    const say = (isSecureContext, requestMIDIAccess) => {
      globalThis.isSecureContext = isSecureContext;
      Object.defineProperty(globalThis, "navigator", { value: { requestMIDIAccess }, configurable: true });
      return lackOfMidi();
    };
    answer([say(true, () => 0), say(true), say(false)]);
    """
    assert javascript.run(source) == [
        "",
        "This browser has no MIDI (Chrome, Edge and Firefox have).",
        "Browsers have MIDI only for pages from https, from localhost or from a file.",
    ]
