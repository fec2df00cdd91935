"""The connections between workers: each is a thread here, or a process that is killed or stopped."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.commands import free_ports
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.workers import greeting, links
from wavegan_tf.core.workers.links import Links
from wavegan_tf.core.workers.tf_config import Place

ROOT = Path(__file__).parents[3]


class Worker:
    """One of the workers, and what its connections told it."""

    def __init__(self, addresses, index):
        self.heard = []
        self.noticed = threading.Event()
        self.links = Links(Place({"worker": tuple(addresses)}, "worker", index), self._lost, self._ended)
        self.error, self.values = None, []

    def _lost(self, worker, what):
        self.heard.append((worker, what))
        self.noticed.set()

    def _ended(self, line):
        self.heard.append(line)
        self.noticed.set()

    def join(self):
        try:
            self.links.join()
        except UserError as error:
            self.error = str(error)


def together(workers, act):
    """Lets all do something at the same time."""
    threads = [threading.Thread(target=act, args=[worker], daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    return threads


def eventually(condition):
    """Waits until it holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def finish(threads):
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


@contextlib.contextmanager
def joined(count):
    addresses = [f"localhost:{port}" for port in free_ports(count)]
    workers = [Worker(addresses, index) for index in range(count)]
    finish(together(workers, Worker.join))
    assert [worker.error for worker in workers] == [None] * count
    yield workers
    for worker in workers:
        worker.links.close()


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(links, "ANNOUNCE_SECS", 0.2)
    monkeypatch.setattr(links, "BEAT_SECS", 0.2)
    monkeypatch.setattr(links, "SILENCE_SECS", 3.0)
    monkeypatch.setattr(links, "_RETRY_SECS", 0.1)


@pytest.mark.parametrize("count", [2, 4])
def test_values_come_in_the_order_of_the_workers(count):
    with joined(count) as workers:
        for turn in range(3):
            finish(together(workers, lambda w, turn=turn: w.values.append(w.links.exchange({"at": (turn, id(w))}))))
        expected = [[{"at": [turn, id(worker)]} for worker in workers] for turn in range(3)]
        assert all(worker.values == expected for worker in workers)
        finish(together(workers, lambda worker: worker.links.leave()))
        time.sleep(0.1)
        assert [worker.heard for worker in workers] == [[]] * count


def test_the_port_is_free_again_for_tensorflow():
    with joined(2) as workers:
        for worker in workers:
            port = int(worker.links._place.addresses[worker.links._place.index].rpartition(":")[2])
            with socket.create_server(("localhost", port)):
                pass


def test_the_port_is_free_once_a_worker_has_hung_up_while_it_waited(quick):
    for _ in range(5):
        port = free_ports(1)[0]
        waiting = Worker([f"localhost:{port}", f"localhost:{free_ports(1)[0]}"], 0)
        together([waiting], Worker.join)
        eventually(lambda waiting=waiting: waiting.links._accepting)
        waiting.links.close()
        with socket.create_server(("localhost", port)):
            pass


def test_a_worker_that_hangs_up_is_missed_by_name_and_once():
    with joined(3) as workers:
        workers[1].links.close()
        for other in (workers[0], workers[2]):
            assert other.noticed.wait(10)
            assert other.heard == [(1, "has ended")]


def test_what_a_worker_says_before_it_ends_comes_first():
    with joined(2) as workers:
        workers[0].links.tell_end("no room")
        workers[0].links.close()
        assert workers[1].noticed.wait(10)
        assert workers[1].heard[0] == "no room"


def test_a_worker_that_leaves_is_not_missed_but_one_that_ends_first_is():
    with joined(3) as workers:
        leaving = together(workers[:2], lambda worker: worker.links.leave())
        time.sleep(0.2)
        assert all(thread.is_alive() for thread in leaving), "the third has not done its part"
        workers[2].links.close()
        for worker in workers[:2]:
            assert worker.noticed.wait(10)
            assert worker.heard == [(2, "has ended")]


def test_waiting_is_told_in_one_line_and_a_worker_that_came_and_went_is_waited_for_again(quick, caplog):
    caplog.set_level("INFO", "absl")
    addresses = [f"localhost:{port}" for port in free_ports(3)]
    first, second, third = (Worker(addresses, index) for index in range(3))
    threads = together([first, second], Worker.join)
    eventually(lambda: caplog.messages.count(f"waiting for workers: {addresses[2]}") == 2)
    lines = len(caplog.messages)
    time.sleep(0.5)
    assert len(caplog.messages) == lines
    second.links.close()  # an earlier process of the second worker
    eventually(lambda: caplog.messages[-1] == f"waiting for workers: {addresses[1]}, {addresses[2]}")
    again = Worker(addresses, 1)
    finish([threads[0], *together([again, third], Worker.join)])
    assert first.error is again.error is third.error is None
    assert "all 3 workers are there" in caplog.messages
    finish(together([first, again, third], lambda worker: worker.values.append(worker.links.exchange(1))))
    assert first.values == again.values == third.values == [[1, 1, 1]]
    for worker in (first, again, third):
        worker.links.close()


def test_what_a_worker_said_before_it_came_again_does_not_count(quick):
    addresses = tuple(f"localhost:{port}" for port in free_ports(2))
    first, place = Worker(addresses, 0), Place({"worker": addresses}, "worker", 1)
    threads = together([first], Worker.join)

    def call():
        """As the second worker; the first may not listen yet."""
        while True:
            with contextlib.suppress(greeting.NotThereError):
                return greeting.call(place, 0)

    gone = call()
    greeting.write_line(gone, {"ready": True})
    greeting.write_line(gone, {"round": 1, "value": "old"})
    eventually(lambda: first.links._ready and not first.links._inbox[1].empty())
    greeting.hang_up(gone)
    eventually(lambda: not first.links._in)
    with greeting.listen(place) as server:
        again = call()
        server.settimeout(20)
        called, _ = server.accept()
        greeting.read_hello(called, called.makefile("rb"))
        greeting.answer(called, None)
    threads[0].join(0.5)
    assert threads[0].is_alive(), "the second is not ready"
    greeting.write_line(again, {"ready": True})
    greeting.write_line(again, {"round": 1, "value": "new"})
    finish(threads)
    assert first.links.exchange("mine") == ["mine", "new"] and not first.heard
    first.links.close()
    for link in (again, called):
        greeting.hang_up(link)


def test_hosts_that_are_unknown_are_said_to_be_and_end_the_wait_at_last(quick, caplog, monkeypatch):
    caplog.set_level("INFO", "absl")
    monkeypatch.setattr(links, "UNKNOWN_HOST_SECS", 1.0)
    worker = Worker([f"localhost:{free_ports(1)[0]}", "no-such-host.invalid:80"], 0)
    finish(together([worker], Worker.join))
    assert caplog.messages[-1] == "waiting for workers: no-such-host.invalid:80 (its name cannot be resolved)"
    assert worker.error == (
        "TF_CONFIG: the host of worker 1 (no-such-host.invalid:80) cannot be resolved; correct its name"
    )


def test_a_port_that_is_taken():
    with socket.create_server(("localhost", 0)) as server:
        address = f"localhost:{server.getsockname()[1]}"
        worker = Worker([address, "localhost:1"], 0)
        worker.join()
    port = address.rpartition(":")[2]
    assert worker.error == f"TF_CONFIG: port {port} of this worker, {address}, cannot be used: another process uses it"


def test_strangers_are_sent_away_and_waited_past(quick, caplog):
    caplog.set_level("INFO", "absl")
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    first, second = (Worker(addresses, index) for index in range(2))
    host, port = addresses[1].split(":")

    def answer_nonsense(server):
        with contextlib.suppress(OSError):
            while True:
                link, _ = server.accept()
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                link.close()

    with socket.create_server((host, int(port))) as server:
        threading.Thread(target=answer_nonsense, args=[server], daemon=True).start()
        threads = together([first], Worker.join)
        line = f"waiting for workers: {addresses[1]} (something else answers there)"
        eventually(lambda: line in caplog.messages)
        for said in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"[]\n",
            b'{"mark": 3}\n',
            b'{"mark": "adversarial-audio-tf 1"}\n',
            b"",
        ):
            with socket.create_connection(("localhost", int(addresses[0].split(":")[1]))) as link:
                link.sendall(said)
                link.shutdown(socket.SHUT_WR)
                assert link.recv(100) == b""
        server.shutdown(socket.SHUT_RDWR)
    finish([*threads, *together([second], Worker.join)])
    assert first.error is second.error is None
    for worker in (first, second):
        worker.links.close()


def test_tf_configs_that_contradict_each_other(quick):
    a, b, c = (f"localhost:{port}" for port in free_ports(3))
    two, three = Worker([a, b], 0), Worker([a, b, c], 1)
    threads = together([two, three], Worker.join)
    eventually(lambda: two.error or three.error)
    messages = [worker.error for worker in (two, three) if worker.error]
    assert messages and all("refuses this worker: its TF_CONFIG names" in message for message in messages)
    for worker in (two, three):
        worker.links.close()
    finish(threads if two.error and three.error else [])


def test_two_processes_that_take_themselves_for_the_same_worker(quick):
    a, b = (f"localhost:{port}" for port in free_ports(2))
    both = [Worker([a, b], 0), Worker([b, a], 0)]
    together(both, Worker.join)
    eventually(lambda: any(worker.error for worker in both))
    assert any("; check task.index" in (worker.error or "") for worker in both)
    for worker in both:
        worker.links.close()


PROCESS = """
import sys, threading
from wavegan_tf.core.workers import links
from wavegan_tf.core.workers.tf_config import Place
links.BEAT_SECS = 0.2
place = Place({"worker": tuple(sys.argv[2:])}, "worker", int(sys.argv[1]))
joined = links.Links(place, lambda *what: print(*what, flush=True), print)
joined.join()
threading.Event().wait(60)
"""


@pytest.mark.parametrize(
    ("number", "what", "at_least", "at_most"),
    [(signal.SIGKILL, "has ended", 0.0, 2.5), (signal.SIGSTOP, "has not answered for 3 seconds", 2.5, 15.0)],
)
def test_a_process_that_is_killed_or_stopped_is_missed(quick, number, what, at_least, at_most):
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    worker = Worker(addresses, 0)
    other = subprocess.Popen([sys.executable, "-c", PROCESS, "1", *addresses], cwd=ROOT)
    try:
        worker.join()
        time.sleep(3.5)
        assert not worker.heard, "it beats, so it is not missed"
        begun = time.monotonic()
        other.send_signal(number)
        assert worker.noticed.wait(20)
        assert worker.heard == [(1, what)] and at_least <= time.monotonic() - begun <= at_most
    finally:
        worker.links.close()
        other.kill()
        other.wait()


def test_a_process_that_was_stopped_itself_blames_nobody(quick, monkeypatch):
    """It finds nothing heard for long, and that is its own doing."""
    with joined(2) as workers:
        now = time.monotonic
        late = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: now() + late[0])
        time.sleep(0.3)
        late[0] = 100.0
        time.sleep(1.0)
        assert [worker.heard for worker in workers] == [[], []]


def test_messages_are_json():
    with joined(2) as workers:
        with pytest.raises(TypeError):
            workers[0].links.exchange(object())
        assert json.dumps(None) == "null"
