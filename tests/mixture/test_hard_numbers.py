"""Data on which plain float64 formulas lose their digits, against a 50-digit reference.

The reference takes the very float64 numbers that dgmm is given, so all that is compared is the
arithmetic. Where the answer itself hangs on the last bit of an input (covariances of condition
1e10), the error allowed is ten times what half a unit in the last place of the start would change.
"""

import mpmath
import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from tests import high_precision
from tests.high_precision import covariance_error, largest_error
from tests.mixture.em.test_parity import fit
from tests.mixture.one_step import e_step, em_step, frame_of
from tests.reference import Mixture
from tests.strategies import COVARIANCE_TYPES, HARD

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
each_hard = pytest.mark.parametrize("name", HARD)

REQUIRED = 1e-6
ROUNDING = 1e-12


def hard(name, covariance_type, seed=0):
    return HARD[name](np.random.default_rng(seed), covariance_type)


def one_bit_off(mixture):
    """The mixture with half a unit in the last place more or less in every covariance."""
    rng = np.random.default_rng(7)
    half_a_unit = np.finfo(np.float64).eps / 2
    with mpmath.workdps(high_precision.DIGITS):
        covariances = high_precision.exact(mixture.covariances)
        signs = rng.choice([-1, 1], covariances.shape)
        if mixture.covariance_type in ("full", "tied"):
            signs = np.triu(signs) + np.triu(signs, 1).swapaxes(-1, -2)
        return mixture._replace(
            covariances=covariances * (1 + high_precision.exact(signs * half_a_unit))
        )


def parameters_of(mixture):
    return Parameters.from_covariances(*mixture)


@each_hard
@each_type
def test_em_step_keeps_its_digits(name, covariance_type):
    X, start = hard(name, covariance_type)
    exact = high_precision.em_step(X, start)
    nearby = high_precision.em_step(X, one_bit_off(start))
    ours = em_step(X, start, chunks=(1, 0, 41, len(X) - 42))

    def error(values):
        return covariance_error(values, exact.covariances, covariance_type)

    allowed = ROUNDING + 10 * error(nearby.covariances)
    assert error(ours.covariances) < min(allowed, REQUIRED)
    allowed = ROUNDING + 10 * largest_error(nearby.weights, exact.weights)
    assert largest_error(ours.weights, exact.weights) < min(allowed, REQUIRED)
    # float64 cannot hold a mean better than to its own last bit
    allowed = 4e-16 + 10 * largest_error(nearby.means, exact.means, abs(exact.means).max(axis=0))
    assert largest_error(ours.means, exact.means, abs(exact.means).max(axis=0)) < allowed


@each_type
def test_deviations_of_means_keep_their_digits_at_1e8(covariance_type):
    """Relative to the frame's origin the means are known far better than float64 holds 1e8."""
    X, start = hard("far from zero", covariance_type)
    exact = high_precision.em_step(X, start)
    centred = frame_of(X)
    (moments,) = e_step(X, [start], centred=centred)
    with mpmath.workdps(high_precision.DIGITS):
        deviations = exact.means - high_precision.exact(centred.origin)
    assert largest_error(moments.means, deviations, 1e-3) < 1e-14


@each_hard
@each_type
def test_weights_keep_their_digits_too(name, covariance_type):
    X, start = hard(name, covariance_type, seed=1)
    s = np.random.default_rng(0).uniform(0.1, 5.0, len(X))
    exact = high_precision.em_step(X, start, s)
    nearby = high_precision.em_step(X, one_bit_off(start), s)
    ours = em_step(X, start, s)
    allowed = ROUNDING + 10 * covariance_error(
        nearby.covariances, exact.covariances, covariance_type
    )
    error = covariance_error(ours.covariances, exact.covariances, covariance_type)
    assert error < min(allowed, REQUIRED)


@each_hard
@each_type
def test_log_densities_keep_their_digits(name, covariance_type):
    X, mixture = hard(name, covariance_type)
    exact = high_precision.log_densities(X, mixture)
    nearby = high_precision.log_densities(X, one_bit_off(mixture))
    size = abs(exact).max()
    allowed = 1e-13 * float(size) + 10 * largest_error(nearby, exact, 1.0)
    ours = assign(parameters_of(mixture), X)
    assert largest_error(ours.log_density, exact, 1.0) < min(allowed, REQUIRED)
    (moments,) = e_step(X, [mixture])
    assert abs(moments.log_likelihood - mpmath.fsum(exact)) / len(X) < min(allowed, REQUIRED)


@each_hard
@each_type
def test_responsibilities_keep_their_digits(name, covariance_type):
    X, mixture = hard(name, covariance_type)
    exact = high_precision.responsibilities(X, mixture)
    nearby = high_precision.responsibilities(X, one_bit_off(mixture))
    allowed = 1e-12 + 10 * largest_error(nearby, exact, 1.0)
    ours = assign(parameters_of(mixture), X)
    assert largest_error(ours.responsibilities, exact, 1.0) < min(allowed, REQUIRED)
    assert np.array_equal(ours.labels, high_precision.rounded(exact).argmax(axis=1))


def scikit_learn_log_densities(X, mixture):
    parameters = parameters_of(mixture)
    model = GaussianMixture(len(mixture.weights), covariance_type=mixture.covariance_type)
    model.weights_, model.means_ = parameters.weights, parameters.means
    model.covariances_ = parameters.covariances
    model.precisions_cholesky_ = parameters.precisions_cholesky
    return model.score_samples(X)


@pytest.mark.parametrize(
    ("covariance_type", "lost"),
    [("full", 1e-6), ("tied", 1e-6), ("diag", 1e3), ("spherical", 1e3)],
)
def test_scikit_learn_loses_digits_where_ours_do_not(covariance_type, lost):
    """It takes mu P - x P apart, which at 1e8 +- 1e-3 cancels: for diag nothing is left."""
    X, mixture = hard("far from zero", covariance_type)
    exact = high_precision.log_densities(X, mixture)
    ours = assign(parameters_of(mixture), X).log_density
    theirs = scikit_learn_log_densities(X, mixture)
    assert largest_error(ours, exact, 1.0) < 1e-13
    assert largest_error(theirs, exact, 1.0) > lost


@each_type
@pytest.mark.parametrize("name", ["far apart", "everything at once"])
def test_the_choice_of_kernel_is_what_keeps_them(name, covariance_type):
    """The expanded kernel alone would lose half of the digits."""
    X, start = hard(name, covariance_type)
    exact = high_precision.em_step(X, start)
    error = {
        kernel: covariance_error(
            em_step(X, start, kernel=kernel).covariances, exact.covariances, covariance_type
        )
        for kernel in (None, "expanded", "centred")
    }
    assert error["expanded"] > 1e-9
    assert error["centred"] < ROUNDING
    assert error[None] == error["centred"]


@each_hard
@each_type
def test_log_likelihood_never_falls_on_hard_data(name, covariance_type):
    X, start = hard(name, covariance_type)
    trace = np.array(fit(X, start, 15)[0].trace)
    assert len(trace) > 1
    assert (np.diff(trace) >= -1e-13 * np.maximum(1.0, np.abs(trace[1:]))).all()


@each_type
def test_a_fit_at_1e8_reports_the_log_likelihood_of_its_parameters(covariance_type):
    X, start = hard("far from zero", covariance_type)
    state, origin = fit(X, start, 10)
    deviations = X - origin  # exact: the operands are within a factor of two
    exact = mpmath.fsum(high_precision.log_densities(deviations, state.parameters))
    assert abs(state.log_likelihood / exact - 1) < 1e-13


@each_type
@pytest.mark.parametrize("apart", [1e3, 1e4, 1e5])
def test_clumps_found_from_a_start_as_wide_as_the_data(covariance_type, apart):
    """The step that discovers the clumps may cost digits; the steps after it restore them."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 100)
    X = rng.normal(size=(100, 2)) + apart * labels[:, None]
    wide = np.tile(apart**2 * np.eye(2), (2, 1, 1))
    covariances = {
        "full": wide,
        "tied": wide[0],
        "diag": np.full((2, 2), apart**2),
        "spherical": np.full(2, apart**2),
    }[covariance_type]
    means = np.array([[0.0, 0.0], [apart, apart]])
    mixture = Mixture(covariance_type, np.array([0.5, 0.5]), means, covariances)
    for _ in range(8):
        before = mixture
        after = em_step(X, before)
        mixture = Mixture(covariance_type, after.weights, after.means, after.covariances)
    exact = high_precision.em_step(X, before)
    assert largest_error(mixture.weights, exact.weights) < 1e-12
    assert covariance_error(mixture.covariances, exact.covariances, covariance_type) < 1e-9
    np.testing.assert_allclose(np.sort(mixture.weights), np.sort(np.bincount(labels) / 100))
