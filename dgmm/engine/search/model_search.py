"""All models of a sweep, from starts to mixtures that EM can finish.

A start is made on few rows with spherical components, whose likelihood has fewer local optima; then
moves put components where they are needed, on more and more rows. The models of one covariance type
are found in one descent from the largest: the components whose merging loses least become one,
and moves repair the rest. Each model that may still be chosen has a start of its own beside it; the
better one goes on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from dgmm.engine.fit_options import Model
from dgmm.engine.search.first_mixtures import ROUNDS, STEPS
from dgmm.engine.search.found_mixtures import FoundMixtures
from dgmm.engine.search.model_finder import STEPS_ON_MORE_ROWS, ModelFinder, are_few
from dgmm.engine.search.noise_tuning import tune_noise
from dgmm.engine.search.structure_race import race_others
from dgmm.mixture.initialization import moves
from dgmm.mixture.initialization.split import Split
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array

_DESCENT_ROUNDS = 2
_ROWS_FOR_ALL = 1 << 10  # up to which all structures from which others start are searched for
_BY_CHANCE = 2.0  # nats for each parameter of a component


@dataclass(eq=False)
class ModelSearch(ModelFinder):
    """The search for the models of a sweep.

    Attributes
    ----------
    found : FoundMixtures
    """

    found: FoundMixtures = field(init=False, repr=False)
    _thorough: set[Model] = field(default_factory=set, init=False, repr=False)

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

    def may_gain(self, mixture: Parameters) -> bool:
        """Whether a split gains more than a component costs, and than two gain by chance.

        So it may where rows have labels, and where components share a covariance: what a split
        gains by narrowing all others is not known soon.
        """
        structure, rows = mixture.structure, self.rows
        if structure.is_shared or rows.scatter.known:
            return True
        own = structure.n_component_parameters(mixture.n_features)
        least = max(_BY_CHANCE * own / rows.scatter.total_weight, self._least_lead(mixture))
        pair = mixture, self.grow(mixture, mixture.n_components + 1)
        climbed = [rows.climb(each, STEPS_ON_MORE_ROWS) for each in pair]
        before, after = (each.log_likelihood for each in rows.expect_each(climbed))
        return (after - before) / rows.scatter.total_weight > least

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
        again: list[Callable[[], None]] = []
        kinds = sorted(dict.fromkeys(kind for kind, _ in options.models), key=self._rank)
        for place, kind in enumerate(kinds):
            counts = sorted((k for other, k in options.models if other == kind), reverse=True)
            known = [k for k in counts if (kind, k) in earlier]
            searches += [partial(self._from_earlier, earlier[kind, k]) for k in known]
            if options.n_init == 1:
                counts = [k for k in counts if k not in known]
            if not counts:
                continue
            if place:
                searches.append(partial(self._adapt, kind, counts, kinds[: place + 1]))
            served_by = structure_of(kind).start_type
            if not all((served_by, k) in options.models for k in counts):
                searches += self._own_searches(kind, counts)
            if are_few(self.rows) and place + 1 < len(kinds):
                again.append(partial(self._adapt, kind, counts, kinds[place + 1 :]))
        return searches + again

    def _first(self, model: Model, earlier: Mapping[Model, Parameters], origin: Array) -> None:
        """Starts without a search, with what the caller has given in the place of guesses."""
        kind, n_components = model
        if model in earlier:
            self._add(earlier[model].with_noise(self.noise))
            if self.options.n_init == 1 or self.options.relevance is not None:
                return
        few, given = self._few_rows(), self.options.given.relative_to(origin)
        for index in range(self.options.n_init if n_components > 1 else 1):
            self._add(given.replace_in(self._guess(few, kind, n_components, index)))

    def _from_earlier(self, mixture: Parameters) -> None:
        mixture = mixture.with_noise(self.noise)
        rows = self._rows_for(mixture.covariance_type, mixture.n_components)
        self._add(self._moves(rows).improve(rows.climb(mixture, STEPS), ROUNDS))

    def _own_searches(self, kind: str, counts: list[int]) -> list[Callable[[], None]]:
        """Those of one covariance type, beginning with the most components."""
        descent = partial(self._descend, kind, counts)
        if counts == [1]:
            return [descent]
        is_done = len(counts) == 1  # by the descent
        every = range(1 if is_done else 0, self.options.n_init)
        searches: list[Callable[[], None]] = [descent]
        searches += [partial(self._refine, kind, counts, index) for index in every]
        if not is_done:
            searches.append(partial(self._step_up, kind, counts))
        return searches

    def _descend(self, kind: str, counts: list[int]) -> None:
        """Mixtures of one covariance type, from the most components to the fewest."""
        if self._is_hopeless(kind, counts):
            return
        find = self._find if len(counts) == 1 else self._find_simply
        mixture = find(kind, counts[0], 0)
        self._add(mixture)
        self._descend_from(mixture, counts[1:])

    def _descend_from(self, mixture: Parameters, counts: list[int]) -> None:
        """Mixtures with fewer and fewer components, of which the cheapest pairs become one."""
        kind = mixture.covariance_type
        at = self._fewer(kind, mixture.n_components, 0)
        for n_components in counts:
            every = self._moves(self._rows_for(kind, n_components))
            mixture = every.rows.climb(at.merge(mixture, n_components), STEPS_ON_MORE_ROWS)
            if n_components > 1:
                mixture = every.make_sound(every.improve(mixture, _DESCENT_ROUNDS))
            self._add_fitted(mixture)

    def _refine(self, kind: str, counts: list[int], index: int) -> None:
        """Better mixtures of the models that may still be chosen, the most promising first.

        Merges alone may lead to a poor optimum, so that each has a start of its own.
        """
        if self._is_hopeless(kind, counts):
            return
        few = are_few(self._rows_for(kind, counts[0]))
        left = [k for k in counts[few and index == 0 :] if k > 1]
        while left:
            k = self.found.most_promising(kind, left)
            left.remove(k)
            if few:
                at = self._moves(self._rows_for(kind, k), index)
                self._add(self._find_in_few(at, kind, k, index))
            elif self.found.may_be_chosen(kind, k):
                self._refine_model(kind, k, counts, index)
                if not structure_of(kind).is_shared and any(other > k + 1 for other in left):
                    at, known = self._moves(self._rows_for(kind, k)), self.found.mixture(kind, k)
                    self.found.note_gains(kind, k, at.split_gains(known))
            if not left and not few:  # the best one may not have been the best when its turn came
                left = self._not_searched_for(kind, counts)

    def _not_searched_for(self, kind: str, counts: list[int]) -> list[int]:
        """The best model of a structure, if it may be chosen and had no thorough search."""
        best = self.found.most_promising(kind, counts)
        is_done = best == 1 or (kind, best) in self._thorough
        return [] if is_done or not self.found.may_be_chosen(kind, best) else [best]

    def _refine_model(self, kind: str, k: int, counts: list[int], index: int) -> None:
        """A better mixture of one model; smaller ones descend from it if it is the best of all."""
        known, is_best = self.found.mixture(kind, k), k == self.found.most_promising(kind, counts)
        if is_best and (kind, k) not in self._thorough:
            self._thorough.add((kind, k))
            better = self._find_best(known)
        else:
            may_win = self.found.win_rule(self._rows_for(kind, k), (kind, k))
            better = self._find_better(known, index, may_win)
            if is_best:
                better = [self._finish(mixture, index) for mixture in better]
        add = self._add if is_best else self._add_fitted
        is_new = [add(mixture) for mixture in better]
        if any(is_new) and is_best:
            self._descend_from(self.found.mixture(kind, k), [n for n in counts if n < k])

    def _step_up(self, kind: str, counts: list[int]) -> None:
        """Larger models from the best one, as long as the larger would be chosen instead.

        Few rows for each parameter hide that a rare component is two.
        """
        if not self.options.is_plain or self._is_hopeless(kind, counts):
            return
        every = self._moves(self.rows.thin(self._most_rows(counts[0])))
        for k, larger in pairwise(reversed(counts)):
            best = self.found.mixture(kind, k)
            if k == self.found.most_promising(kind, counts) and self.may_gain(best):
                self._add(self._settle(every, self.grow(best, larger)))

    def _add_fitted(self, mixture: Parameters) -> bool:
        """Add a mixture after EM on all rows: one that was found on fewer fits those alone."""
        rows = self._rows_for(mixture.covariance_type, mixture.n_components)
        every = self.rows.thin(self._most_rows(self.options.max_components))
        if rows.n_rows < every.n_rows:
            mixture = every.climb(mixture, 1)
        return self._add(mixture)

    def _rank(self, kind: str) -> tuple[bool, int]:
        """In which order structures are searched for: those from which others start are first."""
        structure, d = structure_of(kind), self.rows.rows.shape[1]
        return structure.start_type is not None, -structure.n_parameters(2, d)

    def _is_hopeless(self, kind: str, counts: list[int]) -> bool:
        """Whether no more is done for a structure."""
        is_cheap = self.rows.n_rows <= _ROWS_FOR_ALL and structure_of(kind).start_type is None
        return not is_cheap and self.found.is_hopeless(kind, counts)

    def _adapt(self, kind: str, counts: list[int], others: list[str]) -> None:
        """Mixtures of one covariance type from those of others that have been found."""
        if self._is_hopeless(kind, counts):
            return
        at, some = self._moves(self._rows_for(kind, counts[0])), self._fewer(kind, counts[0], 0)
        few = are_few(some.rows)
        raced: list[Parameters] = []
        for n_components in reversed(counts):
            starts = self.found.with_components(n_components, others)
            starts += [self.halve(mixture, n_components) for mixture in raced[-1:]]
            if starts:
                start = race_others(some.rows, kind, starts, self.rules, are_few=few)
                may_win = self.found.win_rule(some.rows, (kind, n_components))
                raced.append(start if few else self._settle(some, start, may_win))
        for mixture in raced:
            self._add_fitted(mixture)
        if raced and not few:
            self.found.note_gains(kind, raced[-1].n_components, some.split_gains(raced[-1]))
        if not self._is_hopeless(kind, counts):
            for mixture in raced:
                self._add(self._settle(at, mixture))

    def _add(self, mixture: Parameters) -> bool:
        """Whether a mixture is the best of its model so far."""
        return self.found.add(self.rows.thin(self._most_rows(self.options.max_components)), mixture)
