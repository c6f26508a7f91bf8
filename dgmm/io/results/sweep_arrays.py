"""A sweep as arrays on disk: ``sweep/``, ``model/`` and ``models/TYPE-K/``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import OutputError
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import read_small, write_small
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.model_selection.label_agreement import LabelAgreement
from dgmm.mixture.model_selection.model_differences import ModelDifference
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.sample_size import SampleSize
from dgmm.mixture.structures import structure_of
from dgmm.registry import STRUCTURES

SIZE = "sample_size"
"""The attribute of a run that says how many rows its criteria count."""

_INTEGERS = ("n_components", "start", "n_parameters", "n_iter")
_BIRTHS = "n_births"  # results of earlier versions have none
_DIFFERENCES = ("log_likelihood_difference", "log_likelihood_difference_error")
_NOISE = {"noise_weight": "weight", "noise_log_density": "log_density"}
_AGREEMENTS = ("adjusted_rand", "fowlkes_mallows")
_STOPPED_EARLY = "behind"  # what results call it since their first version
FIRST_CRITERIA = ("bic", "aic", "icl")  # those of results that do not name theirs


def write_sweep(run: AnyPath, sweep: Sweep, feature_names: tuple[str, ...]) -> None:
    """Write all candidates of a sweep and the names of the features; no group metadata.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    for group, fits in ((run / "model", (sweep.selected,)), (run / "models", sweep.results)):
        used = {
            dim for fit in fits for dim in parameter_dimensions(fit.covariance_type)["covariances"]
        }
        write_feature_names(group, feature_names, ("feature", *used & {"feature_2"}))
    for name, column in _columns(sweep).items():
        write_small(run / "sweep" / name, column, ("candidate",))
    if sweep.differences:
        means = [difference.mean for difference in sweep.differences]
        errors = [difference.standard_error for difference in sweep.differences]
        for name, values in zip(_DIFFERENCES, (means, errors), strict=True):
            write_small(run / "sweep" / name, np.array(values), ("candidate",))
    if sweep.agreements:
        for name in _AGREEMENTS:
            values = [
                getattr(sweep.agreements.get(result.candidate.name), name, np.nan)
                for result in sweep.results
            ]
            write_small(run / "sweep" / name, np.array(values), ("candidate",))
    write_parameters(run / "model", sweep.selected.parameters)
    for result in sweep.results:
        group = run / "models" / result.candidate.name
        write_parameters(group, result.parameters)
        write_small(group / "trace", np.asarray(result.trace, np.float64), ("iteration",))


def read_sweep(
    run: AnyPath,
    criterion: str,
    n_passes: int,
    selected: str,
    criteria: Sequence[str],
    size: Mapping[str, Any] | None = None,
) -> Sweep:
    """What `write_sweep` wrote.

    Parameters
    ----------
    run : Path or StorePath
    criterion : str
    n_passes : int
    selected : str
        Name of the best candidate, ``TYPE-K``.
    criteria : sequence of str
        Names of all criteria that were stored.
    size : mapping, or None
        What `SIZE` says; None where it is not kept.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    OutputError
        If the arrays are not those of a sweep.
    """
    births = (_BIRTHS,) if (run / "sweep" / _BIRTHS).is_dir() else ()
    names = ("covariance_type", "status", "log_likelihood", *_INTEGERS, *births, *criteria)
    columns = {name: read_small(run / "sweep" / name) for name in names}
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    results = tuple(_read_result(run, row, criteria) for row in rows)
    best = [result for result in results if result.candidate.name == selected]
    if not best:
        raise OutputError(f"{run} selects {selected!r}, which is none of its candidates.")
    differences: tuple[ModelDifference, ...] = ()
    if all((run / "sweep" / name).is_dir() for name in _DIFFERENCES):
        pairs = zip(
            *(read_small(run / "sweep" / name).tolist() for name in _DIFFERENCES), strict=True
        )
        differences = tuple(ModelDifference(*pair) for pair in pairs)
    kept = None if size is None else SampleSize(**size)
    agreements = _read_agreements(run, [result.candidate.name for result in results])
    return Sweep(
        results,
        criterion,
        best[0],
        n_passes,
        kept,
        differences=differences,
        agreements=agreements,
    )


def _read_agreements(run: AnyPath, names: list[str]) -> dict[str, LabelAgreement]:
    if not all((run / "sweep" / name).is_dir() for name in _AGREEMENTS):
        return {}
    pairs = zip(*(read_small(run / "sweep" / name).tolist() for name in _AGREEMENTS), strict=True)
    found = {name: LabelAgreement(*pair) for name, pair in zip(names, pairs, strict=True)}
    return {name: each for name, each in found.items() if not np.isnan(each.adjusted_rand)}


def write_feature_names(
    group: AnyPath, names: tuple[str, ...], dimensions: tuple[str, ...]
) -> None:
    """Write what features are called as the coordinates of a group's arrays.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    for dimension in dimensions:
        write_small(group / dimension, _text(names), (dimension,))


def summary(result: FitResult) -> dict[str, Any]:
    """One row of the sweep as JSON-able values, without numbers that are not finite."""
    row = _row(result)
    integers = {name: int(row[name]) for name in _INTEGERS}
    numbers = {name: row[name] for name in ("log_likelihood", *result.criteria)}
    finite = {name: value for name, value in numbers.items() if np.isfinite(value)}
    status = {"status": row["status"], "status_sentence": result.status.sentence}
    return {"covariance_type": result.covariance_type, **integers, **status, **finite}


def _columns(sweep: Sweep) -> dict[str, NDArray[Any]]:
    rows = [_row(result) for result in sweep.results]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return {name: _column(values) for name, values in columns.items()}


def _row(result: FitResult) -> dict[str, Any]:
    candidate = result.candidate
    return {
        "candidate": candidate.name,
        "covariance_type": candidate.covariance_type,
        "n_components": candidate.n_components,
        "start": candidate.start,
        "status": _status(result),
        "n_parameters": result.n_parameters,
        "n_iter": result.n_iter,
        _BIRTHS: result.n_births,
        "log_likelihood": float(result.log_likelihood),
        **{name: float(value) for name, value in result.criteria.items()},
    }


def _column(values: list[Any]) -> NDArray[Any]:
    return _text(values) if isinstance(values[0], str) else np.asarray(values)


def _text(values: list[str] | tuple[str, ...]) -> NDArray[Any]:
    return np.asarray(values, np.dtypes.StringDType())


def write_parameters(group: AnyPath, parameters: Parameters) -> None:
    """Write the parameters of a mixture into a group.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    for name, dimensions in parameter_dimensions(parameters.covariance_type).items():
        write_small(group / name, np.asarray(getattr(parameters, name), np.float64), dimensions)
    if parameters.noise is not None:
        for name, attribute in _NOISE.items():
            write_small(group / name, np.array(getattr(parameters.noise, attribute)), ())


def read_parameters(group: AnyPath, covariance_type: str) -> Parameters:
    """What `write_parameters` wrote.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    """
    names = parameter_dimensions(covariance_type)
    weights, means, covariances, factors = (read_small(group / name) for name in names)
    noise = _read_noise(group)
    return Parameters(covariance_type, weights, means, covariances, factors, noise)


def parameter_dimensions(covariance_type: str) -> dict[str, tuple[str, ...]]:
    """Dimensions of the arrays of a mixture, by their names."""
    covariance = structure_of(covariance_type).dimensions
    return {
        "weights": ("component",),
        "means": ("component", "feature"),
        "covariances": covariance,
        "precisions_cholesky": covariance,
    }


def _status(result: FitResult) -> str:
    return _STOPPED_EARLY if result.status is Status.STOPPED_EARLY else result.status.value


def _read_noise(group: AnyPath) -> Noise | None:
    if not all((group / name).is_dir() for name in _NOISE):
        return None
    return Noise(**{name: float(read_small(group / array)) for array, name in _NOISE.items()})


def _read_result(run: AnyPath, row: dict[str, Any], criteria: Sequence[str]) -> FitResult:
    covariance_type, status = str(row["covariance_type"]), str(row["status"])
    try:
        found = Status(status)
    except ValueError:
        found = None
    if covariance_type not in STRUCTURES or found is None:
        raise OutputError(f"{run} has a candidate of type {covariance_type!r}, status {status!r}.")
    candidate = Candidate(covariance_type, int(row["n_components"]), int(row["start"]))
    group = run / "models" / candidate.name
    mixture = read_parameters(group, covariance_type)
    return FitResult(
        candidate=candidate,
        parameters=replace(mixture, n_fixed=mixture.n_parameters - int(row["n_parameters"])),
        status=found,
        trace=tuple(read_small(group / "trace").tolist()),
        n_iter=int(row["n_iter"]),
        n_parameters=int(row["n_parameters"]),
        log_likelihood=float(row["log_likelihood"]),
        criteria={name: float(row[name]) for name in criteria},
        n_births=int(row.get(_BIRTHS, 0)),
    )
