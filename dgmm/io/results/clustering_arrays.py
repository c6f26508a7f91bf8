"""How components are joined into clusters, as arrays on disk, and back: ``merging/``."""

import numpy as np
import zarr

from dgmm.errors import OutputError
from dgmm.io.results.label_arrays import write_labels
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    read_attributes,
    read_small,
    write_small,
    zarr_store,
)
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.merging.hierarchy import MergeHierarchy
from dgmm.mixture.types import Array

GROUP = "merging"


def write_clustering(
    run: AnyPath, clustering: Clustering, labels: tuple[int, ...], weights: Array
) -> None:
    """Write which components are joined.

    Parameters
    ----------
    run : Path or StorePath
    clustering : Clustering
    labels : tuple of int
        What the components are called.
    weights : ndarray of shape (n_components,)
        Of the components.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    group, hierarchy = run / GROUP, clustering.hierarchy
    pairs = np.array(hierarchy.pairs, np.int64).reshape(-1, 2)
    names = np.asarray(clustering.names(labels, weights), np.int64)
    write_labels(group, labels)
    write_small(group / "cluster", names, ("component",))
    write_small(group / "merged", pairs, ("merger", "side"))
    write_small(group / "misclassification", clustering.misclassification, ("merger",))
    write_small(group / "entropy", clustering.entropy, ("n_clusters",))
    attributes = {"method": hierarchy.method, "n_clusters": clustering.n_clusters}
    zarr.create_group(zarr_store(group), attributes=attributes)


def read_clustering(run: AnyPath) -> Clustering | None:
    """What `write_clustering` wrote; None if it is not there.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    OutputError
        If it is not what this version of dgmm writes.
    """
    group = run / GROUP
    if not (group / ROOT_METADATA).is_file():
        return None
    found = read_attributes(group)
    pairs = tuple((int(a), int(b)) for a, b in read_small(group / "merged"))
    entropy, misclassification = (
        read_small(group / name) for name in ("entropy", "misclassification")
    )
    try:
        hierarchy = MergeHierarchy(found["method"], pairs)
        return Clustering(hierarchy, entropy, misclassification, int(found["n_clusters"]))
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(
            f"{group} is not what this version of dgmm writes: {error!r}. "
            "Open it with the version of dgmm that wrote it."
        ) from error
