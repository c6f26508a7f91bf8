"""Some blocks of an input: fit them, read them, update a mixture with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.assignment import assign_checked
from dgmm.engine.block import checksum_of
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import Observer
from dgmm.engine.execution import Execution
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.inference.variational_fit import fit_models
from dgmm.engine.map_reduce import map_reduce
from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.online import update_mixture
from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.transform import FeatureTransform


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

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from dgmm.run import loads, open_input
    >>> np.save("iris.npy", load_iris().data)
    >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
    >>> opened = open_input(loads(text, ["model.n_components=2"]))
    >>> with opened.on_cluster() as blocks:
    ...     found = blocks.fit([0])
    >>> found.sweep.selected.candidate.name, found.total_weight
    ('full-2', 150.0)
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

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from dgmm.run import loads, open_input
        >>> np.save("iris.npy", load_iris().data)
        >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
        >>> opened = open_input(loads(text, ["model.n_components=2"]))
        >>> with opened.on_cluster() as blocks:
        ...     found = blocks.fit([0])
        >>> found.assign(found.sweep.selected, np.array([[5.0, 3.4, 1.5, 0.2]])).labels
        array([1])
        """
        return assign_checked(candidate.parameters, np.asarray(rows), self.transform)


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """The blocks of an input, with a cluster to compute on.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from dgmm.run import loads, open_input
    >>> np.save("iris.npy", load_iris().data)
    >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
    >>> opened = open_input(loads(text, ["model.n_components=2"]))
    >>> with opened.on_cluster() as blocks:
    ...     rows = [blocks.read(block) for block in range(opened.n_blocks)]
    >>> [block.shape for block in rows]
    [(150, 4)]
    """

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

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from dgmm.run import loads, open_input
        >>> np.save("iris.npy", load_iris().data)
        >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
        >>> opened = open_input(loads(text, ["model.n_components=2"]))
        >>> with opened.on_cluster() as blocks:
        ...     found = blocks.fit([0], seed=7)
        >>> found.sweep.selected.n_components
        2
        """
        options = self._options if seed is None else replace(self._options, seed=seed)
        found = fit_models(self._part(blocks), options, self._execution, self._observer)
        size = SampleSize.of(found.profile.weight_totals, self._options.normalize)
        return BlockFit(found.sweep, found.transform, size.total_weight, size.n_effective)

    def read(self, block: int) -> NDArray[np.float64]:
        """The complete rows of one block, shape (n_rows, n_features).

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from dgmm.run import loads, open_input
        >>> np.save("iris.npy", load_iris().data)
        >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
        >>> opened = open_input(loads(text, ["model.n_components=2"]))
        >>> with opened.on_cluster() as blocks:
        ...     first = blocks.read(0)
        >>> first[0]
        array([5.1, 3.5, 1.4, 0.2])
        """
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
            If the rows cannot be added; the mixture is then what it was.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> from dgmm.run import loads, open_input
        >>> X = load_iris().data
        >>> np.save("iris.npy", X)
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X[::2])
        >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
        >>> opened = open_input(loads(text, ["model.n_components=2"]))
        >>> with opened.on_cluster() as blocks:
        ...     blocks.update(mixture, start=75)
        >>> mixture.n_samples_seen_
        150
        """
        update_mixture(mixture, self._dataset, self._execution, self._observer, start)

    def checksum(self, start: int, stop: int) -> int:
        """CRC-32C of consecutive rows and their weights as they are stored.

        It is the same however the input is cut in blocks, which changes as it grows.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from dgmm.run import loads, open_input
        >>> np.save("iris.npy", load_iris().data)
        >>> text = "{input: {path: iris.npy}, output: {path: unused}, cluster: {kind: threads}}"
        >>> opened = open_input(loads(text, ["model.n_components=2"]))
        >>> with opened.on_cluster() as blocks:
        ...     checksum = blocks.checksum(0, 150)
        >>> hex(checksum)
        '0xccfd4436'
        """
        some = self._dataset.slice_rows(start, stop).in_one_block()
        return map_reduce(some, checksum_of, None, self._execution, lambda _, __: None)

    def _part(self, blocks: Sequence[int]) -> Dataset:
        return self._dataset.part(list(blocks))
