"""The volume that rows lie in, of which the density of noise is the inverse."""

import numpy as np

from dgmm.mixture.types import Array


def log_hypervolume(rows: Array) -> float:
    """Log of the volume of the smaller of two boxes around rows.

    One along the features, one along the principal axes (Banfield & Raftery 1993, Biometrics 49;
    R's mclust, ``hypvol``). Minus infinity where rows have no volume.

    Parameters
    ----------
    rows : ndarray of shape (m, n_features)
    """
    centred = rows - rows.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1]
    with np.errstate(divide="ignore"):
        logs = [float(np.log(np.ptp(each, axis=0)).sum()) for each in (rows, centred @ axes)]
    return min(logs)
