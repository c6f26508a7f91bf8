"""What users say a fit should start from: kinds of start, or what an earlier fit found."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from dgmm.estimator import fitted
from dgmm.io.reader import Result
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.result import FitResult
from dgmm.mixture.transfer import Earlier


def earlier_of(init_params: Any) -> Earlier:
    """The mixtures that ``init_params`` holds; none if it names kinds of start.

    Parameters
    ----------
    init_params : object
        A fitted mixture of dgmm or scikit-learn, the same in a ``FrozenEstimator``, what
        :func:`dgmm.sweep` returned, or an opened result; anything else holds none.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If it is a mixture that was not fitted.
    """
    if isinstance(init_params, FrozenEstimator):
        init_params = init_params.estimator
    if isinstance(init_params, Result):
        return Earlier(_mixtures(init_params.sweep.results), init_params.preparation)
    results = getattr(init_params, "results", None)  # of a sweep, which stands above this module
    if isinstance(results, tuple):
        return Earlier(_mixtures(results))
    if isinstance(init_params, BaseEstimator) and hasattr(init_params, "covariance_type"):
        check_is_fitted(
            init_params,
            "means_",
            msg="init_params is a %(name)s that is not fitted. Copies that scikit-learn makes of "
            "estimators forget their fits: wrap it in sklearn.frozen.FrozenEstimator.",
        )
        return Earlier((fitted.parameters_of(init_params),))
    return Earlier()


def _mixtures(results: tuple[FitResult, ...]) -> tuple[Parameters, ...]:
    return tuple(result.parameters for result in results)
