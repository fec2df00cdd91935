"""Calls between the workers of a run, at their addresses in TF_CONFIG, by which both make sure whom they have met.

Messages are lines of JSON.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
from typing import Any, BinaryIO

from wavegan_tf.core.errors import UserError
from wavegan_tf.core.workers.tf_config import VARIABLE, Place, host_and_port

POLL_SECS = 0.25
_GREETING_SECS = 10.0
_LONGEST_LINE = 1 << 22
_MARK = "adversarial-audio-tf 1"
# What a stranger at the other end can cause.
BROKEN = (OSError, ValueError, TypeError, KeyError, RecursionError)


class NotThereError(Exception):
    """A worker does not answer yet; the text, which may be empty, says why."""


class UnknownHostError(NotThereError):
    """The name in its address cannot be resolved."""


class RefusedError(Exception):
    """A worker answers, and says why it does not take this one."""


def listen(place: Place) -> socket.socket:
    """A socket at the port of this worker; `accept` on it waits for `POLL_SECS`.

    Raises:
      UserError: the port cannot be used.
    """
    own = place.addresses[place.index]
    port = host_and_port(own)[1]
    try:
        if socket.has_dualstack_ipv6():
            server = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            server = socket.create_server(("", port))
    except OSError as error:
        reason = "another process uses it" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise UserError(f"{VARIABLE}: port {port} of this worker, {own}, cannot be used: {reason}") from None
    server.settimeout(POLL_SECS)
    return server


def call(place: Place, peer: int) -> socket.socket:
    """A connection to another worker, which has accepted it.

    Raises:
      NotThereError: it does not answer.
      RefusedError: it does not want this one.
    """
    try:
        link = socket.create_connection(host_and_port(place.addresses[peer]), timeout=_GREETING_SECS)
    except socket.gaierror:
        raise UnknownHostError(" (its name cannot be resolved)") from None
    except (OSError, UnicodeError):
        raise NotThereError("") from None
    try:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        write_line(link, {"mark": _MARK, "workers": len(place.addresses), "from": place.index, "to": peer})
        answer = read_line(link.makefile("rb"))
        # Where nobody listens, a socket can meet itself.
        if answer["mark"] != _MARK or link.getsockname() == link.getpeername():
            raise ValueError("a stranger")
        refusal = answer["refusal"]
        link.settimeout(None)
    except BROKEN:
        hang_up(link)
        raise NotThereError(" (something else answers there)") from None
    if refusal:
        hang_up(link)
        raise RefusedError(f"{place.name(peer)} refuses this worker: {refusal}")
    return link


def read_hello(link: socket.socket, lines: BinaryIO) -> dict[str, Any]:
    """The first message of a worker that calls; one of `BROKEN` if a stranger does."""
    link.settimeout(_GREETING_SECS)
    hello = read_line(lines)
    if hello["mark"] != _MARK:
        raise ValueError("a stranger")
    return {name: int(hello[name]) for name in ("workers", "from", "to")}


def mistake(place: Place, hello: dict[str, Any]) -> str | None:
    """Names the contradiction between a caller's TF_CONFIG and this one; None if there is none."""
    if hello["workers"] != len(place.addresses):
        return f"its {VARIABLE} names {hello['workers']} workers, but {len(place.addresses)} here"
    if hello["to"] != place.index or not 0 <= hello["from"] < hello["workers"] or hello["from"] == place.index:
        called = place.name(hello["to"] % hello["workers"])
        return f"it calls {called}, but this is {place.name(place.index)}; check task.index"
    return None


def answer(link: socket.socket, refusal: str | None) -> None:
    """Accepts a call, or refuses it."""
    write_line(link, {"mark": _MARK, "refusal": refusal})
    link.settimeout(None)


def write_line(link: socket.socket, message: dict[str, Any]) -> None:
    """Sends a message."""
    link.sendall(json.dumps(message).encode() + b"\n")


def read_line(lines: BinaryIO) -> dict[str, Any]:
    """The next message; ValueError at the end of them."""
    line = lines.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("the connection has ended")
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def hang_up(link: socket.socket) -> None:
    """Ends a connection, also for a thread that reads from it."""
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()
