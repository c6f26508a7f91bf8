"""The labels of components, as a coordinate of the arrays that have one number for each."""

import numpy as np

from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import read_small, write_small
from dgmm.mixture.drift.alignment import ComponentLabels

COMPONENT = "component"


def write_labels(group: AnyPath, labels: tuple[int, ...]) -> None:
    """Write the coordinate into a group whose arrays have the dimension ``component``.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    write_small(group / COMPONENT, np.asarray(labels, np.int64), (COMPONENT,))


def read_labelling(group: AnyPath, n_components: int, next_label: int | None) -> ComponentLabels:
    """The labels in a group, or those of a mixture without a predecessor if there are none.

    Raises
    ------
    StorageError
        If the array is damaged.
    """
    if next_label is None or not (group / COMPONENT).is_dir():
        return ComponentLabels.first(n_components)
    return ComponentLabels(tuple(read_small(group / COMPONENT).tolist()), next_label)
