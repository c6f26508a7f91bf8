"""All models of a sweep, from starts to mixtures that EM can finish.

A start is made on few rows with spherical components, whose likelihood has fewer local optima; then
moves put components where they are needed, on more and more rows. The models of one covariance type
are found in one descent from the largest: the components whose merging loses least become one,
and moves repair the rest. Each model that may still be chosen has a start of its own beside it; the
better one goes on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from dgmm.engine.fit_options import Model
from dgmm.engine.search.component_moves import ComponentMoves
from dgmm.engine.search.first_mixtures import (
    FEW_ROWS,
    FIRST_STEPS,
    ROUNDS,
    STEPS,
    FirstMixtures,
)
from dgmm.engine.search.found_mixtures import FoundMixtures, quality_of
from dgmm.engine.search.noise_tuning import tune_noise
from dgmm.engine.search.prospects import Prospects
from dgmm.engine.search.race import SCHEDULE, race
from dgmm.engine.search.structure_race import race_others
from dgmm.engine.search.trial_budget import LARGE_BUDGET, TrialBudget
from dgmm.mixture.initialization import initializers, moves
from dgmm.mixture.initialization.split import Split
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array

_VERY_FEW_ROWS = 1 << 12  # up to which several kinds of start are tried
_FEW_COMPONENTS = 8  # up to which starts of other kinds are tried on many rows, too
_COMPONENTS_OF_STARTS = 32  # of all these starts together
_FEWER_PER_PARAMETER = 5  # rows in which they race
_DESCENT_ROUNDS = 2
_STEPS_ON_MORE_ROWS = 2  # of EM
_MOST_STEPS = 60  # of EM on few rows


@dataclass(eq=False)
class ModelSearch(FirstMixtures):
    """The search for the models of a sweep.

    Attributes
    ----------
    prospects : Prospects
    found : FoundMixtures
    """

    prospects: Prospects = field(kw_only=True)
    found: FoundMixtures = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.found = FoundMixtures(self.options, self.rules, self.prospects)

    def count(self, earlier: Mapping[Model, Parameters]) -> int:
        """How many searches :meth:`find_all` makes."""
        return len(self._searches(earlier, np.zeros(0)))

    def find_all(
        self, earlier: Mapping[Model, Parameters], origin: Array, on_done: Callable[[int], None]
    ) -> dict[Model, Parameters]:
        """The best mixture of each model, relative to the origin of the rows.

        Parameters
        ----------
        earlier : mapping of model to Parameters
            Mixtures to start from as well; the only start of their models if ``n_init`` is 1.
        origin : ndarray of shape (n_features,)
            Of the rows.
        on_done : callable
            Told how many searches are done.
        """
        for done, search in enumerate(self._searches(earlier, origin), start=1):
            search()
            on_done(done)
        self.rows.forget()
        return tune_noise(self.options.noise, self.found.mixtures, self.rows, earlier)

    def grow(self, mixture: Parameters, n_components: int) -> Parameters:
        """The mixture with more components, those split that gain most."""
        rows = self.rows.thin(self._most_rows(n_components))
        at = self._moves(rows)
        while (extra := n_components - mixture.n_components) > 0:
            splits = at.split_all(mixture, rows.evaluate(mixture)[1])
            order = np.argsort([-split.gain for split in splits], kind="stable")
            chosen = [(int(k), splits[k]) for k in order[:extra] if splits[k].exists]
            mixture = self._change(mixture, chosen or self._halves(mixture))
        return mixture

    def halve(self, mixture: Parameters, n_components: int) -> Parameters:
        """The mixture with more components, as likely: the heaviest become two of a kind."""
        while mixture.n_components < n_components:
            mixture = self._change(mixture, self._halves(mixture))
        return mixture

    def _halves(self, mixture: Parameters) -> list[tuple[int, Split]]:
        k = int(np.argmax(mixture.weights))
        return [(k, moves.halve(mixture, k))]

    def _change(self, mixture: Parameters, splits: list[tuple[int, Split]]) -> Parameters:
        return moves.apply_changes(mixture, [], splits, self.rules.regularization)

    def _searches(
        self, earlier: Mapping[Model, Parameters], origin: Array
    ) -> list[Callable[[], None]]:
        options = self.options
        is_given = not options.given.is_empty or options.relevance is not None
        if options.max_iter == 0 or is_given:
            return [partial(self._first, model, earlier, origin) for model in options.models]
        searches: list[Callable[[], None]] = []
        kinds = dict.fromkeys(kind for kind, _ in options.models)
        for place, kind in enumerate(sorted(kinds, key=self._rank)):
            counts = sorted((k for other, k in options.models if other == kind), reverse=True)
            known = [k for k in counts if (kind, k) in earlier]
            searches += [partial(self._from_earlier, earlier[kind, k]) for k in known]
            if options.n_init == 1:
                counts = [k for k in counts if k not in known]
            if not counts:
                continue
            if place:
                searches.append(partial(self._adapt, kind, counts))
            served_by = structure_of(kind).start_type
            if not all((served_by, k) in options.models for k in counts):
                every = range(options.n_init if counts[0] > 1 else 1)
                searches += [partial(self._descend, kind, counts, index) for index in every]
        return searches

    def _first(self, model: Model, earlier: Mapping[Model, Parameters], origin: Array) -> None:
        """Starts without a search, with what the caller has given in the place of guesses."""
        kind, n_components = model
        if model in earlier:
            self._add(earlier[model].with_noise(self.noise))
            if self.options.n_init == 1 or self.options.relevance is not None:
                return
        few, given = self.rows.thin(FEW_ROWS).distinct(), self.options.given.relative_to(origin)
        for index in range(self.options.n_init if n_components > 1 else 1):
            self._add(given.replace_in(self._guess(few, kind, n_components, index)))

    def _from_earlier(self, mixture: Parameters) -> None:
        mixture = mixture.with_noise(self.noise)
        rows = self._rows_for(mixture.covariance_type, mixture.n_components)
        self._add(self._moves(rows).improve(rows.climb(mixture, STEPS), ROUNDS))

    def _descend(self, kind: str, counts: list[int], index: int) -> None:
        """Mixtures of one covariance type, from the most components to the fewest.

        The first descent goes to the end. A later one ends where its mixture is no better.
        """
        if self.found.is_hopeless(kind, counts):
            return
        rows = self._rows_for(kind, counts[0])
        at = self._moves(rows, index)
        are_few = rows.n_rows <= _VERY_FEW_ROWS
        find = self._find_in_few if are_few else self._find
        mixture = find(at, kind, counts[0], index)
        if counts[0] > 1 and 2 * rows.n_rows < self.rows.n_rows:
            every = self.rows.thin(self._most_rows(counts[0]))
            mixture = every.climb(mixture, _STEPS_ON_MORE_ROWS)
            mixture = self._moves(every, index).improve(mixture, ROUNDS)
        is_better = self._add(mixture)
        for n_components in counts[1:]:
            if index and not is_better:
                return
            mixture = at.merge(mixture, n_components)
            if n_components > 1:
                mixture = at.make_sound(at.improve(mixture, _DESCENT_ROUNDS))
            is_better = self._add(mixture)
            # A start of its own, too: merges alone may lead to a poor optimum.
            may_pay = are_few or self.found.may_be_chosen(kind, n_components)
            if index == 0 and n_components > 1 and may_pay:
                own = self._moves(self._rows_for(kind, n_components))
                self._add(find(own, kind, n_components, index))

    def _rank(self, kind: str) -> tuple[bool, int]:
        """In which order structures are searched for: those from which others start are first."""
        structure, d = structure_of(kind), self.rows.rows.shape[1]
        return structure.start_type is not None, -structure.n_parameters(2, d)

    def _adapt(self, kind: str, counts: list[int]) -> None:
        """Mixtures of one covariance type from those of others that have been found."""
        rows = self._rows_for(kind, counts[0])
        at, are_few = self._moves(rows), rows.n_rows <= _VERY_FEW_ROWS
        raced: list[Parameters] = []
        for n_components in reversed(counts):
            others = self.found.with_components(n_components)
            others += [self.halve(mixture, n_components) for mixture in raced[-1:]]
            if others:
                raced.append(race_others(rows, kind, others, self.rules, are_few=are_few))
        for mixture in raced:
            self._add(mixture)
        if not self.found.is_hopeless(kind, counts):
            for mixture in raced:
                self._add(self._settle(at, mixture))

    def _find(self, at: ComponentMoves, kind: str, n_components: int, index: int) -> Parameters:
        """A mixture from a start that is found with spherical components on few rows.

        Few components cost little, so that other starts are tried, too, on few rows.
        """
        few = self.rows.thin(FEW_ROWS).distinct()
        mixture = self._start_simply(few, kind, n_components, index)
        if n_components == 1:
            return at.rows.climb(mixture, STEPS)
        mixture = self._move(at, mixture, index)
        if n_components > _FEW_COMPONENTS:
            return mixture
        some = self._moves(self._rows_for(kind, n_components, _FEWER_PER_PARAMETER), index)
        n_starts = _COMPONENTS_OF_STARTS // n_components
        methods = self.options.init_params or tuple(initializers.METHODS)
        pairs = [(methods[i % len(methods)], i // len(methods)) for i in range(n_starts)]
        guesses = [self._guess(few, kind, n_components, index, *pair) for pair in pairs]
        other = self._repair(some, race(some.rows, guesses, self.rules, SCHEDULE))
        one, two = (self._settle(some, each) for each in (mixture, other))
        if not quality_of(some.rows, two, self.rules) > quality_of(some.rows, one, self.rules):
            return mixture
        return at.make_sound(at.improve(at.rows.climb(two, STEPS), ROUNDS))

    def _move(self, at: ComponentMoves, start: Parameters, index: int) -> Parameters:
        """The mixture after all kinds of moves, the first of them on few rows."""
        some = self._moves(self.rows.thin(2 * FEW_ROWS), index)
        n_steps = STEPS
        if 2 * some.rows.n_rows <= at.rows.n_rows:
            start = some.improve(some.rows.climb(start, STEPS), ROUNDS)
            n_steps = _STEPS_ON_MORE_ROWS
        return self._repair(at, at.rows.climb(start, n_steps))

    def _repair(self, at: ComponentMoves, mixture: Parameters) -> Parameters:
        """The mixture after moves and trials of moves."""
        return at.make_sound(at.try_moves(at.improve(mixture, ROUNDS), TrialBudget()))

    def _settle(self, at: ComponentMoves, mixture: Parameters) -> Parameters:
        """The mixture after accelerated EM, in a limited number of steps."""
        n_steps = min(_MOST_STEPS, STEPS * self.rules.max_iter)
        return at.rows.settle(mixture, replace(self.rules, max_iter=n_steps))

    def _find_in_few(
        self, at: ComponentMoves, kind: str, n_components: int, index: int
    ) -> Parameters:
        """A mixture of so few rows that several kinds of start cost little.

        They are tried where moves might pay that bounds do not promise to.
        """
        few = at.rows.distinct()
        mixture = at.rows.climb(self._guess(few, kind, n_components, index), FIRST_STEPS)
        if n_components == 1:
            return mixture
        mixture = at.improve(mixture, ROUNDS)
        if not at.is_plausible(mixture):
            return self._settle(at, mixture)
        guesses = self._guesses(few, kind, n_components, index)
        simple = self._start_simply(few, kind, n_components, index)
        found = at.improve(race(at.rows, [mixture, simple, *guesses], self.rules, SCHEDULE), ROUNDS)
        mixture = max(mixture, found, key=lambda one: quality_of(at.rows, one, self.rules))
        mixture = at.make_sound(at.try_moves(mixture, LARGE_BUDGET))
        return self._settle(at, mixture)

    def _add(self, mixture: Parameters) -> bool:
        """Whether a mixture is the best of its model so far."""
        rows = self._rows_for(mixture.covariance_type, self.options.max_components)
        return self.found.add(rows, mixture)
