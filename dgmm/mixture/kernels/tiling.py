"""How the work of the expanded kernel is cut so that it stays in cache, and which loops do it."""

from dataclasses import dataclass
from types import ModuleType
from typing import Self

from dgmm.mixture import feature_map
from dgmm.mixture.kernels import loops_numpy

_PRODUCT = 10**6
"""Multiply-adds up to which OpenBLAS multiplies matrices where they are; larger products copy both
into panels first, which takes as long as multiplying with few components."""

_FEW_ENTRIES = 1024
_BATCH, _FEWEST_ROWS, _MOST_ROWS = 24, 24, 192
_ROWS_OF_FEW = 384
_LANES = 8  # numbers in a vector register

_WIDE = 64
"""Features from which on the map is not made. C = 8, 16, 64, 210 components then take 0.85, 0.87,
0.96, 1.04 of the time at d = 64, and 0.47, 0.60, 0.73, 0.96 at 128."""
_ROWS_OF_WIDE = 256


@dataclass(frozen=True, slots=True)
class TileShape:
    """Shapes of the expanded kernel's products: L = Theta Phi and S = Phi R', or by factors.

    They depend on the shapes of the models alone, never on the machine, so that results do not.

    Attributes
    ----------
    rows : int
        Rows of the data in a tile, T.
    components : int
        Components in one product.
    transposed : bool
        Whether responsibilities are transposed before they are multiplied.
    factored : bool
        Whether entries of the map are used as products of their factors, and never made.
    """

    rows: int
    components: int
    transposed: bool
    factored: bool = False

    @classmethod
    def of(cls, n_components: int, order: int, n_features: int) -> Self:
        """The shape for C = ``n_components`` and the feature map up to ``order``.

        Measured with OpenBLAS 0.3.31 by ``scripts/benchmarks/kernel_efficiency.py``.
        """
        if order == feature_map.CROSSES and n_features >= _WIDE:
            components = min(n_components, _BATCH)
            rows = _PRODUCT // ((1 + n_features) * components)
            rows = max(_LANES * 4, min(rows - rows % _LANES, _ROWS_OF_WIDE))
            return cls(rows, components, True, factored=True)
        length = feature_map.length(order, n_features)
        if n_components * length <= _FEW_ENTRIES:
            return cls(_ROWS_OF_FEW, n_components, False)
        rows = _PRODUCT // (length * min(n_components, _BATCH))
        if rows >= _FEWEST_ROWS:
            rows = min(rows - rows % _LANES, _MOST_ROWS)
            components = _PRODUCT // (length * rows)
            return cls(rows, min(components - components % _LANES, n_components), True)
        rows = max(_LANES * 4, min(4 * n_components, _MOST_ROWS))
        return cls(rows, n_components, False)

    def scratch_size(self, n_components: int, order: int, n_features: int) -> int:
        """Numbers that the kernel holds beside its sums, as laid out in the compiled loops."""
        width = 1 + n_features if self.factored else feature_map.length(order, n_features)
        batches = 2 if self.factored else 1
        per_row = width + n_components + batches * self.components + 3
        return self.rows * per_row + width * self.components


def most_scratch(n_components: int, order: int, n_features: int) -> int:
    """The largest scratch for up to ``n_components``, since candidates leave as they converge."""
    shapes = {c: TileShape.of(c, order, n_features) for c in range(1, n_components + 1)}
    return max(shape.scratch_size(c, order, n_features) for c, shape in shapes.items())


COMPILED_FROM = 1 << 15
"""Responsibilities in a block from which compiled loops are used. Loading them takes a second, once
a process; a fit of a few hundred rows takes a tenth of that."""


def loops_for(n_rows: int, n_components: int) -> ModuleType:
    """The module with ``add`` and ``softmax`` for a block.

    It depends on the shape of the work alone, so that results do not depend on the machine.
    """
    if n_rows * n_components < COMPILED_FROM:
        return loops_numpy
    from dgmm.mixture.kernels import loops_numba

    return loops_numba
