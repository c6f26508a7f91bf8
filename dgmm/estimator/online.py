"""``partial_fit``: update a mixture with new rows."""

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from sklearn.exceptions import ConvergenceWarning

from dgmm.engine.events import Observer
from dgmm.engine.execution import Execution
from dgmm.engine.inference import stepwise_pass
from dgmm.engine.passes import PassRunner
from dgmm.errors import ConfigurationError, DataError, advise
from dgmm.estimator import arguments, attributes
from dgmm.estimator.annotations import DataLike, WeightsLike
from dgmm.estimator.containers.container import RowContainer
from dgmm.estimator.conversion import MixtureConvertMixin
from dgmm.estimator.merged_mixture import MixtureMergeMixin
from dgmm.estimator.remedies import REMEDIES
from dgmm.estimator.verbosity import verbose_observer
from dgmm.mixture.candidate import Status
from dgmm.mixture.em.stepwise_em import StepwiseOptions, StepwiseState
from dgmm.mixture.parameters import Parameters

if TYPE_CHECKING:
    from dgmm.engine.dataset import Dataset


class OnlineMixture(MixtureMergeMixin, MixtureConvertMixin):
    """Stepwise EM that continues a fit."""

    n_components: int
    reg_covar: float | None
    learning_decay: float | None
    prior: str | None
    relevance: float | None
    fixed: str | Sequence[str] | None
    n_features_in_: int
    status_: str
    verbose: int
    verbose_interval: int

    @abstractmethod
    def _fit(self, container: RowContainer, sample_weight: WeightsLike | None) -> None:
        """Fit exactly to all rows of a table."""

    def partial_fit(
        self, X: DataLike, y: object = None, sample_weight: WeightsLike | None = None
    ) -> Self:
        """Update the mixture with the rows of X, in one read.

        The first call is a :meth:`fit`, on as many rows as you can have at once: it finds the
        components. Later calls, and calls after a fit, move them by stepwise EM (Cappe & Moulines
        2009, J. R. Stat. Soc. B 71): the rows' responsibilities under the mixture so far enter a
        running average of the components' statistics.

        This is an approximation. Rows are not looked at again when the mixture has changed, no
        component is added or moved elsewhere, and rows should come in random order: a batch unlike
        all others pulls the mixture towards itself. On rows of one population the log-likelihood
        stayed below that of an exact fit by 0.4 to 3 times what the latter overfits, p / 2 nats for
        p parameters; most where components overlap and the first fit was of few rows. Where the
        rows change, ``predictive_score_`` falls first. For the exact fit from where the mixture
        stands, use ``mixture.set_params(warm_start=True)`` and ``fit`` with all rows;
        ``GaussianMixture(init_params=mixture)`` takes it as one start among others.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
            Lazy data are processed in batches of 32 blocks, in their order, on the current Dask
            client if there is one.
        y : Ignored
        sample_weight : array-like of shape (n_samples,) or float, optional
            Not negative; a weight of 2 is a row that occurs twice.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter or the data are unusable, or the mixture has another shape than the
            parameters ask for; it is then what it was before.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X[::2])
        >>> mixture.partial_fit(X[1::2]).status_
        'online'
        """
        del y
        arguments.resolve_learning_decay(self.learning_decay)
        for name in ("prior", "relevance", "fixed"):
            if getattr(self, name) is not None:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)!r}; stepwise EM has none. Use fit(), or leave "
                    f"{name} out."
                )
        if not hasattr(self, "weights_"):
            self._fit(self._container(X, reset=True), sample_weight)
            return self
        container, _ = self._check_input(X)
        execution = arguments.execution(is_lazy=container.is_lazy)
        observer = verbose_observer(self.verbose, self.verbose_interval)
        with advise(REMEDIES):
            self._update(PassRunner(container.dataset(sample_weight), execution, observer))
        if self.status_ == Status.DEGENERATE.value and not self.reg_covar:
            warnings.warn(Status.DEGENERATE.sentence, ConvergenceWarning, stacklevel=2)
        return self

    def _update(self, runner: PassRunner, start: int = 0) -> None:
        """Update the mixture with the rows of a runner from ``start`` on."""
        mixture = self._mixture()
        self._check_shape(mixture)
        origin = mixture.weights @ mixture.means / mixture.weights.sum()
        rules = StepwiseOptions(
            arguments.resolve_learning_decay(self.learning_decay), self.reg_covar, origin
        )
        relative = mixture.translate(-origin)
        state = StepwiseState.from_parameters(relative, rules, *attributes.sample_counts(self))
        folded = stepwise_pass.run_stepwise(runner, state, rules, start, self._functions())
        if folded.state.n_steps > state.n_steps:  # some row has weight
            is_collapsed = folded.state.is_degenerate(rules)
            attributes.set_online_attributes(
                self, folded.state, origin, folded.log_likelihood, is_collapsed
            )

    def _check_shape(self, mixture: Parameters) -> None:
        shape = mixture.structure.shape(self.n_components, mixture.n_features)
        if mixture.n_components != self.n_components or mixture.covariances.shape != shape:
            message = (
                f"n_components is {self.n_components} and covariance_type "
                f"{self.covariance_type!r}, but the mixture has {mixture.n_components} components "
                f"and covariances of shape {mixture.covariances.shape}; expected what it was "
                "fitted with. Use fit() to start again."
            )
            raise ConfigurationError(message)


def update_mixture(
    mixture: OnlineMixture, dataset: "Dataset", execution: Execution, observer: Observer, start: int
) -> None:
    """Update a fitted mixture with the rows of a dataset from ``start`` on.

    Raises
    ------
    DataError
        If a value cannot be used, or rows have other features than the mixture.
    ConfigurationError
        If the mixture has another shape than its parameters ask for.
    """
    names = dataset.feature_names
    expected = tuple(getattr(mixture, "feature_names_in_", names))
    if names != expected or len(names) != mixture.n_features_in_:
        message = (
            f"The data have {len(names)} features, {', '.join(names[:10])}; the mixture was fitted "
            f"to {mixture.n_features_in_}, {', '.join(expected[:10])}. Name the same ones in the "
            "same order."
        )
        raise DataError(message)
    mixture._update(PassRunner(dataset, execution, observer), start)
