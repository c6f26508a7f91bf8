"""Rounds of moves: components are put where they are needed, and EM goes on from there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dgmm.engine.search.race import SCHEDULE, race
from dgmm.engine.search.search_rows import SearchRows
from dgmm.engine.search.trial_budget import TrialBudget
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.initialization import local_fit, moves, partial_em
from dgmm.mixture.initialization.moves import Merge, Move, Posterior
from dgmm.mixture.initialization.partial_em import Trial
from dgmm.mixture.initialization.split import NO_SPLIT, Split
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters

_LEAST_SHARE = 0.05  # of a row that a component must take for it to count in a split
_STEPS = 3  # of EM after moves
_TRIAL_ROWS = 1 << 13
_LEAST_GAIN = 0.5  # nats that a trial must gain
_LEAST_GAIN_OF_FEW = 0.01  # where rows are few
_REPAIRS = 4
_RELOCATIONS = 20
_PLAUSIBLE = 0.25  # of the loss of the cheapest merge that a split must gain
_STEPS_TO_COMPARE = 10

Quality = tuple[bool, float]
"""Whether a mixture is sound, and its objective: the larger, the better."""


@dataclass(eq=False)
class ComponentMoves:
    """Moves of components on some rows.

    Attributes
    ----------
    rows : SearchRows
    rules : EMOptions
    seed : tuple of int
    """

    rows: SearchRows
    rules: EMOptions
    seed: tuple[int, ...]

    def improve(self, mixture: Parameters, n_rounds: int) -> Parameters:
        """Rounds of moves, as long as bounds promise that they gain.

        All moves of a round are made together. Where they lose likelihood after all, or a component
        collapses, they are taken back and only the best of them is made.
        """
        before: tuple[Quality, Parameters] | None = None
        most = mixture.n_components
        for _ in range(n_rounds):
            moments, posterior = self.rows.evaluate(mixture)
            quality = self._quality(mixture, moments)
            if before is not None and not quality > before[0]:
                quality, mixture = before
                if most == 1:
                    return mixture
                most = 1
                _, posterior = self.rows.evaluate(mixture)
            else:
                most = mixture.n_components
            splits = self.split_all(mixture, posterior)
            if not any(split.exists for split in splits):
                return mixture
            chosen = self._choose(mixture, posterior, splits, most)
            if not chosen:
                return mixture
            before = quality, mixture
            mixture = self._climb(self._apply(mixture, chosen))
        return self._better(mixture, before)

    def _choose(
        self, mixture: Parameters, posterior: Posterior, splits: Sequence[Split], most: int
    ) -> list[Move]:
        """At most so many moves that bounds promise to gain."""
        return moves.choose_moves(splits, moves.cheapest_merges(mixture, posterior), most)

    def _apply(self, mixture: Parameters, chosen: Sequence[Move]) -> Parameters:
        """The mixture after these moves."""
        merges, splits = [each.merge for each in chosen], [(each.k, each.split) for each in chosen]
        return moves.apply_changes(mixture, merges, splits, self.rules.regularization)

    def try_moves(self, mixture: Parameters, budget: TrialBudget) -> Parameters:
        """Rounds of moves that bounds do not promise to pay, tried on the rows they concern."""
        before: tuple[Quality, Parameters] | None = None
        for number in range(budget.n_rounds):
            moments, posterior = self.rows.evaluate(mixture)
            quality = self._quality(mixture, moments)
            if before is not None and not quality > before[0]:
                return before[1]
            splits = self.split_all(mixture, posterior)
            if budget.is_whole:
                splits = self._with_halves(mixture, splits, number)
            merges = moves.cheapest_merges(mixture, posterior)
            likely = budget.choose_moves(splits, merges)
            if budget.is_whole:
                moved = self._try_whole(mixture, likely, number)
            else:
                moved = self._try(mixture, posterior, likely, budget.n_steps)
            if moved is None:
                return mixture
            before, mixture = (quality, mixture), moved
        return self._better(mixture, before)

    def _with_halves(
        self, mixture: Parameters, splits: Sequence[Split], number: int
    ) -> list[Split]:
        rng = np.random.default_rng([*self.seed, mixture.n_components, number])
        return [
            split if split.exists else moves.cut_in_half(mixture, k, rng)
            for k, split in enumerate(splits)
        ]

    def is_plausible(self, mixture: Parameters, least_ratio: float = _PLAUSIBLE) -> bool:
        """Whether moves of its components might pay after all, or cannot be judged."""
        posterior = self.rows.evaluate(mixture)[1]
        splits = self.split_all(mixture, posterior)
        if not all(split.exists or split.is_needless for split in splits):
            return True
        if mixture.structure.is_shared:  # what a split gains by narrowing all others is not known
            return any(split.exists for split in splits)
        least = moves.cheapest_merges(mixture, posterior)[0].loss
        return max(split.gain for split in splits) >= least_ratio * least

    def split_gains(self, mixture: Parameters) -> list[float]:
        """What bounds promise of splitting each component, in nats per row."""
        splits = self.split_all(mixture, self.rows.evaluate(mixture)[1])
        return [max(0.0, split.gain) / self.rows.scatter.total_weight for split in splits]

    def merge(self, mixture: Parameters, n_components: int) -> Parameters:
        """The mixture with so many components, of which the cheapest pairs have become one.

        With each goes on EM of the neighbours, on the rows that they share; EM of all components
        where more is known than the rows say, of which parts of a mixture know nothing.
        """
        while (extra := mixture.n_components - n_components) > 0:
            _, posterior = self.rows.evaluate(mixture)
            merges = moves.cheapest_merges(mixture, posterior)
            chosen = moves.disjoint_merges(merges, (extra + 1) // 2)
            trials: list[Trial] = []
            if not self.rows.scatter.known:
                trials = self._try_each(mixture, posterior, chosen, _STEPS, self.rows.n_rows)
            if trials:
                mixture = self._apply_trials(mixture, trials)
            else:
                regularization = self.rules.regularization
                mixture = self._climb(moves.apply_changes(mixture, chosen, [], regularization))
        return mixture

    def make_sound(self, mixture: Parameters) -> Parameters:
        """Components that have collapsed are taken out, and others split in their place."""
        for _ in range(_REPAIRS):
            if self._has_no_collapse(mixture):
                return mixture
            k = moves.narrowest_component(mixture, self.rules.regularization)
            smaller = moves.drop_component(mixture, k, self.rules.regularization)
            _, posterior = self.rows.evaluate(smaller)
            splits = self.split_all(smaller, posterior)
            best = int(np.argmax([split.gain for split in splits]))
            split = splits[best] if splits[best].exists else moves.halve(smaller, best)
            chosen = [(best, split)]
            mixture = self._climb(
                moves.apply_changes(smaller, [], chosen, self.rules.regularization)
            )
        return mixture

    def split_all(self, mixture: Parameters, posterior: Posterior) -> list[Split]:
        """What splitting each component would gain."""
        cache = self.rows.splits_of(mixture.covariance_type)
        found = [cache.find(mixture, k) for k in range(mixture.n_components)]
        missing = [k for k, split in enumerate(found) if split is None]
        worked_out = self.rows.map(lambda k: self._split(mixture, posterior, k), missing)
        for k, split in zip(missing, worked_out, strict=True):
            found[k] = split
            cache.put(mixture, k, split)
        return [NO_SPLIT if split is None else split for split in found]

    def _split(self, mixture: Parameters, posterior: Posterior, k: int) -> Split:
        d = mixture.n_features
        r = posterior.responsibilities[k]
        chosen = np.flatnonzero(r > _LEAST_SHARE)
        if len(chosen) < 2 * (d + 1):
            return NO_SPLIT
        # As many rows as a component has parameters, or a fair share where rows are few.
        fair = self.rows.scatter.total_weight / (4 * mixture.n_components)
        own = mixture.structure.n_component_parameters(d)
        rng = np.random.default_rng([*self.seed, k, mixture.n_components])
        rows, weights = self.rows.rows[chosen], r[chosen] * posterior.weights[chosen]
        least, loops = min(own, max(d + 2, fair)), self.rows.loops_for(mixture.n_components)
        try:
            split = local_fit.split_component(mixture, k, rows, weights, least, rng, loops)
        except np.linalg.LinAlgError:  # the component has collapsed
            return NO_SPLIT
        return split if not split.exists or self._is_sound(mixture, split) else NO_SPLIT

    def _is_sound(self, mixture: Parameters, split: Split) -> bool:
        if self.rules.keep_degenerate or mixture.structure.local_kind == "fixed":
            return True
        kind, regularization = mixture.covariance_type, self.rules.regularization
        parts = split.shares, split.means, split.matrices
        halves = Parameters.from_moments(kind, *parts, regularization)
        return not iteration.is_degenerate(halves, self.rules)

    def _try(
        self, mixture: Parameters, posterior: Posterior, likely: Sequence[Move], n_steps: int
    ) -> Parameters | None:
        """The mixture after those trials of disjoint components that gain; None if none does."""
        trials = self._try_each(mixture, posterior, likely, n_steps, _TRIAL_ROWS)
        good = [trial for trial in trials if trial.gain > _LEAST_GAIN]
        return self._climb(self._apply_trials(mixture, good)) if good else None

    def _try_each(
        self,
        mixture: Parameters,
        posterior: Posterior,
        changes: Sequence[Move | Merge],
        n_steps: int,
        most_rows: int,
    ) -> list[Trial]:
        """Trials of some changes, the best first."""
        r = posterior.responsibilities
        overlaps = (r * posterior.weights) @ r.T
        how = self.rules.regularization, n_steps, most_rows
        loops = self.rows.loops_for(mixture.n_components)

        def outcome(change: Move | Merge) -> Trial | None:
            try:
                return partial_em.try_move(
                    mixture, posterior, overlaps, change, self.rows.rows, *how, loops
                )
            except np.linalg.LinAlgError:  # two collapsed components make no sound one
                return None

        trials = [trial for trial in self.rows.map(outcome, changes) if trial is not None]
        return sorted(trials, key=lambda trial: -trial.gain)

    def _apply_trials(self, mixture: Parameters, trials: Sequence[Trial]) -> Parameters:
        """The mixture after trials, of those that concern the same components the first."""
        used: set[int] = set()
        taken = []
        for trial in trials:
            if not used & set(trial.replaced):
                taken.append(trial)
                used |= set(trial.replaced)
        return partial_em.apply_trials(mixture, taken, self.rules.regularization)

    def _try_whole(
        self, mixture: Parameters, likely: Sequence[Move], number: int
    ) -> Parameters | None:
        """The best mixture that one of some moves leads to, if it gains."""
        regularization = self.rules.regularization
        starts = [
            moves.apply_changes(mixture, [move.merge], [(move.k, move.split)], regularization)
            for move in likely
        ]
        starts += self._relocations(mixture, number)
        found = race(self.rows, starts, self.rules, SCHEDULE)
        both, values = self.rows.climb_each([mixture, found], _STEPS_TO_COMPARE)
        if not self._has_no_collapse(both[1]) and self._has_no_collapse(mixture):
            return None
        return both[1] if values[1] > values[0] + _LEAST_GAIN_OF_FEW else None

    def _relocations(self, mixture: Parameters, number: int) -> list[Parameters]:
        """Mixtures with a component gone and another one cut in half, both picked at random."""
        rng = np.random.default_rng([*self.seed, mixture.n_components, number, 1])
        made = []
        for _ in range(_RELOCATIONS):
            gone, k = (int(index) for index in rng.choice(mixture.n_components, 2, replace=False))
            cut = [(k, moves.cut_in_half(mixture, k, rng))]
            made.append(
                moves.apply_changes(mixture, [], cut, self.rules.regularization, dropped=[gone])
            )
        return made

    def _climb(self, mixture: Parameters) -> Parameters:
        return self.rows.climb(mixture, _STEPS)

    def _quality(self, mixture: Parameters, moments: Moments) -> Quality:
        return self._has_no_collapse(mixture), moments.objective

    def _has_no_collapse(self, mixture: Parameters) -> bool:
        return self.rules.keep_degenerate or not iteration.is_degenerate(mixture, self.rules)

    def _better(self, mixture: Parameters, before: tuple[Quality, Parameters] | None) -> Parameters:
        """The mixture, or the one before the last moves if they were no gain."""
        if before is None or self._quality(mixture, self.rows.expect(mixture)) > before[0]:
            return mixture
        return before[1]
