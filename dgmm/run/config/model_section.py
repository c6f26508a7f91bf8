"""The sections of a configuration on mixtures and feature transforms."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dgmm.mixture.em.convergence import TOL
from dgmm.mixture.prior_knowledge.prior_name import (
    BAYESIAN_TYPES,
    STICKS,
    FixedPart,
    PriorName,
    WeightPrior,
)
from dgmm.registry import DEFAULT_TYPES
from dgmm.run.config.field_types import (
    MAX_CANDIDATES,
    Axes,
    Count,
    Counts,
    CovarianceType,
    Criterion,
    Many,
    NoiseDensity,
    Section,
    Start,
    validation_error,
)
from dgmm.run.config.store_types import Location
from dgmm.run.config.table_types import FeatureFunctions


class Prepare(Section):
    """The transform of rows before the fit; estimated on the first read of the data."""

    LATER = frozenset({"transform"})

    transform: FeatureFunctions = Field(
        default=None,
        description="A function of features, before anything else: log, log1p, arcsinh (its "
        "cofactor is 5 unless it is given, as {arcsinh: 150}), yeo-johnson or logicle "
        "(or as {logicle: {T: 262144, W: 0.5, M: 4.5, A: 0}}), of all of them or as "
        '{CD3: arcsinh, depth: log, "*": log1p} of some; its derivative is part of the likelihood.',
    )
    scale: Literal["none", "standardize"] = Field(
        default="none",
        description="standardize divides every feature by its standard deviation.",
    )
    pca: Axes | None = Field(
        default=None,
        description="Principal components to fit: their number, or, as a fraction such as 0.99, "
        "those that have this share of the variance.",
    )


OF_PRIOR = (
    "weight_concentration_prior_type",
    "weight_concentration_prior",
    "mean_precision_prior",
    "degrees_of_freedom_prior",
)
_OF_EM = (
    "criterion",
    "allow_degenerate",
    "finish_all",
    "whole_sweep",
    "noise",
    "prior",
    "relevance",
    "fixed",
)
"""Keys that variational inference does not follow."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Model(Section):
    """Which mixtures to fit, and how."""

    LATER = frozenset({"noise", "prior", "relevance", "fixed", "inference", *OF_PRIOR})

    n_components: Counts = Field(
        default=tuple(range(1, 11)),
        description="Numbers of components: one, a list, or an inclusive range such as 1:20.",
    )
    covariance_type: Many[CovarianceType] = Field(
        default=DEFAULT_TYPES,
        description="Covariance structures, one or a list; each with each number of components: "
        "full, tied, diag, spherical, and mclust's fourteen, such as VEV.",
    )
    criterion: Criterion = Field(
        default="bic", description="The criterion that chooses; the smallest value wins."
    )
    n_init: Count = Field(
        default=1, description="Searches of each model, from starts of their own; the best goes on."
    )
    init_params: Many[Start] | None = Field(
        default=None,
        description="Kinds of start, used in turn; null takes k-means first, then others.",
    )
    tol: float = Field(
        default=TOL,
        gt=0,
        allow_inf_nan=False,
        description="Stop when less log-likelihood per row than this, in nats, is left to gain.",
    )
    max_iter: int = Field(
        default=1000, ge=0, le=10**9, description="At most this many EM iterations over all rows."
    )
    reg_covar: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="Added to the diagonal of covariances, in squared units of the data; "
        "null takes a floor relative to the variance of each feature.",
    )
    seed: int = Field(
        default=0, ge=0, le=2**63 - 1, description="The same seed draws the same sample and starts."
    )
    sample_size: Count | None = Field(
        default=None, description="Rows of the sample that starts are tried on; null chooses it."
    )
    allow_degenerate: bool = Field(
        default=False, description="Whether a candidate with a collapsed component may be chosen."
    )
    finish_all: bool = Field(
        default=False,
        description="Whether candidates that cannot become the choice any more, even should they "
        "gain five times what seems left, are fitted to the end too; with icl all are.",
    )
    noise: NoiseDensity | None = Field(
        default=None,
        description="A component of constant density, for rows that belong to no other: its log "
        "density in nats, hypervolume for the inverse of the volume of the rows, or otrimle for "
        "that beside which components are most Gaussian.",
    )
    prior: PriorName | None = Field(
        default=None,
        description="conjugate is a weak prior of means and covariances, with the defaults of R's "
        "mclust (Fraley & Raftery 2007): no component collapses.",
    )
    start_from: Location | None = Field(
        default=None,
        description="An earlier result, an output or one of its runs: its mixtures are starts "
        "among others, and components keep their labels. Where it is this run's own output, its "
        "first run has nothing to start from.",
    )
    relevance: Positive | None = Field(
        default=None,
        description="Adapt the mixture that was chosen in start_from: each of its components "
        "counts as so many rows, such as 16, beside the new ones (Reynolds 2000); null takes "
        "mixtures of start_from as starts alone.",
    )
    fixed: Many[FixedPart] | None = Field(
        default=None,
        description="Parts of the mixture that was chosen in start_from which stay to the bit, one "
        "or a list: means, covariances, weights. Its components are the first ones; larger models "
        "have others beside them.",
    )
    whole_sweep: bool = Field(
        default=False,
        description="Whether to fit all candidates even with start_from; else those of the earlier "
        "structure with as many components as were chosen, one less and one more.",
    )

    inference: Literal["em", "variational"] = Field(
        default="em",
        description="variational fits one Bayesian mixture, of which n_components is the most "
        "components there may be; those that the data do not need have no rows.",
    )
    weight_concentration_prior_type: WeightPrior = Field(
        default=STICKS,
        description="Of a Bayesian mixture: weights that come from breaking a stick, or any.",
    )
    weight_concentration_prior: Positive | None = Field(
        default=None,
        description="Of a Bayesian mixture: the smaller, the fewer components have rows; null is "
        "1 / n_components.",
    )
    mean_precision_prior: Positive | None = Field(
        default=None,
        description="Of a Bayesian mixture: as many rows as the prior of a mean counts; null is 1.",
    )
    degrees_of_freedom_prior: Positive | None = Field(
        default=None,
        description="Of a Bayesian mixture: as many rows as the prior of a covariance counts, more "
        "than the number of features less one; null is the number of features.",
    )

    @model_validator(mode="after")
    def _check_candidates(self) -> Self:
        n_candidates = len(self.covariance_type) * len(self.n_components)
        if n_candidates > MAX_CANDIDATES:
            text = f"found {n_candidates:,} candidates, expected at most {MAX_CANDIDATES:,}"
            raise validation_error(text)
        if self.relevance is not None and self.start_from is None:
            text = "found relevance without start_from, expected the result to adapt"
            raise validation_error(text)
        if self.fixed is not None and self.start_from is None:
            text = "found fixed without start_from, expected the result whose parts stay"
            raise validation_error(text)
        return self

    @model_validator(mode="after")
    def _check_inference(self) -> Self:
        fields = type(self).model_fields
        if self.inference == "em":
            others = [name for name in OF_PRIOR if getattr(self, name) != fields[name].default]
            expected = "expected inference variational: only a Bayesian mixture has this prior"
        else:
            others = [name for name in _OF_EM if getattr(self, name) != fields[name].default]
            expected = "expected none with inference variational, which does not follow it"
            self._check_one_model()
        if others:
            raise validation_error(f"found {others[0]}, {expected}")
        return self

    def _check_one_model(self) -> None:
        """Refuse several models, since bounds cannot be compared, and those without a prior."""
        n_counts, kinds = len(self.n_components), self.covariance_type
        if n_counts > 1:
            text = f"found {n_counts} numbers of n_components with inference variational, expected "
            raise validation_error(text + "one, the most components there may be")
        if len(kinds) > 1 or kinds[0] not in BAYESIAN_TYPES:
            found = kinds[0] if len(kinds) == 1 else f"of {len(kinds)} structures"
            text = f"found covariance_type {found} with inference variational, expected one of "
            raise validation_error(text + ", ".join(BAYESIAN_TYPES))
        if self.max_iter == 0:
            raise validation_error(
                "found max_iter 0 with inference variational, expected 1 or more"
            )


def candidates(model: Model) -> tuple[tuple[str, int], ...]:
    """Every covariance type with every number of components, in the order they are named."""
    return tuple((kind, count) for kind in model.covariance_type for count in model.n_components)
