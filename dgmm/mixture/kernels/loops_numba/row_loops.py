"""Loops over a row of T numbers, of which the others are made."""

from dgmm.mixture.kernels.loops_numba.compilation import inlined
from dgmm.mixture.kernels.loops_numba.exponential import exp
from dgmm.mixture.types import Array


@inlined
def fill(row: Array, value: float) -> None:
    """Set all to a value."""
    for t in range(row.size):
        row[t] = value


@inlined
def copy(row: Array, other: Array) -> None:
    """Copy a row into another."""
    for t in range(row.size):
        other[t] = row[t]


@inlined
def raise_to(largest: Array, row: Array) -> None:
    """Raise each number to that of a row, if that is larger."""
    for t in range(row.size):
        largest[t] = row[t] if row[t] > largest[t] else largest[t]


@inlined
def exponentiate(row: Array, largest: Array, total: Array) -> None:
    """exp(row - largest), in place and added to a total."""
    for t in range(row.size):
        value = exp(row[t] - largest[t])
        row[t] = value
        total[t] += value


@inlined
def multiply(row: Array, factor: Array) -> None:
    """Multiply in place."""
    for t in range(row.size):
        row[t] *= factor[t]


@inlined
def add_to(total: Array, row: Array) -> None:
    """Add in place."""
    for t in range(row.size):
        total[t] += row[t]


@inlined
def add_products(total: Array, row: Array, other: Array) -> None:
    """Add the products of two rows, in place."""
    for t in range(row.size):
        total[t] += row[t] * other[t]


@inlined
def scale_row(row: Array, factor: float, out: Array) -> None:
    """A row times a factor."""
    for k in range(row.size):
        out[k] = factor * row[k]


@inlined
def transpose(matrix: Array, out: Array) -> None:
    """In columns of eight, so that what is written to fills lines of the cache."""
    n_rows, n_columns = matrix.shape
    whole = n_columns - n_columns % 8
    for start in range(0, whole, 8):
        for i in range(n_rows):
            for j in range(start, start + 8):
                out[j, i] = matrix[i, j]
    for i in range(n_rows):
        for j in range(whole, n_columns):
            out[j, i] = matrix[i, j]
