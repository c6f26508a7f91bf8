"""Rows in memory on which mixtures are looked for: EM, and what a mixture says of each row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import add
from types import ModuleType
from typing import TypeVar

import numpy as np

from dgmm.engine import in_memory
from dgmm.engine.block import Missing
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.search.mixture_stack import MixtureStack
from dgmm.engine.search.split_cache import SplitCache
from dgmm.mixture import density
from dgmm.mixture.candidate import Candidate
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.initialization.moves import Posterior
from dgmm.mixture.kernels import expanded_kernel, packed_models, tiling
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.expanded_kernel import ExpandedGroup, LinearTerms
from dgmm.mixture.kernels.statistics import Moments, SufficientStatistics
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.labelled_statistics import LabelledStatistics
from dgmm.mixture.prior_knowledge.mixture_prior import Prior
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.types import Array, Indices

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_BLOCK_ROWS = 4096
_FEWEST_ROWS_FOR_THREADS = 1 << 15  # of fewer, a step of EM takes less than threads to meet
_SETTLED = 1e-2  # nats: a step of EM that gains less is the last
_MAX_ERROR = 1e-5  # of log densities: a search needs fewer digits than a fit


def always(_: FitState) -> bool:
    """True of every state."""
    return True


@dataclass(eq=False)
class SearchRows:
    """Rows on which mixtures are looked for.

    Attributes
    ----------
    rows : ndarray of shape (n, n_features)
        Relative to the mean of the data.
    weights : ndarray of shape (n,)
        Positive.
    regularization : Regularization
    labelled : LabelledStatistics, or None
        Of all rows of the data whose component is known; those of a search have no labels.
    prior : Prior, or None
        For these rows.
    """

    rows: Array
    weights: Array
    regularization: Regularization
    labelled: LabelledStatistics | None = None
    prior: Prior | None = None
    _evaluated: tuple[Parameters, Moments, Posterior] | None = field(default=None, init=False)
    _thinned: dict[int, "SearchRows"] = field(default_factory=dict, init=False)
    _splits: dict[str, SplitCache] = field(default_factory=dict, init=False)

    @cached_property
    def scatter(self) -> CentredScatter:
        """All these rows about the origin."""
        found = CentredScatter.of(self.rows, self.weights, np.zeros(self.rows.shape[1]))
        labelled = self.labelled and self.labelled.beside(found.total_weight)
        known = tuple(each for each in (labelled, self.prior) if each is not None)
        return replace(found, known=known)

    @property
    def held(self) -> InMemoryRows:
        """The same rows for passes, which take NaN for a missing value if there are any."""
        missing: Missing = "marginalize" if self.scatter.lacks_values else "error"
        return InMemoryRows(self.rows, self.weights, missing=missing)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def thin(self, n_rows: int) -> "SearchRows":
        """Every so manieth row, at least as many as these if there are."""
        step = max(1, self.n_rows // n_rows)
        if step == 1:
            return self
        if step not in self._thinned:
            rows = np.ascontiguousarray(self.rows[::step])
            weights = np.ascontiguousarray(self.weights[::step])
            share = float(weights.sum() / self.weights.sum())
            prior = self.prior and self.prior.scale(share)
            self._thinned[step] = replace(self, rows=rows, weights=weights, prior=prior)
        return self._thinned[step]

    def loops_for(self, n_components: int) -> ModuleType:
        """The loops for any part of the work on these rows: once loaded, compiled ones are best."""
        return tiling.loops_for(self.n_rows, n_components)

    def splits_of(self, kind: str) -> SplitCache:
        """Splits of components of a covariance type on these rows."""
        return self._splits.setdefault(kind, SplitCache())

    def forget(self) -> None:
        """Release what was kept of earlier calls."""
        self._evaluated = None
        self._thinned.clear()
        self._splits.clear()

    def distinct(self) -> "SearchRows":
        """Rows that differ, with the weights of equal ones added; in order if there are such."""
        signature = (self.rows * np.sqrt(np.arange(2, 2 + self.rows.shape[1]))).sum(axis=1)
        if len(np.unique(signature)) == self.n_rows:
            return self
        rows, places = np.unique(self.rows, axis=0, return_inverse=True)
        weights = np.bincount(places.ravel(), weights=self.weights, minlength=len(rows))
        return replace(self, rows=rows, weights=weights.astype(np.float64))

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item]) -> list[Outcome]:
        """A function of each item, in order; by threads unless rows are few."""
        items = list(items)
        if len(items) < 2 or self.n_rows < _FEWEST_ROWS_FOR_THREADS or in_memory.n_threads() == 1:
            return [function(item) for item in items]
        return list(in_memory.pool().map(function, items))

    def expect(self, mixture: Parameters) -> Moments:
        """The E-step's sums."""
        if self._evaluated is not None and self._evaluated[0] is mixture:
            return self._evaluated[1]
        return self.expect_each([mixture])[0]

    def expect_each(self, mixtures: Sequence[Parameters]) -> tuple[Moments, ...]:
        """The E-step's sums of several mixtures."""
        origin = np.zeros(self.rows.shape[1])
        packed = packed_models.pack(mixtures, origin, max_error=_MAX_ERROR)
        loops = self.loops_for(packed.n_components // len(mixtures))

        def of_block(part: slice) -> SufficientStatistics:
            return packed_models.accumulate(
                packed, self.rows[part], self.weights[part], loops=loops
            )

        total = reduce(add, self.map(of_block, self._blocks))
        return packed_models.moments(packed, mixtures, total, self.scatter)

    def evaluate(self, mixture: Parameters) -> tuple[Moments, Posterior]:
        """The E-step's sums, and what the mixture says of each row; the last ones are kept."""
        if self._evaluated is None or self._evaluated[0] is not mixture:
            self._evaluated = None
            self._evaluated = mixture, *self._evaluate(mixture)
        return self._evaluated[1:]

    def _evaluate(self, mixture: Parameters) -> tuple[Moments, Posterior]:
        responsibilities = np.empty((mixture.n_terms, self.n_rows))
        own = responsibilities[: mixture.n_components]
        densities = np.empty((1, self.n_rows))
        if expanded_kernel.relative_error(mixture) > _MAX_ERROR:
            for part in self._blocks:
                found = density.assign(mixture, self.rows[part])
                own[:, part] = found.responsibilities.T
                densities[0, part] = found.log_density
            return self.expect(mixture), Posterior(own, densities[0], self.weights)
        group = ExpandedGroup.pack(mixture.order, (0,), [mixture])
        origin, loops = np.zeros(mixture.n_features), self.loops_for(mixture.n_components)

        def of_block(part: slice) -> tuple[Array, Array]:
            sums, scratch = group.zero(), np.empty(group.scratch_size)
            kept = responsibilities[:, part], densities[:, part]
            data = self.rows[part], origin, self.weights[part]
            return sums, group.accumulate(*data, sums, scratch, loops, *kept)

        of_blocks = self.map(of_block, self._blocks)
        sums = reduce(add, (sums for sums, _ in of_blocks))
        scores = reduce(add, (scores for _, scores in of_blocks))
        moments = expanded_kernel.moments(
            mixture, sums, float(scores[0, 0]), float(scores[1, 0]), self.scatter
        )
        moments = self.scatter.add_known(moments, mixture)
        responsibilities /= self.weights
        group.complete(densities, self.rows, origin)
        return moments, Posterior(own, densities[0], self.weights)

    def climb(self, mixture: Parameters, n_steps: int) -> Parameters:
        """Steps of EM, as long as a step gains."""
        return self.climb_each([mixture], n_steps)[0][0]

    def settle(
        self,
        mixture: Parameters,
        rules: EMOptions,
        is_worthwhile: Callable[[FitState], bool] = always,
    ) -> Parameters:
        """Accelerated EM until little is left to gain, or ``max_iter`` steps.

        It ends sooner once its state is not worthwhile.
        """
        state = FitState(Candidate(mixture.covariance_type, mixture.n_components), mixture)
        while state.is_running:
            state = iteration.step(state, self.expect(state.parameters), rules)
            if state.is_running and not is_worthwhile(state):
                state = iteration.stop_early(state)
        return state.parameters

    def climb_each(
        self, mixtures: Sequence[Parameters], n_steps: int
    ) -> tuple[list[Parameters], Array]:
        """Steps of EM of several mixtures of one structure, as long as a step gains.

        Returns
        -------
        mixtures : list of Parameters
        log_likelihoods : ndarray of shape (n_mixtures,)
            Before the last step of each; minus infinity if there was none.
        """
        found, values = list(mixtures), np.full(len(mixtures), -np.inf)
        moving = list(range(len(found)))
        for _ in range(n_steps):
            before = values[moving]
            values[moving], moved = self._step([found[index] for index in moving])
            for index, mixture in zip(moving, moved, strict=True):
                found[index] = mixture
            gains = values[moving] - before
            moving = [i for i, gain in zip(moving, gains, strict=True) if gain > _SETTLED]
            if not moving:
                break
        return found, values

    def _step(self, mixtures: Sequence[Parameters]) -> tuple[Array, list[Parameters]]:
        """Log-likelihoods of mixtures, and what a step of EM makes of them."""
        is_plain = mixtures[0].noise is None and not self.scatter.known
        if is_plain and not mixtures[0].structure.is_joint:
            together = MixtureStack.of(mixtures)
            fine = together.errors <= _MAX_ERROR
            if fine.any() and not fine.all():
                return self._step_apart(mixtures, [np.flatnonzero(fine), np.flatnonzero(~fine)])
            if fine.all():
                sums, values = self._accumulate(together.terms)
                try:
                    return values, together.maximize(sums, self.scatter, self.regularization)
                except np.linalg.LinAlgError:  # of one of them; each by itself then
                    pass
        moments = self.expect_each(mixtures)
        values = np.array([each.objective for each in moments])
        return values, [self._maximize(*pair) for pair in zip(mixtures, moments, strict=True)]

    def _step_apart(
        self, mixtures: Sequence[Parameters], parts: Sequence[Indices]
    ) -> tuple[Array, list[Parameters]]:
        """The same in parts."""
        values, moved = np.empty(len(mixtures)), list(mixtures)
        for part in parts:
            values[part], stepped = self._step([mixtures[index] for index in part])
            for index, mixture in zip(part, stepped, strict=True):
                moved[index] = mixture
        return values, moved

    def _accumulate(self, terms: LinearTerms) -> tuple[Array, Array]:
        """Sums and log-likelihoods of linear terms over the rows."""
        loops = self.loops_for(len(terms.theta) // len(terms.stops))

        def of_block(part: slice) -> tuple[Array, Array]:
            return terms.evaluate(self.rows[part], self.weights[part], loops)

        found = self.map(of_block, self._blocks)
        return reduce(add, (sums for sums, _ in found)), reduce(add, (value for _, value in found))

    def _maximize(self, mixture: Parameters, moments: Moments) -> Parameters:
        """The M-step; the mixture as it is where a covariance is lost to rounding."""
        try:
            kind, current = mixture.covariance_type, mixture.covariances
            return m_step(kind, moments, self.regularization, current)
        except np.linalg.LinAlgError:
            return mixture

    @property
    def _blocks(self) -> list[slice]:
        return [slice(i, i + _BLOCK_ROWS) for i in range(0, self.n_rows, _BLOCK_ROWS)]
