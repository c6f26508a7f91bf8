"""A sample that stands for all rows: equal where both were read, and with their gradient."""

import numpy as np
import pytest

from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.density import assign
from dgmm.mixture.em import iteration
from dgmm.mixture.em.fisher_metric import flatten
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.em.maximization import m_step
from dgmm.mixture.em.surrogate import ControlVariate
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.regularization import Regularization
from tests.mixture.one_step import relative_to
from tests.strategies import COVARIANCE_TYPES, random_mixture

D, K = 3, 3
ZERO = np.zeros(D)


def rows_of(seed, n_rows):
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0, 0], [3, 1, 0], [0, 3, 2]])
    return centres[rng.integers(0, 3, n_rows)] + rng.normal(size=(n_rows, D)) - [1.0, 1.3, 0.7]


def moments_of(mixture, rows):
    packed = packed_models.pack([mixture], ZERO)
    statistics = packed_models.accumulate(packed, rows)
    return packed_models.moments(
        packed, [mixture], statistics, CentredScatter.of(rows, None, ZERO)
    )[0]


def start(rows, covariance_type):
    """Near the top, so that no component is small."""
    mixture = relative_to(ZERO, random_mixture(np.random.default_rng(2), rows, covariance_type, K))
    regularization = rules_of(rows).regularization
    for _ in range(30):
        mixture = m_step(covariance_type, moments_of(mixture, rows), regularization)
    return mixture


def rules_of(rows, **others):
    covariance = np.cov(rows.T, bias=True)
    return EMOptions(1e-9, 500, Regularization.for_data(covariance, ZERO), covariance, **others)


@pytest.fixture(params=COVARIANCE_TYPES)
def case(request):
    rows = rows_of(0, 6_000)
    sample = rows[::6]
    mixture = start(sample, request.param)
    correction = ControlVariate.from_moments(
        moments_of(mixture, rows), moments_of(mixture, sample), request.param
    )
    return rows, sample, mixture, correction


def test_where_both_were_read_the_sample_says_what_all_rows_say(case):
    rows, sample, mixture, correction = case
    expected, found = (
        moments_of(mixture, rows),
        correction.apply(mixture, moments_of(mixture, sample)),
    )
    np.testing.assert_allclose(found.counts / 1_000, expected.counts / 6_000, rtol=1e-12)
    np.testing.assert_allclose(found.means, expected.means, atol=1e-12)
    np.testing.assert_allclose(found.covariances, expected.covariances, atol=1e-12)


def test_the_surrogate_has_the_gradient_of_all_rows(case):
    rows, sample, mixture, correction = case
    kind = mixture.covariance_type
    target = m_step(kind, moments_of(mixture, rows), rules_of(rows).regularization)
    direction = flatten(target) - flatten(mixture)

    def at(t):
        weights = mixture.weights + t * (target.weights - mixture.weights)
        means = mixture.means + t * (target.means - mixture.means)
        covariances = mixture.covariances + t * (target.covariances - mixture.covariances)
        return type(mixture).from_covariances(kind, weights, means, covariances)

    def slope(log_likelihood, h=1e-4):
        return (log_likelihood(at(h)) - log_likelihood(at(-h))) / (2 * h)

    whole = slope(lambda m: moments_of(m, rows).log_likelihood / 6_000)
    few = slope(lambda m: correction.apply(m, moments_of(m, sample)).log_likelihood / 1_000)
    uncorrected = slope(lambda m: moments_of(m, sample).log_likelihood / 1_000)
    assert np.linalg.norm(direction) > 0
    assert few == pytest.approx(whole, rel=1e-5)
    assert uncorrected != pytest.approx(whole, rel=0.1)


def test_em_on_the_surrogate_never_falls_and_ends_nearly_where_all_rows_do(case):
    rows, sample, mixture, correction = case
    kind, rules = mixture.covariance_type, rules_of(rows, accelerate=False)
    way = FitState(Candidate(kind, K), mixture)
    while way.is_running:
        of_sample = moments_of(way.parameters, sample)
        way = iteration.step(way, correction.apply(way.parameters, of_sample), rules)
    assert way.status is Status.CONVERGED
    assert (np.diff(way.trace) > -1e-12).all()
    exact = FitState(Candidate(kind, K), mixture)
    while exact.is_running:
        exact = iteration.step(exact, moments_of(exact.parameters, rows), rules)
    before, after = (moments_of(m, rows).log_likelihood for m in (mixture, way.parameters))
    best = exact.log_likelihood
    assert best - after < 0.1 * (best - before)


def test_a_component_with_other_rows_in_the_sample_stands_for_nothing(case):
    rows, sample, mixture, _ = case
    kind = mixture.covariance_type
    emptied = rows[assign(mixture, rows).labels != 0]
    correction = ControlVariate.from_moments(
        moments_of(mixture, emptied), moments_of(mixture, sample), kind
    )
    assert correction.apply(mixture, moments_of(mixture, sample)) is None
