"""The scikit-learn face: estimators that take arrays, Dask, data frames and xarray."""

from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.selection import SweepResult, sweep

__all__ = ["GaussianMixture", "SweepResult", "sweep"]
