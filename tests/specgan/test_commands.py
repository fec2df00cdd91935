"""SpecGAN's command lines, in processes of their own; what they share with WaveGAN's is tested there."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from specgan_tf import features, moments
from tests import tensorboard_view
from tests.commands import checkpoint_values, few_drums, one_line_error, read_int16, run, tiny
from tests.originals import SPECGAN
from wavegan_tf.core.audio import clips

TRAIN = "specgan_tf.train"


@pytest.fixture(scope="module")
def drums(tmp_path_factory) -> Path:
    return few_drums(tmp_path_factory.mktemp("drums") / "few")


@pytest.fixture(scope="module")
def straight(tmp_path_factory, drums) -> Path:
    """A run of four steps without a stop, which computes its moments."""
    train_dir = tmp_path_factory.mktemp("straight") / "run"
    given = [f"--train_dir={train_dir}", f"--data_dir={drums}", *tiny("specgan"), "--train_steps=4"]
    errors = run(TRAIN, *given, fresh=True)
    assert "moments: computing them from 6 clips" in errors and "generator 10,777" in errors
    return train_dir


def test_moments_of_the_command_are_those_of_the_run(straight, drums, tmp_path):
    path = tmp_path / "new" / "moments.npz"
    arguments = [f"--data_dir={drums}", "--data_first_slice", f"--data_moments_fp={path}"]
    errors = run("specgan_tf.moments", *arguments, fresh=True)
    assert "moments of 6 files" in errors and str(path) in errors
    assert path.read_bytes() == (straight / "moments.npz").read_bytes()
    options = moments.MomentsOptions(data_dir=str(drums), data_first_slice=True)
    expected = moments.of_store(clips.load_clips(options, str(tmp_path)), 0)
    np.testing.assert_allclose(moments.load(str(path)).std, expected.std, rtol=1e-5)


@pytest.mark.slow
def test_a_continued_run_is_the_straight_one_bit_for_bit(straight, drums, tmp_path):
    train_dir = tmp_path / "run"
    given = [f"--data_moments_fp={straight / 'moments.npz'}"]
    run(TRAIN, f"--train_dir={train_dir}", f"--data_dir={drums}", *tiny("specgan"), "--train_steps=2", *given)
    run(TRAIN, f"--train_dir={train_dir}", "--train_steps=4")
    resumed, expected = checkpoint_values(train_dir / "model.ckpt-4"), checkpoint_values(straight / "model.ckpt-4")
    assert resumed.keys() == expected.keys() and len(resumed) > 70
    for name, value in expected.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    preview = read_int16(train_dir / "preview" / "00000004.wav")
    assert preview.shape == (2 * (16384 + 8192), 1)
    assert not preview[16384 : 16384 + 8192].any() and preview[:16384].any()
    lines = [json.loads(line) for line in (train_dir / "stats.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 4 and {"D_loss", "G_loss", "gradient_penalty", "x_rms", "G_z_rms"} <= lines[-1].keys()


def test_tensorboard_shows_pictures_and_plays_sounds(straight):
    board = tensorboard_view.shown(straight)
    assert set(board["images"]) == {"x_spectrogram", "G_z_spectrogram"}
    assert set(board["audio"]) == {"x_wav", "x", "G_z"}
    assert {"D_loss", "G_loss", "x_rms", "G_z_rms"} <= set(board["scalars"])
    stored = moments.load(str(straight / "moments.npz"))
    for step, sounds in board["audio"]["x_wav"].items():
        clips_heard = np.stack([samples for samples, rate in sounds if rate == 16000])
        assert clips_heard.shape == (3, 16384, 1)
        expected = features.spectrograms_to_pictures(features.waveforms_to_spectrograms(clips_heard, stored, 3.0))
        pictures = np.stack(board["images"]["x_spectrogram"][step]).astype(int)
        # The sounds were rounded to 16 bits, which changes quiet bins.
        assert np.median(np.abs(pictures - np.asarray(expected))) <= 1 and pictures.std() > 5
        assert np.stack(board["images"]["G_z_spectrogram"][step]).shape == (3, 128, 128, 1)
        assert [samples.shape for samples, _ in board["audio"]["G_z"][step]] == [(16384, 1)] * 3


@pytest.mark.slow
def test_longer_clips_phase_shuffle_and_batch_normalisation(drums, tmp_path):
    run(
        TRAIN, f"--train_dir={tmp_path / 'run'}", f"--data_dir={drums}", *tiny("specgan"), "--train_steps=1",
        "--data_slice_len=65536", "--data_sample_rate=44100", "--specgan_batchnorm", "--specgan_genr_upsample=cub",
        "--specgan_disc_phaseshuffle=1", "--specgan_output_activation=linear", "--specgan_inversion=fast",
    )  # fmt: skip
    preview = read_int16(tmp_path / "run" / "preview" / "00000001.wav")
    assert preview.shape == (2 * (65536 + 32768), 1) and preview.any()


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Path:
    """The original's checkpoint as a SavedModel."""
    directory = tmp_path_factory.mktemp("imported")
    run(
        "specgan_tf.import_tf1", f"--tf1_dir={SPECGAN / 'checkpoint'}", f"--train_dir={directory / 'run'}",
        f"--data_moments_fp={SPECGAN / 'moments.pkl'}",
    )  # fmt: skip
    run("specgan_tf.export", f"--train_dir={directory / 'run'}", f"--export_dir={directory / 'models' / '1'}")
    return directory


@pytest.mark.parametrize("ngl", [0, 16])
def test_an_original_checkpoint_sounds_the_same_through_all_commands(imported, ngl, tmp_path):
    expected = np.load(SPECGAN / "checkpoint_expected.npz")
    np.save(tmp_path / "z.npy", expected["z"])
    flags = [f"--specgan_ngl={ngl}"] if ngl != 16 else []  # 16 is what was exported
    run(
        "specgan_tf.generate", f"--model_dir={imported / 'models' / '1'}", f"--latents_file={tmp_path / 'z.npy'}",
        f"--output_dir={tmp_path / 'out'}", *flags,
    )  # fmt: skip
    (path,) = (tmp_path / "out").glob("*.wav")
    waveform = np.clip(expected[f"ngl{ngl}/G_z"][0] * np.float32(32767), -32767, 32767).astype(np.int16)
    # Float differences of 1e-5 of a waveform that is far above full scale are some steps of the integers.
    difference = np.abs(read_int16(path).astype(int) - waveform)
    assert np.mean(difference > 0.0002 * np.abs(expected[f"ngl{ngl}/G_z"]).max() * 32767) < 0.01


def test_an_imported_run_goes_on(imported, drums):
    run(TRAIN, f"--train_dir={imported / 'run'}", f"--data_dir={drums}", "--train_steps=4", "--preview_n=1")
    assert (imported / "run" / "model.ckpt-4.index").exists()
    config = json.loads((imported / "run" / "config.json").read_text())
    assert (config["data_moments_fp"], config["specgan_dim"], config["data_normalize"]) == ("", 2, True)


class Command:
    def __reduce__(self):
        return print, ("this was run",)


def test_mistakes_are_one_line(straight, drums, tmp_path):
    hostile = tmp_path / "moments.pkl"
    hostile.write_bytes(pickle.dumps((np.ones(129), Command())))
    new = f"--train_dir={tmp_path / 'run'}"
    for module, arguments, words in (
        (TRAIN, [new, f"--data_dir={drums}", f"--data_moments_fp={hostile}"], [str(hostile), "print"]),
        (TRAIN, [f"--train_dir={straight}", "--specgan_clip_nstd=4"], ["--specgan_clip_nstd=4", "3.0"]),
        ("specgan_tf.moments", [f"--data_dir={drums}"], ["--data_moments_fp must be given"]),
        ("specgan_tf.import_tf1", [f"--tf1_dir={SPECGAN / 'checkpoint'}", new], ["--data_moments_fp must be given"]),
        ("specgan_tf.export", [f"--train_dir={drums}", f"--export_dir={tmp_path / '1'}"], ["config.json: not found"]),
    ):
        errors = run(module, *arguments, code=1)
        assert all(word in one_line_error(errors) for word in words), errors
        assert "this was run" not in errors
