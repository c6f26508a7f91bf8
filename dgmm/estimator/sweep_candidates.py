"""Candidates of a sweep: their order, and each as a fitted mixture."""

from collections.abc import Iterable, Mapping

import numpy as np

from dgmm.estimator import attributes
from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.silhouette import CRITERION as SILHOUETTE
from dgmm.mixture.fit_result import FitResult, rank
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.transform import FeatureTransform


def sort_results(
    results: Iterable[FitResult],
    criterion: str,
    silhouettes: Mapping[str, float],
    n_rows: float,
) -> list[FitResult]:
    """Results best first, sound ones before others; by BIC where a silhouette is not defined."""
    if criterion != SILHOUETTE:
        return sorted(results, key=lambda result: rank(result, criterion, n_rows))

    def key(result: FitResult) -> tuple[float, ...]:
        score = silhouettes[result.candidate.name]
        is_undefined = bool(np.isnan(score))
        *soundness, bic = rank(result, "bic", n_rows)
        return *soundness, is_undefined, 0.0 if is_undefined else -score, bic

    return sorted(results, key=key)


def mixture_like(
    model: GaussianMixture,
    result: FitResult,
    size: SampleSize | None,
    transform: FeatureTransform | None,
) -> GaussianMixture:
    """A mixture with the parameters and features of ``model``, fitted as ``result`` says."""
    mixture = GaussianMixture(**model.get_params(deep=False)).set_params(
        n_components=result.n_components, covariance_type=result.covariance_type
    )
    attributes.set_fit_attributes(mixture, result, mixture.tol, size, transform)
    mixture.n_features_in_ = model.n_features_in_
    if hasattr(model, "feature_names_in_"):
        mixture.feature_names_in_ = model.feature_names_in_
    return mixture
