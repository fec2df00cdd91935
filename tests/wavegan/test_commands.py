"""The command lines, in processes of their own."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import tensorboard_view
from tests.commands import checkpoint_values, command, few_drums, one_line_error, read_int16, run, tiny, wait_for
from tests.originals import WAVEGAN

TRAIN = "wavegan_tf.train"


@pytest.fixture(scope="module")
def drums(tmp_path_factory) -> Path:
    return few_drums(tmp_path_factory.mktemp("drums") / "few")


@pytest.fixture(scope="module")
def straight(tmp_path_factory, drums) -> Path:
    """A run of six steps without a stop."""
    train_dir = tmp_path_factory.mktemp("straight") / "run"
    given = [f"--train_dir={train_dir}", f"--data_dir={drums}", *tiny("wavegan"), "--train_steps=6"]
    errors = run(TRAIN, *given, fresh=True)
    assert "6 files" in errors and "0 files skipped" in errors and "CPU" in errors
    assert "generator 10,777" in errors
    return train_dir


def test_tensorboard_plays_real_and_generated_clips(straight, drums):
    board = tensorboard_view.shown(straight)
    assert set(board["audio"]) == {"x", "G_z"} and not board["images"]
    assert {"D_loss", "G_loss", "gradient_penalty", "x_rms", "G_z_rms"} <= set(board["scalars"])
    hits = [soundfile.read(path, frames=16384)[0] for path in sorted(drums.iterdir())]
    for step in board["audio"]["x"]:
        for samples, rate in board["audio"]["x"][step]:
            assert rate == 16000 and samples.shape == (16384, 1)
            # One of the hits, scaled to its peak.
            assert max(np.corrcoef(samples[: len(hit), 0], hit)[0, 1] for hit in hits) > 0.999
        assert all(samples.any() for samples, _ in board["audio"]["G_z"][step])


def test_a_killed_run_goes_on_bit_for_bit(straight, drums, tmp_path):
    train_dir = tmp_path / "run"
    first = command(TRAIN, f"--train_dir={train_dir}", f"--data_dir={drums}", *tiny("wavegan"), "--train_save_secs=0")
    wait_for((train_dir / "model.ckpt-3.index").exists, first)
    first.kill()
    first.communicate()
    # Only what a run cannot know again is given: the rest comes from its config.json.
    run(TRAIN, f"--train_dir={train_dir}", "--train_steps=6", "--train_save_secs=300")
    stopped_at = max(int(path.stem.rsplit("-", 1)[1]) for path in train_dir.glob("model.ckpt-*.index"))
    if stopped_at == 6:
        resumed, expected = checkpoint_values(train_dir / "model.ckpt-6"), checkpoint_values(straight / "model.ckpt-6")
        assert resumed.keys() == expected.keys() and len(resumed) > 70
        for name, value in expected.items():
            np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    else:  # The kill came late: take the straight run as far as this one went.
        run(TRAIN, f"--train_dir={straight}", f"--train_steps={stopped_at}")
        expected = checkpoint_values(straight / f"model.ckpt-{stopped_at}")
        for name, value in checkpoint_values(train_dir / f"model.ckpt-{stopped_at}").items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_sigterm_saves_and_a_second_trainer_is_refused(drums, tmp_path):
    train_dir = tmp_path / "run"
    (train_dir / "preview").mkdir(parents=True)
    (train_dir / "preview" / "z.npy").touch()  # as a full disk leaves it
    arguments = [f"--train_dir={train_dir}", f"--data_dir={drums}", *tiny("wavegan")]
    first = command(TRAIN, *arguments)
    wait_for((train_dir / "stats.jsonl").exists, first)
    error = one_line_error(run(TRAIN, *arguments, code=1))
    assert str(first.pid) in error and str(train_dir) in error
    first.send_signal(signal.SIGTERM)
    _, errors = first.communicate(timeout=120)
    assert first.returncode == 0, errors
    last = json.loads((train_dir / "stats.jsonl").read_text().splitlines()[-1])
    assert last["step"] >= 1
    assert (train_dir / f"model.ckpt-{last['step']}.index").exists()
    preview = read_int16(train_dir / "preview" / f"{last['step']:08d}.wav")
    assert preview.shape == (2 * (16384 + 8000), 1)
    assert not preview[16384:24384].any() and preview[:16384].any()


def test_what_a_run_cannot_change_is_refused(straight):
    error = one_line_error(run(TRAIN, f"--train_dir={straight}", "--wavegan_dim=3", code=1))
    assert "--wavegan_dim=3" in error and "2" in error


def test_mistakes_are_one_line(tmp_path, drums):
    (tmp_path / "empty").mkdir()
    for arguments, code, words in (
        ([], 1, ["--train_dir"]),
        ([f"--train_dir={tmp_path / 'a'}", f"--data_dir={tmp_path / 'empty'}"], 1, [str(tmp_path / "empty")]),
        (["--wavegan_dim=big"], 2, ["wavegan_dim"]),
    ):
        error = one_line_error(run(TRAIN, *arguments, code=code))
        assert all(word in error for word in words), error


def test_tensorflows_notes_do_not_bury_ours(straight):
    assert run(TRAIN, f"--train_dir={straight}", "--train_steps=6").count("\n") <= 5


@pytest.mark.parametrize("name", ["checkpoint", pytest.param("checkpoint_pp", marks=pytest.mark.slow)])
def test_an_original_checkpoint_sounds_the_same_through_all_commands(name, tmp_path):
    expected = np.load(WAVEGAN / f"{name}_expected.npz")
    run("wavegan_tf.import_tf1", f"--tf1_dir={WAVEGAN / name}", f"--train_dir={tmp_path / 'run'}", fresh=True)
    given = [f"--train_dir={tmp_path / 'run'}", f"--export_dir={tmp_path / 'models' / '1'}"]
    run("wavegan_tf.export", *given, fresh=True)
    np.save(tmp_path / "z.npy", expected["z"])
    run(
        "wavegan_tf.generate",
        f"--model_dir={tmp_path / 'models' / '1'}",
        f"--latents_file={tmp_path / 'z.npy'}",
        f"--output_dir={tmp_path / 'out'}",
        "--format=" + ("flac" if name == "checkpoint" else "wav"),
        fresh=True,
    )
    files = sorted(path for path in (tmp_path / "out").iterdir() if path.stem.isdigit())
    assert len(files) == len(expected["z"])
    for path, samples in zip(files, expected["G_z_int16"], strict=True):
        # Truncation makes a last-bit float difference one step of the integer; where it does, it is rare.
        difference = np.abs(read_int16(path).astype(int) - samples)
        assert difference.max() <= 1 and np.mean(difference) < 0.01
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "latents.npy"), expected["z"])
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["data_normalize"] is True  # the original always normalises, whatever its args.txt says


def test_generate_draws_repeats_and_interpolates(straight, tmp_path):
    model = tmp_path / "models" / "7"
    run("wavegan_tf.export", f"--train_dir={straight}", f"--export_dir={model}")
    outputs = []
    for name, flags in (
        ("a", ["--num_samples=3", "--seed=5", "--batch_size=2"]),
        ("b", ["--num_samples=3", "--seed=5"]),
        ("c", ["--num_samples=3", "--seed=5", "--interpolate", "--interpolate_steps=4"]),
    ):
        run("wavegan_tf.generate", f"--model_dir={model}", f"--output_dir={tmp_path / name}", *flags)
        outputs.append([read_int16(path) for path in sorted((tmp_path / name).glob("0*.wav"))])
    a, b, walk = outputs
    assert [len(output) for output in outputs] == [3, 3, 9]
    for one, other, point in zip(a, b, walk[::4], strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1  # another batch size may round differently
        assert np.abs(one.astype(int) - point).max() <= 1
    assert (a[0] != a[1]).any()
    joined = read_int16(tmp_path / "c" / "interpolation.wav")
    np.testing.assert_array_equal(joined, np.concatenate(walk))
    z = np.load(tmp_path / "a" / "latents.npy")
    assert z.shape == (3, 8) and z.min() >= -1 and z.max() < 1

    error = one_line_error(run("wavegan_tf.export", f"--train_dir={straight}", f"--export_dir={model}", code=1))
    assert "exists" in error


def test_import_names_what_is_missing(tmp_path):
    error = one_line_error(
        run("wavegan_tf.import_tf1", f"--tf1_dir={tmp_path}", f"--train_dir={tmp_path / 'run'}", code=1)
    )
    assert "args.txt" in error
    assert not os.path.exists(tmp_path / "run" / "config.json")
