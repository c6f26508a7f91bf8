"""Estimators in the style of scikit-learn, for arrays, Dask, data frames and xarray."""

from dgmm.estimator.bayesian_mixture import BayesianGaussianMixture
from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.model_sweep import sweep
from dgmm.estimator.sweep_result import SweepResult

__all__ = ["BayesianGaussianMixture", "GaussianMixture", "SweepResult", "sweep"]
