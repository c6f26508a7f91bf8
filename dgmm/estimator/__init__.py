"""The scikit-learn face: estimators that take arrays, Dask, data frames and xarray."""

from dgmm.estimator.gaussian_mixture import GaussianMixture

__all__ = ["GaussianMixture"]
