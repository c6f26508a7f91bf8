"""One EM step of dgmm.mixture over blocks, as a pass of the engine does it, without Dask."""

from contextlib import nullcontext
from functools import reduce
from operator import add
from unittest.mock import patch

import numpy as np

from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from tests.strategies import blocks_of

KERNELS = ("expanded", "centred")
_BOUND = {"expanded": np.inf, "centred": -1.0}


def using(kernel):
    """Make every model take this kernel, whatever its error bound; None leaves the choice."""
    if kernel is None:
        return nullcontext()
    return patch.object(packed_models, "MAX_RELATIVE_ERROR", _BOUND[kernel])


def frame_of(X, sample_weight=None):
    origin = np.average(X, axis=0, weights=sample_weight)
    s = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    deviations = X - origin
    return CentredScatter(origin, float(s.sum()), (deviations.T * s) @ deviations)


def regularization_of(centred, reg_covar=None):
    """The default floor, and a ridge where asked for."""
    return Regularization.for_data(
        centred.scatter / centred.total_weight, centred.origin, reg_covar
    )


def relative_to(origin, mixture):
    return Parameters.from_covariances(*mixture).translate(-origin)


def e_step(X, mixtures, sample_weight=None, chunks=None, kernel=None, centred=None):
    """The moments of every mixture over all rows; means are relative to the frame's origin."""
    centred = centred or frame_of(X, sample_weight)
    moved = [relative_to(centred.origin, mixture) for mixture in mixtures]
    with using(kernel):
        packed = packed_models.pack(moved, centred.origin)
    chunks = chunks or (len(X),)
    weights = [None] * len(chunks)
    if sample_weight is not None:
        weights = blocks_of(np.asarray(sample_weight), chunks)
    statistics = [
        packed_models.accumulate(packed, block, w)
        for block, w in zip(blocks_of(X, chunks), weights, strict=True)
    ]
    return packed_models.moments(packed, moved, reduce(add, statistics, packed.zero()), centred)


def em_step(X, mixture, sample_weight=None, chunks=None, kernel=None, reg_covar=None):
    """The parameters after one EM step, in the coordinates of the rows."""
    centred = frame_of(X, sample_weight)
    (moments,) = e_step(X, [mixture], sample_weight, chunks, kernel, centred)
    regularization = regularization_of(centred, reg_covar)
    return m_step(mixture.covariance_type, moments, regularization).translate(centred.origin)
