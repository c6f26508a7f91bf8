"""What is known before a fit, and does not go with other options; refused before rows are read."""

from typing import TYPE_CHECKING

from dgmm.engine.fit_options import FitOptions
from dgmm.engine.in_memory import InMemoryRows
from dgmm.errors import ConfigurationError
from dgmm.mixture.prior_knowledge.conjugate_prior import KINDS
from dgmm.text import join_names

if TYPE_CHECKING:  # rows in memory do not need Dask, which is slow to import
    from dgmm.engine.dataset import Dataset


def check_options(dataset: "Dataset | InMemoryRows", options: FitOptions) -> None:
    """Refuse combinations of options for which there is no fit.

    Raises
    ------
    ConfigurationError
    """
    if dataset.labels is not None:
        _check_labels(dataset, options)
    if options.has_prior:
        _check_prior(dataset, options)
    if options.relevance is not None:
        _check_background(options)


def _check_labels(dataset: "Dataset | InMemoryRows", options: FitOptions) -> None:
    if dataset.missing == "marginalize":
        raise ConfigurationError(
            "There are labels, and missing values are to be marginalized; labelled rows are summed "
            "once, and must be complete. Leave the labels out, or drop incomplete rows first."
        )
    if options.earlier.mixtures:
        raise ConfigurationError(
            "There are labels, and an earlier mixture to start from; which of its components are "
            "those of the labels is not known. Leave one of them out."
        )


def _check_prior(dataset: "Dataset | InMemoryRows", options: FitOptions) -> None:
    others = sorted({kind for kind, _ in options.models} - set(KINDS))
    if others:
        raise ConfigurationError(
            f"A prior is asked for, and the structure {others[0]}; expected {join_names(KINDS)}, "
            "for which it is defined. Leave the prior or the structure out."
        )
    if dataset.missing == "marginalize":
        raise ConfigurationError(
            "A prior is asked for, and missing values are to be marginalized; the covariance of "
            "incomplete rows, its scale, may have no inverse. Leave one of them out."
        )


def _check_background(options: FitOptions) -> None:
    known = {(m.covariance_type, m.n_components) for m in options.earlier.mixtures}
    unknown = [f"{kind}-{k}" for kind, k in options.models if (kind, k) not in known]
    if unknown:
        raise ConfigurationError(
            f"A relevance is given, and no mixture {unknown[0]} to adapt; expected an earlier "
            "mixture of the same structure and number of components."
        )
    if options.prior is not None or options.noise is not None:
        raise ConfigurationError(
            "A relevance is given, and a prior or noise; an adapted mixture has neither. Leave one "
            "of them out."
        )
