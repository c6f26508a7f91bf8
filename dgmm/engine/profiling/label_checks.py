"""Labels of rows whose component is known, checked as they are read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dgmm.engine.block import Block
from dgmm.errors import DataError
from dgmm.mixture.prior_knowledge.labelled_moments import LabelledMoments
from dgmm.mixture.transform import WarmStart


def read_labels(block: Block, n_classes: int) -> NDArray[np.int64] | None:
    """The labels of a block's rows as integers, -1 for NaN; None if there are none.

    Parameters
    ----------
    block : Block
    n_classes : int
        Most classes: the most components that a model has.

    Raises
    ------
    DataError
        Naming the first row whose label is neither -1 nor a class.
    """
    if block.labels is None:
        return None
    values = block.labels.astype(np.float64)
    values[np.isnan(values)] = -1.0
    bad = np.flatnonzero(~((values >= -1) & (values < n_classes) & (values == np.floor(values))))
    if len(bad):
        raise DataError(
            f"Row {block.index(int(bad[0]))} has the label {values[bad[0]]:g}, one of {len(bad):,} "
            f"like it in its block; expected integers from 0 to {n_classes - 1}, fewer than the "
            "most components, and -1 where the component is not known. Number the classes from 0 "
            "on, or use more components."
        )
    return values.astype(np.int64)


def check_labels(
    labelled: LabelledMoments | None, n_components: Sequence[int], earlier: WarmStart
) -> None:
    """Refuse labels with which models of so many components cannot be fitted, or start from others.

    Raises
    ------
    DataError
        Saying what is wrong with them.
    """
    if labelled is None:
        return
    n_classes, weights = len(labelled.classes), labelled.weights
    message = None
    if not n_classes:
        message = "No row has a label; expected some from 0 on. Leave the labels out."
    elif not min(weights) > 0:
        message = (
            f"No row of positive weight has the label {weights.index(min(weights))}; expected rows "
            f"of each class, 0 to {n_classes - 1}. Number the classes from 0 on without gaps."
        )
    elif not labelled.others.total_weight > 0:
        message = "All rows have a label; expected some with -1, whose component is to be found."
    elif min(n_components) < n_classes:
        message = (
            f"The labels name {n_classes} classes, and a model has {min(n_components)} "
            "component(s); expected at least one for each class. Use more components."
        )
    elif earlier.mixtures and earlier.n_classes < n_classes:
        message = (
            f"The labels name {n_classes} classes, and the earlier mixture to start from has "
            f"{earlier.n_classes}; expected at most as many, since class k is component k of both. "
            "Start without the earlier one."
        )
    if message is not None:
        raise DataError(message)
