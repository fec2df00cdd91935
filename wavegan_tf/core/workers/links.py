"""Connections between the workers of a run: to find each other, to speak together, and to see who is gone.

TensorFlow's own means of this wait in C++, where no signal reaches Python, and end a process with a traceback or
not at all. Each worker calls each other one at its address before TensorFlow listens there, and keeps these
connections: what it sends goes over those that it opened, what it receives comes over those that it accepted. Both
ways are tried between any two, so a worker that cannot be reached is known before TensorFlow would wait for it.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from absl import logging

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.workers import greeting
from wavegan_tf.core.workers.tf_config import VARIABLE, Place

BEAT_SECS = 5.0
# A thread of its own sends the beats: a worker may take long over anything, and is not silent.
SILENCE_SECS = 90.0
ANNOUNCE_SECS = 3.0
UNKNOWN_HOST_SECS = 600.0
_RETRY_SECS = 0.5


class Links:
    """The connections of one worker to all others."""

    def __init__(self, place: Place, lost: Callable[[int, str], None], ended: Callable[[str], None]):
        """Prepares; `join` connects.

        Args:
          place: of this process.
          lost: called with the index of a worker that is gone after all had joined, and what happened to it.
          ended: called with what another worker said before it ended.
        """
        self._place, self._lost, self._ended = place, lost, ended
        self._peers = [peer for peer in range(len(place.addresses)) if peer != place.index]
        self._changed = threading.Condition()
        self._out: dict[int, socket.socket] = {}
        self._in: dict[int, socket.socket] = {}
        self._told: set[int] = set()
        self._ready: set[int] = set()
        self._gone: set[int] = set()
        self._missed: set[int] = set()
        self._heard: dict[int, float] = {}
        self._trouble: dict[int, str] = {}
        self._unknown_since: dict[int, float] = {}
        self._error: str | None = None
        self._joined = self._closed = False
        self._accepting: threading.Thread | None = None
        self._sending = {peer: threading.Lock() for peer in self._peers}
        self._inbox: dict[int, queue.SimpleQueue] = {peer: queue.SimpleQueue() for peer in self._peers}
        self._round = 0

    def join(self) -> None:
        """Waits until all workers are there; says so if that takes long.

        Raises:
          UserError: the port of this worker is taken, a host stays unknown, or the workers' TF_CONFIGs contradict.
        """
        server = greeting.listen(self._place)
        self._accepting = _start(self._accept, server)
        _start(self._beat)
        for peer in self._peers:
            _start(self._call, peer)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        # TensorFlow is to listen at this port.
        self._accepting.join()

    def _wait(self) -> None:
        begun, announced = time.monotonic(), ""
        with self._changed:
            while True:
                if self._error:
                    raise UserError(self._error)
                missing = [peer for peer in self._peers if peer not in self._out or peer not in self._in]
                for peer in [] if missing else self._peers:
                    if peer not in self._told:
                        self._told.add(peer)
                        self._send(peer, ready=True)
                if not missing and self._ready.issuperset(self._peers):
                    self._joined = True
                    break
                if time.monotonic() - begun > ANNOUNCE_SECS:
                    waited_for = missing or [peer for peer in self._peers if peer not in self._ready]
                    text = ", ".join(self._place.addresses[peer] + self._trouble.get(peer, "") for peer in waited_for)
                    if text != announced:
                        announced = text
                        logging.info("waiting for workers: %s", text)
                self._changed.wait(_RETRY_SECS)
        if announced:
            logging.info("all %d workers are there", len(self._peers) + 1)

    def exchange(self, value: Any) -> list[Any]:
        """Gives a JSON value to all and returns theirs, in the workers' order; all must call it together."""
        self._round += 1
        for peer in self._peers:
            self._send(peer, round=self._round, value=value)
        values = []
        for index in range(len(self._place.addresses)):
            if index == self._place.index:
                values.append(json.loads(json.dumps(value)))
                continue
            turn, theirs = self._inbox[index].get()
            assert turn == self._round, f"{self._place.name(index)} is at exchange {turn}, this one at {self._round}"
            values.append(theirs)
        return values

    def tell_end(self, text: str) -> None:
        """Lets the others know why this worker ends before they notice."""
        for peer in self._peers:
            self._send(peer, end=text)

    def leave(self) -> None:
        """Waits until all are here, after which none is missed."""
        for peer in self._peers:
            self._send(peer, bye=True)
        with self._changed:
            while len(self._gone) < len(self._peers):
                self._changed.wait()
        self.close()

    def close(self) -> None:
        """Hangs up; the port of this worker is free then."""
        with self._changed:
            self._closed = True
            for link in [*self._out.values(), *self._in.values()]:
                greeting.hang_up(link)
        if self._accepting:
            self._accepting.join()

    def _send(self, peer: int, **message: Any) -> None:
        """Sends if that can be done; that a worker is gone is seen by who reads from it."""
        with contextlib.suppress(OSError, KeyError), self._sending[peer]:
            greeting.write_line(self._out[peer], message)

    def _call(self, peer: int) -> None:
        """Calls a worker until it answers, and again when it has hung up while others are waited for."""
        while not (self._joined or self._closed):
            try:
                link = greeting.call(self._place, peer)
            except (greeting.NotThereError, greeting.RefusedError) as error:
                self._note(peer, error)
                time.sleep(_RETRY_SECS)
                continue
            with self._changed:
                self._out[peer] = link
                self._trouble.pop(peer, None)
                self._unknown_since.pop(peer, None)
                self._changed.notify_all()
            with contextlib.suppress(OSError):
                link.recv(1)  # Nothing comes but the end.
            # Once all have joined, what was said before the end counts, and that comes by the other connection.
            if not (self._joined or self._forget(peer, link)):
                self._lost(peer, "has ended")

    def _note(self, peer: int, error: Exception) -> None:
        """Keeps why a worker is not there."""
        with self._changed:
            if isinstance(error, greeting.RefusedError):
                self._error = str(error)
            self._trouble[peer] = str(error)
            if not isinstance(error, greeting.UnknownHostError):
                self._unknown_since.pop(peer, None)
            elif time.monotonic() - self._unknown_since.setdefault(peer, time.monotonic()) > UNKNOWN_HOST_SECS:
                self._error = f"{VARIABLE}: the host of {self._place.name(peer)} cannot be resolved; correct its name"
            self._changed.notify_all()

    def _accept(self, server: socket.socket) -> None:
        with server:
            while not (self._joined or self._closed):
                with contextlib.suppress(OSError):
                    link, _ = server.accept()
                    _start(self._serve, link)

    def _serve(self, link: socket.socket) -> None:
        """Answers a call and receives what comes over it."""
        peer = None
        with contextlib.suppress(*greeting.BROKEN):
            lines = link.makefile("rb")
            hello = greeting.read_hello(link, lines)
            if self._joined or self._closed:
                raise ValueError("too late")
            refusal = greeting.mistake(self._place, hello) or self._admit(hello["from"], link)
            if refusal:
                logging.warning("a worker is refused: %s", refusal)
            else:
                peer = hello["from"]
            greeting.answer(link, refusal)
            while peer is not None:
                self._receive(peer, link, greeting.read_line(lines))
        if peer is None:
            greeting.hang_up(link)
        elif not self._forget(peer, link):
            self._lost(peer, "has ended")

    def _admit(self, peer: int, link: socket.socket) -> str | None:
        """Takes a worker in, or returns why not."""
        with self._changed:
            if peer in self._in:
                if time.monotonic() - self._heard[peer] < 3 * BEAT_SECS:
                    return f"another process is {self._place.name(peer)} already; check task.index"
                greeting.hang_up(self._in[peer])
            self._in[peer], self._heard[peer] = link, time.monotonic()
            self._changed.notify_all()
        return None

    def _receive(self, peer: int, link: socket.socket, message: dict[str, Any]) -> None:
        with self._changed:
            if self._in.get(peer) is not link:
                raise ValueError("a connection that is over")
            self._heard[peer] = time.monotonic()
            if "round" in message:
                self._inbox[peer].put((message["round"], message["value"]))
            if "ready" in message:
                self._ready.add(peer)
            if "bye" in message:
                self._gone.add(peer)
            self._changed.notify_all()
        if "end" in message and self._joined:
            self._ended(str(message["end"]))

    def _forget(self, peer: int, link: socket.socket) -> bool:
        """Sees to a connection that is over; returns False, once, if the worker should be there still."""
        with self._changed:
            greeting.hang_up(link)
            is_known = self._in.get(peer) is link or self._out.get(peer) is link
            if self._closed or not is_known or peer in self._gone or peer in self._missed:
                return True
            if self._joined:
                self._missed.add(peer)
                return False
            # It may come again. What it had said does not count then.
            for links in (self._out, self._in):
                if peer in links:
                    greeting.hang_up(links.pop(peer))
            self._ready.discard(peer)
            self._told.discard(peer)
            self._inbox[peer] = queue.SimpleQueue()
            self._changed.notify_all()
            return True

    def _beat(self) -> None:
        """Tells the others now and then that this worker is there, and looks who has not done so."""
        while not self._closed:
            begun = time.monotonic()
            time.sleep(BEAT_SECS)
            for peer in self._peers:
                self._send(peer, beat=True)
            with self._changed:
                now = time.monotonic()
                if now - begun > 3 * BEAT_SECS:
                    # It is this process that was stopped.
                    self._heard = dict.fromkeys(self._heard, now)
                silent = {peer: link for peer, link in self._in.items() if now - self._heard[peer] > SILENCE_SECS}
            for peer, link in silent.items():
                if not self._forget(peer, link):
                    self._lost(peer, f"has not answered for {SILENCE_SECS:.0f} seconds")


def _start(target: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
