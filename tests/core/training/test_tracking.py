import datetime
import errno
import io
import itertools
import json
import os
import re
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops import gen_summary_ops

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.progress import Progress
from wavegan_tf.core.training import tracking


def stats(directory):
    return [json.loads(line) for line in (directory / "stats.jsonl").read_text().splitlines()]


def events(directory):
    """(step, tag) -> tensor of everything in the event files."""
    found = {}
    for path in sorted(directory.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[event.step, value.tag] = tf.make_ndarray(value.tensor)
    return found


def test_scalars_go_to_the_line_file_and_to_tensorboard(tmp_path):
    tracker = tracking.Tracker(str(tmp_path), 0)
    tracker.scalars(3, {"D_loss": 0.1, "G_loss": -2.5})
    tracker.scalars(4, {"D_loss": 1e-7})
    first, second = stats(tmp_path)
    written = datetime.datetime.fromisoformat(first.pop("time"))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - written) < datetime.timedelta(minutes=5)
    assert first == {"step": 3, "D_loss": 0.1, "G_loss": -2.5}
    assert second["step"] == 4 and second["D_loss"] == 1e-7
    found = events(tmp_path)
    assert found == {(3, "D_loss"): np.float32(0.1), (3, "G_loss"): -2.5, (4, "D_loss"): np.float32(1e-7)}


def test_resumed_run_drops_the_lines_after_its_checkpoint_and_a_half_line(tmp_path):
    tracker = tracking.Tracker(str(tmp_path), 0)
    for step in (1, 5, 9):
        tracker.scalars(step, {"D_loss": float(step)})
    with open(tmp_path / "stats.jsonl", "a") as file:
        file.write('{"step": 10, "ti')
    tracker = tracking.Tracker(str(tmp_path), 5)
    assert [line["step"] for line in stats(tmp_path)] == [1, 5]
    tracker.scalars(6, {"D_loss": 60.0})
    assert [(line["step"], line["D_loss"]) for line in stats(tmp_path)] == [(1, 1.0), (5, 5.0), (6, 60.0)]


@pytest.mark.parametrize("rest", [b'{"step": 2}', b"[2]\n", b'{"D_loss": 1}\n', b"\0\0\0\n", b"\xff\xfe\n", b"null\n"])
def test_resumed_run_drops_damaged_lines(tmp_path, rest):
    tracking.Tracker(str(tmp_path), 0).scalars(1, {"D_loss": 1.0})
    with open(tmp_path / "stats.jsonl", "ab") as file:
        file.write(rest)
    tracking.Tracker(str(tmp_path), 3).scalars(3, {"D_loss": 3.0})
    assert [line["step"] for line in stats(tmp_path)] == [1, 3]


def test_waveforms_are_players_of_the_first_three_and_rms_of_all(tmp_path):
    generator = np.random.default_rng(1)
    audio = generator.uniform(-0.9, 0.9, [5, 1000, 2]).astype(np.float32)
    audio[1, 10, 0], audio[1, 11, 0] = 1.5, -1.5  # A post-processing filter can go beyond full scale.
    rms = np.sqrt(np.mean(np.float64(audio[:, :, 0]) ** 2, axis=1))
    tracker = tracking.Tracker(str(tmp_path), 0)
    returned = tracker.waveforms(7, "G_z", tf.constant(audio), 16000)
    assert returned.keys() == {"G_z_rms"}
    assert returned["G_z_rms"] == pytest.approx(rms.mean(), rel=1e-6)
    found = events(tmp_path)
    assert found.keys() == {(7, "G_z"), (7, "G_z_rms_batch")}
    assert len(found[7, "G_z"]) == 3
    for (encoded, _), wanted in zip(found[7, "G_z"], audio, strict=False):
        decoded, rate = tf.audio.decode_wav(encoded)
        assert rate == 16000
        np.testing.assert_allclose(decoded, np.clip(wanted, -1, 1), atol=1.01 / 32768)
    histogram = found[7, "G_z_rms_batch"]  # Rows of left edge, right edge, count.
    assert histogram[:, 2].sum() == 5
    np.testing.assert_allclose([histogram[0, 0], histogram[-1, 1]], [rms.min(), rms.max()], rtol=1e-6)
    for value in rms:
        inside = (histogram[:, 0] <= value * (1 + 1e-6)) & (value <= histogram[:, 1] * (1 + 1e-6))
        assert histogram[inside, 2].sum() >= 1


def test_image_is_what_was_given(tmp_path):
    picture = np.random.default_rng(2).integers(0, 256, [12, 20, 1], np.uint8)
    tracker = tracking.Tracker(str(tmp_path), 0)
    tracker.images(9, "pp_filt", picture[None])
    width, height, encoded = events(tmp_path)[9, "pp_filt"]
    assert (int(width), int(height)) == (20, 12)
    np.testing.assert_array_equal(tf.io.decode_png(encoded), picture)


def test_a_tag_is_of_one_kind_as_tensorboard_takes_it_for_what_came_first(tmp_path):
    sound, picture = tf.zeros([1, 10, 1]), np.zeros([1, 2, 3, 1], np.uint8)
    writes = {
        "sounds": lambda tracker, tag: tracker.waveforms(1, tag, sound, 8000),
        "pictures": lambda tracker, tag: tracker.images(1, tag, picture),
        "scalars": lambda tracker, tag: tracker.scalars(1, {tag: 1.0}),
    }
    for first, second in itertools.product(writes, writes):
        (tmp_path / f"{first} {second}").mkdir()
        tracker = tracking.Tracker(str(tmp_path / f"{first} {second}"), 0)
        writes[first](tracker, "x")
        if first == second:
            writes[second](tracker, "x")
            continue
        with pytest.raises(ValueError, match=f"x is the tag of {first} already, {second} need another"):
            writes[second](tracker, "x")
    tracker.waveforms(2, "y", sound, 8000)
    with pytest.raises(ValueError, match="y_rms_batch is the tag of histograms already"):
        tracker.scalars(2, {"y_rms_batch": 0.0})


def full(*arguments, **keywords):
    raise tf.errors.ResourceExhaustedError(None, None, "No space left on device\n\tFailed to flush")


def test_what_cannot_be_written_costs_no_training_and_is_said_at_its_end(tmp_path, monkeypatch, caplog):
    tracker = tracking.Tracker(str(tmp_path), 0)
    tracker.scalars(1, {"D_loss": 1.0})
    tracker.problems.check()
    (tmp_path / "stats.jsonl").unlink()
    (tmp_path / "stats.jsonl").mkdir()
    with monkeypatch.context() as patch, caplog.at_level("WARNING"):
        patch.setattr(gen_summary_ops, "flush_summary_writer", full)
        for step in (2, 3):
            tracker.scalars(step, {"D_loss": 1.0 * step})
            tracker.images(step, "x", np.zeros([1, 2, 2, 1], np.uint8))
    problems = [
        f"{tmp_path}: TensorBoard's file: cannot be written (the disk is full)",
        f"{tmp_path}/stats.jsonl: cannot be written (Is a directory)",
    ]
    assert caplog.messages == [f"{problem}; training goes on" for problem in problems]
    tracker.scalars(4, {"D_loss": 4.0})  # there is room again
    assert events(tmp_path)[4, "D_loss"] == 4.0
    with pytest.raises(UserError, match=f"^{re.escape(problems[0])}; training went on without it, and is saved$"):
        tracker.problems.check()
    assert not tf.summary.scalar("x", 0.0, 1), "a writer that failed is the default still"


def shown_steps(directory, steps, restarts=()):
    tracker, found = tracking.Tracker(str(directory), 0), []
    for step in steps:
        if tracker.shows(step):
            found.append(step)
        assert tracker.shows(step) == (step in found), "a second question in one summary has another answer"
        if step in restarts:
            tracker = tracking.Tracker(str(directory), step)
    return found


def test_a_pipe_in_place_of_the_lines_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "stats.jsonl")
    tracker = tracking.Tracker(str(tmp_path), step=1)
    tracker.scalars(2, {"loss": 1.0})
    with pytest.raises(UserError, match="stats.jsonl: cannot be written .it is not a regular file.; training went on"):
        tracker.problems.check()


def test_sounds_are_shown_as_the_steps_grow_however_often_the_run_is_restarted(tmp_path):
    steps = range(10, 200_001, 10)
    found = shown_steps(tmp_path, steps)
    assert found[:20] == list(range(10, 201, 10)), "the first summaries come without sounds"
    assert all(later <= 1.05 * before + 10 for before, later in zip(found, found[1:], strict=False))
    assert len(found) < 250
    restarts = set(np.random.default_rng(0).choice(steps, 5000).tolist())
    assert shown_steps(tmp_path, steps, restarts) == found
    assert shown_steps(tmp_path, [7, 7000, 7001], [7]) == [7, 7000]


def test_event_files_hardly_grow_between_summaries_with_sounds(tmp_path):
    tracker, sizes, sound = tracking.Tracker(str(tmp_path), 0), {}, tf.random.uniform([4, 16384, 1], -1, 1)
    for step in (1000, 1001, 1002, 2000):
        tracker.waveforms(step, "G_z", sound, 16000)
        tracker.images(step, "picture", np.random.default_rng(0).integers(0, 256, [3, 128, 128, 1], np.uint8))
        tracker.scalars(step, {"D_loss": 1.0, "G_loss": 2.0})
        sizes[step] = sum(path.stat().st_size for path in tmp_path.glob("events*"))
    large, small = sizes[2000] - sizes[1002], sizes[1002] - sizes[1001]
    assert large > 100_000 and small == sizes[1001] - sizes[1000] < 2000
    found = events(tmp_path)
    assert {step for step, tag in found if tag in ("G_z", "picture")} == {1000, 2000}
    for always in ("D_loss", "G_z_rms_batch"):
        assert {step for step, tag in found if tag == always} == set(sizes)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 5000.0

    monkeypatch.setattr(time, "monotonic", lambda: Clock.now)
    return Clock


def train(progress, clock, steps, seconds):
    for step, duration in zip(steps, seconds, strict=True):
        clock.now += duration
        progress.update(step, {"D_loss": -1.23456, "G_loss": 0.5, "other": 1.0})


def test_pipe_gets_a_line_each_half_minute_with_the_right_numbers(clock):
    stream = io.StringIO()
    progress = Progress(100, 1000, clips_per_step=320, stream=stream)
    # The first step compiles for 40 s; then two steps a second.
    train(progress, clock, range(101, 222), [40.0] + [0.5] * 120)
    progress.close()
    first, second, third = stream.getvalue().splitlines()
    losses = "D_loss -1.235  G_loss 0.5"
    assert first == f"step 101/1000  {losses}  0.025 updates/s  8 clips/s  ETA 9:59:20"
    assert second == f"step 161/1000  {losses}  2 updates/s  640 clips/s  ETA 0:07:00"
    assert third == f"step 221/1000  {losses}  2 updates/s  640 clips/s  ETA 0:06:30"
    assert "\r" not in stream.getvalue() and "\x1b" not in stream.getvalue()


def test_rate_follows_a_change_of_speed_smoothly(clock):
    stream = io.StringIO()
    progress = Progress(0, 0, clips_per_step=10, stream=stream)
    train(progress, clock, range(1, 62), [40.0] + [1.0] * 60)
    train(progress, clock, range(62, 77), [2.0] * 15)
    last = stream.getvalue().splitlines()[-1]
    # 0.7 of 1 a second, 0.3 of 0.5 a second.
    assert "step 76 " in last and "0.85 updates/s  8.5 clips/s" in last
    assert "ETA" not in last and "/0" not in last


def test_terminal_line_is_rewritten_in_place_twice_a_second(clock):
    stream = Terminal()
    progress = Progress(0, 50, clips_per_step=64, stream=stream)
    train(progress, clock, range(1, 31), [0.1] * 30)
    progress.close()
    text = stream.getvalue()
    assert text.count("\n") == 1 and text.endswith("\n")
    lines = text.split("\r\x1b[K")
    shown = [int(match[1]) for match in map(re.compile(r"step (\d+)/50 ").match, lines) if match]
    assert lines[0] == "" and shown == [1, 6, 11, 16, 21, 26, 30]
    assert lines[-1] == "step 30/50  D_loss -1.235  G_loss 0.5  10 updates/s  640 clips/s  ETA 0:00:02\n"


class Cell(io.StringIO):
    """The output of a notebook's cell: no terminal, but goes back to the start of a line."""


Cell.__module__ = "ipykernel.iostream"


def test_notebook_line_is_rewritten_in_place_without_leftovers(clock):
    stream = Cell()
    progress = Progress(0, 50, clips_per_step=64, stream=stream)
    for step, loss in ((1, -1.2345), (2, 1.0), (3, -12.345)):
        clock.now += 5.0
        progress.update(step, {"D_loss": loss})
    progress.close()
    text = stream.getvalue()
    assert "\x1b" not in text and text.count("\n") == 1 and text.endswith("\n")
    lines = text.rstrip("\n").split("\r")
    assert lines[0] == "" and [line.split()[1] for line in lines[1:]] == ["1/50", "2/50", "3/50"]
    # Each covers all of the one before.
    assert all(len(new) >= len(old.rstrip()) for old, new in zip(lines[1:], lines[2:], strict=False))


class Gone(io.StringIO):
    """A terminal that was closed, or a pipe whose reader has ended."""

    def write(self, text):
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("stream", [Gone(), io.StringIO()])
def test_a_stream_that_is_gone_ends_no_run(clock, stream):
    progress = Progress(0, 50, stream=stream)
    if not isinstance(stream, Gone):
        stream.close()
    train(progress, clock, range(1, 31), [10.0] * 30)
    progress.say("a line")
    progress.close()


def test_pipe_shows_the_last_step_too(clock):
    stream = io.StringIO()
    progress = Progress(0, 4, clips_per_step=1, stream=stream)
    train(progress, clock, range(1, 5), [1.0] * 4)
    progress.close()
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["1/4", "4/4"]
    assert "1 updates/s  1 clips/s  ETA 0:00:00" in stream.getvalue().splitlines()[1]


@pytest.mark.parametrize("kind", [io.StringIO, Terminal, Cell])
def test_nothing_is_written_for_a_run_without_steps(clock, kind):
    stream = kind()
    Progress(7, 7, clips_per_step=1, stream=stream).close()
    assert stream.getvalue() == ""
