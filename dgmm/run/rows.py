"""The rows of a configuration's input, lazy, for programs that fit parts of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.dataset import Dataset
from dgmm.engine.events import Observer, ignore
from dgmm.engine.execution import Execution
from dgmm.engine.fit import fit
from dgmm.engine.options import FitOptions
from dgmm.mixture.density import Assignment, assign
from dgmm.mixture.preparation import Preparation
from dgmm.mixture.result import FitResult, Sweep
from dgmm.run.clusters import open_cluster, take_part
from dgmm.run.configuration import Configuration
from dgmm.run.preparation import prepare
from dgmm.run.stages import check_memory


@dataclass(frozen=True, slots=True, eq=False)
class FittedBlocks:
    """What was found in some blocks of an input.

    Attributes
    ----------
    sweep : Sweep
        Every candidate of the configuration.
    preparation : Preparation, or None
        Of these blocks; None if they were fitted as they are.
    total_weight : float
        The number of rows, or the sum of their weights.
    """

    sweep: Sweep
    preparation: Preparation | None
    total_weight: float

    def assign(self, candidate: FitResult, rows: NDArray[np.generic]) -> Assignment:
        """What a candidate of the sweep says of rows in the units of the input, in memory.

        Parameters
        ----------
        candidate : FitResult
        rows : ndarray of shape (n_rows, n_features)
        """
        return assign(candidate.parameters, np.asarray(rows), self.preparation)


@dataclass(frozen=True, slots=True, eq=False)
class OpenInput:
    """An input whose blocks of rows can be fitted and read, each on the configuration's cluster.

    Attributes
    ----------
    dataset : Dataset
        ``rows``, a Dask array of shape (n_rows, n_features); ``weights``; ``feature_names``;
        ``n_rows``, ``n_features``, ``n_blocks``.
    fingerprint : str
        Of the input's metadata and files: another one means other data.
    """

    dataset: Dataset
    fingerprint: str
    _options: FitOptions
    _execution: Execution
    _observer: Observer

    def fit(self, blocks: Sequence[int], seed: int | None = None) -> FittedBlocks:
        """Fit the configuration's models to some blocks, as a run fits them to all.

        Parameters
        ----------
        blocks : sequence of int
            Distinct, of ``range(n_blocks)``.
        seed : int, optional
            In place of the configuration's.

        Returns
        -------
        FittedBlocks

        Raises
        ------
        DgmmError
            As a run does.
        """
        options = self._options if seed is None else replace(self._options, seed=seed)
        found = fit(self._part(blocks), options, self._execution, self._observer)
        return FittedBlocks(found.sweep, found.preparation, found.profile.total_weight)

    def read(self, block: int) -> NDArray[np.float64]:
        """The complete rows of one block."""
        (rows,) = self._execution.compute(
            lambda: list(self._part([block]).rows.to_delayed().ravel()), lambda _: None
        )
        wide = np.asarray(rows, dtype=np.float64)
        return wide[np.isfinite(wide).all(axis=1)]

    def _part(self, blocks: Sequence[int]) -> Dataset:
        whole, chosen = self.dataset, list(blocks)
        weights = None if whole.weights is None else whole.weights.blocks[chosen]
        return replace(whole, rows=whole.rows.blocks[chosen], weights=weights)


@contextmanager
def open_input(configuration: Configuration, observer: Observer = ignore) -> Iterator[OpenInput]:
    """Open the input of a configuration and its cluster for the length of a ``with``.

    Only metadata are read, until blocks are asked for.

    Parameters
    ----------
    configuration : Configuration
    observer : callable, optional
        Told of every pass.

    Raises
    ------
    DgmmError
        As a run does that cannot open its input or its cluster.
    """
    take_part(configuration.cluster)
    prepared = prepare(configuration)
    with open_cluster(configuration.cluster, configuration.concealment) as cluster:
        check_memory(prepared, cluster.capacity)
        yield OpenInput(
            prepared.dataset,
            prepared.source.fingerprint,
            prepared.options,
            cluster.execution,
            observer,
        )
