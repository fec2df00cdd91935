import json
import os
import signal
import subprocess
import time

import pytest
from absl import flags
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from eval import exports, score, watch
from eval.classifiers.labels import LABELS
from eval.classifiers.places import ClassifierInfo
from tests import commands
from tests.eval.small import call, raises_user_error, save_classifier, write_words
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan import options as gan_options
from wavegan_tf.core.serving.metadata import METADATA_FILE


@pytest.fixture(scope="module")
def train_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    commands.run(
        "wavegan_tf.train", f"--train_dir={folder}", f"--data_dir={commands.few_drums(folder.parent / 'drums')}",
        "--train_steps=6", "--train_save_secs=0.1", *commands.tiny("wavegan"),
    )  # fmt: skip
    return folder


@pytest.mark.slow
def test_checkpoints_are_scored_and_the_best_is_kept(train_dir, tmp_path, monkeypatch, capsys):
    save_classifier(tmp_path / "classifier", ClassifierInfo("sc09", "waveform", LABELS))
    real = write_words(tmp_path / "real", 4)
    arguments = (
        f"--watch_train_dir={train_dir}", f"--real_dir={real}", f"--output_dir={tmp_path}/out", "--num_samples=10",
        "--metrics=d_train", "--watch_idle_secs=0.5", "--watch_all",
    )  # fmt: skip
    call(score, *arguments)
    lines = [json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines()]
    steps = [step for _, step in exports.checkpoints_of(str(train_dir), "wavegan")]
    assert [line["step"] for line in lines] == steps and len(steps) > 1
    best = min(lines, key=lambda line: line["value"])  # of distances less is better
    (kept,) = (tmp_path / "out" / "best").iterdir()
    assert json.loads((kept / METADATA_FILE).read_text())["step"] == best["step"] == int(kept.name)
    events = EventAccumulator(str(tmp_path / "out"))
    events.Reload()
    logged = {event.step: event.tensor_proto for event in events.Tensors("d_train")}
    assert sorted(logged) == steps
    call(score, *arguments)  # again: nothing is new
    assert len((tmp_path / "out" / "scores.jsonl").read_text().splitlines()) == len(lines)
    assert not list((tmp_path / "out").glob(".exported-*"))


def test_the_newest_alone_by_default(train_dir, tmp_path):
    call(
        score, f"--watch_train_dir={train_dir}", f"--output_dir={tmp_path}", "--num_samples=10", "--metrics=d_self",
        "--watch_idle_secs=0.1",
    )  # fmt: skip
    (line,) = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert line["step"] == 6


def test_a_metric_that_is_not_scored_cannot_decide(train_dir, tmp_path):
    with raises_user_error("--best_metric=fid: is not among the scores; they are d_self"):
        call(
            score, f"--watch_train_dir={train_dir}", f"--output_dir={tmp_path}", "--num_samples=10",
            "--metrics=d_self", "--best_metric=fid",
        )  # fmt: skip


@pytest.fixture
def broken_run(tmp_path):
    """A run with a checkpoint that cannot be read."""
    folder = tmp_path / "run"
    folder.mkdir()
    gan_options.save_run(WaveGANConfig(), str(folder))
    (folder / "model.ckpt-3.index").touch()
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--best_metric=fid"], "--best_metric=fid: is not among the scores; they are d_self"),
        (["--best_metric=x"], "--best_metric=x: is not among the scores; they are d_self"),
        (["--num_groups=3"], "--num_groups: requires --metrics=inception_score"),
        (["--data=sc09"], "--data: requires --probabilities_file"),
    ],
)
def test_mistakes_are_found_before_the_first_checkpoint_is_scored(broken_run, tmp_path, arguments, message):
    with raises_user_error(message):
        call(score, f"--watch_train_dir={broken_run}", f"--output_dir={tmp_path}/out", "--metrics=d_self", *arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("still_there", [True, False])
def test_an_export_that_fails_ends_the_watch_unless_the_checkpoint_has_gone(
    broken_run, tmp_path, monkeypatch, still_there, caplog
):
    commands_run = []

    def run(command, **_):
        commands_run.append(command)
        if not still_there:
            (broken_run / "model.ckpt-3.index").unlink()
        time.sleep(0.02)  # longer than the watch is idle
        return subprocess.CompletedProcess(command, 1, stderr="error: it is broken\n")

    monkeypatch.setattr(exports.subprocess, "run", run)
    # Another model's rows are to be shown; the run is exported as what it is.
    given = (f"--watch_train_dir={broken_run}", f"--output_dir={tmp_path}/out", "--metrics=d_self", "--model=specgan")
    if still_there:
        with raises_user_error("--watch_train_dir=.*: step 3 cannot be exported .it is broken"):
            call(score, *given, "--watch_idle_secs=0.01")
    else:
        call(score, *given, "--watch_idle_secs=0.01", "--watch_poll_secs=0.01")
    assert caplog.messages.count("not scored: it is broken") == 1
    assert {command[4] for command in commands_run} == {"wavegan_tf.export"}
    assert not (tmp_path / "out" / "scores.jsonl").exists() and not (tmp_path / "out" / "best").exists()


def watch_with(monkeypatch, broken_run, tmp_path, export):
    """Watches the broken run until nothing comes, with an export that stands in for the command; the steps scored."""
    scored = []

    def score_samples(*_, step, **__):
        scored.append(step)
        return [{"metric": "d_self", "of": "fake", "value": 1.0, "spread": None, "step": step}]

    monkeypatch.setattr(exports, "export", export)
    monkeypatch.setattr(score, "make_samples", lambda *_: None)
    monkeypatch.setattr(score, "score_samples", score_samples)
    call(
        score, f"--watch_train_dir={broken_run}", f"--output_dir={tmp_path}/out", "--metrics=d_self", "--watch_all",
        "--watch_idle_secs=0.3", "--watch_poll_secs=0.01",
    )  # fmt: skip
    return scored


def test_a_failed_export_is_tried_again_and_holds_up_no_other_checkpoint(broken_run, tmp_path, monkeypatch, caplog):
    (broken_run / "model.ckpt-5.index").touch()
    tries = []

    def export(_, __, arguments, export_dir):
        tries.append(arguments)
        if arguments == ("--step=3",) and tries.count(arguments) < 3:
            return "it is broken"
        os.makedirs(export_dir)

    assert watch_with(monkeypatch, broken_run, tmp_path, export) == [5, 3]
    assert tries.count(("--step=3",)) == 3 and caplog.messages.count("not scored: it is broken") == 1
    assert not list((tmp_path / "out").glob(".exported*"))


def test_a_run_that_goes_away_ends_the_watch_in_one_line(broken_run, tmp_path, monkeypatch):
    def export(*_):
        broken_run.rename(tmp_path / "moved")
        return "it is gone"

    with raises_user_error(f"--watch_train_dir={broken_run}: cannot be read any more .No such file or directory"):
        watch_with(monkeypatch, broken_run, tmp_path, export)


@pytest.mark.parametrize("model", ["../evil", "json", "", "os; x"])
def test_a_run_of_no_known_model_is_refused_before_anything_starts(broken_run, tmp_path, monkeypatch, model):
    (broken_run / "config.json").write_text(json.dumps({"model": model}))
    monkeypatch.setattr(exports.subprocess, "run", lambda *_, **__: pytest.fail("started"))
    with raises_user_error("is of a .* model, known are wavegan, specgan, gansynth"):
        call(score, f"--watch_train_dir={broken_run}", f"--output_dir={tmp_path}/out", "--metrics=d_self")


def test_the_best_model_takes_the_place_of_the_one_before_or_leaves_it(tmp_path, monkeypatch):
    for name in ("best", "new"):
        (tmp_path / name / name).mkdir(parents=True)
    rename = os.rename

    def full(source, target):
        if str(source).endswith("new"):
            raise OSError(28, "No space left on device")
        rename(source, target)

    with monkeypatch.context() as patch, raises_user_error("best: cannot be written .the disk is full."):
        patch.setattr(os, "rename", full)
        watch._keep(str(tmp_path / "new"), str(tmp_path))
    assert os.listdir(tmp_path / "best") == ["best"]
    watch._keep(str(tmp_path / "new"), str(tmp_path))
    assert os.listdir(tmp_path) == ["best"] and os.listdir(tmp_path / "best") == ["new"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_score_at_once_and_leaves_it_for_the_next_watch(number, broken_run, tmp_path, monkeypatch):
    scored, handler = [], signal.getsignal(number)

    def export(_, __, ___, export_dir):
        os.makedirs(export_dir)

    def score_samples(*_, step, **__):
        scored.append(step)
        if len(scored) == 1:
            os.kill(os.getpid(), number)
            pytest.fail("went on")
        return [{"metric": "d_self", "of": "fake", "value": 1.0, "spread": None, "step": step}]

    monkeypatch.setattr(exports, "export", export)
    monkeypatch.setattr(score, "make_samples", lambda *_: None)
    monkeypatch.setattr(score, "score_samples", score_samples)
    for again in range(2):
        call(
            score, f"--watch_train_dir={broken_run}", f"--output_dir={tmp_path}/out", "--metrics=d_self",
            "--watch_idle_secs=0.01", "--watch_poll_secs=0.01",
        )  # fmt: skip
        assert scored == [3] * (again + 1) and (tmp_path / "out" / "best").exists() == bool(again)
        assert not list((tmp_path / "out").glob(".exported-*")) and signal.getsignal(number) is handler


@pytest.mark.parametrize(
    "argument", ["--watch_poll_secs=inf", "--watch_poll_secs=nan", "--watch_idle_secs=inf", f"--seed={2**32}"]
)
def test_numbers_that_nothing_could_wait_for_or_draw_from_are_a_wrong_command_line(argument):
    with pytest.raises(flags.Error, match=argument[2:].split("=")[0]):
        call(score, argument)


@pytest.mark.parametrize(
    ("metric", "value", "best", "better"),
    [("inception_score", 2.0, 1.0, True), ("fid", 2.0, 1.0, False), ("ndb", 1.0, 2.0, True), ("d_self", 1, None, True),
     ("d_self", 1.0, 1.0, False)],
)  # fmt: skip
def test_which_is_better(metric, value, best, better):
    assert watch.is_better(metric, value, best) is better


def test_stages_of_gansynth_come_in_their_order(tmp_path):
    for stage, steps in (("stage_00000", (8, 16)), ("stage_00001", (24,)), ("stage_x", (1,))):
        (tmp_path / stage).mkdir()
        for step in steps:
            (tmp_path / stage / f"model.ckpt-{step}.index").touch()
    assert exports.checkpoints_of(str(tmp_path), "gansynth") == [
        (("--stage=0", "--step=8"), 8), (("--stage=0", "--step=16"), 16), (("--stage=1", "--step=24"), 24),
    ]  # fmt: skip


def test_what_has_no_value_is_never_the_best():
    for metric in ("fid", "inception_score"):
        for value in (None, float("nan"), float("inf")):
            assert not watch.is_better(metric, value, None) and not watch.is_better(metric, value, 1.0)
    lines = [{"of": "fake", "metric": "fid", "value": value} for value in (None, 3.0, 2.0)]
    assert watch._value(lines, "fid") == ("fid", 3.0) and watch._value(lines[:1], "") == ("fid", None)
