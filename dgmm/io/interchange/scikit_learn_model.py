"""A mixture as scikit-learn's estimator, which predicts without dgmm."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from dgmm.errors import OutputError
from dgmm.io.interchange.whitened_mixture import check_linear
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

_STRUCTURES = ("full", "tied", "diag", "spherical")


def sklearn_mixture(
    mixture: Parameters, names: tuple[str, ...] | None = None, converged: bool = True
) -> GaussianMixture:
    """scikit-learn's mixture with these parameters, fitted.

    Parameters
    ----------
    mixture : Parameters
        Covariances of a type that scikit-learn does not have are written out as ``"diag"`` or
        ``"full"``.
    names : tuple of str, optional
        Of the features; x0, x1 and so on are no names.
    converged : bool

    Raises
    ------
    OutputError
        If the mixture has noise.
    """
    if mixture.noise is not None:
        raise OutputError("scikit-learn has no noise component. Use SQL, ONNX or JSON instead.")
    mixture = _write_out(mixture)
    kind = mixture.covariance_type
    model = GaussianMixture(mixture.n_components, covariance_type=kind)
    model.weights_ = mixture.weights
    model.means_ = mixture.means
    model.covariances_ = mixture.covariances
    model.precisions_cholesky_ = mixture.precisions_cholesky
    model.precisions_ = mixture.precisions
    model.converged_ = converged
    model.n_features_in_ = mixture.n_features
    _set_names(model, names)
    return model


def sklearn_pipeline(
    mixture: Parameters,
    transform: FeatureTransform | None,
    names: tuple[str, ...] | None = None,
    converged: bool = True,
) -> Pipeline | GaussianMixture:
    """The transform as scikit-learn's scaler and principal components, and the mixture behind them.

    Parameters
    ----------
    mixture : Parameters
    transform : FeatureTransform, or None
        Without one, the mixture alone.
    names : tuple of str, optional
        Of the input's features.
    converged : bool

    Raises
    ------
    OutputError
        If the transform has functions of features.
    """
    if transform is None:
        return sklearn_mixture(mixture, names, converged)
    check_linear(transform)
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_ = transform.mean, transform.scale
    scaler.var_ = transform.scale**2
    scaler.n_features_in_, scaler.n_samples_seen_ = transform.n_features, 1
    _set_names(scaler, names)
    steps = [("scale", scaler)]
    if transform.axes is not None and transform.variances is not None:
        steps.append(("project", _projection(transform.axes, transform.variances)))
    return Pipeline([*steps, ("mixture", sklearn_mixture(mixture, None, converged))])


def _write_out(mixture: Parameters) -> Parameters:
    """The mixture in a structure of scikit-learn's: its own, or a wider one."""
    if mixture.covariance_type in _STRUCTURES:
        return mixture
    is_diagonal = mixture.structure.is_diagonal
    covariances = np.array(mixture.variances if is_diagonal else mixture.matrices)
    kind = "diag" if is_diagonal else "full"
    return Parameters.from_covariances(kind, mixture.weights, mixture.means, covariances)


def _set_names(estimator: BaseEstimator, names: tuple[str, ...] | None) -> None:
    if names is not None and names != tuple(f"x{place}" for place in range(len(names))):
        estimator.feature_names_in_ = np.asarray(names, dtype=object)


def _projection(axes: Array, variances: Array) -> PCA:
    projection = PCA(len(axes))
    projection.components_, projection.explained_variance_ = axes, variances
    projection.mean_ = np.zeros(axes.shape[1])
    projection.n_components_, projection.n_features_in_ = axes.shape
    return projection
