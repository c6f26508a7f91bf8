"""Standard errors of components, against loops and against fits to other rows."""

import math

import numpy as np
import pytest

from dgmm.mixture.component_errors import ComponentErrors
from dgmm.mixture.parameters import Parameters
from tests.mixture.assigned_sums import sums_of

TRUE = Parameters.from_covariances(
    "full",
    np.array([0.7, 0.3]),
    np.array([[0.0, 0.0], [9.0, 0.0]]),
    np.array([np.eye(2), [[2.0, 0.5], [0.5, 1.0]]]),
)


def drawn(seed, n_rows=4_000, times=1):
    """Rows of two components apart, each so many times over."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(2, n_rows // times, p=TRUE.weights)
    factors = np.linalg.cholesky(TRUE.matrices)[labels]
    rows = TRUE.means[labels] + np.einsum("nij,nj->ni", factors, rng.normal(size=(len(labels), 2)))
    return np.repeat(rows, times, axis=0)


def groups_of(rows, n_groups=32):
    return [sums_of(part, TRUE).components for part in np.array_split(rows, n_groups)]


def estimates(groups):
    """Weights, means and deviations by the sums of some groups."""
    sizes = sum(group.sizes for group in groups)
    means = sum(group.deviations for group in groups) / sizes[:, None]
    squares = sum(group.squares for group in groups) / sizes[:, None]
    return sizes / sizes.sum(), means, np.sqrt(squares - means**2)


def test_errors_are_those_of_a_jackknife_in_loops():
    groups = groups_of(drawn(0), 9)
    found = ComponentErrors.from_groups(groups)
    without = [estimates(groups[:g] + groups[g + 1 :]) for g in range(9)]
    for values, error in zip(
        zip(*without, strict=True),
        (found.weight, found.mean, found.standard_deviation),
        strict=True,
    ):
        deviations = np.array(values) - np.mean(values, axis=0)
        np.testing.assert_allclose(error, np.sqrt(8 / 9 * (deviations**2).sum(axis=0)), rtol=1e-9)


@pytest.mark.parametrize("times", [1, 10])
def test_errors_are_how_far_fits_to_other_rows_differ(times):
    n_rows = 4_000
    found = [ComponentErrors.from_groups(groups_of(drawn(s, n_rows, times))) for s in range(30)]
    fits = [estimates(groups_of(drawn(s, n_rows, times), 1)) for s in range(100, 300)]
    for name, values in zip(
        ("weight", "mean", "standard_deviation"), zip(*fits, strict=True), strict=True
    ):
        error = np.sqrt(np.mean([getattr(each, name) ** 2 for each in found], axis=0))
        np.testing.assert_allclose(error, np.std(values, axis=0), rtol=0.25)
    expected = math.sqrt(0.21 / (n_rows / times))
    assert np.mean([each.weight[0] for each in found]) == pytest.approx(expected, rel=0.1)


def test_few_groups_tell_no_errors():
    assert ComponentErrors.from_groups(groups_of(drawn(0), 7)) is None
