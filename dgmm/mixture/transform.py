"""Linear transforms of the data before a fit, and of mixtures between them."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization, constant_features
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True)
class FeatureTransformSpec:
    """How to transform the data before a fit.

    Attributes
    ----------
    standardize : bool
        Whether every feature is divided by its standard deviation.
    pca : int, float or None
        How many principal components to keep, or, as a float in (0, 1], those that together have
        at least this share of the variance; none in which the data vary by rounding alone.
    functions : ColumnFunctions, or None
        What is done to single features first.
    """

    standardize: bool = False
    pca: int | float | None = None
    functions: ColumnFunctions | None = None

    @property
    def is_needed(self) -> bool:
        """Whether any transform is requested."""
        return self.standardize or self.pca is not None or self.functions is not None

    def fit(self, sample: Array) -> Self:
        """The same with all parameters of its functions, found from a sample of the data.

        Parameters
        ----------
        sample : ndarray of shape (m, n_features)
        """
        if self.functions is None:
            return self
        return replace(self, functions=self.functions.fit(sample))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTransform:
    """The map from a row x of the data to the row z = A (f(x) - mean) / scale that is fitted.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
        Of f(x); zeros where there are functions alone.
    scale : ndarray of shape (n_features,)
        Positive; ones where features are not standardised.
    axes : ndarray of shape (n_axes, n_features), or None
        A, with orthonormal rows: principal axes, largest variance first; None is the identity.
    variances : ndarray of shape (n_axes,), or None
        Of the principal components kept.
    functions : ColumnFunctions, or None
        f, of single features; None is the identity.
    """

    mean: Array
    scale: Array
    axes: Array | None = None
    variances: Array | None = None
    functions: ColumnFunctions | None = None

    @classmethod
    def fit(cls, rule: FeatureTransformSpec, mean: Array, covariance: Array) -> Self:
        """The transform of data whose f(x) has this mean and covariance.

        Features that do not vary keep their scale, as in scikit-learn. Of each principal axis the
        largest entry is positive.

        Parameters
        ----------
        rule : FeatureTransformSpec
        mean : ndarray of shape (n_features,)
        covariance : ndarray of shape (n_features, n_features)
        """
        scale = np.ones(len(mean))
        if rule.standardize:
            varying = ~constant_features(covariance, mean)
            scale[varying] = np.sqrt(np.diagonal(covariance)[varying])
        if rule.functions is not None and not rule.standardize and rule.pca is None:
            return cls.columnwise(rule.functions)
        if rule.pca is None:
            return cls(mean, scale, functions=rule.functions)
        variances, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
        variances, axes = np.maximum(variances[::-1], 0.0), vectors.T[::-1]
        largest = np.abs(axes).argmax(axis=1)
        axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
        n_axes = min(_n_axes(rule.pca, variances), _rank(variances))
        kept = np.ascontiguousarray(axes[:n_axes])
        return cls(mean, scale, kept, variances[:n_axes], rule.functions)

    @classmethod
    def columnwise(cls, functions: ColumnFunctions) -> Self:
        """The transform that applies these functions and does nothing else."""
        n_features = len(functions.functions)
        return cls(np.zeros(n_features), np.ones(n_features), functions=functions)

    @property
    def is_columnwise(self) -> bool:
        """Whether it applies functions of single features and does nothing else."""
        is_linear = self.axes is not None or self.mean.any() or (self.scale != 1).any()
        return self.functions is not None and not is_linear

    @property
    def n_features(self) -> int:
        """Features of the data."""
        return len(self.mean)

    @property
    def n_axes(self) -> int:
        """Number of features after the transform."""
        return self.n_features if self.axes is None else len(self.axes)

    @property
    def linear(self) -> "FeatureTransform":
        """The same without functions: the map from a row f(x)."""
        return replace(self, functions=None)

    def select(self, features: NDArray[np.intp]) -> "FeatureTransform":
        """The transform of some features; without principal components, which need them all."""
        return FeatureTransform(self.mean[features], self.scale[features])

    def feature_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the features after the transform."""
        if self.axes is None:
            return names if self.functions is None else self.functions.describe(names)
        return tuple(f"pc{j + 1}" for j in range(self.n_axes))

    def apply(self, columns: NDArray[np.generic]) -> Array:
        """Transformed rows, feature-major.

        Parameters
        ----------
        columns : ndarray of shape (n_features, T)
            Of any real dtype.

        Returns
        -------
        ndarray of shape (n_axes, T)
        """
        if self.functions is not None:
            columns = self.functions.apply(columns.astype(np.float64))
        z = np.subtract(columns, self.mean[:, None], order="C")
        z /= self.scale[:, None]
        return z if self.axes is None else self.axes @ z

    def scatter(self, scatter: Array) -> Array:
        """A scatter or covariance matrix of f(x) after the transform."""
        scaled = scatter / np.outer(self.scale, self.scale)
        return scaled if self.axes is None else self.axes @ scaled @ self.axes.T

    def inverse_means(self, mixture: Parameters) -> Array:
        """Means in the units of the data, shape (n_components, n_features).

        What principal components leave out is at the mean of the data. With functions of single
        features it is the point that f takes to the mean: the median, if the components are normal.
        """
        means = mixture.means if self.axes is None else mixture.means @ self.axes
        means = self.mean + means * self.scale
        return means if self.functions is None else self.functions.undo(means.T).T

    def inverse_covariances(self, mixture: Parameters) -> Array:
        """Covariances of f(x), shape (n_components, n_features, n_features).

        Of n_axes dimensions only: what principal components leave out has no variance here.
        """
        matrices = mixture.matrices
        if self.axes is not None:
            matrices = self.axes.T @ matrices @ self.axes
        return matrices * np.outer(self.scale, self.scale)


def _rank(variances: Array) -> int:
    """Number of principal components along which data vary beyond rounding; at least one."""
    rounding = len(variances) * np.finfo(np.float64).eps * variances[0]
    return max(1, int(np.count_nonzero(variances > rounding)))


def _n_axes(wanted: int | float, variances: Array) -> int:
    """Number of principal components to keep."""
    if isinstance(wanted, int):
        return wanted
    total = variances.sum()
    if not total > 0:
        return 1
    reached = np.cumsum(variances) / total >= wanted * (1 - 1e-12)
    return int(reached.argmax()) + 1 if reached.any() else len(variances)


@dataclass(frozen=True, slots=True, eq=False)
class WarmStart:
    """The mixtures of an earlier fit, from which another may start.

    Attributes
    ----------
    mixtures : tuple of Parameters
        At most one for each covariance type and number of components.
    transform : FeatureTransform, or None
        Of the data for the mixtures; None if they are in the units of the data.
    n_classes : int
        How many of the first components of each mixture are the classes of labelled rows.
    """

    mixtures: tuple[Parameters, ...] = ()
    transform: FeatureTransform | None = None
    n_classes: int = 0


def transform_mixture(
    mixture: Parameters,
    older: FeatureTransform | None,
    newer: FeatureTransform | None,
    covariance: Array,
    regularization: Regularization,
) -> Parameters:
    """A mixture of rows transformed by ``older``, for rows transformed by ``newer``.

    With z' = A' (m + s A^T z - m') / s' the map from the one to the other, and T its matrix,
    covariances are T Sigma T^T. In directions that the older principal components left out, the
    components are taken to vary as all rows do, about the mean of the older data.

    Parameters
    ----------
    mixture : Parameters
    older, newer : FeatureTransform, or None
        None is the identity. Their functions are the same.
    covariance : ndarray of shape (n_axes, n_axes)
        Of all rows as ``newer`` prepares them.
    regularization : Regularization
        For rows as ``newer`` prepares them.

    Returns
    -------
    mixture : Parameters
        Of the same covariance type: where the map leads out of it, the nearest.
    """
    if older is None and newer is None:
        return mixture
    older = None if older is None else older.linear  # the functions are the same
    newer = None if newer is None else newer.linear
    means = mixture.means if older is None else older.inverse_means(mixture)
    if newer is not None:
        means = newer.apply(means.T).T
    matrix = _matrix(older, newer, means.shape[1])
    mapped = matrix @ mixture.matrices @ matrix.T
    if older is not None and older.axes is not None:
        unknown = np.eye(len(matrix)) - matrix @ np.linalg.pinv(matrix)
        mapped = mapped + unknown @ covariance @ unknown
    return Parameters.from_moments(
        mixture.covariance_type,
        mixture.weights,
        np.ascontiguousarray(means),
        (mapped + np.swapaxes(mapped, 1, 2)) / 2,
        regularization,
        _map_noise(mixture.noise, matrix),
    )


def _map_noise(noise: Noise | None, matrix: Array) -> Noise | None:
    """The noise after a linear map: its density is over what volumes become.

    Where the map has no determinant, its density stays.
    """
    if noise is None or matrix.shape[0] != matrix.shape[1]:
        return noise
    return replace(noise, log_density=noise.log_density - float(np.linalg.slogdet(matrix)[1]))


def _matrix(older: FeatureTransform | None, newer: FeatureTransform | None, n_axes: int) -> Array:
    """The linear part of the map between prepared rows, shape (n_axes of newer, of older)."""
    undone = np.eye(n_axes) if newer is None else np.eye(newer.n_features)
    if older is not None:
        undone = np.diag(older.scale)
        undone = undone if older.axes is None else undone @ older.axes.T
    if newer is None:
        return undone
    scaled = undone / newer.scale[:, None]
    return scaled if newer.axes is None else newer.axes @ scaled
