"""Data on which fits break down end in a status or a refusal: no traceback, no warning, no NaN."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.engine.fit import FitOptions, fit
from dgmm.errors import DataError
from dgmm.mixture.candidate import Status
from tests.engine.recording import SYNCHRONOUS, dataset_of
from tests.strategies import COVARIANCE_TYPES, seeds


def models(*numbers):
    return tuple((kind, k) for kind in COVARIANCE_TYPES for k in numbers)


def thirds(n_rows):
    return (n_rows // 3, n_rows // 3, n_rows - 2 * (n_rows // 3))


def sweep_of(rows, numbers=(1, 2, 3), weights=None, **options):
    options = FitOptions(models(*numbers), **{"n_init": 1, "max_iter": 30, **options})
    return fit(dataset_of(rows, thirds(len(rows)), weights), options, SYNCHRONOUS).sweep


def assert_sound(sweep):
    for result in sweep.results:
        mixture = result.parameters
        numbers = (
            mixture.weights,
            mixture.means,
            mixture.covariances,
            mixture.precisions_cholesky,
            result.trace,
            (result.log_likelihood, result.bic, result.aic, result.icl),
        )
        for number in numbers:
            assert np.isfinite(number).all(), result.candidate
        assert result.status is not Status.RUNNING
        assert mixture.weights.sum() == pytest.approx(1.0, abs=1e-12)
        assert (mixture.weights >= 0).all()
        kind, k = result.candidate.covariance_type, result.candidate.n_components
        assert len(mixture.weights) == k
        factors = mixture.precisions_cholesky
        if kind in ("full", "tied"):
            factors = np.diagonal(factors, axis1=-2, axis2=-1)
        assert (factors > 0).all()
    sound = [result for result in sweep.results if result.status is not Status.DEGENERATE]
    if sound:
        assert sweep.selected in sound


def clumps(n_rows=240, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_features)) + 4 * rng.integers(0, 2, (n_rows, 1))


def with_column(value):
    rows = clumps()
    rows[:, 1] = value
    return rows


X = clumps()
HARD = {
    "a constant column": with_column(7.0),
    "a column of zeros": with_column(0.0),
    "a constant column far away": with_column(1e8),
    "a constant column that float64 cannot hold": with_column(0.1),
    "all rows equal": np.full((50, 3), 3.3),
    "all rows zero": np.zeros((50, 3)),
    "all rows equal and huge": np.full((50, 3), 3.3e130),
    "all rows equal and tiny": np.full((50, 3), 3.3e-150),
    "three distinct rows": np.repeat(X[:3], 20, axis=0),
    "two distinct rows far apart": np.r_[np.zeros((99, 2)), np.full((99, 2), 1e15)],
    "every row five times": np.repeat(X[:60], 5, axis=0),
    "more features than rows": np.random.default_rng(0).normal(size=(12, 20)),
    "a column twice": np.c_[X, X[:, 0]],
    "a column the sum of others": np.c_[X, X[:, 0] + X[:, 1]],
    "1e8 +- 1e-3": 1e8 + 1e-3 * X,
    "tiny": X * 1e-130,
    "huge": X * 1e138,
    "unlike scales": X * [1e-12, 1.0, 1e12],
    "very unlike scales": X * [1e-60, 1.0, 1e60],
    "one row far away": np.r_[X, np.full((1, 3), 1e30)],
    "one row at the end of the world": np.r_[X, np.full((1, 3), 1e139)],
    "exponential tails": np.exp(30 * np.random.default_rng(0).normal(size=(200, 2))),
    "Cauchy tails": np.random.default_rng(0).standard_cauchy((300, 2)),
    "bits": np.random.default_rng(0).integers(0, 2, (200, 3)).astype(bool),
    "bytes": np.random.default_rng(0).integers(0, 256, (300, 3)).astype(np.uint8),
    "counts": np.random.default_rng(0).poisson(0.3, (300, 3)),
    "mostly zeros": X * (np.random.default_rng(0).random(X.shape) < 0.05),
    "integers beyond 2^53": np.random.default_rng(0).integers(2**60, 2**62, (200, 2)),
    "the largest unsigned integers": np.random.default_rng(0).integers(
        2**63, 2**64 - 1, (200, 2), np.uint64
    ),
    "big-endian half precision": X.astype(">f2"),
    "the largest half precision": np.full((20, 2), 65504, np.float16),
    "one row": X[:1],
    "two rows": X[:2],
    "one feature": X[:, :1],
}


SIMILAR = {  # to others of them
    "a column of zeros",
    "a constant column far away",
    "all rows equal and huge",
    "all rows zero",
    "tiny",
    "very unlike scales",
    "one row far away",
    "a column twice",
    "every row five times",
    "counts",
    "two rows",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SIMILAR else ()) for name in HARD],
)
def test_hard_data_end_in_a_status(name):
    rows = HARD[name]
    numbers = [k for k in (1, 4) if k <= len(rows)]
    assert_sound(sweep_of(rows, numbers))


@pytest.mark.parametrize("name", ["bits", "three distinct rows", "more features than rows"])
def test_degenerate_candidates_may_be_carried_on(name):
    assert_sound(sweep_of(HARD[name], (1, 5), allow_degenerate=True))


@pytest.mark.parametrize("name", ["bits", "three distinct rows", "all rows equal"])
def test_components_beyond_the_distinct_rows_are_marked_and_not_chosen(name):
    rows = HARD[name]
    n_distinct = len(np.unique(rows, axis=0))
    sweep = sweep_of(rows, (1, n_distinct + 2), max_iter=100)
    if n_distinct > 1:
        for result in sweep.results:
            kind, k = result.candidate.covariance_type, result.candidate.n_components
            if k > n_distinct and kind != "tied":  # which has sound optima with equal means
                assert result.status is Status.DEGENERATE, result.candidate
    assert sweep.selected.candidate.n_components == 1


def test_bytes_take_twelve_components():
    assert_sound(sweep_of(HARD["bytes"], (12,)))


@settings(max_examples=4)
@given(seed=seeds, data=st.data())
def test_as_many_components_as_rows_end_in_a_status(seed, data):
    rows = clumps(data.draw(st.integers(1, 8)), data.draw(st.integers(1, 4)), seed)
    numbers = sorted({1, len(rows), (1 + len(rows)) // 2})
    assert_sound(sweep_of(rows, numbers, init_params=None))


@pytest.mark.parametrize("scale", [1e-150, 1e-155, 1e-160, 1e-162])
def test_numbers_too_small_to_be_squared_are_fitted_or_refused(scale):
    try:
        sweep = sweep_of(X * scale)
    except DataError:
        return
    assert_sound(sweep)


@pytest.mark.parametrize("scales", [[1e-130, 1.0, 1e130], [1e-150, 1.0, 1e138]])
def test_features_too_unlike_are_fitted_or_refused(scales):
    try:
        sweep = sweep_of(X * scales)
    except DataError:
        return
    assert_sound(sweep)


# --- samples ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_small_sample_ends_in_a_status(seed):
    assert_sound(sweep_of(clumps(600, 2), (1, 2, 5), sample_rows=40, seed=seed))


@pytest.mark.parametrize("sample_rows", [1e-3, pytest.param(1, marks=pytest.mark.slow), 4])
def test_a_sample_smaller_than_the_number_of_components_ends_in_a_status(sample_rows):
    assert_sound(sweep_of(clumps(600, 2), (1, 2, 9), sample_rows=sample_rows))


# --- weights ----------------------------------------------------------------------------------


def only(*kept):
    weights = np.zeros(len(X))
    weights[list(kept)] = 1.0
    return weights


def drawn(low, high):
    return 10.0 ** np.random.default_rng(0).uniform(low, high, len(X))


WEIGHTS = {
    "one row": only(7),
    "two rows": only(7, 100),
    "none in the first block": np.arange(len(X)) >= 80,
    "none in the middle block": (np.arange(len(X)) // 80 != 1).astype(float),
    "all 1e-300": np.full(len(X), 1e-300),
    "all 1e12": np.full(len(X), 1e12),
    "1e-30 to 1e30": drawn(-30, 30),
    "1e-150 to 1e10": drawn(-150, 10),
    "one heavy row": np.where(np.arange(len(X)) == 5, 1e20, 1.0),
    "bytes": np.random.default_rng(0).integers(0, 255, len(X)).astype(np.uint8),
    "all 1e300": np.full(len(X), 1e300),
    "sum beyond float64": np.full(len(X), 1e307),
    "1e-300 to 1e300": drawn(-300, 300),
}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_extreme_weights_end_in_a_status_or_a_refusal(weights):
    try:
        sweep = sweep_of(X, weights=weights)
    except DataError:
        return
    assert_sound(sweep)


def test_weights_that_the_starts_do_not_see_end_in_a_status():
    rows, weights = clumps(20_000, 1), np.zeros(20_000)
    weights[1::2] = 1.0
    assert_sound(sweep_of(rows, (1, 2), weights, n_init=1, max_iter=2))


def test_weights_that_the_sample_does_not_see_end_in_a_status():
    rows, weights = clumps(3000, 2), np.zeros(3000)
    weights[[5, 6, 7, 8, 9, 10, 11, 1200, 1300]] = 1.0
    for seed in range(2):
        assert_sound(sweep_of(rows, (1, 2), weights, sample_rows=200, seed=seed))
