"""The blocks of a configuration's input, for programs that fit some of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.assignment import assign_checked
from dgmm.engine.block import checksum_of
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import Observer, ignore
from dgmm.engine.execution import Execution
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.map_reduce import map_reduce
from dgmm.errors import advise
from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.online import update_mixture
from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.transform import FeatureTransform
from dgmm.run.clusters import enter_mpi
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import Configuration
from dgmm.run.run_plan import RunPlan, plan_run


@dataclass(frozen=True, slots=True, eq=False)
class BlockFit:
    """The fit of some blocks of an input.

    Attributes
    ----------
    sweep : Sweep
        Every candidate of the configuration.
    transform : FeatureTransform, or None
        Of these blocks; None if they were fitted as they are.
    total_weight : float
        The number of rows, or the sum of their weights.
    n_effective : float
        How many rows criteria count.
    """

    sweep: Sweep
    transform: FeatureTransform | None
    total_weight: float
    n_effective: float

    def assign(self, candidate: FitResult, rows: NDArray[np.generic]) -> RowPosteriors:
        """What a candidate of the sweep says of rows in the units of the input, in memory.

        Parameters
        ----------
        candidate : FitResult
        rows : ndarray of shape (n_rows, n_features)

        Raises
        ------
        DataError
            If a value is NaN or infinite, or so far away that its density is no number.
        """
        return assign_checked(candidate.parameters, np.asarray(rows), self.transform)


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """The blocks of an input, with a cluster to compute on."""

    _dataset: Dataset
    _options: FitOptions
    _execution: Execution
    _observer: Observer

    def fit(self, blocks: Sequence[int], *, seed: int | None = None) -> BlockFit:
        """Fit the configuration's models to some blocks, as a run fits them to all.

        Parameters
        ----------
        blocks : sequence of int
            Distinct, of ``range(n_blocks)``.
        seed : int, optional
            In place of the configuration's.

        Raises
        ------
        DgmmError
            As a run does.
        """
        options = self._options if seed is None else replace(self._options, seed=seed)
        found = fit(self._part(blocks), options, self._execution, self._observer)
        size = SampleSize.of(found.profile.weight_totals, self._options.normalize)
        return BlockFit(found.sweep, found.transform, size.total_weight, size.n_effective)

    def read(self, block: int) -> NDArray[np.float64]:
        """The complete rows of one block, shape (n_rows, n_features)."""
        rows = self._part([block]).rows
        (found,) = self._execution.compute(lambda: [*rows.to_delayed().ravel()], lambda _: None)
        wide = np.asarray(found, dtype=np.float64)
        return wide[np.isfinite(wide).all(axis=1)]

    def update(self, mixture: GaussianMixture, start: int) -> None:
        """Update a fitted mixture with the rows from ``start`` on, as ``partial_fit`` does.

        Parameters
        ----------
        mixture : GaussianMixture
            Of rows as they are, not prepared; changed in place.
        start : int
            The first row.

        Raises
        ------
        DgmmError
            If the rows cannot be folded in; the mixture is then what it was.
        """
        update_mixture(mixture, self._dataset, self._execution, self._observer, start)

    def checksum(self, start: int, stop: int) -> int:
        """CRC-32C of consecutive rows and their weights as they are stored.

        It is the same however the input is cut in blocks, which changes as it grows.
        """
        some = self._dataset.slice_rows(start, stop).in_one_block()
        return map_reduce(some, checksum_of, None, self._execution, lambda _, __: None)

    def _part(self, blocks: Sequence[int]) -> Dataset:
        return self._dataset.part(list(blocks))


@dataclass(frozen=True, slots=True, eq=False)
class InputHandle:
    """An input whose metadata are known.

    Attributes
    ----------
    fingerprint : str
        Of its metadata and files: another one means other data.
    description : str
        Format, layout and dtype, for a person.
    feature_names : tuple of str
    n_rows, n_blocks, block_rows : int
        ``block_rows`` are those of the largest block.
    """

    fingerprint: str
    description: str
    feature_names: tuple[str, ...]
    n_rows: int
    n_blocks: int
    block_rows: int
    _plan: RunPlan

    @contextmanager
    def on_cluster(self, observer: Observer = ignore) -> Iterator[Blocks]:
        """Open the configuration's cluster for the duration of a ``with``.

        Parameters
        ----------
        observer : callable, optional
            Told of every pass.

        Raises
        ------
        DgmmError
            As a run does that gets no cluster, or too small a one.
        """
        plan = self._plan
        with advise(REMEDIES), plan.open_cluster() as cluster:
            yield Blocks(plan.dataset, plan.options, cluster.execution, observer)


@advise(REMEDIES)
def open_input(configuration: Configuration) -> InputHandle:
    """Open the input of a configuration by its metadata alone.

    Raises
    ------
    DgmmError
        As a run does that cannot open it.

    Examples
    --------
    >>> from dgmm.run import loads, open_input
    >>> opened = open_input(loads('''
    ...     input: {path: "package://sklearn.datasets.images/china.jpg", partition_size: 64kB}
    ...     model: {n_components: 2, covariance_type: tied}
    ...     output: {path: unused}
    ...     cluster: {kind: threads}
    ...     '''))
    >>> opened.n_rows, opened.n_blocks, opened.feature_names
    (273280, 13, ('red', 'green', 'blue'))
    """
    enter_mpi(configuration.cluster)
    plan = plan_run(configuration)
    dataset = plan.dataset
    return InputHandle(
        plan.source.fingerprint,
        plan.source.description,
        dataset.feature_names,
        dataset.n_rows,
        dataset.n_blocks,
        dataset.block_rows,
        plan,
    )
