"""Wait for the workers of a cluster, with a timeout."""

import time
from collections.abc import Callable

import distributed

from dgmm.errors import TemporaryError

AGAIN = "and run the same command again"

_POLL = 0.1  # seconds
_ANSWER = 30.0  # seconds for a busy scheduler to count its workers


def wait_for_workers(
    client: distributed.Client,
    n_workers: int,
    timeout: float,
    reason: Callable[[], str] = lambda: f"see why they do not start, {AGAIN}",
    is_hopeless: Callable[[], bool] = lambda: False,
) -> None:
    """Return when ``n_workers`` are connected.

    Parameters
    ----------
    client : distributed.Client
    n_workers : int
    timeout : float
        Seconds.
    reason : callable
        Says why they are not there and what to do, for the error.
    is_hopeless : callable
        Whether to end the wait at once.

    Raises
    ------
    TemporaryError
        If they are not there in time, or never will be, or the scheduler is lost.
    """
    began = time.monotonic()
    while (found := _n_workers(client)) < n_workers:
        waited = time.monotonic() - began
        if waited > timeout or is_hopeless():
            raise TemporaryError(
                f"found {found} of {n_workers} workers after {waited:.0f} s; {reason()}"
            )
        time.sleep(_POLL)


def _n_workers(client: distributed.Client) -> int:
    try:
        return len(client.sync(client.nthreads, callback_timeout=_ANSWER))
    except OSError as error:  # includes timeouts and lost connections
        raise TemporaryError(f"the scheduler does not answer ({error!r}); {AGAIN}") from error
