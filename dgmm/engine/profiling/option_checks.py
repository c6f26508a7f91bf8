"""What is known before a fit, and does not go with other options; refused before rows are read."""

from typing import TYPE_CHECKING

from dgmm.engine.fit_options import FitOptions
from dgmm.engine.in_memory import InMemoryRows
from dgmm.errors import ConfigurationError
from dgmm.mixture.prior_knowledge.conjugate_prior import KINDS
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts
from dgmm.mixture.structures import structure_of
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
    if options.fixed is not None:
        _check_fixed(options, options.fixed)
    if options.variational is not None and options.prepare.pca is None:
        ((kind, _),) = options.models
        options.variational.check(kind, dataset.n_features)


def _check_labels(dataset: "Dataset | InMemoryRows", options: FitOptions) -> None:
    if dataset.missing == "marginalize":
        raise ConfigurationError(
            "There are labels, and missing values are to be marginalized; labelled rows are summed "
            "once, and must be complete. Leave the labels out, or drop incomplete rows first."
        )
    if options.earlier.mixtures and not options.earlier.n_classes:
        raise ConfigurationError(
            "There are labels, and an earlier mixture to start from, which was fitted without; "
            "which of its components are those of the labels is not known. Leave one of them out, "
            "or start from a result of labelled rows."
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


def _check_fixed(options: FitOptions, fixed: FixedParts) -> None:
    """Refuse fixed parts that a model cannot have, or that would not stay to the bit."""
    n, earlier = fixed.n_components, options.earlier.transform
    if options.has_prior:
        raise ConfigurationError(
            "Parts are fixed, and a prior or a relevance is given, which would move them. Leave "
            "one of them out."
        )
    if options.prepare.standardize or options.prepare.pca is not None:
        raise ConfigurationError(
            "Parts are fixed, and features are to be standardised or replaced by principal "
            "components, in whose units parts would be others. Fit the features as they are."
        )
    if earlier is not None and not earlier.is_columnwise:
        raise ConfigurationError(
            "Parts of a mixture of standardised features or of principal components are fixed; "
            "expected one of the features as they are. Fit it to these first."
        )
    if options.noise is not None and fixed.weights is not None:
        raise ConfigurationError(
            "Weights are fixed, and there is noise, whose weight is to be found. Leave one of "
            "them out."
        )
    for kind, n_components in options.models:
        _check_fixed_model(kind, n_components, fixed, n)


def _check_fixed_model(kind: str, n_components: int, fixed: FixedParts, n: int) -> None:
    is_joint = structure_of(kind).is_joint and not structure_of(kind).is_shared
    of_others = fixed.weights is not None or (fixed.covariances is not None and is_joint)
    if n_components < n or (n_components > n and of_others):
        least = "exactly" if of_others else "at least"
        raise ConfigurationError(
            f"The {join_names(fixed.names)} of {n} components are fixed, and the model "
            f"{kind}-{n_components} has {n_components}; expected {least} {n}."
        )
    if fixed.covariances is None or fixed.known is None:
        return
    if kind != fixed.known.covariance_type:
        raise ConfigurationError(
            f"Covariances of the type {fixed.known.covariance_type} are fixed, and the model "
            f"{kind}-{n_components} has others. Ask for {fixed.known.covariance_type} alone, or "
            "fix means alone."
        )
