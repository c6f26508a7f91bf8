"""Components that the sample does not show, born among the least likely of all rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dgmm.engine.fit_options import Model
from dgmm.engine.search.prospects import Prospects, model_of
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions, FitState, ProposedStep
from dgmm.mixture.initialization import moves
from dgmm.mixture.initialization.births import Birth, UnlikelyRows, add_births
from dgmm.mixture.kernels.least_likely import (
    LeastLikelyRequest,
    LeastLikelyRows,
    n_least_likely,
)
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters

_PASSES = 2  # that keep the least likely rows: those of the first may hide others
_LIMIT_ROWS = 1 << 15  # of the sample, by which the limits are set
_MERGE_ROWS = 1 << 17  # of the sample, by which merges are judged
_FEWEST_BELOW = 8  # of them that are below a limit
_MOST_BIRTHS = 4
_OPTIMISM = 2.0  # nats for each parameter of a component


@dataclass(frozen=True, slots=True, eq=False)
class ComponentBirths:
    """Steps that put components among the least likely rows.

    The number of components stays: two whose merging loses less make room for each birth. A step is
    taken back if it makes all rows less likely (:func:`dgmm.mixture.em.iteration.step`).

    Attributes
    ----------
    sample : SearchRows
    rules : EMOptions
    n_rows : int
        All rows.
    prospects : Prospects
        Of the models: those that can no longer be chosen have no births.
    """

    sample: SearchRows
    rules: EMOptions
    n_rows: int
    prospects: Prospects

    def request(self, n_passes: int, mixtures: Sequence[Parameters]) -> LeastLikelyRequest | None:
        """The rows that the next pass is to keep, after so many passes of its stage."""
        most = n_least_likely(self.n_rows, len(mixtures), mixtures[0].n_features)
        if n_passes >= _PASSES or not most:
            return None
        few = self.sample.thin(_LIMIT_ROWS)
        rank = max(_FEWEST_BELOW, -(-2 * most * few.n_rows // self.n_rows))
        limits = np.full(len(mixtures), np.inf)
        known: dict[Model, float] = {}
        for index, mixture in enumerate(mixtures):
            moments, posterior = few.evaluate(mixture)
            if rank < few.n_rows:
                limits[index] = np.partition(posterior.log_density, rank)[rank]
            if self.prospects.can_be_chosen(mixture):
                known[model_of(mixture)] = moments.log_likelihood / moments.total_weight
        for index, mixture in enumerate(mixtures):
            if not self.prospects.may_be_chosen(model_of(mixture), known):
                limits[index] = -np.inf
        return LeastLikelyRequest(most, limits)

    def propose_step(self, state: FitState, moments: Moments) -> ProposedStep | None:
        """A step with births that gain more than the merges lose that make room for them.

        Parameters
        ----------
        state : FitState
            Running.
        moments : Moments
            Of all rows under its parameters, with the least likely rows.
        """
        mixture, tail = state.parameters, moments.least_likely
        is_lost = iteration.find_fallback(state, moments) is not None
        if tail is None or mixture.n_components == 1 or is_lost:
            return None
        births = self._find_births(mixture, tail, moments.total_weight)
        if not births:
            return None
        _, posterior = self.sample.thin(_MERGE_ROWS).evaluate(mixture)
        merges = moves.disjoint_merges(moves.cheapest_merges(mixture, posterior), len(births))
        # What two components gain on the rows that they were fitted to is in part by chance.
        by_chance = _OPTIMISM * mixture.structure.n_component_parameters(mixture.n_features)
        scale = self.prospects.n_effective / posterior.weights.sum()
        pairs = list(zip(births, merges, strict=False))
        gains = [b.gain - scale * max(0.0, merge.loss - by_chance) for b, merge in pairs]
        n_births = int(sum(gain > 0 for gain in gains))  # which fall from pair to pair
        if not n_births:
            return None
        taken, made_room = zip(*pairs[:n_births], strict=True)
        regularization = self.rules.regularization
        smaller = moves.apply_changes(mixture, made_room, [], regularization)
        moved = add_births(smaller, taken, regularization)
        return ProposedStep(moved, sum(gains[:n_births]) / self.prospects.n_effective, n_births)

    def _find_births(
        self, mixture: Parameters, tail: LeastLikelyRows, total_weight: float
    ) -> list[Birth]:
        """Sound components among some rows, those that gain most first."""
        own = mixture.structure.n_component_parameters(mixture.n_features)
        regularization = self.rules.regularization
        weights = tail.weights * (self.prospects.n_effective / total_weight)
        found = UnlikelyRows(
            mixture,
            replace(tail, weights=weights),
            self.prospects.n_effective,
            least_rows=own,
            least_gain=0.5 * own * np.log(self.prospects.n_effective),
            regularization=regularization,
        ).find_births(_MOST_BIRTHS)
        sound = [
            birth
            for birth in found
            if not iteration.is_degenerate(add_births(mixture, [birth], regularization), self.rules)
        ]
        return sorted(sound, key=lambda birth: -birth.gain)
