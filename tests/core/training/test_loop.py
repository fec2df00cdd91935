import itertools
import logging
import math
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.core.training.fake_run import Clock, FakeCluster, FakeRun
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import Options
from wavegan_tf.core.training import loop
from wavegan_tf.core.training.options import LoopOptions


def test_options_are_checked():
    assert issubclass(LoopOptions, Options)
    for wrong in ({"train_batch_size": 0}, {"train_steps": -1}, {"train_save_secs": -1.0}, {"train_summary_secs": -1}):
        with pytest.raises(UserError, match=f"^{next(iter(wrong))}=.*: must be at least"):
            LoopOptions(**wrong)


def test_a_step_can_count_examples():
    run = FakeRun(step_size=4)
    assert run.go(2, train_steps=9) == 10
    assert run.updates == [2, 6] and run.saves == [10]


@pytest.mark.parametrize("start", [0, 3])
def test_stops_at_train_steps_with_a_save_and_a_summary(start):
    run = FakeRun()
    assert run.go(start, train_steps=6) == 6
    assert run.updates == list(range(start, 6))
    assert [step for step, _ in run.progress.shown] == list(range(start + 1, 7))
    assert run.saves == [6]
    assert [step for step, _ in run.summaries] == [start + 1, 6]
    assert run.progress.closed == 1


@pytest.mark.parametrize("steps", [5, 6])
def test_run_that_is_over_does_and_writes_nothing(steps):
    run = FakeRun()
    assert run.go(6, train_steps=steps) == 6
    assert run.updates == run.saves == run.summaries == []


def test_stops_at_the_time_limit(monkeypatch):
    run = FakeRun(Clock(monkeypatch), seconds=3.0)
    assert run.go(train_time_limit_secs=10.0) == 4
    assert run.saves == [4]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_the_run_after_the_current_step_with_a_save(number):
    outside = signal.signal(number, signal.default_int_handler)  # Whatever started the tests may have ignored it.
    try:
        run = FakeRun(at={7: lambda: os.kill(os.getpid(), number)})
        assert run.go(train_steps=50) == 8
        assert run.saves == [8] and run.updates[-1] == 7
        assert run.summaries[-1][0] == 8
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, outside)


def test_a_closed_terminal_is_ignored_where_the_process_is_told_so():
    """As by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = FakeRun(at={1: lambda: os.kill(os.getpid(), signal.SIGHUP)})
        assert run.go(train_steps=5) == 5
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_messages_name_what_is_counted(caplog):
    run = FakeRun(at={4: lambda: os.kill(os.getpid(), signal.SIGTERM)}, step_size=2)
    run.progress.label = "stage 1 image"
    with caplog.at_level(logging.INFO, logger="absl"):
        run.go()
    assert caplog.messages == ["SIGTERM: stopping after stage 1 image 6"]
    run.at = {4: lambda: {"D_loss": math.nan}}
    with pytest.raises(UserError, match="^stage 1 image 6: D_loss is nan"):
        run.go()


def test_a_run_in_another_thread_stops_by_its_time_and_leaves_signals_alone(monkeypatch):
    run, before = FakeRun(Clock(monkeypatch), seconds=3.0), signal.getsignal(signal.SIGINT)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run.go, train_time_limit_secs=10.0).result() == 4
    assert run.saves == [4] and signal.getsignal(signal.SIGINT) is before


def test_second_interrupt_ends_the_run_at_once():
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("went on")

    run = FakeRun(at={2: twice})
    with pytest.raises(KeyboardInterrupt):
        run.go()
    assert run.saves == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_second_sigterm_still_waits_for_the_step():
    def twice():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    run = FakeRun(at={2: twice})
    assert run.go() == 3
    assert run.saves == [3]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_metric_that_is_not_finite_stops_the_run_and_nothing_is_saved(value):
    run = FakeRun(at={4: lambda: {"D_loss": 1.0, "G_loss": value}})
    with pytest.raises(UserError, match=rf"^step 5: G_loss is {value}; .* the last checkpoint stays$"):
        run.go(train_save_secs=1000.0)
    assert run.saves == []
    assert run.updates == [0, 1, 2, 3, 4, 5], "the next step is computed before the metrics are there"
    assert [step for step, _ in run.summaries] == [1]
    assert [step for step, _ in run.progress.shown] == [1, 2, 3, 4]
    assert run.progress.closed == 1, "the error would stand on the line of progress"


def test_cadence_of_saves_and_summaries(monkeypatch):
    run = FakeRun(Clock(monkeypatch), seconds=1.0)
    run.go(train_steps=17, train_save_secs=5.0, train_summary_secs=4.0)
    assert run.saves == [5, 10, 15, 17]
    assert [step for step, _ in run.summaries] == [1, 5, 9, 13, 17]


def test_slow_steps_do_not_pile_up_saves(monkeypatch):
    clock = Clock(monkeypatch)
    run = FakeRun(clock, seconds=1.0, at={2: lambda: setattr(clock, "now", clock.now + 100.0)})
    run.go(train_steps=10, train_save_secs=5.0)
    assert run.saves == [3, 8, 10]


def test_last_step_is_saved_once(monkeypatch):
    run = FakeRun(Clock(monkeypatch), seconds=1.0)
    run.go(train_steps=10, train_save_secs=5.0, train_summary_secs=3.0)
    assert run.saves == [5, 10]
    assert [step for step, _ in run.summaries] == [1, 4, 7, 10]


def test_summaries_have_the_means_since_the_last(monkeypatch):
    run = FakeRun(Clock(monkeypatch), seconds=1.0)
    run.go(train_steps=6, train_summary_secs=3.0)
    assert run.summaries == [
        (1, {"D_loss": 0.0, "G_loss": 0.0}),
        (4, {"D_loss": 2.0, "G_loss": -4.0}),
        (6, {"D_loss": 4.5, "G_loss": -9.0}),
    ]


def test_means_start_anew():
    means = loop.MeanMetrics()
    assert means.take() == {}
    means.add({"a": 1.0})
    means.add({"a": 4.0})
    assert means.take() == {"a": 2.5}
    means.add({"a": 7.0})
    assert means.take() == {"a": 7.0}


QUIET, SIGNALLED, LATE, TO_SAVE = ([number == wish for wish in range(3)] + [1] for number in (3, 0, 1, 2))


def test_workers_speak_once_a_step_whatever_their_own_clocks(monkeypatch):
    clock = Clock(monkeypatch)
    for chief in (True, False):
        for seconds in (1.0, 1000.0):
            cluster = FakeCluster(itertools.repeat(QUIET), chief)
            run = FakeRun(clock, cluster=cluster)
            run.go(train_steps=5, train_save_secs=seconds, train_summary_secs=seconds)
            assert len(cluster.said) == 5
            assert run.saves == ([1, 2, 3, 4, 5] if chief and seconds == 1.0 else [5])


def test_the_clock_of_the_chief_decides(monkeypatch):
    """When to save, and when the time is over; another worker's clock does not."""
    clock = Clock(monkeypatch)
    for chief, said, saves, end in (
        (True, TO_SAVE, [9], 9), (True, LATE, [9], 9), (False, TO_SAVE, [3, 9], 9), (False, LATE, [3], 3),
    ):  # fmt: skip
        run = FakeRun(clock, cluster=FakeCluster(iter([QUIET] * 3 + [said] + [QUIET] * 5), chief))
        assert run.go(train_steps=9, train_save_secs=1000.0) == end
        assert run.saves == saves
    for chief, end in ((True, 4), (False, 9)):
        run = FakeRun(clock, cluster=FakeCluster(itertools.repeat(QUIET), chief))
        assert run.go(train_steps=9, train_time_limit_secs=4.0) == end


@pytest.mark.parametrize("chief", [True, False])
def test_a_signal_to_any_worker_stops_all_at_the_same_step(chief):
    run = FakeRun(cluster=FakeCluster(iter([QUIET] * 3 + [SIGNALLED]), chief))
    assert run.go() == 3
    assert run.saves == [3]
    run = FakeRun(
        at={2: lambda: os.kill(os.getpid(), signal.SIGTERM)}, cluster=FakeCluster(itertools.repeat(QUIET), chief)
    )
    assert run.go() == 3
    assert run.cluster.said[-1][0] is True and len(run.cluster.said) == 4


def test_metrics_are_looked_at_while_the_next_step_is_computed(monkeypatch):
    run = FakeRun(Clock(monkeypatch))
    run.go(train_steps=4, train_summary_secs=1000.0)
    assert run.told == [
        ("call", 0, 1), ("metrics", 0), ("summary", 1),
        ("call", 1, 1), ("call", 2, 1), ("metrics", 1), ("call", 3, 1), ("metrics", 2), ("metrics", 3),
        ("save", 4), ("summary", 4),
    ]  # fmt: skip


def test_all_metrics_are_looked_at_before_a_save_or_a_summary(monkeypatch):
    run = FakeRun(Clock(monkeypatch))
    run.go(train_steps=30, train_save_secs=4.0, train_summary_secs=3.0)
    seen = -1
    for what, step, *_ in run.told:
        if what in ("save", "summary"):
            assert seen == step - 1, run.told
        seen = step if what == "metrics" else seen


@pytest.mark.parametrize("at", range(1, 12))
def test_a_nan_is_reported_at_its_step_wherever_saves_and_summaries_fall(monkeypatch, at):
    run = FakeRun(Clock(monkeypatch), at={at - 1: lambda: {"D_loss": math.nan}})
    with pytest.raises(UserError, match=f"^step {at}: D_loss is nan"):
        run.go(train_steps=11, train_save_secs=4.0, train_summary_secs=3.0)
    assert run.saves == [step for step in (4, 8) if step < at]
    assert [step for step, _ in run.summaries] == [step for step in (1, 4, 7, 10) if step < at]


def test_short_iterations_share_a_call(monkeypatch):
    """As many as take a tenth of a second, and none beyond the end or the next event."""
    for seconds, most in ((1.0, 1), (0.06, 1), (0.03, 3), (0.001, 32)):
        run = FakeRun(Clock(monkeypatch), seconds=seconds, most=1000)
        assert run.go(train_steps=200, train_summary_secs=1000.0) == 200
        counts = [count for what, _, *count in run.told if what == "call"]
        assert max(counts) == [most] and counts[:2] == [[1], [1]]
        assert run.updates == list(range(200)) and len(run.progress.shown) == 200
    run = FakeRun(Clock(monkeypatch), seconds=0.001, step_size=2)
    monkeypatch.setattr(run, "room", lambda options, step: (14 - step % 14) // 2)
    run.go(train_steps=100, train_summary_secs=1000.0)
    calls = {step: count for what, step, *count in run.told if what == "call"}
    assert all(step % 14 == 0 or step // 14 == (step + 2 * count - 1) // 14 for step, (count,) in calls.items())
    assert calls[14] == [7]


def test_a_nan_within_a_call_is_reported_at_its_step(monkeypatch):
    run = FakeRun(Clock(monkeypatch), seconds=0.001, at={70: lambda: {"D_loss": math.inf}}, most=1000)
    with pytest.raises(UserError, match="^step 71: D_loss is inf"):
        run.go(train_steps=300, train_save_secs=1000.0)
    assert run.saves == [] and run.progress.shown[-1][0] == 70


def test_all_workers_make_as_many_iterations_as_the_chief(monkeypatch):
    run = FakeRun(
        Clock(monkeypatch), seconds=0.001, cluster=FakeCluster(itertools.repeat([False] * 3 + [5]), chief=False)
    )
    run.go(train_steps=20)
    assert [count for what, _, *count in run.told if what == "call"] == [[5]] * 4
