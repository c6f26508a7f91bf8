"""``BayesianGaussianMixture``: scikit-learn's names on an engine for data bigger than memory."""

import warnings
from dataclasses import replace
from functools import partial
from typing import Self, cast, get_args

from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from dgmm.engine.fit_options import FitOptions
from dgmm.engine.inference.variational_fit import fit_posterior
from dgmm.errors import ConfigurationError, advise
from dgmm.estimator import arguments, attributes
from dgmm.estimator.annotations import DataLike, InitParams, RandomState, RowValues, WeightsLike
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.containers.dispatch import as_container
from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.posterior_attributes import (
    PosteriorAttributes,
    set_posterior,
    to_posterior,
)
from dgmm.estimator.prediction import MixturePredictMixin
from dgmm.estimator.remedies import REMEDIES
from dgmm.estimator.row_outputs import LABEL, LOG_DENSITY, RowOutput
from dgmm.estimator.verbosity import verbose_observer
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.em.convergence import TOL
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.prior_name import BAYESIAN_TYPES, STICKS, WeightPrior
from dgmm.mixture.types import Array
from dgmm.mixture.variational.prior_options import PriorOptions


class BayesianGaussianMixture(MixturePredictMixin, PosteriorAttributes):
    """A Bayesian Gaussian mixture by variational inference, on data in memory or much larger.

    Parameters and attributes are scikit-learn's, and so are their values from equal starts; data
    are what :class:`GaussianMixture` takes. Components that the data do not need keep hardly any
    rows, so that ``n_components`` is the most there may be.

    Parameters
    ----------
    n_components : int, default=1
        Most components.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
    tol : float, default=1e-6
        Inference stops when less of the lower bound per row than this, in nats, is left to gain.
    reg_covar : float or None, default=None
        Added to variances, in squared units of the data; None adds nothing.
    max_iter : int, default=1000
        Most iterations, each a read of all rows, and as many on the sample.
    n_init : int, default=1
        Searches for a start, as in :class:`GaussianMixture`.
    init_params : str or sequence of str or None, default=None
        Kinds of start, as in :class:`GaussianMixture`.
    weight_concentration_prior_type : str, default="dirichlet_process"
        "dirichlet_process" (weights by breaking a stick) or "dirichlet_distribution".
    weight_concentration_prior : float or None, default=None
        The smaller, the fewer components have rows. None is 1 / n_components.
    mean_precision_prior : float or None, default=None
        As many rows the prior of a mean counts. None is 1.
    mean_prior : array-like of shape (n_features,) or None, default=None
        None is the mean of the data.
    degrees_of_freedom_prior : float or None, default=None
        As many rows the prior of a covariance counts. None is n_features.
    covariance_prior : float or array-like or None, default=None
        In the shape of one covariance: (n_features, n_features) for "full" and "tied",
        (n_features,) for "diag", a number for "spherical". None is that of the data.
    random_state : int, RandomState instance or None, default=None
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last solution, if that has the same shape.
    verbose, verbose_interval, sample_size, feature_dim
        As in :class:`GaussianMixture`.

    Attributes
    ----------
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : ndarray
        Expected values under the posterior (of covariances, the inverses of the expected
        precisions), shaped as those of :class:`GaussianMixture`. Components are in the order of
        their start, the largest first.
    weight_concentration_ : tuple of ndarray or ndarray
        Two arrays of shape (n_components,) of beta distributions for a Dirichlet process, one for
        a Dirichlet distribution.
    mean_precision_ : ndarray of shape (n_components,)
    degrees_of_freedom_ : ndarray of shape (n_components,), or float for "tied"
    weight_concentration_prior_, mean_precision_prior_, degrees_of_freedom_prior_ : float
    mean_prior_ : ndarray of shape (n_features,)
    covariance_prior_ : float or ndarray
    n_active_ : int
        Components that hold at least one row's worth of responsibility.
    converged_ : bool
    n_iter_ : int
        Iterations over all rows.
    lower_bound_, lower_bounds_ : float, list of float
        Of the evidence, in nats, but for a constant of the prior; after each iteration.
    classes_ : ndarray of shape (n_components,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    References
    ----------
    Bishop, C. M. (2006). Pattern Recognition and Machine Learning, sec. 10.2.
    Blei, D. M. & Jordan, M. I. (2006). Bayesian Analysis 1, 121-143.

    Examples
    --------
    >>> import numpy as np
    >>> from dgmm import BayesianGaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal(8, 2, (100, 2))])
    >>> mixture = BayesianGaussianMixture(
    ...     n_components=6, weight_concentration_prior=1e-3, random_state=0
    ... ).fit(X)
    >>> mixture.n_active_
    2
    >>> mixture.to_gaussian_mixture().weights_.round(2).tolist()
    [0.67, 0.33]
    """

    feature_transform = None  # which point mixtures have

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float = TOL,
        reg_covar: float | None = None,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: InitParams = None,
        weight_concentration_prior_type: str = STICKS,
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: ArrayLike | None = None,
        random_state: RandomState = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        sample_size: int | None = None,
        feature_dim: str | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.sample_size = sample_size
        self.feature_dim = feature_dim

    def fit(self, X: DataLike, y: object = None, sample_weight: WeightsLike | None = None) -> Self:
        """Fit the mixture to all rows of X.

        X, y and sample_weight are as in :meth:`GaussianMixture.fit`.

        Raises
        ------
        ValueError
            If a parameter or the data are unusable.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> dgmm.BayesianGaussianMixture(n_components=4, random_state=0).fit(X).n_active_
        2
        """
        del y
        self._fit(self._container(X, reset=True), sample_weight)
        return self

    def fit_predict(
        self, X: DataLike, y: object = None, sample_weight: WeightsLike | None = None
    ) -> RowValues:
        """Fit to X, and the most probable component of each row.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> dgmm.BayesianGaussianMixture(n_components=2, random_state=0).fit_predict(X)[[0, -1]]
        array([1, 0])
        """
        del y
        container = self._container(X, reset=True)
        self._fit(container, sample_weight)
        return container.evaluate(self._assigning_mixture(), LABEL)

    def to_gaussian_mixture(self) -> GaussianMixture:
        """The expected mixture of the active components, largest first.

        It stores, exports and scores as any other; its criteria are those of these parameters.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.BayesianGaussianMixture(n_components=4, random_state=0).fit(X)
        >>> mixture.to_gaussian_mixture().weights_.round(2)
        array([0.67, 0.33])
        """
        mixture = to_posterior(self).mean_mixture
        found = GaussianMixture(mixture.n_components, covariance_type=self.covariance_type)
        attributes.set_parameters(found, mixture)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(found, name, getattr(self, name))
        return found

    def _container(self, X: DataLike, *, reset: bool) -> RowContainer:
        return as_container(self, X, self.feature_dim, reset=reset)

    def _fit(self, container: RowContainer, sample_weight: WeightsLike | None) -> None:
        options = arguments.fit_options(
            [(self.covariance_type, self.n_components)],
            n_init=self.n_init,
            init_params=self.init_params,
            tol=self.tol,
            max_iter=self.max_iter,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
            sample_size=self.sample_size,
        )
        dataset = container.dataset(sample_weight)
        n_features = dataset.n_features
        prior = self._prior_options(options)
        prior.check(self.covariance_type, n_features)
        options = replace(options, variational=prior)
        goes_on = self.warm_start and attributes.has_solution(self, self.n_components, n_features)
        start = to_posterior(self) if goes_on else None
        execution = arguments.execution(is_lazy=container.is_lazy)
        observer = verbose_observer(self.verbose, self.verbose_interval)
        with advise(REMEDIES):
            found = fit_posterior(dataset, options, start, execution, observer)
        set_posterior(self, found)
        if not found.is_converged:
            warnings.warn(attributes.NOT_CONVERGED, ConvergenceWarning, stacklevel=3)

    def _prior_options(self, options: FitOptions) -> PriorOptions:
        """What is said of the prior; options that inference does not follow are refused."""
        arguments.check_choice("covariance_type", self.covariance_type, BAYESIAN_TYPES)
        weights = self.weight_concentration_prior_type
        arguments.check_choice("weight_concentration_prior_type", weights, get_args(WeightPrior))
        if options.max_iter == 0:
            raise ConfigurationError("max_iter is 0; expected an integer of at least 1.")
        if options.earlier.mixtures:
            raise ConfigurationError(
                "init_params is a mixture; expected kinds of start, or None. Use warm_start to go "
                "on from an earlier fit."
            )
        return PriorOptions(
            cast("WeightPrior", weights),
            self.weight_concentration_prior,
            self.mean_precision_prior,
            self.mean_prior,
            self.degrees_of_freedom_prior,
            self.covariance_prior,
        )

    def _expected_mixture(self) -> Parameters:
        """The mixture under which rows have their responsibilities."""
        return to_posterior(self).expected_mixture

    def _assigning_mixture(self) -> AssigningMixture:
        return AssigningMixture(self._expected_mixture())

    def _log_density(self) -> RowOutput:
        return replace(LOG_DENSITY, read=partial(_shift_density, to_posterior(self).log_total))


def _shift_density(shift: float, rows: RowPosteriors) -> Array:
    return rows.log_density + shift
