"""Projection of the memory that a fit needs, before it starts."""

from dataclasses import dataclass

from dgmm.engine.dataset import Dataset
from dgmm.engine.fit_options import RESPONSIBILITY_BYTES, FitOptions
from dgmm.errors import MemoryLimitError, Remedy
from dgmm.mixture import feature_map
from dgmm.mixture.kernels import incomplete_rows, packed_models, tiling
from dgmm.mixture.kernels.least_likely import n_least_likely
from dgmm.mixture.structures import structure_of

_PROCESS_BYTES = 352 << 20  # a worker with NumPy, SciPy, Numba, Zarr and distributed imported
_READ_COPIES = 3  # a block, what it is decoded from, and what is decoded but not yet in place
_PROFILE_BYTES = 20  # a row's weight, random word and marks
_MARK_BYTES = 2  # of each value that may be missing
_PATTERN_BYTES = 56  # of each row: its place, twice, and the table of patterns
_NUMBER = 8  # bytes of a value in float64, to which incomplete rows may be copied
_SAMPLE_COPIES = 3  # as drawn, as collected, about its mean
_SEARCH_BYTES = 32 << 20  # fits to parts of the sample
_SEARCH_COPIES = 3  # responsibilities: of a mixture, of one that may replace it, and log densities
_THIN_COPIES = 2  # of rows: fewer and fewer
_TREE_COPIES = 12  # outcomes that wait for their neighbours in the tree

_SPILL_FRACTION = 0.6  # of a worker's limit, where Dask begins to move what is kept to disk
_IMBALANCE = 1.5  # blocks of the worker that keeps most, against those of all on average

_ASSIGNMENT_COPIES = 3  # responsibilities, the same as stored, the same compressed


@dataclass(frozen=True, slots=True)
class Projection:
    """Peak memory of a fit, by process, task and driver.

    Attributes
    ----------
    process : int
        Of an idle process.
    block : int
        Of a task for the block it reads.
    kernel : int
        Of a task for tiles and sums.
    statistics : int
        Of one block's outcome, the least likely rows included.
    assignment : int
        Of a task for the assignments it is about to write.
    sample : int
        Of the row sample, which is collected on a worker and kept by the driver.
    search : int
        Of the search for mixtures in the sample, by the driver.
    """

    process: int
    block: int
    kernel: int
    statistics: int
    assignment: int
    sample: int
    search: int

    @property
    def driver(self) -> int:
        """Bytes of the driver of a cluster."""
        return self.process + self.sample + self.search

    def worker(self, threads: int, *, is_driver: bool = False) -> int:
        """Bytes of a worker that runs ``threads`` tasks at a time, and may be the driver, too."""
        tasks = threads * (self.block + max(self.kernel, self.assignment))
        tasks += _TREE_COPIES * self.statistics
        return self.process + max(tasks, self.search * is_driver) + self.sample

    def leaves_room(self, n_bytes: int, workers: int, threads: int, limit: int) -> bool:
        """Whether workers of this limit can keep blocks of ``n_bytes`` in all while they work."""
        most = n_bytes * min(1.0, _IMBALANCE / max(workers, 1))
        return self.worker(threads) + most <= _SPILL_FRACTION * limit


def project(dataset: Dataset, options: FitOptions, rows_per_write: int) -> Projection:
    """The memory that a fit of these options to this dataset needs.

    Parameters
    ----------
    dataset : Dataset
    options : FitOptions
    rows_per_write : int
        Rows whose assignments are held at a time (:class:`dgmm.engine.assignment.Writer`).
    """
    d = dataset.n_features
    may_lack = dataset.missing == "marginalize"
    orders = [(structure_of(kind).order, k) for kind, k in options.models]
    if options.noise is not None:
        orders = [(structure_of(kind).order_with_noise, k + 1) for kind, k in options.models]
    lengths = {order: feature_map.length(order, d) for order, _ in orders}
    sums = sum(k * lengths[order] for order, k in orders)
    together = [(sum(k for o, k in orders if o == order), order) for order in lengths]
    scratch = max(tiling.most_scratch(c, order, d) for c, order in together)
    n_models = len(options.models)
    slab = (2 * d + 1 + n_models) * packed_models.slab_rows(d)  # deviations, log densities
    # the centred kernel, should every model need it, holds whitened tiles of one model at a time
    whitened = options.max_components * (d + 1) * packed_models.CENTRED_TILE_ROWS
    row = _READ_COPIES * d * dataset.rows.dtype.itemsize + _PROFILE_BYTES
    marginals = gathered = 0
    if may_lack:
        row += d * (dataset.rows.dtype.itemsize + _NUMBER + _MARK_BYTES) + _PATTERN_BYTES
        sums += d * d * sum(order == feature_map.LINEAR for order, _ in orders)
        marginals = 3 * incomplete_rows.MOST_KEPT
        whitened *= 3  # those of diagonal covariances, their squares and their sums
        gathered = 3 * d * incomplete_rows.GATHERED_ROWS
    sample_rows = options.sample_size(dataset.n_rows, d)
    # thinning leaves up to twice as many rows as are wanted
    searched_rows = min(sample_rows, 2 * RESPONSIBILITY_BYTES // (8 * options.max_components))
    search = _SEARCH_COPIES * options.max_components + _THIN_COPIES * d
    least_likely = n_models * n_least_likely(dataset.n_rows, n_models, d) * (d + 3)
    return Projection(
        process=_PROCESS_BYTES,
        block=row * dataset.block_rows,
        kernel=8 * (scratch + slab + whitened + 3 * sums + 4 * least_likely + marginals + gathered),
        statistics=8 * (sums + least_likely),
        sample=_SAMPLE_COPIES * 8 * d * sample_rows,
        search=(_SEARCH_BYTES + 8 * searched_rows * search) * (sample_rows > 0),
        assignment=_ASSIGNMENT_COPIES * 8 * options.max_components * rows_per_write,
    )


def check(
    projection: Projection,
    threads: int,
    limit: int | None,
    usable: int | None = None,
    *,
    is_driver: bool = False,
) -> None:
    """Refuse a fit that exceeds the memory limit.

    Parameters
    ----------
    projection : Projection
    threads : int
        Tasks that a worker runs at a time.
    limit : int, or None
        Bytes of a worker.
    usable : int, optional
        Bytes of them that it may hold before Dask pauses it; all unless given.
    is_driver : bool, optional
        Whether the worker is the driver, too.

    Raises
    ------
    MemoryLimitError
        With the projection and the limit.
    """
    need = projection.worker(threads, is_driver=is_driver)
    usable = limit if usable is None else usable
    if limit is None or usable is None or need <= usable:
        return
    pause = f", and Dask pauses it at {usable / 2**20:.0f} MiB" if usable < limit else ""
    if projection.worker(threads) <= usable:
        raise MemoryLimitError(
            f"The search in a sample is projected to need {need / 2**20:.0f} MiB; the limit is "
            f"{limit / 2**20:.0f} MiB{pause}.",
            remedy=Remedy.SEARCH_LESS,
        )
    raise MemoryLimitError(
        f"A worker of {threads} thread(s) is projected to need {need / 2**20:.0f} MiB; its "
        f"limit is {limit / 2**20:.0f} MiB{pause}. Blocks of data are "
        f"{projection.block / 2**20:.0f} MiB of it for each thread.",
        remedy=Remedy.USE_LESS_MEMORY,
    )
