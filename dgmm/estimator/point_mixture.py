"""Methods of a mixture of which each parameter has one value."""

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from dgmm.estimator import arguments, attributes
from dgmm.estimator.annotations import DataLike, RowValues
from dgmm.estimator.containers.dispatch import as_container
from dgmm.estimator.prediction import MixturePredictMixin
from dgmm.estimator.row_outputs import (
    IMPUTED,
    IMPUTED_VARIANCE,
    LOG_CERTAINTY,
    LOG_DENSITY,
    RowOutput,
)
from dgmm.mixture import conditioning, criteria
from dgmm.mixture.criteria import FitSummary
from dgmm.mixture.parameters import Parameters
from dgmm.registry import canonical_type


class PointMixtureMixin(MixturePredictMixin):
    """Criteria, marginals and conditionals of a mixture, and what it expects of missing values."""

    feature_dim: str | None

    def bic(self, X: DataLike) -> float:
        """Bayesian information criterion on X; smaller is better.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)

        Returns
        -------
        float

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> round(mixture.bic(X), 2)
        574.02
        """
        return criteria.bic(self._summary(X))

    def aic(self, X: DataLike) -> float:
        """Akaike's information criterion on X; smaller is better.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)

        Returns
        -------
        float

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> round(mixture.aic(X), 2)
        486.71
        """
        return criteria.aic(self._summary(X))

    def icl(self, X: DataLike) -> float:
        """Integrated completed likelihood on X, BIC with uncertain rows counted against it.

        Biernacki, Celeux & Govaert 2000, IEEE PAMI 22; smaller is better.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)

        Returns
        -------
        float

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> round(mixture.icl(X), 2)
        574.02
        """
        return criteria.icl(self._summary(X, LOG_CERTAINTY))

    def impute(self, X: DataLike, *, return_variance: bool = False) -> RowValues:
        """The rows of X with expected values in the place of those that are missing.

        Given what is there of a row: the mean of the mixture of the components' regressions. Means
        are the best guess of each value; data that are to vary as the others do need draws, with
        the variance that goes with the mean. Noise, which expects nothing, is left out.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
            NaN marks what is missing. Rows without any value stay as they are.
        return_variance : bool, default=False

        Returns
        -------
        imputed : float64, of shape (n_samples, n_features)
            In the kind of X, as labels are.
        variance : float64, of shape (n_samples, n_features)
            Of the missing values given the others, 0 where nothing is missing; only if asked for.

        Examples
        --------
        >>> import numpy as np
        >>> from dgmm import GaussianMixture
        >>> x = np.random.default_rng(0).normal(size=1000)
        >>> noise = np.random.default_rng(1).normal(size=1000)
        >>> mixture = GaussianMixture().fit(np.stack([x, 2 * x + 1 + 0.01 * noise], axis=1))
        >>> mixture.impute([[3.0, np.nan]]).round(1).tolist()
        [[3.0, 7.0]]
        """
        check_is_fitted(self)
        rows = as_container(self, X, self.feature_dim, reset=False, missing="marginalize")
        container, mixture = self._check_features(rows)
        arguments.resolve_missing("marginalize", has_functions=mixture.transform is not None)
        imputed = container.evaluate(mixture, IMPUTED)
        if not return_variance:
            return imputed
        return imputed, container.evaluate(mixture, IMPUTED_VARIANCE)

    def marginal(self, features: Sequence[int] | Sequence[str]) -> Self:
        """The mixture of some features, whatever the others are.

        Parameters
        ----------
        features : sequence of int or str
            Columns to keep, by place or by name, in the order of the result.

        Returns
        -------
        GaussianMixture
            With parameters set, of the same covariance type, or of the nearest one to which the
            marginals of the structure belong.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> mixture.marginal([2, 3]).means_.round(2)
        array([[4.91, 1.68],
               [1.46, 0.25]])
        """
        places = self._find_columns(features)
        return self._copy_with(self._mixture().marginal(places), places)

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

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> mixture.condition([2], [1.5]).weights_.round(3)
        array([0., 1.])
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
        if mixture.covariance_type != canonical_type(self.covariance_type):
            other.covariance_type = mixture.covariance_type
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
