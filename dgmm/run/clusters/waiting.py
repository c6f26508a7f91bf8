"""Waiting for the workers of a cluster, with an end."""

import distributed

from dgmm.errors import TemporaryError


def wait_for_workers(client: distributed.Client, n_workers: int, timeout: float) -> None:
    """Return once ``n_workers`` are there.

    Raises
    ------
    TemporaryError
        If they are not within ``timeout`` seconds.
    """
    try:
        client.wait_for_workers(n_workers, timeout=timeout)
    except TimeoutError as error:
        found = len(client.nthreads())
        raise TemporaryError(
            f"found {found} of {n_workers} workers after {timeout:.0f} s; "
            "see why they do not start, and run the same command again"
        ) from error
