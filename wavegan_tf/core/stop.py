"""When a long job is to stop: by a signal, or by its time."""

from __future__ import annotations

import math
import signal
import threading
import time
from types import FrameType


class Stop:
    """Asks for a stop after the current step: once its time is over, or on a signal while it is entered.

    The signals are SIGTERM, Ctrl-C, and that of a closed terminal, unless the process is to ignore that (nohup). A
    second Ctrl-C interrupts at once. Signals reach the main thread alone: in another thread only the time counts.
    """

    def __init__(self, limit_secs: float = 0.0) -> None:
        """Starts the clock; 0 sets no limit."""
        self.received: str | None = None
        self._deadline = time.monotonic() + limit_secs if limit_secs else math.inf

    @property
    def is_late(self) -> bool:
        """True once its time is over."""
        return time.monotonic() >= self._deadline

    def __enter__(self) -> Stop:
        is_main = threading.current_thread() is threading.main_thread()
        heard = [signal.SIGTERM, signal.SIGINT] if is_main else []
        if is_main and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            heard.append(signal.SIGHUP)
        self._previous = {number: signal.signal(number, self._receive) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = signal.Signals(number).name
