"""``partial_fit``: a mixture that takes in rows as they come."""

import warnings
from abc import abstractmethod
from typing import Any, Self

from sklearn.exceptions import ConvergenceWarning

from dgmm.engine import stepping
from dgmm.engine.dataset import Dataset
from dgmm.engine.held import HeldRows
from dgmm.engine.passes import Reader
from dgmm.errors import ConfigurationError
from dgmm.estimator import fitted, given, options
from dgmm.estimator.arrays import NumpyTable
from dgmm.estimator.narration import narrator
from dgmm.estimator.scoring import ScoringMixture
from dgmm.estimator.tables import Table
from dgmm.mixture.candidate import Status
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.stepwise import StepRules, StepwiseState


class OnlineMixture(ScoringMixture):
    """Stepwise EM on what a fit has begun."""

    n_components: int
    reg_covar: float | None
    learning_decay: float | None
    verbose: int
    verbose_interval: int

    @abstractmethod
    def _fit(self, table: Table, sample_weight: Any) -> None:
        """Fit exactly to all rows of a table."""

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fold the rows of X into the mixture, in one read.

        The first call is a :meth:`fit`, on as many rows as you can have at once: it finds the
        components. Later calls, and calls after a fit, move them by stepwise EM (Cappe & Moulines
        2009, J. R. Stat. Soc. B 71): the rows' responsibilities under the mixture so far enter a
        running average of all that has been said about the components.

        This is an approximation. Rows are not looked at again when the mixture has changed, no
        component appears or is moved to where it would do more good, and rows should come in no
        particular order: a stretch that is unlike all others pulls the mixture to itself. On rows
        of one population the log-likelihood stays below that of an exact fit by one to three times
        what the latter overfits, p / 2 nats for p parameters. Where the rows change,
        ``predictive_score_`` falls first. For the exact fit, from where the mixture stands, use
        ``mixture.set_params(warm_start=True).fit(all_rows)``, or ``model.start_from`` in the
        configuration of a run.

        Parameters
        ----------
        X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
            Lazy data are folded in by stretches of 32 blocks in their order, each on the current
            Dask client if there is one.
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
        """
        del y
        decay = options.decay(self.learning_decay)
        if hasattr(self, "weights_"):
            self._fold(*self._checked(X), sample_weight, decay)
        else:
            self._fit(self._table(X, reset=True), sample_weight)
        return self

    def _fold(self, table: Table, mixture: Parameters, sample_weight: Any, decay: float) -> None:
        self._check_shape(mixture)
        origin = mixture.weights @ mixture.means
        rules = StepRules(decay, self.reg_covar, origin)
        relative = mixture.translated(-origin)
        state = StepwiseState.of(relative, rules, *fitted.seen(self))
        execution = options.execution(is_lazy=table.is_lazy)
        observer = narrator(self.verbose, self.verbose_interval)
        reader = Reader(_rows(table, sample_weight), execution, observer)
        folded = stepping.fold(reader, state, rules)
        if folded.state.n_steps == state.n_steps:  # no row has weight
            return
        is_collapsed = folded.state.is_degenerate(rules)
        fitted.follow(self, folded.state, origin, folded.log_likelihood, is_collapsed)
        if is_collapsed and not self.reg_covar:
            warnings.warn(Status.DEGENERATE.sentence, ConvergenceWarning, stacklevel=3)

    def _check_shape(self, mixture: Parameters) -> None:
        shape = given.precisions_shape(self.covariance_type, self.n_components, mixture.n_features)
        if mixture.n_components != self.n_components or mixture.covariances.shape != shape:
            message = (
                f"n_components is {self.n_components} and covariance_type "
                f"{self.covariance_type!r}, but the mixture has {mixture.n_components} components "
                f"and covariances of shape {mixture.covariances.shape}; expected what it was "
                "fitted with. Use fit() to start anew."
            )
            raise ConfigurationError(message)


def _rows(table: Table, sample_weight: Any) -> Dataset | HeldRows:
    """What is to be read: by Dask, or by threads of this process where it is in memory."""
    dataset = table.dataset(sample_weight)
    if not isinstance(table, NumpyTable):
        return dataset
    weights = dataset.weights
    return HeldRows(
        table.values, None if weights is None else weights.compute(scheduler="synchronous")
    )
