"""gansynth_export and gansynth_generate as commands: notes, scales, interpolations and MIDI clips."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from absl import flags as absl_flags

from gansynth_tf import api
from gansynth_tf import generate as generate_command
from gansynth_tf.midi import instruments, mixing, reading
from gansynth_tf.notes.files import note_of_name
from tests import midi_files
from tests.commands import one_line_error, read_int16, run
from tests.originals import GOLDENS
from wavegan_tf.core.audio import decode
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving.latents import slerp_walk
from wavegan_tf.core.serving.model import GeneratorModel

ORIGINAL = GOLDENS / "gansynth" / "checkpoint"
EXPECTED = np.load(GOLDENS / "gansynth" / "checkpoint_expected.npz")
EXAMPLE = GOLDENS / "gansynth" / "example.mid"
GENERATE = "gansynth_tf.generate"


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("model")
    api.import_tf1_run(str(ORIGINAL), str(directory / "run"))
    given = [f"--train_dir={directory / 'run'}", f"--export_dir={directory / 'notes' / '1'}"]
    errors = run("gansynth_tf.export", *given, fresh=True)
    assert f"image 94 of {directory / 'run'} is now {directory / 'notes' / '1'}" in errors
    return directory / "notes" / "1"


@pytest.fixture(scope="module")
def model(model_dir) -> GeneratorModel:
    return GeneratorModel(str(model_dir), "gansynth")


def generate(model_dir, output_dir, *arguments, code=0):
    return run(GENERATE, f"--model_dir={model_dir}", f"--output_dir={output_dir}", *arguments, code=code)


def expected_int16(model, z, pitches):
    rows = {"z": np.asarray(z, np.float32), "pitch": np.asarray(pitches, np.int32)}
    return [decode.to_int16(wave) for wave in model.stream(rows, 8)]


def assert_same(found, expected):
    """Another batch size may round a sample differently, more so in sounds this loud, and truncation adds a step."""
    steps = 1 + 2e-6 * 32767 * np.abs(EXPECTED["waves"]).max()  # of 16 bits, which these sounds exceed 30 times
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and np.abs(a.astype(int) - b).max() <= steps


def test_random_notes_repeat_and_are_named_by_their_pitch(model_dir, model, tmp_path):
    generate(model_dir, tmp_path / "a", "--num_samples=5", "--seed=3")
    generate(model_dir, tmp_path / "b", "--num_samples=5", "--seed=3", "--batch_size=2", "--format=flac")
    paths = sorted((tmp_path / "a").glob("*.wav"))
    pitches = [note_of_name(path.stem).pitch for path in paths]
    assert len(pitches) == 5 and len(set(pitches)) > 1 and min(pitches) >= 24 and max(pitches) <= 84
    z = np.load(tmp_path / "a" / "latents.npy")
    np.testing.assert_array_equal(z, model.latents(5, 3))
    found = [read_int16(path) for path in paths]
    assert_same(found, expected_int16(model, z, pitches))
    flacs = sorted((tmp_path / "b").glob("*.flac"))
    assert [path.stem for path in flacs] == [path.stem for path in paths]
    assert_same([read_int16(path) for path in flacs], found)


def test_given_latents_at_one_pitch_are_the_originals_notes(model_dir, tmp_path):
    np.save(tmp_path / "z.npy", EXPECTED["z"])
    pitch = int(EXPECTED["pitches"][2])
    errors = generate(model_dir, tmp_path / "out", f"--latents_file={tmp_path / 'z.npy'}", f"--pitch={pitch}")
    assert "clip 5/5" in errors and "5 clips of this gansynth in" in errors
    (path,) = (tmp_path / "out").glob(f"000002_midi{pitch:03d}.wav")
    difference = np.abs(read_int16(path)[:, 0].astype(int) - decode.to_int16(EXPECTED["waves"][2]))
    assert difference.max() <= 16 and soundfile.info(path).samplerate == 16000


def test_a_scale_plays_all_pitches_with_one_latent(model_dir, model, tmp_path):
    generate(model_dir, tmp_path, "--scale", "--seed=4")
    z = np.load(tmp_path / "latents.npy")
    assert (z == model.latents(1, 4)).all()
    paths = sorted(tmp_path.glob("0*.wav"))
    assert [note_of_name(path.stem).pitch for path in paths] == list(range(24, 85))
    found = [read_int16(path) for path in paths]
    assert_same(found, expected_int16(model, z, range(24, 85)))
    np.testing.assert_array_equal(read_int16(tmp_path / "scale.wav"), np.concatenate(found))


def test_interpolation_goes_along_the_arc_at_one_pitch(model_dir, model, tmp_path):
    generate(model_dir, tmp_path, "--interpolate", "--interpolate_steps=4", "--pitch=48", "--seed=2")
    walk = slerp_walk(model.latents(2, 2), 4)
    np.testing.assert_array_equal(np.load(tmp_path / "latents.npy"), walk)
    paths = sorted(tmp_path.glob("0*_midi048.wav"))
    found = [read_int16(path) for path in paths]
    assert_same(found, expected_int16(model, walk, [48] * 5))
    np.testing.assert_array_equal(read_int16(tmp_path / "interpolation.wav"), np.concatenate(found))


def clip_of(model, notes, z):
    total = notes.end_times.max()
    latents = instruments.note_latents(notes.start_times, z, instruments.instrument_times(len(z), total))
    rows = {"z": latents.astype(np.float32), "pitch": notes.pitches.astype(np.int32)}
    return mixing.combine_notes([wave[:, 0] for wave in model.stream(rows, 8)], notes, 16000)


def test_a_midi_clip_is_the_mix_of_its_notes(model_dir, model, tmp_path):
    errors = generate(model_dir, tmp_path / "a", f"--midi_file={EXAMPLE}", "--seed=5", "--secs_per_instrument=0.5")
    assert "8 notes in 2.0 seconds" in errors and "note 8/8" in errors and "3 instruments" in errors
    notes = reading.read_midi(str(EXAMPLE))
    z = np.load(tmp_path / "a" / "latents.npy")
    np.testing.assert_array_equal(z, model.latents(3, 5))
    found = read_int16(tmp_path / "a" / "example.wav")[:, 0]
    assert len(found) == round((notes.end_times[-1] + 3) * 16000) and found.max() == 16383
    assert np.abs(found - decode.to_int16(clip_of(model, notes, z)).astype(int)).max() <= 2
    # The latents that were saved give the same clip again.
    generate(model_dir, tmp_path / "b", f"--midi_file={EXAMPLE}", f"--latents_file={tmp_path / 'a' / 'latents.npy'}")
    again = read_int16(tmp_path / "b" / "example.wav")[:, 0]
    assert np.abs(found - again.astype(int)).max() <= 1


def test_notes_that_are_not_played_are_counted(model_dir, tmp_path):
    messages = []
    for pitch, length in ((60, 40), (24, 40), (20, 40), (62, 0)):
        messages += [midi_files.on(0, pitch), midi_files.off(length, pitch)]
    track = midi_files.track(messages)
    (tmp_path / "song.mid").write_bytes(midi_files.header(3) + midi_files.chunk(b"MTrk", track, 0))
    errors = generate(model_dir, tmp_path / "out", f"--midi_file={tmp_path / 'song.mid'}", "--format=flac")
    assert "2 notes in 0.4 seconds" in errors
    assert f"read {tmp_path / 'song.mid'}: its header gives 3 as the number of tracks, and it holds 1" in errors
    assert f"read {tmp_path / 'song.mid'}: track 1 has 0 bytes by its length, and ends after {len(track)}" in errors
    assert "skipped: 1 notes whose pitches are not from 24 to 84" in errors
    assert "skipped: 1 notes that end where they start" in errors
    # Two instruments at least, where the original fails.
    assert len(np.load(tmp_path / "out" / "latents.npy")) == 2 and (tmp_path / "out" / "song.flac").exists()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["generated.json", "latents.npy", "song.flac"]


def test_a_folder_holds_one_run(model_dir, tmp_path, parse):
    """As many latents as clips, whatever was there before."""

    def run_again(*arguments):
        parse(f"--model_dir={model_dir}", f"--output_dir={tmp_path / 'out'}", *arguments)
        generate_command.main()
        return sorted(path.name for path in (tmp_path / "out").glob("*.*"))

    others = ["generated.json", "interpolation.wav", "latents.npy"]
    run_again("--num_samples=2", "--pitch=60", "--interpolate", "--interpolate_steps=2")
    with pytest.raises(UserError, match=r"out: holds audio already \(000000_midi060.wav\).*overwrite"):
        run_again("--num_samples=2", "--pitch=61")
    found = run_again("--pitch=61", "--interpolate_steps=1", "--overwrite")
    assert found == ["000000_midi061.wav", "000001_midi061.wav", *others]
    assert len(np.load(tmp_path / "out" / "latents.npy")) == 2


def test_a_midi_clip_goes_over_no_file_that_was_there(model_dir, tmp_path, parse):
    (tmp_path / "example.wav").write_bytes(b"mine")
    parse(f"--model_dir={model_dir}", f"--output_dir={tmp_path}", f"--midi_file={EXAMPLE}", "--overwrite")
    with pytest.raises(UserError, match=r"example.wav there was not generated; name another folder"):
        generate_command.main()
    assert (tmp_path / "example.wav").read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("sizes", [[20], [7, 13], [1] * 20])
def test_pitches_drawn_in_blocks_are_those_drawn_at_once(model, parse, sizes):
    parse("--seed=5")
    blocks = generate_command._at_drawn_pitches(model, (np.zeros([size, 2]) for size in sizes))
    drawn = np.concatenate([block["pitch"] for block in blocks])
    np.testing.assert_array_equal(drawn, np.random.default_rng(5).integers(24, 85, 20, np.int32))


@pytest.fixture
def parse():
    """Parses a command line of gansynth_generate in this process."""
    before = set(absl_flags.FLAGS)
    generate_command.define_flags()
    yield lambda *arguments: absl_flags.FLAGS(["gansynth_generate", *arguments])
    for name in set(absl_flags.FLAGS) - before:
        delattr(absl_flags.FLAGS, name)
    absl_flags.FLAGS.unparse_flags()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pitch=90"], r"pitch=90: the model has pitches from 24 to 84"),
        (["--pitch=23", "--interpolate"], r"pitch=23: the model has pitches from 24 to 84"),
        (["--pitch=60", "--scale"], r"pitch: cannot be combined with scale"),
        (["--midi_file=x", "--scale"], r"midi_file cannot be combined with scale"),
        (["--midi_file=x", "--num_samples=3"], r"num_samples: cannot be combined with midi_file"),
        (["--secs_per_instrument=2"], r"secs_per_instrument: requires midi_file"),
        (["--interpolate_steps=2"], r"interpolate_steps: requires interpolate"),
        (["--nomidi_drums", "--scale"], r"midi_drums: requires midi_file"),
        (["--scale", "--latents_file=two.npy"], r"scale plays one latent vector, not 2"),
        (["--interpolate", "--num_samples=1"], r"interpolate: needs at least two latents, not 1"),
        (["--latents_file=two.npy", "--seed=1", "--pitch=60"], r"seed: cannot be combined with latents_file"),
        (["--latents_file=two.npy", "--seed=1", "--interpolate"], r"seed: cannot be combined with latents_file"),
        (["--latents_file=two.npy", "--output_dir=given"], r"output_dir=given: latents.npy there is latents_file"),
        (["--model_dir=ranged"], r"cannot be loaded \(it takes pitch \(None,\) and z \(None, 8\), which .*does not"),
        (["--model_dir=cut"], r"model_dir=cut: cannot be loaded"),
        (["--latents_file=wrong.npy"], r"has shape \[2, 9\], must be \[n, 8\]"),
        (["--latents_file=two.npy", "--num_samples=3"], r"num_samples: cannot be combined with latents_file"),
        (["--model_dir=other"], r"holds a wavegan model, which wavegan_generate is for"),
        (["--model_dir=."], r"model_dir=.: holds no SavedModel"),
        (["--output_dir=two.npy"], r"output_dir=two.npy: cannot be written"),
    ],
)
def test_mistakes_are_named(model_dir, tmp_path, monkeypatch, parse, arguments, words):
    np.save(tmp_path / "two.npy", np.zeros([2, 8], np.float32))
    np.save(tmp_path / "wrong.npy", np.zeros([2, 9], np.float32))
    metadata = Path(shutil.copytree(model_dir, tmp_path / "other")) / "assets.extra" / "model.json"
    metadata.write_text(metadata.read_text().replace('"gansynth"', '"wavegan"'))
    metadata = Path(shutil.copytree(model_dir, tmp_path / "ranged")) / "assets.extra" / "model.json"
    metadata.write_text(metadata.read_text().replace('"min_pitch"', '"lowest"'))
    (cut,) = Path(shutil.copytree(model_dir, tmp_path / "cut")).glob("variables/variables.data*")
    cut.write_bytes(cut.read_bytes()[:1000])
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "latents.npy").symlink_to(tmp_path / "two.npy")
    monkeypatch.chdir(tmp_path)
    parse(f"--model_dir={model_dir}", "--output_dir=out", *arguments)
    with pytest.raises(UserError, match=words) as error:
        generate_command.main()
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_mistakes_end_the_command_with_one_line(model_dir, tmp_path):
    (tmp_path / "broken.mid").write_bytes(EXAMPLE.read_bytes()[:50])
    errors = generate(model_dir, tmp_path / "out", f"--midi_file={tmp_path / 'broken.mid'}", code=1)
    assert "broken.mid: cannot be read as MIDI" in one_line_error(errors)
    assert "--model_dir must be given" in one_line_error(run(GENERATE, code=1))
    assert "pitch" in one_line_error(generate(model_dir, tmp_path / "out", "--pitch=high", code=2))
