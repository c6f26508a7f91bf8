"""Names of runs, and digests of inputs, models and requests."""

import hashlib
import json
import os
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from dgmm.engine.arithmetic.processes import Processes
from dgmm.engine.dataset import Dataset
from dgmm.io.grid import Grid
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.layout import run_name
from dgmm.io.results.output import Output
from dgmm.io.sources.dask_blocks import sha256_hex
from dgmm.io.sources.source import Source
from dgmm.io.storage.zarr_arrays import storage_failures
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array
from dgmm.run.config.configuration import Configuration
from dgmm.run.redaction import redact_credentials

if TYPE_CHECKING:
    from dgmm.io.results.result import Result

_RESULTS = ("assignments", "most_probable", "outlier_quantile", "quantiles")
_LATER_RESULTS = {"merge": "misclassification", "n_clusters": None}
"""Keys that runs of the first version did not have, and what these would have had."""

BASIS = "basis"
"""The attribute of a run that says on what its assignments depend beside the rows."""


def mixture_digest(mixture: Parameters) -> str:
    """A digest of a mixture."""
    found = hashlib.sha256(mixture.covariance_type.encode())
    for array in (mixture.weights, mixture.means, mixture.precisions_cholesky):
        found.update(array.tobytes())
    found.update(_noise_text(mixture))
    return found.hexdigest()


def assignment_key(
    mixture: Parameters,
    transform: FeatureTransform | None,
    schema: AssignmentSchema,
    processes: Processes,
    dataset: Dataset,
    grid: Grid,
    chunk_shape: tuple[int, ...],
) -> dict[str, str]:
    """Digests of everything that assignments depend on, except the values of the rows.

    Runs of one basis have the same assignments, bit by bit, wherever they have blocks of the same
    samples with the same checksum. The last bits of a density depend on how many rows are computed
    together, and so on the extents of chunks.

    Parameters
    ----------
    mixture : Parameters
    transform : FeatureTransform, or None
    schema : AssignmentSchema
    processes : Processes
        That compute them.
    dataset : Dataset
    grid : Grid
        Of the samples.
    chunk_shape : tuple of int
        Extents of a stored chunk in the samples' dimensions.

    Returns
    -------
    dict of str to str
        Digests, by what they are of.
    """
    weights = None if dataset.weights is None else dataset.weights.dtype.str
    rows = (dataset.rows.dtype.str, dataset.feature_names, weights, dataset.missing)
    return {
        "model": _model_digest(mixture, transform),
        "arrays": sha256_hex(astuple(schema)),
        "data": sha256_hex(rows, grid.dims, grid.shape[1:]),
        "chunks": sha256_hex(chunk_shape),
        "arithmetic": sha256_hex(astuple(processes)),
    }


def _model_digest(mixture: Parameters, transform: FeatureTransform | None) -> str:
    arrays: list[Array | None] = [mixture.weights, mixture.means, mixture.precisions_cholesky]
    if transform is not None:
        arrays += [transform.mean, transform.scale, transform.axes]
    found = hashlib.sha256(mixture.covariance_type.encode() + _noise_text(mixture))
    for array in arrays:
        found.update(b"none" if array is None else repr(array.shape).encode() + array.tobytes())
    if transform is not None and transform.functions is not None:
        found.update(repr(transform.functions).encode())
    return found.hexdigest()


def _noise_text(mixture: Parameters) -> bytes:
    return b"" if mixture.noise is None else repr(mixture.noise).encode()


def score_run_id(identifier: str, result: "Result") -> str:
    """The name of a score run, by its input and model."""
    model = f"{mixture_digest(result.model)} {result.labelling.labels}"
    facts = f"score {identifier} {model} {result.outlier_threshold!r}"
    found = hashlib.sha256(facts.encode())
    if result.transform is not None:  # equal mixtures of transformed rows may differ
        for array in (result.transform.mean, result.transform.scale, result.transform.axes):
            found.update(b"" if array is None else array.tobytes())
        if result.transform.functions is not None:
            found.update(repr(result.transform.functions).encode())
    return found.hexdigest()[:16]


def fit_run_id(
    configuration: Configuration, output: Output, request: str, earlier: "Result | None"
) -> str:
    """The name of a run for this request and earlier result.

    Of a request that a complete run of the output was made for, the name of that run, the newest of
    several, whatever it had started from; unless the earlier mixture is adapted, or parts of it
    stay, so that the result depends on it.
    """
    if configuration.model.start_from is None:
        return request
    model = configuration.model
    if earlier is not None and (model.relevance is not None or model.fixed is not None):
        return _digest({"request": request, "adapted_from": run_name(earlier.path)})
    with storage_failures(output.place):
        runs = output.runs() if (output.place / "runs").is_dir() else ()
    for run in runs:
        if run.attributes.get("request") == request:
            return run.run_id
    if earlier is None:
        return request
    return _digest({"request": request, "started_from": run_name(earlier.path)})


def request_id(configuration: Configuration, source: Source) -> str:
    """A digest of input, model and assignments, whatever computes them."""
    return _digest(
        {
            "configuration": identity(configuration),
            "fingerprint": source.fingerprint,
            "format_version": 1,  # of names, which stay the same as formats change
        }
    )


def attempt_id_of(configuration: Configuration) -> str:
    """A digest of the configuration, whatever happened to its input."""
    return _digest(identity(configuration))


def _digest(document: dict[str, Any]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a document in canonical JSON."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def identity(configuration: Configuration) -> dict[str, Any]:
    """What identifies a run: input, model and assignments, but not output and cluster.

    Where a run starts from another, how far it may be from that belongs to it too. The path of the
    input is absolute and normalised. Variables are expanded, because results follow from their
    values: this is to be hashed, never to be stored.
    """
    values = configuration.model_dump(mode="json")
    del values["input"]["storage_options"]  # storage options do not identify the input
    weights = values["input"]["weights"] or {}
    if weights.get("normalize") is None:  # names of runs are older than it
        weights.pop("normalize", None)
    for place in (values["input"], weights, values["input"].get("labels") or {}):
        if place.get("path"):
            path = place["path"] if "://" in place["path"] else os.path.abspath(place["path"])
            place["path"] = redact_credentials(path)
    output = values["output"]
    later = {name: output[name] for name, old in _LATER_RESULTS.items() if output[name] != old}
    start_from = values["model"].pop("start_from")  # the name of a run includes its predecessor
    is_portable = configuration.cluster.arithmetic == "portable"  # the same bits everywhere
    return {
        **({"arithmetic": "portable"} if is_portable else {}),
        **({"drift": values["drift"]} if start_from else {}),
        "input": values["input"],
        "prepare": values["prepare"],
        "model": values["model"],
        "output": {**{name: output[name] for name in _RESULTS}, **later},
    }
