"""What an estimator takes from a fit: attributes, errors and warnings."""

import warnings
from typing import TYPE_CHECKING

from sklearn.exceptions import ConvergenceWarning

from dgmm.engine.fit import Fit
from dgmm.estimator import attributes
from dgmm.estimator.remedies import REMEDIES
from dgmm.mixture.candidate import Status
from dgmm.mixture.sweep_findings import find_weight_doubts

if TYPE_CHECKING:
    from dgmm.estimator.gaussian_mixture import GaussianMixture

_CALLERS = 4  # from here to the user


def take_over(model: "GaussianMixture", outcome: Fit, before: list[float] | tuple[()]) -> None:
    """Set the attributes of an estimator, and warn of what is doubtful.

    Parameters
    ----------
    model : GaussianMixture
    outcome : Fit
    before : sequence of float
        The trace of the fit that this one goes on from.

    Raises
    ------
    ValueError
        If components collapsed with ``reg_covar=0``.
    """
    result, size = outcome.sweep.selected, outcome.sweep.size
    is_collapsed = result.status is Status.DEGENERATE
    if is_collapsed and model.reg_covar == 0:
        attributes.check_not_flat(result.parameters, outcome.profile.covariance)
    attributes.set_fit_attributes(model, result, model.tol, size, outcome.transform, before)
    for finding in find_weight_doubts(size):
        warnings.warn(finding.advised(REMEDIES), UserWarning, stacklevel=_CALLERS)
    if is_collapsed and not model.reg_covar:
        warnings.warn(Status.DEGENERATE.sentence, ConvergenceWarning, stacklevel=_CALLERS)
    elif not model.converged_ and model.max_iter > 0:
        warnings.warn(attributes.NOT_CONVERGED, ConvergenceWarning, stacklevel=_CALLERS)
