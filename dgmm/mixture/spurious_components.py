"""Components that stand on too few rows for the choice of a model to rest on them."""

import numpy as np

from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Indices


def find_spurious_components(mixture: Parameters, n_rows: float) -> Indices:
    """Components on fewer rows than they have parameters of their own, by their places.

    A few rows in a line or a plane make a maximum of the likelihood that says little about the data
    (McLachlan & Peel 2000, Finite Mixture Models, sec. 3.10). Where rows are so few that a fair
    share of them is less than four times the parameters, a quarter of that share is enough, but
    never less than d + 2.

    Parameters
    ----------
    mixture : Parameters
    n_rows : float
        The number of rows that criteria count.

    Returns
    -------
    ndarray of int
        Empty for a mixture of one component.
    """
    k, d = mixture.means.shape
    if k == 1:
        return np.empty(0, dtype=np.int64)
    own = mixture.structure.n_component_parameters(d)
    least = min(own, max(d + 2, n_rows / (4 * k)))
    return np.flatnonzero(mixture.weights * n_rows < least)
