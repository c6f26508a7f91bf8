"""Gaussian mixture models, fitted exactly by EM, on datasets bigger than memory."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dgmm.estimator import BayesianGaussianMixture, GaussianMixture, SweepResult, sweep
    from dgmm.io.results.result import Result, open_result

__version__ = "0.1.0"

__all__ = [
    "BayesianGaussianMixture",
    "GaussianMixture",
    "Result",
    "SweepResult",
    "__version__",
    "open_result",
    "sweep",
]

_OF_RESULTS = ("Result", "open_result")


def __getattr__(name: str) -> object:
    """Import what is asked for, so that ``import dgmm`` and the command stay light."""
    if name in _OF_RESULTS:
        from dgmm.io.results import result

        return getattr(result, name)
    if name in __all__:
        from dgmm import estimator

        return getattr(estimator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
