"""End a run in order on SIGTERM and Ctrl-C: close everything and keep what was done.

This module imports nothing heavy: commands import it before anything else.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from dgmm.errors import TemporaryError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_GO_ON = "the same command again goes on from here"
_SECONDS_FOR_WORKERS = 4.0
_SECONDS_FOR_ALL = 8.5


class ShutdownRequested(KeyboardInterrupt):
    """A signal asked the process to end; libraries let it pass as they do Ctrl-C."""


def exit_on_signals() -> None:
    """Exit at once on a signal, with a message and the exit code of a stopped command.

    Used until something has begun that :func:`graceful_shutdown` would have to close.
    """
    for number in _SIGNALS:
        signal.signal(number, _exit)


def _exit(number: int, _: FrameType | None) -> NoReturn:
    sys.stderr.write(f"dgmm: {_message(number, _GO_ON)}\n")
    sys.stderr.flush()
    os._exit(TemporaryError.exit_code)


def _message(number: int, remedy: str) -> str:
    return f"stopped by {signal.Signals(number).name}; {remedy}"


@contextmanager
def graceful_shutdown(remedy: str = _GO_ON) -> Iterator[None]:
    """Leave a ``with`` through every ``finally`` on a signal; later signals change nothing.

    What takes too long to close, as a task in the middle of a block, is ended by force.

    Parameters
    ----------
    remedy : str
        What to do then, for the message.

    Raises
    ------
    TemporaryError
        When all is closed.

    Examples
    --------
    >>> from pathlib import Path
    >>> with graceful_shutdown("start the program again"):
    ...     _ = Path("total.txt").write_text(str(sum(range(10))))
    """
    ending = _Shutdown(remedy)
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


class _Shutdown:
    """The actions of the first signal."""

    def __init__(self, remedy: str) -> None:
        self.message = ""
        self.remedy = remedy
        self.is_told = False

    def begin(self, number: int, _: FrameType | None) -> None:
        if self.message:
            return
        self.message = _message(number, self.remedy)
        for each in _SIGNALS:  # ignored, not handled: the interpreter removes handlers as it ends
            signal.signal(each, signal.SIG_IGN)
        threading.Thread(target=self._kill_children, daemon=True).start()
        raise ShutdownRequested

    def _kill_children(self) -> None:
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
