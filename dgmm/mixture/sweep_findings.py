"""What somebody should know of a sweep before relying on it, in plain words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dgmm.errors import Remedy
from dgmm.mixture.candidate import Status
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.regularization import RELATIVE_FLOOR, constant_features
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.spurious_components import find_spurious_components
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array
from dgmm.text import join_names

NO_STRONG_EVIDENCE = 6.0
"""Of a criterion (Kass & Raftery 1995, J. Am. Stat. Assoc. 90, sec. 3.2, of BIC)."""

_MOST_NAMED = 6
_MOST_FEATURES = 1_000  # for eigenvalues
_NOT_THE_FLOOR = 100.0  # times the floor: from there on it is the data's own width
_PART = 1e-3  # of a direction, in standard deviations: features below have none


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know.

    Attributes
    ----------
    is_grave : bool
        Whether it puts the result in question, rather than belonging to it.
    text : str
    remedy : Remedy, or None
        What an interface is to advise.
    """

    is_grave: bool
    text: str
    remedy: Remedy | None = None

    def advised(self, words: Mapping[Remedy, str]) -> str:
        """The text, and what can be done in the words of one interface."""
        if self.remedy is None or self.remedy not in words:
            return self.text
        return f"{self.text} {words[self.remedy]}"


def find_weight_doubts(size: SampleSize | None, *, is_bayesian: bool = False) -> Iterator[Finding]:
    """Weights that criteria, or a posterior, take for counts of rows, but hardly are."""
    if size is None or not size.is_doubtful:
        return
    if is_bayesian:
        yield Finding(
            True,
            f"{size.sentence} The posterior of a Bayesian mixture depends on it, and with it how "
            "many components have rows: both are wrong where weights are not counts of equal rows. "
            "Divide weights by their mean.",
        )
    else:
        yield Finding(
            True,
            f"{size.sentence} The number of components that BIC, AIC or ICL choose depends on it, "
            "and is wrong where weights are not counts of equal rows.",
            Remedy.NORMALIZE_WEIGHTS,
        )


def find_dependent_features(
    covariance: Array, mean: Array, n_rows: int, names: Sequence[str], kinds: Iterable[str]
) -> Iterator[Finding]:
    """Features that others determine, so that the floor under covariances sets densities.

    Parameters
    ----------
    covariance : ndarray of shape (n_features, n_features)
        Of all rows.
    mean : ndarray of shape (n_features,)
    n_rows : int
        All features depend on each other where there are no more rows than features.
    names : sequence of str
    kinds : iterable of str
        Covariance types of the candidates; diagonal ones do not see the dependence.
    """
    affected = [kind for kind in dict.fromkeys(kinds) if not structure_of(kind).is_diagonal]
    varying = np.flatnonzero(~constant_features(covariance, mean))
    if not affected or len(varying) < 2:
        return
    consequence = (
        f"so that the densities of {' and '.join(affected)} candidates, and their criteria, "
        "follow from the smallest variance that is allowed and not from the data."
    )
    if n_rows <= len(varying):
        yield Finding(
            True,
            f"There are only {n_rows:,} rows of {len(varying):,} features, {consequence} Use "
            "more rows than features, or diag or spherical.",
        )
        return
    if len(varying) > _MOST_FEATURES:
        return
    part = covariance[np.ix_(varying, varying)]
    deviations = np.sqrt(np.diagonal(part))
    values, vectors = np.linalg.eigh(part / np.outer(deviations, deviations))
    flat = np.abs(vectors[:, values <= _NOT_THE_FLOOR * RELATIVE_FLOOR])
    if flat.size:
        found = [names[varying[j]] for j in np.flatnonzero(flat.max(axis=1) > _PART)]
        yield Finding(
            True,
            f"The features {join_names(found, _MOST_NAMED)} are linearly dependent, as duplicates, "
            f"sums and one-hot columns are. The data have no width there, {consequence} Leave out "
            "one of these features.",
        )


def find_in_sweep(sweep: Sweep, *, is_bayesian: bool = False) -> Iterator[Finding]:
    """What candidates and criteria of a sweep give to doubt."""
    yield from find_weight_doubts(sweep.size, is_bayesian=is_bayesian)
    yield from find_failed_candidates(sweep)
    yield from find_spurious_candidates(sweep)
    yield from find_edge(sweep)
    yield from find_bumps(sweep)


def find_failed_candidates(sweep: Sweep) -> Iterator[Finding]:
    """Candidates that collapsed or did not converge, but for one that was chosen alone."""
    words = {
        Status.DEGENERATE: "collapsed and were left out of the choice",
        Status.MAX_ITER: "did not converge within max_iter; their criteria may still fall",
    }
    for status, what in words.items():
        names = [result.candidate.name for result in sweep.results if result.status is status]
        if names and names != [sweep.selected.candidate.name]:
            listed = join_names(names, _MOST_NAMED)
            text = f"{len(names)} of {len(sweep.results)} candidates {what}: {listed}."
            yield Finding(False, text)


def find_spurious_candidates(sweep: Sweep) -> Iterator[Finding]:
    """Candidates that would be the choice, or are, though too few rows carry a component."""
    best = sweep.selected.criteria[sweep.criterion]
    spurious = [
        result.candidate.name
        for result in sweep.results
        if result.status is not Status.DEGENERATE
        and result.criteria[sweep.criterion] <= best
        and find_spurious_components(result.parameters, sweep.n_rows).size
    ]
    if sweep.selected.candidate.name in spurious:
        yield Finding(
            True,
            f"A component of {sweep.selected.candidate.name} stands on fewer rows than it has "
            "parameters, and no other candidate is sound. Use fewer components or a simpler "
            "covariance_type.",
        )
    elif spurious:
        yield Finding(
            False,
            f"By {sweep.criterion.upper()} alone {join_names(spurious, _MOST_NAMED)} would be "
            "chosen, where a component stands on fewer rows than it has parameters. Such "
            "candidates were left out of the choice.",
        )


def find_births(sweep: Sweep) -> Iterator[Finding]:
    """Components of the choice that the sample does not show."""
    best = sweep.selected
    if best.n_births:
        least = float(best.parameters.weights.min())
        yield Finding(
            False,
            f"{best.n_births} of the {best.n_components} components were found among the least "
            "likely of all rows: the sample, on which mixtures are searched, hardly shows "
            f"them. The smallest component stands for {least * sweep.n_rows:,.0f} rows, a share "
            f"of {least:.1g}.",
        )


def find_edge(sweep: Sweep) -> Iterator[Finding]:
    """A choice at either end of the numbers of components that were tried."""
    counts = sorted({result.n_components for result in sweep.results})
    name, k = sweep.criterion.upper(), sweep.selected.n_components
    if len(counts) > 1 and k == counts[-1]:
        yield Finding(
            True,
            f"{name} is smallest at the largest number of components tried, K = {k}. More may fit "
            "better still.",
            Remedy.MORE_COMPONENTS,
        )
    elif len(counts) > 1 and k == counts[0] > 1:
        yield Finding(
            True,
            f"{name} is smallest at the smallest number of components tried, K = {k}. Fewer may "
            "do.",
            Remedy.FEWER_COMPONENTS,
        )


def find_bumps(sweep: Sweep) -> Iterator[Finding]:
    """Criteria that rise and fall again with the number of components, by kind of covariance."""
    name = sweep.criterion
    for kind in dict.fromkeys(result.covariance_type for result in sweep.results):
        known = sorted(
            (result.n_components, result.criteria[name])
            for result in sweep.results
            if result.covariance_type == kind and result.status is Status.CONVERGED
        )
        values = np.array([value for _, value in known])
        for j in range(1, len(values) - 1):
            height = values[j] - max(values[:j].min(), values[j + 1 :].min())
            if height > NO_STRONG_EVIDENCE:
                before = known[int(values[:j].argmin())][0]
                after = known[j + 1 + int(values[j + 1 :].argmin())][0]
                yield Finding(
                    False,
                    f"{name.upper()} of {kind} rises and falls again: at K = {known[j][0]} it is "
                    f"{height:,.1f} or more above K = {before} and K = {after}. A better optimum "
                    "may have been missed, or the data have clusters within clusters.",
                    Remedy.SEARCH_MORE,
                )
                break
