"""A source that remembers what is read of it, and shorthands for datasets in blocks."""

from itertools import pairwise

import dask.array as da
import numpy as np

from dgmm.engine.dataset import Dataset
from dgmm.engine.events import ignore
from dgmm.engine.execution import LocalExecution
from dgmm.engine.passes import PassRunner

SYNCHRONOUS = LocalExecution("synchronous")


class RecordedRows:
    """Rows that remember every (start, stop) read of them; for schedulers of this process."""

    def __init__(self, rows):
        self.rows = rows
        self.reads = []
        self.shape, self.dtype, self.ndim = rows.shape, rows.dtype, rows.ndim

    def __getitem__(self, key):
        start, stop, _ = key[0].indices(len(self.rows))
        if stop > start:  # Dask looks at an empty piece to learn what blocks are made of
            self.reads.append((start, stop))
        return self.rows[key].copy()


def in_blocks(rows, chunks):
    """A Dask array of these rows with blocks of these sizes."""
    chunks = (chunks, *((size,) for size in rows.shape[1:]))
    return da.from_array(rows, chunks=chunks, name=False)


def dataset_of(rows, chunks=None, weights=None):
    chunks = chunks or (len(rows),)
    return Dataset.from_array(
        in_blocks(rows, chunks), None if weights is None else in_blocks(weights, chunks)
    )


def reader_of(dataset, observer=ignore, execution=SYNCHRONOUS):
    return PassRunner(dataset, execution, observer)


def bounds_of(chunks):
    """(start, stop) of every block."""
    return list(pairwise([0, *np.cumsum(chunks).tolist()]))
