"""SIGTERM and Ctrl-C end a run in order: everything is closed, and what was done is kept."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from dgmm.errors import TemporaryError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECONDS_FOR_WORKERS = 4.0
_SECONDS_FOR_ALL = 8.5


class ShutdownRequested(KeyboardInterrupt):
    """A signal asked for the end; no library takes it for a failure of its own."""


@contextmanager
def graceful_shutdown(remedy: str = "the same command again goes on from here") -> Iterator[None]:
    """Leave a ``with`` through every ``finally`` when a signal comes; a second changes nothing.

    What takes too long to close, as a task in the middle of a block, is ended by force.

    Parameters
    ----------
    remedy : str
        What to do then, for the message.

    Raises
    ------
    TemporaryError
        When all is closed.
    """
    ending = _Ending(remedy)
    before = {number: signal.signal(number, ending.begin) for number in _SIGNALS}
    try:
        yield
    except BaseException as error:
        if ending.message:
            ending.is_told = True
            raise TemporaryError(ending.message) from error
        raise
    finally:
        if not ending.message:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Ending:
    """What the first signal sets off."""

    def __init__(self, remedy: str) -> None:
        self.message = ""
        self.remedy = remedy
        self.is_told = False

    def begin(self, number: int, _: FrameType | None) -> None:
        if self.message:
            return
        name = signal.Signals(number).name
        self.message = f"stopped by {name}; {self.remedy}"
        for each in _SIGNALS:  # ignored and not handled: the interpreter drops handlers as it ends
            signal.signal(each, signal.SIG_IGN)
        threading.Thread(target=self._insist, daemon=True).start()
        raise ShutdownRequested

    def _insist(self) -> None:
        import psutil  # here, so that the command answers at once

        time.sleep(_SECONDS_FOR_WORKERS)
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
        time.sleep(_SECONDS_FOR_ALL - _SECONDS_FOR_WORKERS)
        if not self.is_told:
            sys.stderr.write(f"dgmm: {self.message}\n")
        sys.stderr.flush()
        os._exit(TemporaryError.exit_code)
