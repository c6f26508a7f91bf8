"""Methods of a mixture whose parameters are fitted or set by hand."""

from abc import abstractmethod
from dataclasses import replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from dgmm.engine.block import Missing
from dgmm.errors import DataError
from dgmm.estimator import arguments, attributes
from dgmm.estimator.annotations import DataLike, RandomState, RowValues
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.row_outputs import (
    HAS_VALUE,
    LABEL,
    LOG_DENSITY,
    RESPONSIBILITY,
    RowOutput,
)
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


class MixturePredictMixin(attributes.FittedAttributes, DensityMixin, BaseEstimator):
    """Predictions, scores and samples of a mixture."""

    covariance_type: str
    random_state: RandomState
    missing: str | None = None
    weights_: Array

    @abstractmethod
    def _container(self, X: DataLike, *, reset: bool) -> RowContainer:
        """The rows of X, checked."""

    @property
    def classes_(self) -> NDArray[np.intp]:
        """Labels as :meth:`predict` gives them, one for each column of :meth:`predict_proba`.

        For wrappers such as dask-ml's ``ParallelPostFit``, which ask for them.
        """
        return np.arange(len(self.weights_))

    def set_output(self, *, transform: Literal["default", "pandas"] | None = None) -> Self:
        """Choose what predictions for pandas data frames are.

        Parameters
        ----------
        transform : {"default", "pandas"} or None
            scikit-learn's name for it. "pandas" gives series and frames with the index of X,
            "default" arrays; None changes nothing. Unless it was ever chosen, it is what
            ``sklearn.set_config(transform_output=...)`` says.

        Raises
        ------
        ValueError
            If it is anything else.

        Examples
        --------
        >>> import pandas as pd
        >>> import dgmm
        >>> X = pd.DataFrame({"size": [1.0, 1.1, 5.0, 5.1]}, index=[3, 4, 5, 6])
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).set_output(transform="pandas")
        >>> type(mixture.fit(X).predict(X)).__name__
        'Series'
        """
        if transform not in (None, "default", "pandas"):
            raise ValueError(f"transform is {transform!r}; expected 'default' or 'pandas'.")
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}  # which clones keep
        return self

    def predict(self, X: DataLike) -> RowValues:
        """The most probable component of each row; -1 of noise.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)

        Returns
        -------
        labels : int, of shape (n_samples,)
            An array, Dask array or DataArray, as X is; of data frames see :meth:`set_output`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If neither ``fit`` nor the user has set parameters.
        ValueError
            If X has other features than the mixture, or a row has a value that is not finite, or so
            far from all components that its density is not finite. Lazy data raise when they are
            computed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> mixture.predict(X[:3])
        array([1, 1, 1])
        """
        return self._evaluate(X, LABEL)

    def predict_proba(self, X: DataLike) -> RowValues:
        """The probability of each component for each row.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)

        Returns
        -------
        responsibilities : float64, of shape (n_samples, n_components)
            In the kind of X, as labels are; rows sum to 1, less the probability of noise.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> mixture.predict_proba(X[:2]).round(3)
        array([[0., 1.],
               [0., 1.]])
        """
        return self._evaluate(X, RESPONSIBILITY)

    def score_samples(self, X: DataLike) -> RowValues:
        """The log-density of each row.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)

        Returns
        -------
        log_density : float64, of shape (n_samples,)
            In nats, in the kind of X, as labels are; of the rows as they are given, also where
            there is a ``feature_transform``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> mixture.score_samples(X[:2]).round(2)
        array([1.57, 0.74])
        """
        return self._evaluate(X, self._log_density())

    def score(self, X: DataLike, y: object = None) -> float:
        """Mean log-density of the rows of X, in nats; ``y`` is ignored.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
        y : Ignored

        Returns
        -------
        float

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> round(mixture.score(X), 3)
        -1.429
        """
        del y
        (log_likelihood,), n_rows = self._totals(X, self._log_density())
        return log_likelihood / n_rows

    def sample(self, n_samples: int = 1) -> tuple[Array, NDArray[np.intp]]:
        """Rows drawn from the mixture; none of noise, which has no distribution.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Grouped by component.
        y : ndarray of shape (n_samples,)
            The component of each row.

        Raises
        ------
        ValueError
            If ``n_samples`` is below 1.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> rows, components = mixture.sample(5)
        >>> rows.shape, components.shape
        ((5, 4), (5,))
        """
        mixture = self._mixture()
        if n_samples < 1:
            message = f"Invalid value for 'n_samples': {n_samples}; expected at least 1."
            raise ValueError(message)
        rng = check_random_state(self.random_state)
        counts = rng.multinomial(n_samples, mixture.weights / mixture.weights.sum())
        rows = [
            mean
            + rng.standard_normal((count, mixture.n_features)) @ np.linalg.cholesky(covariance).T
            for mean, covariance, count in zip(mixture.means, mixture.matrices, counts, strict=True)
        ]
        functions, drawn = self._functions(), np.concatenate(rows)
        if functions is not None:
            drawn = functions.undo(drawn.T).T
        return drawn, np.repeat(np.arange(mixture.n_components), counts)

    def _evaluate(self, X: DataLike, quantity: RowOutput) -> RowValues:
        container, mixture = self._check_input(X)
        return container.evaluate(mixture, replace(quantity, missing=self._missing))

    def _totals(self, X: DataLike, *quantities: RowOutput) -> tuple[list[float], int]:
        """Sums over the rows that have a value, and how many these are."""
        container, mixture = self._check_input(X)
        if self._missing == "error":
            return container.totals(mixture, quantities)
        wanted = [replace(each, missing=self._missing) for each in (*quantities, HAS_VALUE)]
        (*sums, n_rows), _ = container.totals(mixture, wanted)
        return sums, int(n_rows)

    @property
    def _missing(self) -> Missing:
        has_functions = self.feature_transform is not None
        noise = getattr(self, "noise", None)  # which Bayesian mixtures do not have
        return arguments.resolve_missing(self.missing, has_functions=has_functions, noise=noise)

    def _check_input(self, X: DataLike) -> tuple[RowContainer, AssigningMixture]:
        return self._check_features(self._container(X, reset=False))

    def _check_features(self, container: RowContainer) -> tuple[RowContainer, AssigningMixture]:
        mixture = self._mixture()
        n_features = container.n_columns
        if n_features != mixture.n_features:
            message = (
                f"X has {n_features} features, but the mixture has {mixture.n_features}; "
                "expected as many."
            )
            raise DataError(message)
        by = self._assigning_mixture()
        # parameters may say something else than the fit did
        arguments.resolve_missing(
            self.missing, has_functions=by.transform is not None, noise=mixture.noise
        )
        return container, by

    def _log_density(self) -> RowOutput:
        return LOG_DENSITY

    def _assigning_mixture(self) -> AssigningMixture:
        return AssigningMixture(self._mixture(), attributes.transform_of(self))

    def _functions(self) -> ColumnFunctions | None:
        transform = attributes.transform_of(self)
        return None if transform is None else transform.functions

    def _mixture(self) -> Parameters:
        check_is_fitted(self)
        return attributes.to_parameters(self)
