"""The options of a fit."""

from dataclasses import dataclass, field

from dgmm.mixture.em.convergence import TOL
from dgmm.mixture.initialization import initializers
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from dgmm.mixture.noise.noise_component import NoiseDensity
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts
from dgmm.mixture.prior_knowledge.prior_name import PriorName
from dgmm.mixture.sample_size import Normalization
from dgmm.mixture.transform import FeatureTransformSpec, WarmStart
from dgmm.mixture.variational.prior_options import PriorOptions

Model = tuple[str, int]
"""Covariance type and number of components."""

_SAMPLE_ROWS = 1 << 17
_SAMPLE_BYTES = 1 << 26  # up to this number, all rows are the sample
_ROWS_PER_COMPONENT = 64

RESPONSIBILITY_BYTES = 1 << 28
"""From twice as many on, every second row of a sample, or fewer, are enough for the driver."""


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What to fit and how.

    Attributes
    ----------
    models : tuple of (str, int)
        Covariance type and number of components of each model.
    criterion : str
        One of :data:`dgmm.registry.CRITERIA`.
    n_init : int
        Searches of each model, each from a start of its own; the best goes on.
    init_params : tuple of str, or None
        Kinds of start, taken in turn
        (:data:`dgmm.mixture.initialization.initializers.METHODS`); None takes
        :func:`dgmm.mixture.initialization.initializers.default_methods`.
    tol : float
        EM stops when less than this is left to gain, in nats per unit of weight.
    max_iter : int
        Most M-steps over all rows, and as many on the sample.
    reg_covar : float or None
        Added to variances, squared data units; None adds nothing.
    seed : int
    sample_rows : int or None
        Expected size of the sample; None leaves it to :meth:`sample_size`.
    allow_degenerate : bool
        Whether a candidate with a collapsed component is carried on.
    accelerate : bool
        Whether EM moves by :mod:`dgmm.mixture.em.quasi_newton` once its own steps are short.
    finish_all : bool
        Whether candidates that cannot become the choice are fitted to the end, too.
    normalize : {"counts", "rows", "kish"} or None
        To what weights are scaled before criteria see them
        (:class:`dgmm.mixture.sample_size.SampleSize`).
    noise : float, {"hypervolume", "otrimle"} or None
        The log density of a noise component in every mixture, in nats, in units of the features
        that are fitted, or how it is found; None for no such component.
    prior : {"conjugate"} or None
        The prior of means and covariances
        (:class:`dgmm.mixture.prior_knowledge.conjugate_prior.ConjugatePrior`).
    prepare : FeatureTransformSpec
        How rows are changed before they are fitted.
    given : InitialParameters
        Parts of the first parameters that the caller knows, for models they fit.
    earlier : WarmStart
        What a fit to other data of the same kind found: one more start of each such model, and the
        only one where ``n_init`` is 1.
    relevance : float or None
        Rows that each component of the earlier mixtures is worth where these are adapted
        (:mod:`dgmm.mixture.prior_knowledge.background_mixture`); None where they are starts.
    fixed : FixedParts, or None
        Parts of the first components that stay as they are.
    variational : PriorOptions, or None
        The prior of a Bayesian mixture, which :mod:`dgmm.engine.inference.variational_fit` fits: of
        one model, with the most components there may be. None for mixtures that EM fits.
    """

    models: tuple[Model, ...]
    criterion: str = "bic"
    n_init: int = 1
    init_params: tuple[str, ...] | None = None
    tol: float = TOL
    max_iter: int = 1000
    reg_covar: float | None = None
    seed: int = 0
    sample_rows: int | None = None
    allow_degenerate: bool = False
    accelerate: bool = True
    finish_all: bool = False
    normalize: Normalization | None = None
    noise: NoiseDensity | None = None
    prior: PriorName | None = None
    prepare: FeatureTransformSpec = field(default_factory=FeatureTransformSpec)
    given: InitialParameters = field(default_factory=InitialParameters)
    earlier: WarmStart = field(default_factory=WarmStart)
    relevance: float | None = None
    fixed: FixedParts | None = None
    variational: PriorOptions | None = None

    @property
    def has_prior(self) -> bool:
        """Whether EM maximises more than the likelihood."""
        return self.prior is not None or self.relevance is not None

    @property
    def is_plain(self) -> bool:
        """Whether EM maximises the likelihood in all parameters."""
        return not self.has_prior and self.fixed is None

    @property
    def max_components(self) -> int:
        """The largest number of components of any model."""
        return max(n_components for _, n_components in self.models)

    def sample_size(self, n_rows: int, n_features: int) -> int:
        """Rows that the sample is expected to have, at least 64 for each component.

        Without ``sample_rows``, all rows where they fit into 64 MiB, else 131,072, or fewer where
        even these do not fit.

        Parameters
        ----------
        n_rows, n_features : int
            Of the data.
        """
        wanted = self.sample_rows
        if wanted == 0:
            return 0
        if wanted is None:
            affordable = max(1, _SAMPLE_BYTES // (8 * n_features))
            wanted = n_rows if n_rows <= affordable else min(_SAMPLE_ROWS, affordable)
        return min(n_rows, max(wanted, _ROWS_PER_COMPONENT * self.max_components))

    @property
    def methods(self) -> tuple[str, ...]:
        """Kinds of start, taken in turn."""
        return self.init_params or initializers.default_methods(self.n_init)
