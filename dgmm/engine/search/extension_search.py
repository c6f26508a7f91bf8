"""The search for components beside those of a mixture of which parts stay as they are known."""

from collections.abc import Sequence

import numpy as np

from dgmm.engine.fit_options import FitOptions
from dgmm.engine.search.anchored_search import AnchoredSearch
from dgmm.engine.search.component_moves import ComponentMoves
from dgmm.engine.search.first_mixtures import FEW_ROWS
from dgmm.engine.search.model_search import ModelSearch
from dgmm.engine.search.prospects import Prospects
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.initialization import moves
from dgmm.mixture.initialization.anchored_moves import AnchoredComponents
from dgmm.mixture.initialization.moves import Move, Posterior
from dgmm.mixture.initialization.split import NO_SPLIT, Split
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts


class ExtensionMoves(ComponentMoves):
    """Moves of the other components alone."""

    def split_all(self, mixture: Parameters, posterior: Posterior) -> list[Split]:
        """What splitting each component would gain; known ones are not split."""
        n = _fixed(self.rows).n_components
        return [NO_SPLIT] * n + super().split_all(mixture, posterior)[n:]

    def _choose(
        self, mixture: Parameters, posterior: Posterior, splits: Sequence[Split], most: int
    ) -> list[Move]:
        n = _fixed(self.rows).n_components
        merges = moves.cheapest_merges(mixture, posterior)
        allowed = [merge for merge in merges if min(merge.i, merge.j) >= n]
        return moves.choose_moves(splits, allowed, most)

    def _apply(self, mixture: Parameters, chosen: Sequence[Move]) -> Parameters:
        none = np.empty((0, mixture.n_features))
        parts = AnchoredComponents(mixture, none, self.rules.regularization)
        return _fixed(self.rows).put_into(parts.apply(chosen))


class ExtensionSearch(AnchoredSearch):
    """The search for models whose first components are those of a known mixture."""

    @property
    def _n_anchors(self) -> int:
        return _fixed(self.rows).n_components

    def grow(self, mixture: Parameters, n_components: int) -> Parameters:
        """The mixture with more components; the first ones besides known ones are guessed."""
        if self._n_anchors == mixture.n_components < n_components:
            few = self.rows.thin(FEW_ROWS).distinct()
            return self._guess(few, mixture.covariance_type, n_components, 0)
        return super().grow(mixture, n_components)

    def _guess(
        self,
        few: SearchRows,
        kind: str,
        n_components: int,
        index: int,
        method: str | None = None,
        number: int = 0,
    ) -> Parameters:
        guess = super()._guess(few, kind, n_components, index, method, number)
        return _fixed(self.rows).put_into(guess)

    def _classes(self, few: SearchRows, n_components: int) -> Parameters:
        """The known mixture, whatever rows there are."""
        del few, n_components
        known = _fixed(self.rows).known
        if known is None:
            raise ValueError("parts alone are no mixture")
        return known.with_noise(None)

    def _moves(self, rows: SearchRows, index: int = 0) -> ComponentMoves:
        return ExtensionMoves(rows, self.rules, (self.options.seed, index))

    def _halves(self, mixture: Parameters) -> list[tuple[int, Split]]:
        k = self._n_anchors + int(np.argmax(mixture.weights[self._n_anchors :]))
        return [(k, moves.halve(mixture, k))]

    def _change(self, mixture: Parameters, splits: list[tuple[int, Split]]) -> Parameters:
        none = np.empty((0, mixture.n_features))
        parts = AnchoredComponents(mixture, none, self.rules.regularization)
        return _fixed(self.rows).put_into(parts.append(splits))


def search_for(
    rows: SearchRows,
    options: FitOptions,
    rules: EMOptions,
    prospects: Prospects,
    noise: Noise | None,
) -> ModelSearch:
    """The search for mixtures of these rows, with what is known of some rows or components."""
    kind = ModelSearch if rows.labelled is None else AnchoredSearch
    if options.fixed is not None and options.fixed.known is not None:
        kind = ExtensionSearch
    return kind(rows, options, rules, noise, prospects=prospects)


def _fixed(rows: SearchRows) -> FixedParts:
    """The parts that stay, which these rows come with."""
    if not isinstance(rows.prior, FixedParts):
        raise ValueError("no part is fixed")
    return rows.prior
