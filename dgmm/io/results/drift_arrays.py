"""The comparison with an earlier result, as arrays on disk: ``drift/``."""

import math
from typing import Any

import zarr

from dgmm.errors import OutputError
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    read_attributes,
    read_small,
    write_small,
    zarr_store,
)
from dgmm.mixture.drift.component_drift import ComponentDrift
from dgmm.mixture.drift.decision import Drift, DriftStatus
from dgmm.mixture.drift.duplicates import DuplicateRates
from dgmm.mixture.drift.predictive_test import Estimate, HeldOutTest, Prediction

_ARRAYS = {
    "label": "labels",
    "older_weight": "older_weights",
    "newer_weight": "newer_weights",
    "mean_shift": "mean_shifts",
    "divergence": "divergences",
}
"""Names of arrays along ``label``, and what they are of :class:`ComponentDrift`."""

_ESTIMATES = {
    "older_log_likelihood": "older",
    "newer_log_likelihood": "newer",
    "log_likelihood_difference": "difference",
    "loss": "loss",
}
_ERROR = "_standard_error"


def write_drift(run: AnyPath, drift: Drift) -> None:
    """Write a comparison as a group; single numbers and texts are attributes.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    group = run / "drift"
    for name, attribute in _ARRAYS.items():
        write_small(group / name, getattr(drift.components, attribute), ("label",))
    zarr.create_group(zarr_store(group), attributes=_attributes(drift))


def read_drift(run: AnyPath) -> Drift | None:
    """What `write_drift` wrote; None if there was no comparison.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    OutputError
        If it is not what this version of dgmm writes.
    """
    group = run / "drift"
    if not (group / ROOT_METADATA).is_file():
        return None
    found = read_attributes(group)
    arrays = {attribute: read_small(group / name) for name, attribute in _ARRAYS.items()}
    try:
        estimates = {field: _estimate(found, name) for name, field in _ESTIMATES.items()}
        test = None
        if "p_value" in found:
            gain = _estimate(found, "held_out_gain")
            test = HeldOutTest(found["n_held_out_stretches"], gain, found["p_value"])
        repeats = None
        if "newer_repeated_share" in found:
            repeats = DuplicateRates(found["older_repeated_share"], found["newer_repeated_share"])
        return Drift(
            ComponentDrift(**arrays),
            Prediction(found["n_sampled_rows"], **estimates),
            test,
            DriftStatus(found["verdict"]),
            tuple(found["reasons"]),
            repeats,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(
            f"{group} is not what this version of dgmm writes: {error!r}. "
            "Open it with the version of dgmm that wrote it."
        ) from error


def _attributes(drift: Drift) -> dict[str, Any]:
    found: dict[str, Any] = {
        "verdict": drift.verdict.value,
        "reasons": list(drift.reasons),
        "n_sampled_rows": drift.prediction.n_rows,
    }
    for name, field in _ESTIMATES.items():
        found |= _numbers(name, getattr(drift.prediction, field))
    if drift.test is not None:
        found |= _numbers("held_out_gain", drift.test.gain)
        found["n_held_out_stretches"] = drift.test.n_segments
        found["p_value"] = drift.test.p_value
    if drift.repeats is not None:
        found["older_repeated_share"] = drift.repeats.older
        found["newer_repeated_share"] = drift.repeats.newer
    return found


def _numbers(name: str, estimate: Estimate) -> dict[str, float]:
    """An estimate as JSON can hold it, which has no NaN."""
    found = {name: estimate.mean, name + _ERROR: estimate.standard_error}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _estimate(found: dict[str, Any], name: str) -> Estimate:
    return Estimate(found[name], found.get(name + _ERROR, math.nan))
