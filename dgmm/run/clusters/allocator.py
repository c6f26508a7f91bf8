"""The memory allocator of workers: what one block has used is kept for the next.

Dask sets ``MALLOC_TRIM_THRESHOLD_``, which also ends the growth of glibc's threshold for mapped
memory: the system then maps, clears and unmaps the pages of every array above 128 KiB. That took
two fifths of the time of a run. Other C libraries ignore these variables.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dask

_BEFORE_START = "distributed.nanny.pre-spawn-environ"

ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(256 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
}
"""Environment variables of a worker. In other arenas than the first, arrays above 64 MiB are mapped
whatever the threshold."""

SETTINGS: dict[str, object] = {
    f"{_BEFORE_START}.{name}": value for name, value in ENVIRONMENT.items()
}
"""The same as settings of Dask, for nannies."""


@contextmanager
def restore_environment() -> Iterator[None]:
    """Undo, at the end, what nannies in this process set in its environment for their workers."""
    names = dask.config.get(_BEFORE_START)
    before = {name: os.environ.get(name) for name in (*names, "PYTHONHASHSEED")}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
