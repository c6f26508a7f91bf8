"""The search where the component of some rows is known.

The first components are those of the labelled rows, and stay so. Models of one covariance type are
found from the fewest components to the most: each has starts of its own, and one in which
components of the smaller model are split; the better one goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from dgmm.engine.fit_options import Model
from dgmm.engine.search.component_moves import ComponentMoves
from dgmm.engine.search.first_mixtures import FEW_ROWS, ROUNDS, STEPS
from dgmm.engine.search.model_search import ModelSearch
from dgmm.engine.search.race import SCHEDULE, race
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.density import assign
from dgmm.mixture.initialization import moves
from dgmm.mixture.initialization.anchored_moves import AnchoredComponents, select_merges
from dgmm.mixture.initialization.moves import Move, Posterior
from dgmm.mixture.initialization.split import Split
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.labelled_statistics import LabelledStatistics
from dgmm.mixture.types import Array

_STARTS = 2  # of each kind


class AnchoredMoves(ComponentMoves):
    """Moves that leave the components of labelled rows in their places."""

    def _choose(
        self, mixture: Parameters, posterior: Posterior, splits: Sequence[Split], most: int
    ) -> list[Move]:
        merges = moves.cheapest_merges(mixture, posterior)
        allowed = select_merges(merges, _labelled(self.rows).n_classes)
        return moves.choose_moves(splits, allowed, most)

    def _apply(self, mixture: Parameters, chosen: Sequence[Move]) -> Parameters:
        means = _labelled(self.rows).means
        return AnchoredComponents(mixture, means, self.rules.regularization).apply(chosen)


class AnchoredSearch(ModelSearch):
    """The search for models whose first components are those of labelled rows."""

    def _searches(
        self, earlier: Mapping[Model, Parameters], origin: Array
    ) -> list[Callable[[], None]]:
        options = self.options
        if options.max_iter == 0 or not options.given.is_empty:
            return super()._searches(earlier, origin)
        kinds = dict.fromkeys(kind for kind, _ in options.models)
        counts = {kind: sorted(k for other, k in options.models if other == kind) for kind in kinds}
        known = [model for model in options.models if model in earlier]
        searches: list[Callable[[], None]] = []
        searches += [partial(self._from_earlier, earlier[model]) for model in known]
        for kind, each in counts.items():
            left = [k for k in each if options.n_init > 1 or (kind, k) not in known]
            if left:
                searches += [partial(self._ascend, kind, left, i) for i in range(options.n_init)]
        return searches

    def _ascend(self, kind: str, counts: Sequence[int], index: int) -> None:
        """Mixtures of one covariance type, from the fewest components to the most."""
        rows = self._rows_for(kind, counts[-1])
        at, few = self._moves(rows, index), rows.thin(FEW_ROWS).distinct()
        n_anchors = self._n_anchors
        smaller = self._guess(few, kind, n_anchors, index)
        for n_components in counts:
            starts = [self.grow(rows.climb(smaller, STEPS), n_components)]
            if n_components > n_anchors:
                starts += self._guesses(few, kind, n_components, index, _STARTS)
            found = at.improve(race(rows, starts, self.rules, SCHEDULE), ROUNDS)
            smaller = self._settle(at, found)
            self._add(smaller)

    @property
    def _n_anchors(self) -> int:
        """How many components stay in their places."""
        return _labelled(self.rows).n_classes

    def _guess(
        self,
        few: SearchRows,
        kind: str,
        n_components: int,
        index: int,
        method: str | None = None,
        number: int = 0,
    ) -> Parameters:
        """The classes as they are labelled, and a guess of others among the rows unlike them."""
        classes = self._classes(few, n_components)
        n_others = n_components - classes.n_components
        parts = [(classes.weights, classes.means, classes.matrices)]
        if n_others:
            density = assign(classes, few.rows).log_density
            n_rows = max(n_others, few.n_rows * n_others // n_components)
            far = np.sort(np.argsort(density, kind="stable")[:n_rows])
            unlike = SearchRows(few.rows[far], few.weights[far], few.regularization)
            other = super()._guess(unlike, "full", n_others, index, method, number)
            share = n_others / n_components  # as if all components had as many rows
            parts = [((1 - share) * classes.weights, classes.means, classes.matrices)]
            parts.append((share * other.weights, other.means, other.matrices))
        weights, means, matrices = (np.concatenate(part) for part in zip(*parts, strict=True))
        found = Parameters.from_moments(kind, weights, means, matrices, self.rules.regularization)
        return found.with_noise(self.noise)

    def _classes(self, few: SearchRows, n_components: int) -> Parameters:
        """A mixture of the classes alone, of full covariances shrunk as those of other starts."""
        labelled = _labelled(few)
        d = few.rows.shape[1]
        prior = self.rules.covariance / n_components ** (2.0 / d)
        counts = labelled.counts[:, None, None] + d + 2
        matrices = (labelled.scatters + (d + 2) * prior) / counts
        weights = np.ones(labelled.n_classes)
        return Parameters.from_moments(
            "full", weights, labelled.means, matrices, self.rules.regularization
        )

    def _moves(self, rows: SearchRows, index: int = 0) -> ComponentMoves:
        return AnchoredMoves(rows, self.rules, (self.options.seed, index))

    def _change(self, mixture: Parameters, splits: list[tuple[int, Split]]) -> Parameters:
        means = _labelled(self.rows).means
        return AnchoredComponents(mixture, means, self.rules.regularization).append(splits)


def _labelled(rows: SearchRows) -> LabelledStatistics:
    """The labelled rows beside these."""
    if rows.labelled is None:
        raise ValueError("no row has a label")
    return rows.labelled
