import dataclasses
import os
import signal
import threading

import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf.config import GANSynthConfig
from specgan_tf.config import SpecGANConfig
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.workers import cluster
from wavegan_tf.core.workers.cluster import Cluster, difference, digest, digest_of_audio, options_in_common
from wavegan_tf.core.workers.tf_config import Place

PLACE = Place({"chief": ("a:1",), "worker": ("b:2", "c:3")}, "worker", 0)
FILES = {"data_prepared", "data_verify", "data_dir", "data_cache_dir", "data_cache_mb", "distribution"}
LABELS = {"data_labels_file"}


class FakeLinks:
    """The others of three workers say the same as this one, but for what they are made to."""

    def __init__(self, place, lost, ended):
        self.lost, self.ended = lost, ended
        self.log, self.others = [], {}

    def exchange(self, value):
        self.log.append("exchange")
        return [{**value, **self.others.get(index, {})} if value else value for index in range(3)]

    def tell_end(self, text):
        self.log.append(text)

    def leave(self):
        self.log.append("leave")


def log_of(one) -> list[str]:
    return one._links.log


@pytest.fixture
def three(monkeypatch):
    """The second of three workers; the process does not really end."""

    def end(code):
        raise SystemExit(code)

    monkeypatch.setattr(cluster, "Links", FakeLinks)
    monkeypatch.setattr(cluster, "_exit", end)
    monkeypatch.setattr(cluster, "_NOTICE_SECS", 0.0)
    return Cluster(PLACE)


def test_one_process_alone_waits_for_nobody():
    alone = Cluster()
    alone.join()
    alone.barrier()
    alone.agree({"a": object()})
    assert (alone.index, alone.workers, alone.is_chief) == (0, 1, True)
    assert alone.exchange({"a": 1}) == [{"a": 1}]
    assert alone.chief_first(lambda: 3) == 3
    with pytest.raises(KeyError), alone.guard(), alone.finishing():
        raise KeyError
    alone.leave()
    assert not Cluster(Place({"worker": ("a:1",)}, "worker", 0))._links


def test_the_first_difference_is_named_with_both_values_and_the_worker():
    def of(*values):
        return difference(list(values), PLACE.name, "all must be equal")

    same = {"--seed": 0, "--loss": "wgan", "--sizes": [1, 2]}
    assert of(same, dict(same), dict(same)) is None
    expected = "--loss: 'lsgan' in worker 1 (c:3), 'wgan' in chief 0 (a:1); all must be equal"
    assert of(same, same, {**same, "--loss": "lsgan", "--sizes": []}) == expected
    assert of(same, {**same, "--seed": 1}, {**same, "--loss": "lsgan"}).startswith("--seed: 1 in worker 0 (b:2), 0 in")
    assert of(same, {"--seed": 0, "--loss": "wgan"}, same).startswith("--sizes: None in worker 0 (b:2), [1, 2] in")
    assert of(same, same, {**same, "--new": 3}).startswith("--new: 3 in worker 1 (c:3), None in chief")


def test_all_say_the_same_of_a_difference_and_none_is_missed_then(three):
    three.agree({"x": 1})
    assert three._links.log == ["exchange"]
    three._links.others = {2: {"x": 2}}
    with pytest.raises(UserError, match=r"^x: 2 in worker 1 \(c:3\), 1 in chief 0 \(a:1\); all workers must have"):
        three.agree({"x": 1})
    assert three._links.log == ["exchange", "exchange", "leave"]


@pytest.mark.parametrize(
    ("options", "own"),
    [
        (WaveGANConfig, FILES | LABELS),
        (SpecGANConfig, FILES | LABELS | {"data_moments_fp"}),
        (GANSynthConfig, FILES | {"tfds_data_dir", "train_data_path", "data_disk_mb"}),
    ],
)
def test_all_options_must_be_equal_but_places_and_room(options, own):
    names = {field.name for field in dataclasses.fields(options)}
    assert set(options_in_common(options())) == {f"--{name}" for name in names - own}
    assert own <= names
    assert options_in_common(options(seed=5))["--seed"] == 5


def test_digests_tell_types_shapes_and_values_apart():
    x = np.arange(6.0)
    others = [x.astype(np.float32), x.reshape(2, 3), x[:5], x + np.eye(6)[5] * 1e-9, np.flip(x)]
    assert len({digest(array) for array in [x, *others]}) == 6
    assert digest(x) == digest(x.copy()) == digest(np.repeat(x, 2)[::2])
    assert digest(x, x) != digest(x)


def test_digests_of_audio(monkeypatch):
    lengths = np.array([100, 0, 1, 399])
    waves = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)

    def of(changes=(), lengths=lengths):
        changed = waves.copy()
        for place in changes:
            changed[place] += 1.0
        return digest_of_audio(lengths, tf.constant(changed))

    assert of() == of() != of(lengths=np.array([100, 1, 0, 399]))
    assert len({of([place]) for place in range(0, 500, 7)}) == 72, "all of it counts"
    # Too much: the middle of each file, of which the short ones count whole.
    monkeypatch.setattr(cluster, "_DIGESTED_BYTES", 4 * 40 * 8)
    counted = [place for place in range(500) if of([place]) != of()]
    assert counted == [*range(30, 70), 100, *range(101 + 179, 101 + 219)]


@pytest.mark.parametrize("index", [0, 1])
def test_the_chief_goes_first(monkeypatch, index):
    monkeypatch.setattr(cluster, "Links", FakeLinks)
    one = Cluster(Place({"worker": ("a:1", "b:2", "c:3")}, "worker", index))
    log = log_of(one)

    def make():
        log.append("make")
        return 5

    assert one.chief_first(make) == 5
    assert log == (["make", "exchange"] if index == 0 else ["exchange", "make"])


@pytest.mark.parametrize(
    ("error", "code", "line", "told"),
    [
        (UserError("--x=1: wrong"), 1, "error: --x=1: wrong", "--x=1: wrong"),
        (KeyboardInterrupt(), 130, "interrupted", "KeyboardInterrupt"),
        (OSError(28, "No space left", "f"), 1, "error: f: the disk is full; make room and start again", "OSError"),
    ],
)
def test_what_ends_one_worker_is_one_line_and_told_to_the_others(three, capsys, error, code, line, told):
    with pytest.raises(SystemExit) as ended, three.guard():
        raise error
    assert ended.value.code == code and capsys.readouterr().err == line + "\n"
    assert three._links.log == [f"worker 0 (b:2) has stopped: {told}"]


def test_what_must_not_happen_has_its_traceback(three, capsys):
    with pytest.raises(SystemExit, match="1"), three.guard():
        raise ZeroDivisionError("here")
    assert "ZeroDivisionError: here" in capsys.readouterr().err
    assert three._links.log == ["worker 0 (b:2) has stopped: ZeroDivisionError"]


@pytest.mark.parametrize("kind", cluster._TOGETHER)
def test_failures_of_common_operations_are_one_line(three, capsys, kind):
    with pytest.raises(SystemExit, match="1"), three.guard():
        raise kind(None, None, "Connection reset\nby peer")
    line = capsys.readouterr().err
    assert line.startswith("error: the workers have lost touch (") and line.count("\n") == 1
    assert "Connection reset by peer" in line and "start all workers again with the same command" in line


def test_the_end_of_another_worker_ends_this_one_but_not_what_must_be_finished(three, capsys):
    ended = []

    def lose():
        try:
            three._links.lost(2, "has ended")
        except SystemExit as error:
            ended.append(error.code)

    thread = threading.Thread(target=lose)
    with three.finishing():
        thread.start()
        thread.join(0.3)
        assert thread.is_alive() and ended == []
    thread.join(10)
    assert ended == [1]
    line = "worker 1 (c:3) has ended; start all workers again with the same command, and they go on from the last"
    assert capsys.readouterr().err.startswith(f"error: {line}")
    assert three._links.log[0].startswith(line), "the others are to say the same"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, None)])
def test_signals_end_the_wait(monkeypatch, caplog, number, code):
    caplog.set_level("INFO", "absl")

    class Waiting(FakeLinks):
        def join(self):
            os.kill(os.getpid(), number)
            threading.Event().wait(10)
            raise AssertionError("went on")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(cluster, "Links", Waiting)
    with pytest.raises(KeyboardInterrupt if code is None else SystemExit) as ended:
        Cluster(PLACE).join()
    if code is not None:
        assert ended.value.args == (code,)
        assert caplog.messages == ["SIGTERM: stopped while waiting for the other workers"]
    assert signal.getsignal(signal.SIGTERM) is before
