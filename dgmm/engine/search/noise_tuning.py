"""The density of noise, where it is not given."""

from collections.abc import Mapping

import numpy as np

from dgmm.engine.fit_options import Model
from dgmm.engine.search.search_rows import SearchRows
from dgmm.errors import DataError
from dgmm.mixture.density import assign
from dgmm.mixture.noise.hypervolume import log_hypervolume
from dgmm.mixture.noise.noise_component import Noise, NoiseDensity
from dgmm.mixture.noise.otrimle import MOST_NOISE, gaussian_discrepancy
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_ROWS = 1 << 14
_DENSITIES = 16
_STEPS = 5  # of EM from one density to the next


def first_noise(
    wanted: NoiseDensity | None, rows: SearchRows, earlier: Mapping[Model, Parameters]
) -> Noise | None:
    """The noise with which a search begins; that of hypervolume where the density is tuned later.

    Parameters
    ----------
    wanted : float, {"hypervolume", "otrimle"} or None
    rows : SearchRows
    earlier : mapping of Parameters
        Mixtures to start from: the density of their noise stays, so that likelihoods of one fit can
        be compared with those of the next.

    Raises
    ------
    DataError
        If the rows have no volume.
    """
    if wanted is None:
        return None
    if not isinstance(wanted, str):
        return Noise(float(wanted))
    for mixture in earlier.values():
        if mixture.noise is not None:
            return Noise(mixture.noise.log_density)
    log_volume = log_hypervolume(rows.rows)
    if not np.isfinite(log_volume):
        raise DataError(
            "The rows have no volume, so the density of noise cannot be found: a feature is "
            "constant, or linear in the others. Leave it out, or give the log density."
        )
    return Noise(-log_volume)


def tune_noise(
    wanted: NoiseDensity | None,
    found: dict[Model, Parameters],
    rows: SearchRows,
    earlier: Mapping[Model, Parameters],
) -> dict[Model, Parameters]:
    """Mixtures beside noise of the density that leaves components most Gaussian, if so wanted.

    All have the same density, since likelihoods of different ones cannot be compared. It is that
    of the smallest discrepancy of any mixture, on a grid from the density of the hypervolume to the
    median density of the rows.

    Parameters
    ----------
    wanted : float, {"hypervolume", "otrimle"} or None
    found : dict of Parameters
        Mixtures with noise of the first density.
    rows : SearchRows
    earlier : mapping of Parameters
        Whose noise keeps its density.
    """
    if wanted != "otrimle" or any(mixture.noise is not None for mixture in earlier.values()):
        return found
    few = rows.thin(_ROWS)
    best, tuned = np.inf, found
    for log_density in _grid(found, few):
        found = {
            key: few.climb(mixture.with_noise(Noise(log_density)), _STEPS)
            for key, mixture in found.items()
        }
        discrepancy = min(
            (
                gaussian_discrepancy(mixture, few.rows, few.weights)
                for mixture in found.values()
                if mixture.noise is not None and mixture.noise.weight <= MOST_NOISE
            ),
            default=np.inf,
        )
        if discrepancy < best:
            best, tuned = discrepancy, found
    return tuned


def _grid(found: dict[Model, Parameters], rows: SearchRows) -> Array:
    """Log densities to try, smallest first."""
    mixtures = list(found.values())
    least = min(mixture.noise.log_density for mixture in mixtures if mixture.noise is not None)
    densities = [assign(mixture, rows.rows).log_density for mixture in mixtures]
    median = max(float(np.median(values)) for values in densities)
    return np.linspace(least, max(least, median), _DENSITIES)
