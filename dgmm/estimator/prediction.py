"""Methods of a mixture whose parameters are fitted or set by hand."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, DensityMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from dgmm.errors import DataError
from dgmm.estimator import attributes
from dgmm.estimator.annotations import DataLike, RandomState, RowValues
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.row_outputs import (
    LABEL,
    LOG_CERTAINTY,
    LOG_DENSITY,
    RESPONSIBILITY,
    RowOutput,
)
from dgmm.mixture import conditioning, criteria
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.criteria import FitSummary
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


class MixturePredictMixin(attributes.FittedAttributes, DensityMixin, BaseEstimator):
    """Predictions, scores, criteria and samples of a mixture."""

    covariance_type: str
    random_state: RandomState
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
        """
        if transform not in (None, "default", "pandas"):
            raise ValueError(f"transform is {transform!r}; expected 'default' or 'pandas'.")
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}  # which clones keep
        return self

    def predict(self, X: DataLike) -> RowValues:
        """The most probable component of each row.

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
            In the kind of X, as labels are; rows sum to 1.
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
        """
        return self._evaluate(X, LOG_DENSITY)

    def score(self, X: DataLike, y: object = None) -> float:
        """Mean log-density of the rows of X, in nats; ``y`` is ignored."""
        del y
        (log_likelihood,), n_rows = self._totals(X, LOG_DENSITY)
        return log_likelihood / n_rows

    def bic(self, X: DataLike) -> float:
        """Bayesian information criterion on X; smaller is better."""
        return criteria.bic(self._summary(X))

    def aic(self, X: DataLike) -> float:
        """Akaike's information criterion on X; smaller is better."""
        return criteria.aic(self._summary(X))

    def icl(self, X: DataLike) -> float:
        """Integrated completed likelihood on X, BIC with uncertain rows counted against it.

        Biernacki, Celeux & Govaert 2000, IEEE PAMI 22; smaller is better.
        """
        return criteria.icl(self._summary(X, LOG_CERTAINTY))

    def sample(self, n_samples: int = 1) -> tuple[Array, NDArray[np.intp]]:
        """Rows drawn from the mixture.

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

    def marginal(self, features: Sequence[int] | Sequence[str]) -> Self:
        """The mixture of some features, whatever the others are.

        Parameters
        ----------
        features : sequence of int or str
            Columns to keep, by place or by name, in the order of the result.

        Returns
        -------
        GaussianMixture
            With parameters set, of the same covariance type.
        """
        places = self._find_columns(features)
        return self._copy_with(conditioning.marginal(self._mixture(), places), places)

    def condition(self, features: Sequence[int] | Sequence[str], values: Sequence[float]) -> Self:
        """The mixture of the other features, given the values of these.

        Parameters
        ----------
        features : sequence of int or str
            Columns whose values are known, by place or by name.
        values : sequence of float
            One for each of them.

        Returns
        -------
        GaussianMixture
            Of the other columns, in their order, with parameters set.

        Raises
        ------
        ValueError
            If the features are not those of the mixture, or a value is not finite or too far away.
        """
        places, mixture = self._find_columns(features), self._mixture()
        known = np.asarray(values, np.float64)
        functions = self._functions()
        others = [place for place in range(mixture.n_features) if place not in places]
        if known.shape != (len(places),) or not others:
            message = (
                f"{len(places)} of {mixture.n_features} features and values of shape {known.shape};"
                " expected one value for each feature, and at least one feature without."
            )
            raise ValueError(message)
        if functions is not None:
            known = functions.select(places).apply(known[:, None])[:, 0]
        return self._copy_with(conditioning.conditional(mixture, places, known), others)

    def _find_columns(self, features: Sequence[int] | Sequence[str]) -> list[int]:
        """Indices of columns given by index or by name."""
        n_features = self._mixture().n_features
        names = list(getattr(self, "feature_names_in_", ()))
        places = [names.index(feature) if feature in names else feature for feature in features]
        sound = [place for place in places if place in range(n_features)]
        if not places or len(set(sound)) != len(places):
            message = (
                f"features are {list(features)}; expected one or more different ones of "
                f"{names or f'0 to {n_features - 1}'}."
            )
            raise ValueError(message)
        return [int(place) for place in sound]

    def _copy_with(self, mixture: Parameters, places: list[int]) -> Self:
        """A copy of this estimator for some of its features, with parameters set."""
        # What its parameters say of features would be of others.
        of_features = ("weights_init", "means_init", "precisions_init", "feature_transform")
        other = clone(self).set_params(**dict.fromkeys(of_features))
        attributes.set_parameters(other, mixture)
        other.n_features_in_ = len(places)
        if hasattr(self, "feature_names_in_"):
            other.feature_names_in_ = self.feature_names_in_[places]
        functions = self._functions()
        if functions is not None:
            other.feature_transform_ = functions.select(places)
        return other

    def _summary(self, X: DataLike, *more: RowOutput) -> FitSummary:
        """The log-likelihoods that criteria need, on X; with ``LOG_CERTAINTY`` for icl."""
        (log_likelihood, *others), n_rows = self._totals(X, LOG_DENSITY, *more)
        (log_classification,) = others or (math.nan,)
        return FitSummary(log_likelihood, log_classification, self._n_parameters(), n_rows)

    def _n_parameters(self) -> int:
        """Number of free parameters; scikit-learn's name for it."""
        return self._mixture().n_parameters

    def _evaluate(self, X: DataLike, quantity: RowOutput) -> RowValues:
        container, mixture = self._check_input(X)
        return container.evaluate(mixture, quantity)

    def _totals(self, X: DataLike, *quantities: RowOutput) -> tuple[list[float], int]:
        container, mixture = self._check_input(X)
        return container.totals(mixture, quantities)

    def _check_input(self, X: DataLike) -> tuple[RowContainer, AssigningMixture]:
        mixture = self._mixture()
        container = self._container(X, reset=False)
        n_features = container.n_columns
        if n_features != mixture.n_features:
            message = (
                f"X has {n_features} features, but the mixture has {mixture.n_features}; "
                "expected as many."
            )
            raise DataError(message)
        return container, self._assigning()

    def _assigning(self) -> AssigningMixture:
        return AssigningMixture(self._mixture(), attributes.transform_of(self))

    def _functions(self) -> ColumnFunctions | None:
        transform = attributes.transform_of(self)
        return None if transform is None else transform.functions

    def _mixture(self) -> Parameters:
        check_is_fitted(self)
        return attributes.to_parameters(self)
