"""Commands forked from a process that has TensorFlow imported already, so that they start in 0.3 s instead of 4 to 8.

What a command does then, and the process that it does it in, are the same as with `python -m`; the imports are not its
own. `python -m tests.forks NUMBER` is that process, with the socket of that number.
"""

from __future__ import annotations

import array
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, Any

_SERVER: list[tuple[socket.socket, subprocess.Popen]] = []
_STATUS = struct.Struct("i")


class Forked:
    """A command that runs, as far as tests ask of a `subprocess.Popen`.

    Attributes:
      pid: of its process.
      stdout: to be read as text.
      stderr: likewise.
      returncode: None while it is not known to have ended; the negative number of the signal that ended it.
    """

    def __init__(self, module: str, arguments: Sequence[str], environment: dict[str, str]):
        """Starts `python -m module` with these arguments in the current directory."""
        out, err, status = (os.pipe() for _ in range(3))
        given = {"argv": [module, *arguments], "environment": environment, "directory": os.getcwd()}
        passed = array.array("i", [out[1], err[1], status[1]])
        _server().sendmsg([json.dumps(given).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
        for number in passed:
            os.close(number)
        self.stdout: IO[str] = os.fdopen(out[0])
        self.stderr: IO[str] = os.fdopen(err[0])
        self._status = os.fdopen(status[0], "rb")
        told = self._status.read(_STATUS.size)
        if not told:
            raise RuntimeError("the process that forks commands has ended")
        self.pid = _STATUS.unpack(told)[0]
        self.returncode: int | None = None
        self._end = threading.Thread(target=self._read_end, daemon=True)
        self._end.start()

    def _read_end(self) -> None:
        # Nothing is told where the process that waits for it was killed with it.
        told = self._status.read(_STATUS.size) or _STATUS.pack(signal.SIGKILL)
        self._code = os.waitstatus_to_exitcode(_STATUS.unpack(told)[0])
        self._status.close()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended; raises subprocess.TimeoutExpired."""
        self._end.join(timeout)
        if self._end.is_alive():
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        self.returncode = self._code
        return self.returncode

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Standard output and error up to its end; raises subprocess.TimeoutExpired, and may then be called again."""
        end = None if timeout is None else time.monotonic() + timeout
        if not hasattr(self, "_said"):
            self._said = ["", ""]
            self._readers = [threading.Thread(target=self._read, args=(index,), daemon=True) for index in (0, 1)]
            for reader in self._readers:
                reader.start()
        for thread in (*self._readers, self._end):
            thread.join(None if end is None else max(end - time.monotonic(), 0.0))
            if thread.is_alive():
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        self.wait()
        return self._said[0], self._said[1]

    def _read(self, index: int) -> None:
        with (self.stdout, self.stderr)[index] as stream:
            self._said[index] = stream.read()

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def _server() -> socket.socket:
    """The socket of this process's server, which ends when the socket is closed."""
    if not _SERVER:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.forks", str(theirs.fileno())]
        # Pipes, as Python's streams of the commands will be; it says little, while it imports TensorFlow.
        started = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )  # fmt: skip
        theirs.close()
        _SERVER.append((ours, started))
    return _SERVER[0][0]


def serve(connection: socket.socket) -> dict[str, Any] | None:
    """Forks for each request; returns it in the new process, and None in the server when nobody is left to ask."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, passed, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not message:
            return None
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            connection.close()
            return _fork(json.loads(message), *passed)
        for number in passed:
            os.close(number)


def _fork(given: dict[str, Any], out: int, err: int, status: int) -> dict[str, Any]:
    """Forks once more and returns in the new process; the old one tells its number and how it ended."""
    child = os.fork()
    if child:
        os.close(out)
        os.close(err)
        os.write(status, _STATUS.pack(child))
        os.write(status, _STATUS.pack(os.waitpid(child, 0)[1]))
        os._exit(0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for number in (out, err, status):
        os.close(number)
    return given


def main() -> None:
    """Imports what takes long, serves, and runs a command in each new process."""
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    given = serve(socket.socket(fileno=int(sys.argv[1])))
    if given is None:
        return
    os.environ.clear()
    os.environ.update(given["environment"])
    os.chdir(given["directory"])
    sys.path[0] = given["directory"]
    module = given["argv"][0]
    sys.argv[1:] = given["argv"][1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
