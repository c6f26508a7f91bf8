"""``SweepResult``: every candidate of a sweep, as tables, and as fitted mixtures."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Self

import numpy as np

from dgmm.estimator import attributes
from dgmm.estimator.gaussian_mixture import GaussianMixture
from dgmm.estimator.silhouette import CRITERION as SILHOUETTE
from dgmm.estimator.sweep_candidates import mixture_like, sort_results
from dgmm.mixture.fit_result import FitResult
from dgmm.mixture.model_selection.dependence import Dependence
from dgmm.mixture.model_selection.label_agreement import LabelAgreement
from dgmm.mixture.model_selection.model_differences import ModelDifference
from dgmm.mixture.sample_size import SampleSize
from dgmm.optional_packages import import_optional
from dgmm.registry import canonical_type

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from dgmm.plots.accessor import SweepPlot


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SweepResult:
    """Every candidate of a sweep, and the one that the criterion chose.

    Attributes
    ----------
    best : GaussianMixture
        Fitted: the smallest criterion (the largest silhouette) among candidates without a
        collapsed component.
    results : tuple of FitResult
        One for each candidate, in the order they were named: ``candidate``, ``parameters``,
        ``status``, ``trace``, ``log_likelihood``, ``criteria`` and more.
    criterion : str
    n_passes : int
        Reads of all rows.
    silhouettes : mapping of str to float
        Mean silhouette by name of candidate ("full-3"); empty unless it was the criterion.
    size : SampleSize, or None
        How many rows criteria count, ``size.n_effective``; None in results of earlier versions.
    dependence : Dependence or None
        How much rows depend on their neighbours: ``design_effect`` with its interval, ``is_long``;
        None where there are too few rows to tell.
    differences : tuple of ModelDifference
        How much less likely each candidate is than the best, in nats a row, in the order of
        ``results``: ``mean``, ``standard_error``, ``z``.
    agreements : mapping of str to LabelAgreement
        How alike labels are with one component less and one more, by name: ``adjusted_rand``,
        ``fowlkes_mallows``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import dgmm
    >>> X = load_iris().data
    >>> found = dgmm.sweep(X, range(1, 4), "full", random_state=0)
    >>> found
    <SweepResult: 3 candidates, best by bic: full-2, bic 574.018>
    >>> found.best.n_components
    2
    """

    best: GaussianMixture
    results: tuple[FitResult, ...]
    criterion: str
    n_passes: int
    silhouettes: Mapping[str, float] = field(default_factory=dict)
    size: SampleSize | None = None
    dependence: Dependence | None = None
    differences: tuple[ModelDifference, ...] = ()
    agreements: Mapping[str, LabelAgreement] = field(default_factory=dict)

    def model(self, covariance_type: str, n_components: int) -> GaussianMixture:
        """The fitted mixture of one candidate.

        Parameters
        ----------
        covariance_type : str
        n_components : int

        Returns
        -------
        GaussianMixture

        Raises
        ------
        KeyError
            If the sweep had no such candidate.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> sweep = dgmm.sweep(load_iris().data, range(1, 4), "full", random_state=0)
        >>> sweep.model("full", 3).n_components
        3
        """
        kind, transform = canonical_type(covariance_type), attributes.transform_of(self.best)
        for result in self.results:
            if (result.covariance_type, result.n_components) == (kind, n_components):
                return mixture_like(self.best, result, self.size, transform)
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

        Examples
        --------
        >>> import dgmm
        >>> dgmm.SweepResult.from_zarr("results/iris").best.n_components
        2
        """
        from dgmm.estimator import serialization  # only here: a fit needs no Zarr
        from dgmm.io.results.result import open_result

        found = open_result(path)
        sweep = found.sweep
        best = serialization.read_run(GaussianMixture, found, sweep.selected)
        return cls(
            best,
            sweep.results,
            sweep.criterion,
            sweep.n_passes,
            size=sweep.size,
            dependence=sweep.dependence,
            differences=sweep.differences,
            agreements=sweep.agreements,
        )

    @property
    def plot(self) -> "SweepPlot":
        """Criteria against K, means and ellipses of the best mixture, on axes of Matplotlib."""
        from dgmm.plots.accessor import SweepPlot

        mixture = attributes.to_parameters(self.best).with_noise(None)
        names, transform = attributes.names_of(self.best), attributes.transform_of(self.best)
        return SweepPlot(
            results=self.results,
            criterion=self.criterion if self.criterion in self.results[0].criteria else "bic",
            weights=mixture.weights,
            means=mixture.means,
            covariances=mixture.matrices,
            names=names if transform is None else transform.feature_names(names),
            labels=tuple(range(mixture.n_components)),
        )

    def to_pandas(self) -> "pd.DataFrame":
        """A data frame with a row for each candidate, best first.

        Where ``is_bound``, EM was stopped before it converged, and criteria are upper bounds.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingExtraError
            If pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> sweep = dgmm.sweep(load_iris().data, range(1, 4), "full", random_state=0)
        >>> sweep.to_pandas()[["n_components", "status"]]
           n_components     status
        0             2  converged
        1             3  converged
        2             1  converged
        """
        pandas = import_optional("pandas", "to_pandas() needs pandas", "pandas")
        return pandas.DataFrame(self._records())

    def to_xarray(self) -> "xr.Dataset":
        """Criteria and log-likelihood over covariance type and number of components.

        Returns
        -------
        xarray.Dataset
            Dimensions ``covariance_type`` and ``n_components``; NaN where there is no candidate.
            ``is_bound`` is 1 where criteria are upper bounds, because EM was stopped before it
            converged.

        Raises
        ------
        MissingExtraError
            If xarray is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> found = dgmm.sweep(X, range(1, 4), "full", random_state=0)
        >>> found.to_xarray()["bic"].sel(covariance_type="full").round(1).values
        array([830. , 574. , 580.8])
        """
        xarray = import_optional("xarray", "to_xarray() needs xarray", "dgmm[xarray]")
        kinds = list(dict.fromkeys(result.covariance_type for result in self.results))
        counts = sorted({result.n_components for result in self.results})
        dims = ("covariance_type", "n_components")
        variables = {}
        for column in self._columns(self.results[0]):
            values = np.full((len(kinds), len(counts)), np.nan)
            for result in self.results:
                place = kinds.index(result.covariance_type), counts.index(result.n_components)
                values[place] = self._columns(result)[column]
            variables[column] = (dims, values)
        return xarray.Dataset(variables, dict(zip(dims, (kinds, counts), strict=True)))

    def _columns(self, result: FitResult) -> dict[str, float]:
        """The numbers of a candidate by name."""
        columns = {
            "n_parameters": result.n_parameters,
            "log_likelihood": result.log_likelihood,
            **result.criteria,
            "is_bound": result.is_bound,
            "n_iter": result.n_iter,
        }
        if self.silhouettes:
            columns[SILHOUETTE] = self.silhouettes[result.candidate.name]
        return columns

    def _records(self) -> list[dict[str, str | float]]:
        """A row of the table for each candidate, best first."""
        return [
            {
                "covariance_type": result.covariance_type,
                "n_components": result.n_components,
                **self._columns(result),
                "status": result.status.value,
            }
            for result in self._rank()
        ]

    def _rank(self) -> list[FitResult]:
        """Results best first."""
        size = self.size
        n_rows = self.results[0].total_weight if size is None else size.n_effective
        return sort_results(self.results, self.criterion, self.silhouettes, n_rows)

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


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))
