"""Fit a Bayesian mixture: a start on the sample, then variational inference on all rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dgmm.engine import blas, passes, stages
from dgmm.engine.events import Observer, PassFinished, ignore
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.fit import profile_data, rules_for
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.passes import PassRunner
from dgmm.engine.profile import Profile
from dgmm.engine.search.model_search import ModelSearch
from dgmm.engine.search.prospects import Prospects
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em.convergence import has_converged
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.variational.posterior import VariationalPosterior, responsibility_entropy
from dgmm.mixture.variational.prior import Prior

if TYPE_CHECKING:  # it needs Dask, which rows in memory do without
    from dgmm.engine.dataset import Dataset

_MOST_STARTS = 16
_OF_RULE = 3  # bounds that tell of convergence


@dataclass(frozen=True, slots=True, eq=False)
class VariationalFit:
    """A Bayesian mixture and how it was found.

    Attributes
    ----------
    posterior : VariationalPosterior
        In the units of the data.
    lower_bounds : tuple of float
        After each iteration over all rows, in nats, but for a constant of the prior.
    is_converged : bool
    """

    posterior: VariationalPosterior
    lower_bounds: tuple[float, ...]
    is_converged: bool


@blas.single_thread()
def fit_posterior(
    dataset: "Dataset | InMemoryRows",
    options: FitOptions,
    prior_for: Callable[[Profile], Prior],
    start: Parameters | None = None,
    execution: Execution | None = None,
    observer: Observer = ignore,
) -> VariationalFit:
    """Fit a Bayesian mixture to all rows.

    The search finds mixtures of some numbers of components on the sample, and variational inference
    goes on from each of them there, in the same passes; rows of the sample count as much as all
    rows. That with the best lower bound goes on, on all rows.

    Parameters
    ----------
    dataset : Dataset or InMemoryRows
    options : FitOptions
        Of one model, which has the most components there may be.
    prior_for : callable
        The prior for data of a profile, in the units of the data.
    start : Parameters, optional
        The mixture whose responsibilities are the first; the search finds one unless given.
    execution : Execution, optional
        Threads of this process unless given.
    observer : callable, optional
        Told of every :mod:`event <dgmm.engine.events>`.

    Raises
    ------
    DataError
        If the data cannot be fitted, or change while they are.
    """
    runner = PassRunner(dataset, execution or LocalExecution(), observer)
    profile = profile_data(runner, options)
    prior, rules = prior_for(profile).translate(-profile.mean), rules_for(options, profile)
    if start is not None:
        mixture = start.translate(-profile.mean)
    else:
        mixture = _start(profile, options, rules, prior, observer)
    runner = replace(runner, checksums=profile.checksums)
    (found,) = _iterate(runner, stages.FIT, [mixture], profile.centred_scatter, prior, rules)
    return replace(found, posterior=found.posterior.translate(profile.mean))


def _start(
    profile: Profile, options: FitOptions, rules: EMOptions, prior: Prior, observer: Observer
) -> Parameters:
    """The mixture whose responsibilities are the first of all rows."""
    ((kind, n_components),) = options.models
    counts = range(n_components, 0, -max(1, n_components // _MOST_STARTS))
    each = replace(options, models=tuple((kind, count) for count in counts))
    prospects = Prospects(replace(each, finish_all=True), profile.total_weight, len(profile.mean))
    search = ModelSearch(stages.search_rows(profile, rules), each, rules, prospects=prospects)
    found = search.find_all({}, profile.mean, lambda _: None).values()
    starts = [_pad(mixture.sort_by_weight(), n_components) for mixture in found]
    sample, centred = _weigh_as_all(search.rows, profile.total_weight, observer)
    first = replace(rules, tol=max(rules.tol, stages.SAMPLE_TOL))
    fits = _iterate(sample, stages.SAMPLE, starts, centred, prior, first)
    best = max(fits, key=lambda fit: fit.lower_bounds[-1])
    return best.posterior.expected_mixture


def _pad(mixture: Parameters, n_components: int) -> Parameters:
    """The mixture with components that have no rows yet."""
    n_more = n_components - mixture.n_components
    places = np.append(np.arange(mixture.n_components), np.zeros(n_more, np.intp))
    weights = np.append(mixture.weights, np.zeros(n_more))
    return replace(mixture.permute(places), weights=weights)


def _weigh_as_all(
    sample: SearchRows, total_weight: float, observer: Observer
) -> tuple[PassRunner, CentredScatter]:
    """The sample, with weights that add up to those of all rows."""
    weights = sample.weights * (total_weight / sample.weights.sum())
    centred = CentredScatter.of(sample.rows, weights, np.zeros(sample.rows.shape[1]))
    runner = PassRunner(InMemoryRows(sample.rows, weights), LocalExecution(), observer)
    return runner, centred


def _iterate(
    runner: PassRunner,
    stage: str,
    mixtures: Sequence[Parameters],
    centred: CentredScatter,
    prior: Prior,
    rules: EMOptions,
) -> list[VariationalFit]:
    """Iterate from the responsibilities of mixtures until each bound has converged."""
    going = dict(enumerate(mixtures))
    fits: dict[int, VariationalFit] = {}
    n_rows = runner.dataset.n_rows
    for index in range(rules.max_iter):
        counts = len(going), len(mixtures)
        found, seconds = passes.e_step(runner, list(going.values()), centred, stage, index, counts)
        for (place, mixture), moments in zip(list(going.items()), found, strict=True):
            entropy = responsibility_entropy(mixture, moments)
            posterior = VariationalPosterior.from_moments(prior, moments, rules.regularization)
            before = fits[place].lower_bounds if place in fits else ()
            bounds = (*before, posterior.lower_bound(entropy))
            per_row = [bound / centred.total_weight for bound in bounds[-_OF_RULE:]]
            is_converged = has_converged(per_row, rules.tol)
            fits[place] = VariationalFit(posterior, bounds, is_converged)
            going[place] = posterior.expected_mixture
            if is_converged:
                del going[place]
        best = max(fit.lower_bounds[-1] for fit in fits.values()) / centred.total_weight
        runner.observer(PassFinished(stage, index, seconds, n_rows, len(going), best))
        if not going:
            break
    return [fits[place] for place in range(len(mixtures))]
