"""What is held against stored results: numbers, which JSON keeps exactly, and hashes of arrays."""

import hashlib

import numpy as np
import pandas as pd
import zarr


def digest(values):
    """SHA-256 of the values of an array, with their dtype and shape."""
    values = np.ascontiguousarray(values)
    if values.dtype.kind in "OTUS":
        content = "\0".join(map(str, values.ravel().tolist())).encode()
    else:
        content = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return hashlib.sha256(f"{values.dtype.kind} {values.shape} ".encode() + content).hexdigest()


def digests(group):
    """Those of all arrays of a Zarr group, by their names."""
    members = zarr.open_group(group, mode="r").members(max_depth=None)
    arrays = {name: member for name, member in members if isinstance(member, zarr.Array)}
    return {name: digest(arrays[name][...]) for name in sorted(arrays)}


def numbers_of_result(result):
    """The chosen mixture of a result, the criteria of all candidates, and hashes of assignments."""
    assignments = {name: digest(array[...]) for name, array in result.assignments.items()}
    return {
        "selected": result.attributes["selected"],
        "feature_names": list(result.feature_names),
        "weights": result.model.weights.tolist(),
        "means": result.model.means.tolist(),
        "covariances": result.model.covariances.tolist(),
        "bic": [found.bic for found in result.sweep.results],
        "log_likelihood": [found.log_likelihood for found in result.sweep.results],
        "verdict": result.attributes.get("verdict"),
        "assignments": assignments,
    }


def numbers_of_estimator(mixture, rows):
    """Parameters and counts of an estimator, and the hash of the labels of some rows."""
    arrays = ("weights_", "means_", "covariances_", "precisions_cholesky_")
    counts = ("status_", "n_iter_", "n_samples_seen_", "lower_bound_", "bic_")
    return {
        **{name: getattr(mixture, name).tolist() for name in arrays},
        **{name: getattr(mixture, name) for name in counts if hasattr(mixture, name)},
        "labels": digest(np.asarray(mixture.predict(_named(mixture, rows)), np.int64)),
    }


def numbers_of_continued(mixture, rows):
    """What an estimator is like once it has taken in some more rows."""
    mixture.partial_fit(_named(mixture, rows))
    return {
        "n_samples_seen_": mixture.n_samples_seen_,
        "weights_": mixture.weights_.tolist(),
        "predictive_score_": mixture.predictive_score_,
    }


def _named(mixture, rows):
    """Rows as the estimator has seen them: with names for features, if it had names."""
    names = getattr(mixture, "feature_names_in_", None)
    return rows if names is None else pd.DataFrame(rows, columns=names)
