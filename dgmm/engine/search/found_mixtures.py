"""The best mixture of each model that a search has found, and what is worth a search after it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dgmm.engine.fit_options import FitOptions, Model
from dgmm.engine.search.component_moves import Quality
from dgmm.engine.search.prospects import Prospects, model_of
from dgmm.engine.search.search_rows import SearchRows, always
from dgmm.engine.search.structure_race import single_component
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.em.quasi_newton import GAIN_SAFETY_FACTOR
from dgmm.mixture.parameters import Parameters

_LEAST_GAIN = 0.5  # nats by which a later mixture must be better


@dataclass(frozen=True, slots=True, eq=False)
class FoundMixture:
    """A mixture of a search.

    Attributes
    ----------
    mixture : Parameters
    is_sound : bool
        Whether no component has collapsed.
    mean : float
        Objective per unit of weight of the rows of the search, in nats.
    """

    mixture: Parameters
    is_sound: bool
    mean: float


@dataclass(eq=False)
class FoundMixtures:
    """The best mixture of each model so far.

    Attributes
    ----------
    options : FitOptions
    rules : EMOptions
    prospects : Prospects
    """

    options: FitOptions
    rules: EMOptions
    prospects: Prospects
    _best: dict[Model, FoundMixture] = field(default_factory=dict, init=False)
    _values: dict[Model, float] = field(default_factory=dict, init=False)
    _gains: dict[Model, Sequence[float]] = field(default_factory=dict, init=False)

    @property
    def mixtures(self) -> dict[Model, Parameters]:
        """The mixtures, in the order of the options."""
        return {model: self._best[model].mixture for model in self.options.models}

    def add(self, rows: SearchRows, mixture: Parameters) -> bool:
        """Whether a mixture is the best of its model now, judged by the same rows as the others."""
        model = model_of(mixture)
        if model not in self.options.models:
            return False
        is_sound, value = quality_of(rows, mixture, self.rules)
        n = rows.scatter.total_weight
        best, least = self._best.get(model), max(_LEAST_GAIN / n, self.options.tol)
        if best is not None and not (is_sound, value / n) > (best.is_sound, best.mean + least):
            return False
        self._best[model] = FoundMixture(mixture, is_sound, value / n)
        self._values.pop(model, None)
        if is_sound and self.prospects.can_be_chosen(mixture):
            self._values[model] = value / n
        return True

    def with_components(self, n_components: int, kinds: Sequence[str]) -> list[Parameters]:
        """The mixtures of some structures with so many components."""
        models = [(kind, n_components) for kind in kinds]
        return [self._best[model].mixture for model in models if model in self._best]

    def may_be_chosen(self, kind: str, n_components: int) -> bool:
        """Whether a model may be chosen after all, by what is known of larger ones."""
        return self.prospects.may_be_chosen((kind, n_components), self._values, self._gains)

    def win_rule(self, rows: SearchRows, model: Model) -> Callable[[FitState], bool]:
        """A rule that says whether a state of EM on some rows may still become the choice.

        It may if it would be chosen after several times the gain that is predicted, beside what the
        best mixture reaches on the same rows.
        """
        if self.options.finish_all or not self.options.is_plain or not self._values:
            return always
        best = min(self._values, key=self._score)
        value, score = self._values[best], self._score(best)
        reference = rows.expect(self._best[best].mixture).objective / rows.scatter.total_weight

        def may_win(state: FitState) -> bool:
            most = state.trace[-1] + GAIN_SAFETY_FACTOR * state.search.remaining_gain
            return not self.prospects.score(model, value + (most - reference)) > score

        return may_win

    def _score(self, model: Model) -> float:
        return self.prospects.score(model, self._values[model])

    def mixture(self, kind: str, n_components: int) -> Parameters:
        """The best mixture of a model."""
        return self._best[kind, n_components].mixture

    def most_promising(self, kind: str, counts: Sequence[int]) -> int:
        """The number of components that would be chosen; the first if none can be."""
        known = [k for k in counts if (kind, k) in self._values]
        if not known:
            return counts[0]
        return min(known, key=lambda k: self._score((kind, k)))

    def note_gains(self, kind: str, n_components: int, gains: Sequence[float]) -> None:
        """Keep what splits of the components of a model's mixture gain per row."""
        self._gains[kind, n_components] = sorted(gains, reverse=True)

    def is_hopeless(self, kind: str, counts: Sequence[int]) -> bool:
        """Whether there are mixtures of a structure already, and all are far behind others."""
        if self.options.finish_all or not all((kind, k) in self._best for k in counts):
            return False
        if not self.prospects.may_outdo(kind, counts, self._values, self._gains):
            return True
        single = single_component(kind, self.rules.covariance, self.rules.regularization)
        return is_hopeless(kind, single, self._best)


def quality_of(rows: SearchRows, mixture: Parameters, rules: EMOptions) -> Quality:
    """Whether a mixture is sound, and its objective: the larger, the better."""
    is_sound = not iteration.is_degenerate(mixture, rules)
    return is_sound, rows.expect(mixture).objective


def is_hopeless(kind: str, single: float, found: Mapping[Model, FoundMixture]) -> bool:
    """Whether a structure would have to gain once more what all its components have gained.

    Parameters
    ----------
    kind : str
    single : float
        What :func:`~dgmm.engine.search.structure_race.single_component` of it fits.
    found : mapping of model to FoundMixture
    """
    own = [one.mean for (other, _), one in found.items() if other == kind and one.is_sound]
    best = max((one.mean for one in found.values() if one.is_sound), default=-np.inf)
    return bool(own) and best - max(own) > max(own) - single
