"""All models of a sweep, from starts to mixtures that EM can finish.

A start is made on few rows with spherical components, whose likelihood has fewer local optima; then
moves put components where they are needed, on more and more rows. The models of one covariance type
are found in one descent from the largest: the components whose merging loses least become one,
and moves repair the rest. Each model has a start of its own beside it; the better one goes on.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from dgmm.engine.fit_options import FitOptions, Model
from dgmm.engine.search.component_moves import ComponentMoves
from dgmm.engine.search.noise_tuning import tune_noise
from dgmm.engine.search.race import SCHEDULE, race
from dgmm.engine.search.search_rows import SearchRows
from dgmm.engine.search.trial_budget import LARGE_BUDGET, TrialBudget
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.initialization import initializers, moves
from dgmm.mixture.initialization.split import Split
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of
from dgmm.mixture.types import Array

_FEW_ROWS = 1 << 13  # for spherical components
_VERY_FEW_ROWS = 1 << 12  # up to which several kinds of start are tried
_ROWS_PER_PARAMETER = 20
_STARTS_OF_FEW = 3  # of each kind
_FEW_COMPONENTS = 8  # up to which starts of other kinds are tried on many rows, too
_COMPONENTS_OF_STARTS = 32  # of all these starts together
_ROUNDS, _DESCENT_ROUNDS = 8, 2
_FIRST_STEPS, _STEPS = 8, 5  # of EM
_MOST_STEPS = 60  # of EM on few rows
_LEAST_GAIN = 0.5  # nats by which a later search must be better
_POSTERIOR_BYTES = 1 << 28  # that responsibilities of all rows may take


@dataclass(eq=False)
class ModelSearch:
    """The search for the models of a sweep.

    Attributes
    ----------
    rows : SearchRows
        All that the driver holds.
    options : FitOptions
    rules : EMOptions
    noise : Noise, or None
        Of every mixture.
    """

    rows: SearchRows
    options: FitOptions
    rules: EMOptions
    noise: Noise | None = None

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
        found: dict[Model, tuple[tuple[bool, float], Parameters]] = {}
        for done, search in enumerate(self._searches(earlier, origin), start=1):
            for mixture in search():
                self._keep_better(found, mixture)
            on_done(done)
        best = {model: found[model][1] for model in self.options.models}
        return tune_noise(self.options.noise, best, self.rows, earlier)

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
    ) -> list[Callable[[], Iterator[Parameters]]]:
        options = self.options
        if options.max_iter == 0 or not options.given.is_empty:
            return [partial(self._first, model, earlier, origin) for model in options.models]
        searches: list[Callable[[], Iterator[Parameters]]] = []
        for kind in dict.fromkeys(kind for kind, _ in options.models):
            counts = sorted((k for other, k in options.models if other == kind), reverse=True)
            known = [k for k in counts if (kind, k) in earlier]
            searches += [partial(self._from_earlier, earlier[kind, k]) for k in known]
            if options.n_init == 1:
                counts = [k for k in counts if k not in known]
            if counts:
                every = range(options.n_init if counts[0] > 1 else 1)
                searches += [partial(self._descend, kind, counts, index) for index in every]
        return searches

    def _first(
        self, model: Model, earlier: Mapping[Model, Parameters], origin: Array
    ) -> Iterator[Parameters]:
        """Starts without a search, with what the caller has given in the place of guesses."""
        kind, n_components = model
        if model in earlier:
            yield earlier[model].with_noise(self.noise)
            if self.options.n_init == 1:
                return
        few, given = self.rows.thin(_FEW_ROWS).distinct(), self.options.given.relative_to(origin)
        for index in range(self.options.n_init if n_components > 1 else 1):
            yield given.replace_in(self._guess(few, kind, n_components, index))

    def _from_earlier(self, mixture: Parameters) -> Iterator[Parameters]:
        mixture = mixture.with_noise(self.noise)
        rows = self._rows_for(mixture.covariance_type, mixture.n_components)
        yield self._moves(rows).improve(rows.climb(mixture, _STEPS), _ROUNDS)

    def _descend(self, kind: str, counts: list[int], index: int) -> Iterator[Parameters]:
        """Mixtures of one covariance type, from the most components to the fewest."""
        rows = self._rows_for(kind, counts[0])
        at = self._moves(rows, index)
        find = self._find_in_few if rows.n_rows <= _VERY_FEW_ROWS else self._find
        mixture = find(at, kind, counts[0], index)
        if counts[0] > 1 and 2 * rows.n_rows < self.rows.n_rows:
            every = self.rows.thin(self._most_rows(counts[0]))
            mixture = self._moves(every, index).improve(every.climb(mixture, 2), _ROUNDS)
        yield mixture
        for n_components in counts[1:]:
            mixture = at.merge(mixture, n_components)
            if n_components > 1:
                mixture = at.make_sound(at.improve(mixture, _DESCENT_ROUNDS))
                # A start of its own, too: merges alone may lead to a poor optimum.
                if index == 0:
                    yield find(at, kind, n_components, index)
            yield mixture

    def _find(self, at: ComponentMoves, kind: str, n_components: int, index: int) -> Parameters:
        """A mixture from a start that is found with spherical components on few rows.

        Few components cost little, so that other starts are tried, too.
        """
        few = self.rows.thin(_FEW_ROWS).distinct()
        start = self._start_simply(few, kind, n_components, index)
        mixture = at.rows.climb(start, _STEPS)
        if n_components == 1:
            return mixture
        mixture = self._repair(at, mixture)
        if n_components > _FEW_COMPONENTS:
            return mixture
        n_starts = _COMPONENTS_OF_STARTS // n_components
        methods = self.options.init_params or tuple(initializers.METHODS)
        pairs = [(methods[i % len(methods)], i // len(methods)) for i in range(n_starts)]
        guesses = [self._guess(few, kind, n_components, index, *pair) for pair in pairs]
        other = self._repair(at, race(at.rows, guesses, self.rules, SCHEDULE))
        settled = [self._settle(at, one) for one in (mixture, other)]
        return max(settled, key=lambda one: self._quality(at.rows, one))

    def _repair(self, at: ComponentMoves, mixture: Parameters) -> Parameters:
        """The mixture after all kinds of moves."""
        return at.make_sound(at.try_moves(at.improve(mixture, _ROUNDS), TrialBudget()))

    def _settle(self, at: ComponentMoves, mixture: Parameters) -> Parameters:
        """The mixture after accelerated EM, in a limited number of steps."""
        n_steps = min(_MOST_STEPS, _STEPS * self.rules.max_iter)
        return at.rows.settle(mixture, replace(self.rules, max_iter=n_steps))

    def _find_in_few(
        self, at: ComponentMoves, kind: str, n_components: int, index: int
    ) -> Parameters:
        """A mixture of so few rows that several kinds of start cost little.

        They are tried where moves might pay that bounds do not promise to.
        """
        few = at.rows.distinct()
        mixture = at.rows.climb(self._guess(few, kind, n_components, index), _FIRST_STEPS)
        if n_components == 1:
            return mixture
        mixture = at.improve(mixture, _ROUNDS)
        if not at.is_plausible(mixture):
            return self._settle(at, mixture)
        others = self.options.init_params or tuple(initializers.METHODS)
        guesses = [
            self._guess(few, kind, n_components, index, method, number)
            for method in others
            for number in range(_STARTS_OF_FEW)
        ]
        simple = self._start_simply(few, kind, n_components, index)
        found = at.improve(
            race(at.rows, [mixture, simple, *guesses], self.rules, SCHEDULE), _ROUNDS
        )
        mixture = max(mixture, found, key=lambda one: self._quality(at.rows, one))
        mixture = at.make_sound(at.try_moves(mixture, LARGE_BUDGET))
        return self._settle(at, mixture)

    def _start_simply(
        self, few: SearchRows, kind: str, n_components: int, index: int
    ) -> Parameters:
        """A mixture that is found with spherical components, whose optima are fewer."""
        start = few.climb(self._guess(few, "spherical", n_components, index), _FIRST_STEPS)
        if n_components > 1:
            start = self._moves(few, index).improve(start, _ROUNDS)
        parts = start.weights, start.means, start.matrices
        return Parameters.from_moments(kind, *parts, self.rules.regularization, start.noise)

    def _guess(
        self,
        few: SearchRows,
        kind: str,
        n_components: int,
        index: int,
        method: str | None = None,
        number: int = 0,
    ) -> Parameters:
        methods = self.options.methods
        method = method or methods[index % len(methods)]
        rng = np.random.default_rng([self.options.seed, n_components, index, number])
        guess = initializers.METHODS[method](few.rows, few.weights, n_components, rng)
        first = initializers.first_parameters(
            kind, few.rows, guess, few.weights, self.rules.regularization, rng
        )
        return first.with_noise(self.noise)

    def _moves(self, rows: SearchRows, index: int = 0) -> ComponentMoves:
        return ComponentMoves(rows, self.rules, (self.options.seed, index))

    def _most_rows(self, n_components: int) -> int:
        """Rows of which the driver may hold the responsibilities."""
        return max(_FEW_ROWS, _POSTERIOR_BYTES // (8 * n_components))

    def _rows_for(self, kind: str, n_components: int) -> SearchRows:
        """Rows in proportion to the model's parameters."""
        d = self.rows.rows.shape[1]
        own = structure_of(kind).n_component_parameters(d)
        wanted = max(2 * _FEW_ROWS, _ROWS_PER_PARAMETER * own * n_components)
        return self.rows.thin(min(wanted, self._most_rows(n_components)))

    def _keep_better(
        self, found: dict[Model, tuple[tuple[bool, float], Parameters]], mixture: Parameters
    ) -> None:
        model = mixture.covariance_type, mixture.n_components
        if model not in self.options.models:
            return
        rows = self._rows_for(mixture.covariance_type, self.options.max_components)
        quality = self._quality(rows, mixture)
        least = max(_LEAST_GAIN, self.options.tol * rows.scatter.total_weight)
        if model not in found or quality > (found[model][0][0], found[model][0][1] + least):
            found[model] = quality, mixture

    def _quality(self, rows: SearchRows, mixture: Parameters) -> tuple[bool, float]:
        """Whether it is sound, and its log-likelihood; the larger, the better."""
        is_sound = not iteration.is_degenerate(mixture, self.rules)
        return is_sound, rows.expect(mixture).log_likelihood
