"""``GaussianMixture``: scikit-learn's names on an engine for data bigger than memory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from numpy.typing import ArrayLike

from dgmm.engine.fit import fit
from dgmm.errors import advise
from dgmm.estimator import arguments, attributes, fit_outcome, starting_values
from dgmm.estimator.annotations import (
    DataLike,
    FeatureTransformLike,
    InitParams,
    RandomState,
    RowValues,
    WeightsLike,
)
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.containers.dispatch import as_container
from dgmm.estimator.online import OnlineMixture
from dgmm.estimator.remedies import REMEDIES
from dgmm.estimator.row_outputs import LABEL
from dgmm.estimator.verbosity import verbose_observer
from dgmm.mixture.em.convergence import TOL


class GaussianMixture(OnlineMixture):
    """A Gaussian mixture, fitted exactly by EM to data in memory or much larger.

    Parameters and attributes are scikit-learn's; data may be anything array-like, a Dask array in
    any chunks, a pandas or Dask data frame, or an xarray DataArray, and results come back in kind:
    lazy for lazy data, with coordinates for DataArrays; of pandas, see :meth:`set_output`. Lazy
    data are fitted on the current Dask client if there is one.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    covariance_type : str, default="full"
        "full", "tied", "diag" or "spherical", or one of mclust's fourteen names, such as "VEV"
        (:mod:`dgmm.mixture.structures`); "VVV", "EEE", "VVI" and "VII" are the same four.
    tol : float, default=1e-6
        EM stops when less log-likelihood per row than this, in nats, is left to gain.
    reg_covar : float or None, default=None
        Added to variances, in squared units of the data. None adds nothing and keeps covariances
        above a floor relative to the features' variances, so that units do not matter.
    max_iter : int, default=1000
        Most EM iterations.
    n_init : int, default=1
        Searches, each from a start of its own; the best goes on. One is often enough.
    init_params : str, sequence of str, mixture, or None, default=None
        Kinds of start, taken in turn: "kmeans", "k-means++", "random", "random_from_data",
        "agglomerative"; None takes k-means, then others. Or a fitted mixture, what
        :func:`dgmm.sweep` returned or :func:`dgmm.open_result` opened: one start among others, the
        only one if ``n_init`` is 1. To be cloned, put it into ``sklearn.frozen.FrozenEstimator``.
    weights_init : array-like of shape (n_components,), default=None
    means_init : array-like of shape (n_components, n_features), default=None
    precisions_init : array-like, default=None
        Inverse covariances in the shape of ``covariances_``.
    random_state : int, RandomState instance or None, default=None
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last solution, if that has the same shape.
    verbose : int, default=0
    verbose_interval : int, default=10
        Passes between the lines of ``verbose``.
    sample_size : int or None, default=None
        Rows of the sample on which starts are tried; None chooses it.
    feature_dim : str or None, default=None
        Dimension of a DataArray that holds the features; None means the last.
    learning_decay : float or None, default=None
        How fast steps of ``partial_fit`` get smaller (Cappe & Moulines 2009), in (0.5, 1]; None is
        0.7. With less than 1, rows seen lately count more.
    noise : float, "hypervolume", "otrimle" or None, default=None
        A further component with the same density everywhere, for rows that belong to no other: its
        log density in nats, "hypervolume" for the inverse of the volume that the rows lie in
        (Banfield & Raftery 1993), or "otrimle" for the density beside which components are most
        Gaussian (Coretto & Hennig 2016). Both are found on the sample.
    normalize_weights : {"counts", "rows", "kish"} or None, default=None
        What criteria count: the sum of ``sample_weight`` ("counts"; None is the same, with a
        warning where it is far from the number of rows), the rows of positive weight ("rows", for
        survey weights), or Kish's effective number of rows ("kish").
    feature_transform : str, mapping or None, default=None
        A function that is applied to features first, of all of them ("log", "log1p", "arcsinh",
        "yeo-johnson", "logicle", or with parameters such as ``{"arcsinh": 150}``), or of some, as
        ``{"CD3": "arcsinh", "depth": "log", "*": "log1p"}``. ``means_`` and ``covariances_`` are
        of values after it; densities, likelihoods and criteria of rows as they are given.
    missing : {"marginalize"} or None, default=None
        What NaN means: an error (None), or a value missing at random (docs/missing.md).
    prior : {"conjugate"} or None, default=None
        A weak prior with mclust's defaults, so that no component collapses (docs/prior.md).
    relevance : float or None, default=None
        Rows that components of ``init_params`` are worth, if it is adapted (docs/prior.md).
    fixed : {"weights", "means", "covariances"}, sequence of these, or None, default=None
        Parts that stay: of the mixture in ``init_params``, of which the first components are then
        those, or of ``weights_init``, ``means_init`` and ``precisions_init`` (docs/fixed.md).

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Components are ordered by weight, largest first, unless their start was given. With
        ``noise_weight_`` they sum to 1.
    means_ : ndarray of shape (n_components, n_features)
    covariances_, precisions_, precisions_cholesky_ : ndarray
        (n_components, n_features, n_features) for "full", (n_features, n_features) for "tied",
        (n_components, n_features) for "diag", (n_components,) for "spherical", (n_features,) for
        "EEI", () for "EII", as "diag" for "VEI" and "EVI", as "full" for others; float64.
    noise_weight_, noise_log_density_ : float
        Where ``noise`` is not None.
    n_fixed_parameters_ : int
        Where ``fixed`` is not None.
    converged_ : bool
    status_ : str
        "converged", "max_iter", "degenerate" where a component collapsed, or "online" after
        ``partial_fit``, which unsets what only a fit knows: ``lower_bound_``, criteria and so on.
    n_iter_ : int
        EM iterations over all rows.
    lower_bound_ : float
        Log-likelihood per sample, in nats, of exactly these parameters over all rows.
    lower_bounds_ : list of float
        The same after each iteration.
    bic_, aic_, icl_ : float
        Criteria on the data of the fit, of ``n_effective_`` rows; smaller is better.
    n_effective_ : float
        Number of rows; the sum of ``sample_weight``, or what ``normalize_weights`` makes of it.
    n_samples_seen_, n_samples_fitted_ : int or float
        Rows that the mixture stands for, and those of its last exact fit; or sums of weights.
    n_steps_ : int
        Of ``partial_fit`` since.
    predictive_score_ : float
        Mean log-density of the rows of the last ``partial_fit`` before the update.
    classes_ : ndarray of shape (n_components,)
        0 to K - 1: the labels, and the columns of ``predict_proba``.
    feature_transform_ : object or None
        The functions of the features, with powers that were found from data.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Where the data have names that are strings.

    Examples
    --------
    >>> import numpy as np
    >>> from dgmm import GaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (200, 2)), rng.normal(8, 2, (100, 2))])
    >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> mixture.weights_.round(2).tolist()
    [0.67, 0.33]
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = TOL,
        reg_covar: float | None = None,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: InitParams = None,
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: RandomState = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        sample_size: int | None = None,
        feature_dim: str | None = None,
        learning_decay: float | None = None,
        noise: float | str | None = None,
        normalize_weights: str | None = None,
        feature_transform: FeatureTransformLike = None,
        missing: str | None = None,
        prior: str | None = None,
        relevance: float | None = None,
        fixed: str | Sequence[str] | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.sample_size = sample_size
        self.feature_dim = feature_dim
        self.learning_decay = learning_decay
        self.noise = noise
        self.normalize_weights = normalize_weights
        self.feature_transform = feature_transform
        self.missing = missing
        self.prior = prior
        self.relevance = relevance
        self.fixed = fixed

    def fit(
        self,
        X: DataLike,
        y: object = None,
        sample_weight: WeightsLike | None = None,
        labels: WeightsLike | None = None,
    ) -> Self:
        """Fit the mixture to all rows of X.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
            Real; its dtype stays, and sums are taken in float64.
        y : Ignored
        sample_weight : array-like of shape (n_samples,) or float, optional
            Not negative; a weight of 2 is a row that occurs twice.
        labels : array-like of shape (n_samples,), optional
            The component of each row, from 0 on, or -1 where it is not known (docs/labels.md).

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or the data are unusable, or components collapse with ``reg_covar=0``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> dgmm.GaussianMixture(2, random_state=0).fit(X).weights_.round(2)
        array([0.67, 0.33])
        """
        del y
        self._fit(self._container(X, reset=True), sample_weight, labels)
        return self

    def fit_predict(
        self,
        X: DataLike,
        y: object = None,
        sample_weight: WeightsLike | None = None,
        labels: WeightsLike | None = None,
    ) -> RowValues:
        """Fit to X, and the most probable component of each row as :meth:`predict` gives it.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> dgmm.GaussianMixture(2, random_state=0).fit_predict(X)[[0, -1]]
        array([1, 0])
        """
        del y
        container = self._container(X, reset=True)
        self._fit(container, sample_weight, labels)
        return container.evaluate(self._assigning_mixture(), replace(LABEL, missing=self._missing))

    def _container(self, X: DataLike, *, reset: bool) -> RowContainer:
        return as_container(self, X, self.feature_dim, reset=reset, missing=self._missing)

    def _fit(
        self,
        container: RowContainer,
        sample_weight: WeightsLike | None,
        labels: WeightsLike | None = None,
    ) -> None:
        dataset = replace(container.dataset(sample_weight, labels), missing=self._missing)
        shape = self.n_components, dataset.n_features
        goes_on = self.warm_start and attributes.has_solution(self, *shape)
        start = starting_values.initial_of(self, dataset.n_features, goes_on=goes_on)
        chosen = arguments.fit_options(
            [(self.covariance_type, self.n_components)],
            given=start,
            n_init=1 if start.is_whole else self.n_init,
            init_params=self.init_params,
            tol=self.tol,
            max_iter=self.max_iter,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
            sample_size=self.sample_size,
            noise=self.noise,
            normalize_weights=self.normalize_weights,
            functions=attributes.choose_feature_transform(self, container.feature_names),
            prior=self.prior,
            relevance=self.relevance,
            fixed=starting_values.find_fixed_parts(self, dataset.n_features),
        )
        with advise(REMEDIES):
            observer = verbose_observer(self.verbose, self.verbose_interval)
            outcome = fit(dataset, chosen, arguments.execution(is_lazy=container.is_lazy), observer)
        fit_outcome.take_over(self, outcome, self._trace if goes_on else ())
