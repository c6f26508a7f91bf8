"""Densities and assignments of rows under one mixture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.mixture import centred
from dgmm.mixture.parameters import Parameters

Array = NDArray[np.float64]

_TILE_ROWS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """What a mixture says about each of T rows.

    Attributes
    ----------
    log_density : ndarray of shape (T,), float64
        log p(x), in nats.
    responsibilities : ndarray of shape (T, n_components), float64
        Posterior probability of each component; rows sum to 1.
    """

    log_density: Array
    responsibilities: Array

    @property
    def labels(self) -> NDArray[np.intp]:
        """The most probable component of each row, shape (T,); the first of equals."""
        return self.responsibilities.argmax(axis=1)


def assign(mixture: Parameters, rows: NDArray[np.generic]) -> Assignment:
    """Densities and responsibilities of rows, by the centred form.

    Parameters
    ----------
    mixture : Parameters
        In the units of the rows.
    rows : ndarray of shape (T, n_features)
        Any real or boolean dtype; widened to float64 tile by tile.

    Returns
    -------
    Assignment

    Raises
    ------
    DataError
        If a value is NaN or infinite.
    """
    n_rows = len(rows)
    log_density = np.empty(n_rows)
    responsibilities = np.empty((n_rows, mixture.n_components))
    for start in range(0, n_rows, _TILE_ROWS):
        tile = slice(start, start + _TILE_ROWS)
        x = np.ascontiguousarray(rows[tile].T.astype(np.float64))
        if not np.isfinite(x).all():
            row = start + int(np.flatnonzero(~np.isfinite(x).all(axis=0))[0])
            message = (
                f"Row {row} of a block has a value that is NaN or infinite; expected finite "
                "numbers. Remove or fill such rows."
            )
            raise DataError(message)
        logits, _ = centred.log_densities(mixture, x)
        largest = logits.max(axis=0)
        logits -= largest
        np.exp(logits, out=logits)
        total = logits.sum(axis=0)
        log_density[tile] = largest + np.log(total)
        responsibilities[tile] = (logits / total).T
    return Assignment(log_density, responsibilities)
