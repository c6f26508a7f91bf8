"""``sweep``: many mixtures fitted in the same passes over the data, and one chosen."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any, Self

import numpy as np

from dgmm.engine.fit import fit
from dgmm.errors import MissingExtraError
from dgmm.estimator import fitted, options, stored
from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.kinds import table_of
from dgmm.estimator.narration import narrator
from dgmm.io.reader import open_result
from dgmm.mixture.result import FitResult, Sweep
from dgmm.mixture.structures import STRUCTURES

_COLUMNS = ("n_parameters", "log_likelihood", "bic", "aic", "icl", "n_iter")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SweepResult:
    """Every candidate of a sweep, and the one that the criterion chose.

    Attributes
    ----------
    best : GaussianMixture
        Fitted: the smallest criterion among candidates without a collapsed component.
    results : tuple of FitResult
        One for each covariance type and number of components, in the order they were named:
        ``candidate``, ``parameters``, ``status``, ``trace``, ``log_likelihood``, ``bic``, ``aic``,
        ``icl`` and more.
    criterion : str
    n_passes : int
        Reads of all rows.
    """

    best: GaussianMixture
    results: tuple[FitResult, ...]
    criterion: str
    n_passes: int

    def model(self, covariance_type: str, n_components: int) -> GaussianMixture:
        """The fitted mixture of one candidate.

        Raises
        ------
        KeyError
            If the sweep had no such candidate.
        """
        for result in self.results:
            candidate = result.candidate
            if (candidate.covariance_type, candidate.n_components) == (
                covariance_type,
                n_components,
            ):
                return _fitted_like(self.best, result)
        known = ", ".join(result.candidate.name for result in self.results)
        raise KeyError(f"no candidate {covariance_type}-{n_components}; expected one of {known}.")

    @classmethod
    def from_zarr(cls, path: str | os.PathLike[str]) -> Self:
        """Every candidate of a run, from its output: no row is read and nothing fitted again.

        Parameters
        ----------
        path : str or path
            The output of ``dgmm run``, of which the last complete run is taken, or one run.

        Raises
        ------
        FileNotFoundError
            If nothing is there, or no run is complete.
        OutputError
            If it is not what this version of dgmm writes.
        StorageError
            If an array is missing or damaged.
        """
        found = open_result(path)
        sweep = found.sweep
        best = stored.of_run(GaussianMixture, found, sweep.best)
        return cls(best, sweep.results, sweep.criterion, sweep.n_passes)

    def to_pandas(self) -> Any:
        """A data frame with a row for each candidate, best first.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise MissingExtraError("to_pandas() needs pandas: pip install pandas") from error
        return pandas.DataFrame(self._records())

    def to_xarray(self) -> Any:
        """Criteria and log-likelihood over covariance type and number of components.

        Returns
        -------
        xarray.Dataset
            Dimensions ``covariance_type`` and ``n_components``; NaN where there is no candidate.

        Raises
        ------
        MissingExtraError
            If xarray is not installed.
        """
        try:
            xarray = import_module("xarray")
        except ImportError as error:
            message = "to_xarray() needs xarray: pip install 'dgmm[xarray]'"
            raise MissingExtraError(message) from error
        kinds = list(dict.fromkeys(result.candidate.covariance_type for result in self.results))
        counts = sorted({result.candidate.n_components for result in self.results})
        dims = ("covariance_type", "n_components")
        variables = {}
        for column in _COLUMNS:
            values = np.full((len(kinds), len(counts)), np.nan)
            for result in self.results:
                place = (
                    kinds.index(result.candidate.covariance_type),
                    counts.index(result.candidate.n_components),
                )
                values[place] = getattr(result, column)
            variables[column] = (dims, values)
        return xarray.Dataset(variables, dict(zip(dims, (kinds, counts), strict=True)))

    def _records(self) -> list[dict[str, Any]]:
        """A row of the table for each candidate, best first."""
        ranked = Sweep(self.results, self.criterion, self.results[0], self.n_passes).ranked()
        return [
            {
                "covariance_type": result.candidate.covariance_type,
                "n_components": result.candidate.n_components,
                **{column: getattr(result, column) for column in _COLUMNS},
                "status": result.status.value,
            }
            for result in ranked
        ]

    def __repr__(self) -> str:
        first = self._records()[0]
        return (
            f"<SweepResult: {len(self.results)} candidates, best by {self.criterion}: "
            f"{first['covariance_type']}-{first['n_components']}, "
            f"{self.criterion} {first[self.criterion]:.6g}>"
        )

    def _repr_html_(self) -> str:
        """The table of candidates for notebooks."""
        records = self._records()
        head = "".join(f"<th>{escape(name)}</th>" for name in records[0])
        rows = "".join(
            "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in record.values()) + "</tr>"
            for record in records
        )
        return (
            f"<p>{escape(repr(self))}</p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


def sweep(
    X: Any,
    n_components: int | Iterable[int] = range(1, 11),
    covariance_type: str | Iterable[str] = tuple(STRUCTURES),
    *,
    criterion: str = "bic",
    sample_weight: Any = None,
    n_init: int = 5,
    init_params: Any = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    reg_covar: float | None = None,
    random_state: Any = None,
    sample_size: int | None = None,
    feature_dim: str | None = None,
    verbose: int = 0,
) -> SweepResult:
    """Fit every covariance type with every number of components, and choose one.

    All candidates share each pass: a block is read once for all of them.

    Parameters
    ----------
    X : array-like, dask array, data frame or DataArray of shape (n_samples, n_features)
        As for :class:`dgmm.GaussianMixture`.
    n_components : int or iterable of int, default=range(1, 11)
    covariance_type : str or iterable of str, default=("full", "tied", "diag", "spherical")
    criterion : {"bic", "aic", "icl"}, default="bic"
        The smallest value wins.
    sample_weight : array-like of shape (n_samples,), optional
    n_init, init_params, tol, max_iter, reg_covar, random_state, sample_size, feature_dim, verbose
        As for :class:`dgmm.GaussianMixture`.

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError
        If a parameter or the data are unusable.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import dgmm
    >>> result = dgmm.sweep(load_iris().data, range(1, 4), ("full", "diag"), random_state=0)
    >>> result.best.covariance_type, result.best.n_components
    ('full', 2)
    """
    counts = (n_components,) if isinstance(n_components, int) else tuple(n_components)
    kinds = (covariance_type,) if isinstance(covariance_type, str) else tuple(covariance_type)
    model = GaussianMixture(
        n_init=n_init,
        init_params=init_params,
        tol=tol,
        max_iter=max_iter,
        reg_covar=reg_covar,
        random_state=random_state,
        sample_size=sample_size,
        feature_dim=feature_dim,
        verbose=verbose,
    )
    chosen = options.fit_options(
        [(kind, count) for kind in kinds for count in counts],
        criterion=criterion,
        n_init=n_init,
        init_params=init_params,
        tol=tol,
        max_iter=max_iter,
        reg_covar=reg_covar,
        random_state=random_state,
        sample_size=sample_size,
    )
    table = table_of(model, X, feature_dim, reset=True)
    execution = options.execution(is_lazy=table.is_lazy)
    observer = narrator(verbose, model.verbose_interval)
    found = fit(table.dataset(sample_weight), chosen, execution, observer).sweep
    best = _fitted_like(model, found.best)
    return SweepResult(best, found.results, criterion, found.n_passes)


def _fitted_like(model: GaussianMixture, result: FitResult) -> GaussianMixture:
    """A mixture with the parameters and features of ``model``, fitted as ``result`` says."""
    candidate = result.candidate
    mixture = GaussianMixture(**model.get_params()).set_params(
        n_components=candidate.n_components, covariance_type=candidate.covariance_type
    )
    fitted.adopt(mixture, result, mixture.tol)
    mixture.n_features_in_ = model.n_features_in_
    if hasattr(model, "feature_names_in_"):
        mixture.feature_names_in_ = model.feature_names_in_
    return mixture


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))
