"""How the expanded kernel cuts its work, so that what it works on stays in cache."""

from dataclasses import dataclass
from typing import Self

_PRODUCT = 10**6
"""Multiply-adds up to which OpenBLAS multiplies matrices where they are; larger products copy both
into panels first, which takes as long as multiplying with few components."""

_FEW_ENTRIES = 1024
_BATCH, _FEWEST_ROWS, _MOST_ROWS = 24, 24, 192
_ROWS_OF_FEW = 128  # with few entries all of a tile stays in the first-level cache
_LANES = 8  # numbers in a vector register


@dataclass(frozen=True, slots=True)
class TileShape:
    """Shapes of the expanded kernel's products, L = Theta Phi and then S = Phi R'.

    They depend on the shapes of the models alone, never on the machine, so that results do not.

    Attributes
    ----------
    rows : int
        Rows of the data in a tile, T.
    components : int
        Components in one product.
    transposed : bool
        Whether responsibilities are transposed before they are multiplied.
    """

    rows: int
    components: int
    transposed: bool

    @classmethod
    def of(cls, n_components: int, length: int) -> Self:
        """The shape for Theta of C = ``n_components`` rows and p = ``length`` columns.

        Measured with OpenBLAS 0.3.31 by ``scripts/kernel_efficiency.py``.
        """
        if n_components * length <= _FEW_ENTRIES:
            return cls(_ROWS_OF_FEW, n_components, False)
        rows = _PRODUCT // (length * min(n_components, _BATCH))
        if rows >= _FEWEST_ROWS:
            rows = min(rows - rows % _LANES, _MOST_ROWS)
            components = _PRODUCT // (length * rows)
            return cls(rows, min(components - components % _LANES, n_components), True)
        rows = max(_LANES * 4, min(4 * n_components, _MOST_ROWS))
        return cls(rows, n_components, False)

    def scratch_size(self, n_components: int, length: int) -> int:
        """Numbers that the kernel holds beside its sums: see :func:`dgmm.mixture.compiled.add`."""
        return self.rows * (length + n_components + self.components + 3) + length * self.components


def most_scratch(n_components: int, length: int) -> int:
    """The largest scratch for up to ``n_components``, since candidates leave as they converge."""
    return max(TileShape.of(c, length).scratch_size(c, length) for c in range(1, n_components + 1))
