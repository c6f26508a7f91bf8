"""One writer for an output in an object store: a claim that its holder keeps renewing.

Stores have no locks, and clocks of different machines may differ. But stores can write an object
only if its name is free. So the lock of an output is a series of numbered claims::

    OUTPUT/.lock/00000007.json        who holds it, and how often the claim has been renewed

The process that writes the next number holds the output. It may do so once the last claim was
released, or has not changed for a minute by the clock of that process. A holder that only seemed
dead finds the higher number before it writes anything important, and stops.
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dgmm.errors import TemporaryError
from dgmm.io.storage.zarr_arrays import creation_failures, storage_failures

if TYPE_CHECKING:
    from dgmm.io.storage.object_store import StorePath

_CLAIMS = ".lock"
RENEWAL_SECONDS = 10.0
PATIENCE_SECONDS = 60.0  # without a renewal, until a holder counts as dead
_POLL_SECONDS = 1.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Claim:
    """The content of a claim."""

    holder: str
    host: str
    pid: int
    since: str
    n_renewals: int = 0
    is_released: bool = False

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


@contextmanager
def hold_lease(output: "StorePath") -> Iterator[Callable[[], None]]:
    """Hold the lock of an output in a store for the duration of a ``with``.

    Yields
    ------
    callable
        Raises TemporaryError if another process has taken the output over in the meantime, and
        StorageError if that could not be checked for half a minute.

    Raises
    ------
    TemporaryError
        If another process holds it.
    OutputError
        If the output cannot be written to.
    StorageError
        If the store fails.
    """
    with storage_failures(output), creation_failures(output):
        lease = _Lease(output)
    stop = threading.Event()
    renewing = threading.Thread(target=lease.keep_renewing, args=(stop,), daemon=True)
    renewing.start()
    try:
        yield lease.confirm
    finally:
        stop.set()
        renewing.join()
        lease.release()


class _Lease:
    """A claim of this process, acquired on creation."""

    def __init__(self, output: "StorePath") -> None:
        self._output = output
        self._directory = output / _CLAIMS
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._claim = _Claim(uuid.uuid4().hex, socket.gethostname(), os.getpid(), since)
        self._number = self._free_number()
        self._create()
        self._renewed = time.monotonic()
        self._is_lost = False
        if self._numbers()[-1:] != [self._number]:
            raise self._lock_error(self._read(self._numbers()[-1]))
        for number in self._numbers()[:-1]:
            self._path(number).unlink(missing_ok=True)

    def keep_renewing(self, stop: threading.Event) -> None:
        """Renew the claim until told to stop, or until it is lost."""
        while not stop.wait(RENEWAL_SECONDS) and not self._is_lost:
            try:
                self._renew()
            except Exception as error:  # `confirm` raises if it lasts
                _logger.debug("the lock of %s could not be renewed: %s", self._output, error)

    def confirm(self) -> None:
        """Raise if the claim is lost, or if that cannot be known."""
        if time.monotonic() - self._renewed > PATIENCE_SECONDS / 2 and not self._is_lost:
            with storage_failures(self._output):
                self._renew()
        if self._is_lost:
            numbers = self._numbers()  # none if all were removed
            raise self._lock_error(self._read(numbers[-1]) if numbers else None)

    def release(self) -> None:
        """Release the claim; if that fails, it expires."""
        try:
            self._renew(is_released=True)
        except Exception as error:
            _logger.warning(
                "the lock of %s could not be released: %s; the next run there begins after %d s",
                self._output,
                error,
                PATIENCE_SECONDS,
            )

    def _renew(self, *, is_released: bool = False) -> None:
        if self._numbers()[-1:] != [self._number]:
            self._is_lost = True
            return
        n_renewals = self._claim.n_renewals + 1
        self._claim = replace(self._claim, n_renewals=n_renewals, is_released=is_released)
        path = self._path(self._number)
        path.fs.pipe_file(path.path, self._content())
        self._renewed = time.monotonic()

    def _free_number(self) -> int:
        """The number after the last claim, once that is released or expired."""
        numbers = self._numbers()
        if not numbers:
            return 1
        last = numbers[-1]
        claim = self._read(last)
        if claim is None or claim.is_released:
            return last + 1
        _logger.info("%s is held by %s; waiting to see whether it still runs", self._output, claim)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            now = self._read(last)
            if now is None or now.is_released:
                return last + 1
            if now != claim or self._numbers()[-1:] != [last]:
                raise self._lock_error(now)
        _logger.warning(
            "%s was held by %s, which has not renewed its claim for %d s; taking it over",
            self._output,
            claim,
            PATIENCE_SECONDS,
        )
        return last + 1

    def _create(self) -> None:
        """Write the claim unless another process has written one of this number."""
        path = self._path(self._number)
        try:
            self._put_new(path)
        except FileExistsError as error:
            there = self._read(self._number)
            if there != self._claim:  # a repeated request finds its own claim
                raise self._lock_error(there) from error
        except NotImplementedError:
            path.fs.pipe_file(path.path, self._content())
        try:
            self._put_new(path)
        except FileExistsError:
            return
        except NotImplementedError:
            pass
        _logger.warning(
            "the store of %s has no conditional writes: two runs that start there at the same "
            "moment would not detect each other",
            self._output,
        )

    def _put_new(self, path: "StorePath") -> None:
        """Write an object that is not there; FileExistsError if it is."""
        try:
            path.fs.pipe_file(path.path, self._content(), mode="create")
        except FileExistsError:
            raise
        except Exception as error:  # clients of stores have no common error for it
            # s3fs has it in the cause of its error if the server sends no message
            said = f"{error} {error.__cause__}"
            if any(sign in said for sign in ("PreconditionFailed", "pre-condition", "412")):
                raise FileExistsError(said) from error
            if "NotImplemented" in said or "501" in said:
                raise NotImplementedError(said) from error
            raise

    def _numbers(self) -> list[int]:
        """Numbers of all claims, the last one last."""
        try:
            names = [path.stem for path in self._directory.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def _read(self, number: int) -> _Claim | None:
        """A claim; None if it is missing or damaged."""
        try:
            return _Claim(**json.loads(self._path(number).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _path(self, number: int) -> "StorePath":
        return self._directory / f"{number:08}.json"

    def _content(self) -> bytes:
        return json.dumps(asdict(self._claim)).encode() + b"\n"

    def _lock_error(self, claim: _Claim | None) -> TemporaryError:
        return TemporaryError(
            f"{self._output} is being written to by {claim or 'another process'}. "
            "Wait until that run ends, or choose another output, and run it again."
        )
