"""GANSynth's command line, in processes of its own."""

from __future__ import annotations

import fcntl
import json
import signal

import numpy as np
import pytest

from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from tests.commands import checkpoint_values, command, one_line_error, run, wait_for
from tests.gansynth.notes.test_files import NOTES
from tests.gansynth.notes.test_loading import broken_folder
from tests.gansynth.small import SMALL, SMALLER, arguments
from wavegan_tf.core.options import save_options

TRAIN = "gansynth_tf.train"


def assert_same(run_dir, expected_dir, checkpoint):
    ours, expected = checkpoint_values(run_dir / checkpoint), checkpoint_values(expected_dir / checkpoint)
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


@pytest.mark.slow
def test_a_run_told_by_flags_and_stopped_is_the_one_told_by_hparams(tmp_path):
    """The first stage by flags, a stop by a signal, the rest from experiment.json alone."""
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    errors = run(TRAIN, *arguments(straight, **SMALLER), fresh=True)
    assert "data: 13 notes" in errors and "stage 2 of 2: 4 x 32 pixels, batches of 2" in errors
    assert "training is over" in errors and "Traceback" not in errors and ": E " not in errors
    saved = json.loads((straight / CONFIG_FILE).read_text())
    assert saved["model"] == "gansynth" and saved["config"] == "mel_prog_hires"
    assert {name: saved[name] for name in SMALLER} == SMALLER

    given = [f"--{name}={value}" for name, value in SMALLER.items() if not isinstance(value, list)]
    given += [f"--train_root_dir={stopped}", f"--data_dir={NOTES}", "--batch_size_schedule=2", "--train_save_secs=0"]
    process = command(TRAIN, *given)
    wait_for((stopped / "stage_00001" / "model.ckpt-6.index").exists, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert not (stopped / "stage_00002" / "model.ckpt-14.index").exists()
    run(TRAIN, f"--train_root_dir={stopped}")
    assert_same(stopped, straight, "stage_00002/model.ckpt-14")


def test_a_row_of_the_table_changed_by_a_flag_on_data_with_broken_notes(tmp_path):
    names = broken_folder(tmp_path / "notes")
    given = {**SMALLER, "train_progressive": False, "total_num_images": 4, "data_dir": str(tmp_path / "notes")}
    errors = run(TRAIN, *arguments(tmp_path / "run", **given, config="phase_prog"), "--scale_base=4")
    saved = json.loads((tmp_path / "run" / CONFIG_FILE).read_text())
    found = [saved[name] for name in ("data_type", "start_height", "start_width", "scale_base", "total_num_images")]
    assert found == ["phase", 4, 8, 4, 4]
    skipped = [line for line in errors.splitlines() if line.startswith("skipped ")]
    assert len(skipped) == 4 and all(any(name in line for line in skipped) for name in names[:4])
    assert "data: 2 notes" in errors and (tmp_path / "run" / "stage_00002" / "model.ckpt-4.index").exists()


def test_mistakes_are_one_line(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    save_options(GANSynthConfig(**SMALL), str(old / CONFIG_FILE), MODEL)
    new = f"--train_root_dir={tmp_path / 'new'}"
    for given, words in (
        ([], ["--train_root_dir must be given"]),
        ([new], ["one of --data_dir, --tfds_data_dir, --train_data_path and --data_prepared must be given"]),
        ([new, '--hparams={"learning_rate":1}'], ["unknown hyperparameter 'learning_rate'"]),
        ([new, "--config=mel"], ["--config=mel: must be one of mel_prog_hires"]),
        ([f"--train_root_dir={old}", '--hparams={"seed":4}'], ["--seed=4", "was started with 3"]),
        ([new, f"--data_dir={NOTES}", "--audio_length=99999"], ["hold 67072 samples (4.19 s); nearest that fit: --"]),
    ):
        errors = run(TRAIN, *given, code=1)
        assert all(word in one_line_error(errors) for word in words), errors
        assert not (tmp_path / "new" / CONFIG_FILE).exists()
    with open(old / ".lock", "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        errors = run(TRAIN, f"--train_root_dir={old}", f"--data_dir={NOTES}", code=1)
    assert f"--train_root_dir={old}: process unknown is already training" in one_line_error(errors)


def test_help_lists_every_hyperparameter():
    process = command(TRAIN, "--help")
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    for name in (*SMALL, "hparams", "train_root_dir", "config", "data_sources", "mixed_precision"):
        assert f"--{name}" in text or f"--[no]{name}" in text


@pytest.mark.slow
def test_a_run_that_is_killed_anywhere_goes_on_bit_for_bit(tmp_path):
    """Five stages, killed after every few checkpoints until it is through."""
    run(TRAIN, *arguments(tmp_path / "straight"))
    kills = 0
    while not (tmp_path / "run" / "stage_00004" / "model.ckpt-22.index").exists():
        saved = set(tmp_path.glob("run/stage_*/*.index"))
        process = command(TRAIN, *arguments(tmp_path / "run"), "--train_save_secs=0")
        target = 1 + kills % 4
        while process.poll() is None and len(set(tmp_path.glob("run/stage_*/*.index")) - saved) < target:
            pass
        process.kill()
        process.communicate()
        kills += 1
        assert kills < 60, "it does not get on"
    assert kills >= 4
    run(TRAIN, f"--train_root_dir={tmp_path / 'run'}")
    assert_same(tmp_path / "run", tmp_path / "straight", "stage_00004/model.ckpt-22")
