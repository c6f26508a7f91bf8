"""One BLAS thread for each task: Dask's threads are the parallelism, and bits stay the same."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_users = 0
_limiter: Any = None


@cache
def _controller() -> ThreadpoolController:
    # Finding the libraries of a process takes milliseconds, longer than some tasks. One that is
    # loaded later is not among them: SciPy's own is loaded now.
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()


@contextmanager
def single_thread() -> Iterator[None]:
    """Limit BLAS to one thread while any task of this process runs.

    The limit belongs to the process, so tasks that overlap share it: the first to enter sets it,
    the last to leave lifts it.
    """
    global _limiter, _users
    with _lock:
        if _users == 0:
            _limiter = _controller().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limiter.restore_original_limits()
