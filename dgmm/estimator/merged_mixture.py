"""Clusters of components: what a mixture tells of rows where several components are one cluster."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dgmm.engine import passes
from dgmm.engine.assignment import assign_checked, summarize_all
from dgmm.engine.events import ignore
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.passes import PassRunner
from dgmm.engine.profiling.profile_checks import validate_profile
from dgmm.engine.profiling.profile_spec import ProfileSpec
from dgmm.engine.stages import positive_weight_sample
from dgmm.errors import ConfigurationError, advise
from dgmm.estimator import arguments
from dgmm.estimator.annotations import DataLike, RowValues, WeightsLike
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.prediction import MixturePredictMixin
from dgmm.estimator.remedies import REMEDIES
from dgmm.estimator.row_outputs import RowOutput, Rows
from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.goodness_of_fit import GoodnessOfFit
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.merging.hierarchy import METHODS, build_hierarchy
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_SEED = 0  # of the sample that chooses which pair is joined next


def _cluster_labels(assignment: RowPosteriors, clusters: tuple[int, ...]) -> Rows:
    return assignment.merge(clusters).labels


def _cluster_probabilities(assignment: RowPosteriors, clusters: tuple[int, ...]) -> Rows:
    return assignment.merge(clusters).responsibilities


@dataclass(frozen=True, slots=True, eq=False)
class MergedMixture:
    """A mixture whose components are joined into clusters.

    Attributes
    ----------
    mixture : GaussianMixture
        As it was fitted.
    clustering : Clustering
        ``hierarchy``, ``entropy`` for each number of clusters, ``misclassification`` for each
        merger, ``n_clusters``.
    """

    mixture: "MixtureMergeMixin"
    clustering: Clustering

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return self.clustering.n_clusters

    @property
    def clusters(self) -> NDArray[np.intp]:
        """The cluster of each component, shape (n_components,), from 0, in their order."""
        return np.unique(self.clustering.clusters, return_inverse=True)[1]

    @property
    def weights(self) -> Array:
        """Mixing proportions of the clusters, shape (n_clusters,)."""
        own = [self.clusters == cluster for cluster in range(self.n_clusters)]
        return np.array([self.mixture.weights_[components].sum() for components in own])

    def cut(self, n_clusters: int) -> "MergedMixture":
        """The same with another number of clusters, from 1 to the number of components.

        Parameters
        ----------
        n_clusters : int

        Returns
        -------
        MergedMixture

        Raises
        ------
        ValueError
            If there cannot be so many.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(3, random_state=0).fit(X)
        >>> mixture.merge(X).cut(2).n_clusters
        2
        """
        return MergedMixture(self.mixture, _cut(self.clustering, n_clusters))

    def predict(self, X: DataLike) -> RowValues:
        """The most probable cluster of each row, in the kind of X.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
        """
        read = partial(_cluster_labels, clusters=self._names)
        return self.mixture._evaluate(X, RowOutput("cluster", np.intp, False, read))

    def predict_proba(self, X: DataLike) -> RowValues:
        """The probability of each cluster for each row, in the kind of X.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
        """
        read = partial(_cluster_probabilities, clusters=self._names)
        output = RowOutput("probability", np.float64, True, read, self.n_clusters)
        return self.mixture._evaluate(X, output)

    @property
    def _names(self) -> tuple[int, ...]:
        return tuple(int(place) for place in self.clusters)


class MixtureMergeMixin(MixturePredictMixin):
    """What rows say of a mixture as a whole: which components are one cluster, and how they fit."""

    def merge(
        self,
        X: DataLike,
        method: str = "misclassification",
        n_clusters: int | None = None,
        sample_weight: WeightsLike | None = None,
    ) -> MergedMixture:
        """Join components into clusters, for data whose clusters are not Gaussian.

        A sample of X says which pair is joined next; what all mergers mean is summed up over all
        rows. Lazy data are read twice.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
            The data of the fit, or others.
        method : {"misclassification", "entropy"}, default="misclassification"
            Joins the clusters that are most often taken for each other, until the first pair of
            which less than 2.5 % is (DEMP; Hennig 2010, Adv. Data Anal. Classif. 4), or those
            between which assignments are most uncertain, up to the bend of the entropy (Baudry et
            al. 2010, J. Comput. Graph. Stat. 19).
        n_clusters : int, optional
            How many to keep, in place of the method's rule.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        MergedMixture

        Raises
        ------
        ValueError
            If a parameter or the data are unusable.

        Examples
        --------
        >>> import numpy as np
        >>> import dgmm
        >>> rng = np.random.default_rng(0)
        >>> rows = np.concatenate([rng.gamma(2, 1, (500, 2)) + offset for offset in (0, 20)])
        >>> mixture = dgmm.GaussianMixture(4, random_state=0).fit(rows)
        >>> mixture.merge(rows).n_clusters
        2
        """
        if method not in METHODS:
            message = f"method is {method!r}; expected one of {', '.join(map(repr, METHODS))}."
            raise ConfigurationError(message)
        container, by = self._check_input(X)
        with advise(REMEDIES):
            runner = self._runner(container, sample_weight)
            rows, weights = _sample(runner, by.mixture)
            found = assign_checked(by.mixture, rows, by.transform, missing=self._missing)
            hierarchy = build_hierarchy(found.responsibilities, weights, method)
            sums = summarize_all(runner, replace(by, hierarchy=hierarchy))
        total = sums.components.total_weight
        clustering = Clustering.from_sums(hierarchy, sums.mergers, total)
        return MergedMixture(
            self, clustering if n_clusters is None else _cut(clustering, n_clusters)
        )

    def goodness_of_fit(
        self, X: DataLike, sample_weight: WeightsLike | None = None
    ) -> GoodnessOfFit:
        """How far each component is from a Gaussian on X, by the distances of its rows.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        GoodnessOfFit

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> mixture.goodness_of_fit(X).kurtosis.round(2)
        array([0.97, 1.11])
        """
        container, by = self._check_input(X)
        with advise(REMEDIES):
            sums = summarize_all(self._runner(container, sample_weight), by)
        return GoodnessOfFit.from_sums(sums.distances, by.mixture.n_features)

    def _runner(self, container: RowContainer, sample_weight: WeightsLike | None) -> PassRunner:
        execution = arguments.execution(is_lazy=container.is_lazy)
        dataset = replace(container.dataset(sample_weight), missing=self._missing)
        return PassRunner(dataset, execution, ignore)


def _sample(runner: PassRunner, mixture: Parameters) -> tuple[Array, Array | None]:
    """Rows of positive weight, as many as a fit would take."""
    dataset = runner.dataset
    options = FitOptions(((mixture.covariance_type, mixture.n_components),))
    n_rows = options.sample_size(dataset.n_rows, dataset.n_features)
    found = passes.profile(runner, ProfileSpec(_SEED, n_rows / max(1, dataset.n_rows)))
    return positive_weight_sample(validate_profile(found, dataset.feature_names, 1))


def _cut(clustering: Clustering, n_clusters: int) -> Clustering:
    most = clustering.hierarchy.n_components
    if not isinstance(n_clusters, int | np.integer) or not 1 <= n_clusters <= most:
        message = f"n_clusters is {n_clusters!r}; expected an integer from 1 to {most}."
        raise ConfigurationError(message)
    return clustering.keep(int(n_clusters))
