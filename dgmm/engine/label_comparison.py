"""The labels of a sample of the rows under the choice of a sweep, and under its neighbours."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dgmm.engine.profile import Profile
from dgmm.engine.stages import positive_weight_sample
from dgmm.mixture.density import assign
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.model_selection.label_agreement import LabelAgreement, cross_tabulate
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_MOST_COMPARED = 1 << 16  # rows
_ROWS_AT_ONCE = 1 << 13  # each has a responsibility for each component


def compare_neighbours(sweep: Sweep, profile: Profile) -> Sweep:
    """The sweep with the agreements of the labels of the sample, if it has neighbours in K.

    Parameters
    ----------
    sweep : Sweep
    profile : Profile
        In the coordinates of the mixtures.
    """
    others = sweep.neighbours
    if not others:
        return sweep
    mixtures = [result.parameters for result in others]
    sample = positive_weight_sample(profile)
    found = compare_labels(sweep.selected.parameters, mixtures, *sample)
    names = [result.candidate.name for result in others]
    return replace(sweep, agreements=dict(zip(names, found, strict=True)))


def compare_labels(
    mixture: Parameters, others: Sequence[Parameters], rows: Array, weights: Array | None
) -> tuple[LabelAgreement, ...]:
    """How alike the labels of a mixture are to those of others.

    Of all rows, or of evenly spaced ones if there are more than 65,536.

    Parameters
    ----------
    mixture : Parameters
    others : sequence of Parameters
        In the same coordinates.
    rows : ndarray of shape (m, n_features)
        NaN marks what is missing.
    weights : ndarray of shape (m,), or None
        In any unit: 1 on average is what counts as a row.
    """
    step = max(1, -(-len(rows) // _MOST_COMPARED))
    rows, weights = rows[::step], None if weights is None else weights[::step]
    shapes = [(mixture.n_components, other.n_components) for other in others]
    tables = [np.zeros((n + 1, m + 1)) for n, m in shapes]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        w = None if weights is None else weights[part]
        labels = assign(mixture, rows[part], may_lack=True).labels
        for table, other, shape in zip(tables, others, shapes, strict=True):
            table += cross_tabulate(
                labels, assign(other, rows[part], may_lack=True).labels, shape, w
            )
    scale = 1.0 if weights is None else 1 / weights.mean()
    return tuple(LabelAgreement.from_table(scale * table) for table in tables)
