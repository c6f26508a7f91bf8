"""Where searches start: guesses on few rows, and on how many rows they go on."""

from dataclasses import dataclass

import numpy as np

from dgmm.engine.fit_options import RESPONSIBILITY_BYTES, FitOptions
from dgmm.engine.search.component_moves import ComponentMoves
from dgmm.engine.search.search_rows import SearchRows
from dgmm.engine.search.structure_race import as_type
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.initialization import initializers
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of

FEW_ROWS = 1 << 13  # for spherical components
_ROWS_PER_PARAMETER = 20
_STARTS_OF_FEW = 3  # of each kind, unless fewer do
FIRST_STEPS, STEPS = 8, 5  # of EM
ROUNDS = 8  # of moves


@dataclass(eq=False)
class FirstMixtures:
    """First mixtures of the models of a sweep.

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

    def _few_rows(self) -> SearchRows:
        """Rows on which guesses are made."""
        return self.rows.thin(FEW_ROWS).distinct()

    def _start_simply(self, kind: str, n_components: int, index: int) -> Parameters:
        """A mixture that is found with spherical components, whose optima are fewer."""
        few = self._few_rows()
        start = few.climb(self._guess(few, "spherical", n_components, index), FIRST_STEPS)
        if n_components > 1:
            start = self._moves(few, index).improve(start, ROUNDS)
        return as_type(kind, start, self.rules.regularization)

    def _guesses(
        self,
        few: SearchRows,
        kind: str,
        n_components: int,
        index: int,
        n_of_each: int = _STARTS_OF_FEW,
    ) -> list[Parameters]:
        return [
            self._guess(few, kind, n_components, index, method, number)
            for method in self.options.init_params or tuple(initializers.METHODS)
            for number in range(n_of_each)
        ]

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
        return max(FEW_ROWS, RESPONSIBILITY_BYTES // (8 * n_components))

    def _rows_for(
        self, kind: str, n_components: int, per_parameter: int = _ROWS_PER_PARAMETER
    ) -> SearchRows:
        """Rows in proportion to the model's parameters."""
        own = structure_of(kind).n_component_parameters(self.rows.rows.shape[1])
        least = 8 * FEW_ROWS * per_parameter // _ROWS_PER_PARAMETER
        wanted = max(least, per_parameter * own * n_components)
        return self.rows.thin(min(wanted, self._most_rows(n_components)))
