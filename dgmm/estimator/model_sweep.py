"""``sweep``: fit many mixtures in the same passes over the data and choose one."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from dgmm.engine.fit import Fit, fit
from dgmm.engine.profile import Profile
from dgmm.errors import advise
from dgmm.estimator import arguments, attributes, silhouette, starting_values
from dgmm.estimator.annotations import (
    DataLike,
    FeatureTransformLike,
    InitParams,
    RandomState,
    WeightsLike,
)
from dgmm.estimator.containers.dispatch import as_container
from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.remedies import REMEDIES
from dgmm.estimator.sweep_candidates import mixture_like, sort_results
from dgmm.estimator.sweep_result import SweepResult
from dgmm.estimator.verbosity import verbose_observer
from dgmm.mixture.em.convergence import TOL
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.sweep_findings import (
    Finding,
    find_dependent_features,
    find_failed_candidates,
    find_in_sweep,
)
from dgmm.registry import DEFAULT_TYPES


def sweep(
    X: DataLike,
    n_components: int | Iterable[int] = range(1, 11),
    covariance_type: str | Iterable[str] = DEFAULT_TYPES,
    *,
    criterion: str = "bic",
    sample_weight: WeightsLike | None = None,
    n_init: int = 1,
    init_params: InitParams = None,
    tol: float = TOL,
    max_iter: int = 1000,
    reg_covar: float | None = None,
    random_state: RandomState = None,
    sample_size: int | None = None,
    feature_dim: str | None = None,
    finish_all: bool = False,
    noise: float | str | None = None,
    normalize_weights: str | None = None,
    verbose: int = 0,
    feature_transform: FeatureTransformLike = None,
    missing: str | None = None,
    prior: str | None = None,
    labels: WeightsLike | None = None,
    fixed: str | Sequence[str] | None = None,
) -> SweepResult:
    """Fit every covariance type with every number of components, and choose one.

    All candidates share each pass: a block is read once for all of them.

    Parameters
    ----------
    X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
        As for :class:`dgmm.GaussianMixture`.
    n_components : int or iterable of int, default=range(1, 11)
    covariance_type : str or iterable of str, default=("full", "tied", "diag", "spherical")
        As in :class:`dgmm.GaussianMixture`.
    criterion : str, default="bic"
        One of :data:`dgmm.registry.CRITERIA` ("bic", "aic", "icl", "bic_effective",
        "icl_effective", "bic_coarsened", "tolerance", "slope"; docs/how_many.md), of which the
        smallest value wins, or "silhouette", of which the largest does, see Notes.
    sample_weight : array-like of shape (n_samples,), optional
    n_init, init_params, tol, max_iter, reg_covar, random_state, sample_size, feature_dim
        As for :class:`dgmm.GaussianMixture`.
    finish_all : bool, default=False
        Whether candidates that cannot become the choice by AIC or BIC any more, even should they
        gain five times what seems left, are fitted to the end, too.
    noise, normalize_weights, verbose, feature_transform, missing, prior
        As for :class:`dgmm.GaussianMixture`.
    labels : array-like of shape (n_samples,), optional
        As for :meth:`dgmm.GaussianMixture.fit`; every model has a component for each class.
    fixed : str, sequence of str, or None, default=None
        As for :class:`dgmm.GaussianMixture`: parts of the mixture in ``init_params``.

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError
        If a parameter or the data are unusable.

    Warns
    -----
    UserWarning
        Of what makes the choice doubtful: candidates that collapsed or did not converge, a choice
        at either end of ``n_components``, criteria that rise and fall again with the number of
        components, features that are linearly dependent, weights that are hardly counts.
    ConvergenceWarning
        Where the best candidate did not converge.

    Notes
    -----
    The silhouette (Rousseeuw 1987) compares Euclidean distances between about 4,096 rows of the
    sample, each with its most probable component only. It depends on the units of the features,
    favours round clusters of like size whatever covariances the mixtures have, knows no weights
    but zero, and is not defined for one component; candidates without one come last. Prefer BIC or
    ICL unless clusters that are compact and apart are what you look for.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import dgmm
    >>> result = dgmm.sweep(load_iris().data, range(1, 4), ("full", "diag"), random_state=0)
    >>> result.best.covariance_type, result.best.n_components
    ('full', 2)
    """
    counts = (n_components,) if isinstance(n_components, int | np.integer) else tuple(n_components)
    kinds = (covariance_type,) if isinstance(covariance_type, str) else tuple(covariance_type)
    is_silhouette = criterion == silhouette.CRITERION
    if is_silhouette:
        silhouette.check_counts(counts)
    model = GaussianMixture(
        n_init=n_init,
        init_params=init_params,
        tol=tol,
        max_iter=max_iter,
        reg_covar=reg_covar,
        random_state=random_state,
        sample_size=sample_size,
        feature_dim=feature_dim,
        verbose=verbose,
        noise=noise,
        normalize_weights=normalize_weights,
        feature_transform=feature_transform,
        missing=missing,
        prior=prior,
        fixed=fixed,
    )
    rule = arguments.resolve_missing(
        missing, has_functions=feature_transform is not None, noise=noise
    )
    container = as_container(model, X, feature_dim, reset=True, missing=rule)
    chosen = arguments.fit_options(
        [(kind, count) for kind in kinds for count in counts],
        criterion="bic" if is_silhouette else criterion,
        n_init=n_init,
        init_params=init_params,
        tol=tol,
        max_iter=max_iter,
        reg_covar=reg_covar,
        random_state=random_state,
        sample_size=sample_size,
        finish_all=finish_all or is_silhouette,
        noise=noise,
        normalize_weights=normalize_weights,
        functions=attributes.choose_feature_transform(model, container.feature_names),
        prior=prior,
        fixed=starting_values.find_fixed_parts(model, len(container.feature_names)),
    )
    execution = arguments.execution(is_lazy=container.is_lazy)
    observer = verbose_observer(verbose, model.verbose_interval)
    with advise(REMEDIES):
        dataset = replace(container.dataset(sample_weight, labels), missing=rule)
        found = fit(dataset, chosen, execution, observer)
    scores = _score_silhouettes(found, chosen.seed) if is_silhouette else {}
    first = sort_results(found.sweep.results, criterion, scores, found.sweep.n_rows)[0]
    best = mixture_like(model, first, found.sweep.size, found.transform)
    kinds = tuple(kind for kind, _ in chosen.models)
    for finding in _find_doubts(found, container.feature_names, kinds, is_silhouette=is_silhouette):
        warnings.warn(finding.advised(REMEDIES), UserWarning, 2)
    if not best.converged_ and max_iter > 0:
        warnings.warn(f"The best candidate: {first.status.sentence}", ConvergenceWarning, 2)
    return _result_of(found.sweep, best, criterion, scores)


def _score_silhouettes(found: Fit, seed: int) -> dict[str, float]:
    """The silhouette of each candidate, by its name."""
    rows = silhouette.rows_to_compare(found.profile, seed)
    rows = rows if found.transform is None else found.transform.apply(rows.T).T
    return {
        result.candidate.name: silhouette.mean_silhouette(result.parameters, rows)
        for result in found.sweep.results
    }


def _result_of(
    sweep: Sweep, best: GaussianMixture, criterion: str, scores: dict[str, float]
) -> SweepResult:
    """What users see of a sweep; the engine has compared with what BIC chooses, if at all."""
    is_silhouette = criterion == silhouette.CRITERION
    return SweepResult(
        best,
        sweep.results,
        criterion,
        sweep.n_passes,
        scores,
        sweep.size,
        sweep.dependence,
        () if is_silhouette else sweep.differences,
        {} if is_silhouette else sweep.agreements,
    )


def _find_doubts(
    found: Fit, names: tuple[str, ...], kinds: Sequence[str], *, is_silhouette: bool
) -> Iterator[Finding]:
    """What makes the choice doubtful."""
    yield from _find_dependent_features(found.profile, names, kinds)
    find = find_failed_candidates if is_silhouette else find_in_sweep
    yield from find(found.sweep)


def _find_dependent_features(
    profile: Profile, names: tuple[str, ...], kinds: Sequence[str]
) -> Iterable[Finding]:
    """Features that are functions of others; not told where rows lack values."""
    if profile.lacks_values:
        return ()
    return find_dependent_features(profile.covariance, profile.mean, profile.n_rows, names, kinds)
