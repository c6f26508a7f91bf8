"""Stepwise EM is held against the textbook in loops, and against what a batch says."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from scipy.integrate import quad

from dgmm.mixture.em import stepwise_em
from dgmm.mixture.em.stepwise_em import StepwiseOptions, StepwiseState
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from tests import reference
from tests.mixture.one_step import KERNELS, frame_of, relative_to, using
from tests.strategies import COVARIANCE_TYPES, blocks_of, random_mixture

CHUNKS = (40, 7, 1, 152)


def rows_and_mixture(covariance_type, seed=0, n_components=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(sum(CHUNKS), 3)) @ rng.normal(size=(3, 3)) + rng.choice(
        [-4, 0, 4], (200, 1)
    )
    return X, random_mixture(rng, X, covariance_type, n_components)


def moments_of(X, sample_weight, mixture, origin):
    """What rows say under a mixture relative to an origin."""
    packed = packed_models.pack([mixture], origin)
    centred = CentredScatter.of(X, sample_weight, origin)
    statistics = packed_models.accumulate(packed, X, sample_weight)
    return packed_models.moments(packed, [mixture], statistics, centred)[0]


def averaged(blocks, weights, mixture, origin):
    """The average of blocks, each with its share of the weight up to it."""
    found = [moments_of(x, w, mixture, origin) for x, w in zip(blocks, weights, strict=True)]
    totals = np.cumsum([moments.total_weight for moments in found])
    average = found[0]
    for moments, total in zip(found[1:], totals[1:], strict=True):
        share = moments.total_weight / total
        average = stepwise_em.average_moments(average, moments, share, mixture.covariance_type)
    return average


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_blocks_by_their_shares_average_to_what_the_batch_says(covariance_type, kernel):
    X, mixture = rows_and_mixture(covariance_type)
    sample_weight = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    origin = X.mean(axis=0) + 1.0
    moved = relative_to(origin, mixture)
    with using(kernel):
        batch = moments_of(X, sample_weight, moved, origin)
        weights = blocks_of(sample_weight, CHUNKS)
        average = averaged(blocks_of(X, CHUNKS), weights, moved, origin)
    np.testing.assert_allclose(average.counts, batch.counts / batch.total_weight, rtol=1e-12)
    np.testing.assert_allclose(average.means, batch.means, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(average.covariances, batch.covariances, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_averages_of_far_and_narrow_rows_keep_their_digits(covariance_type):
    X, mixture = rows_and_mixture(covariance_type)
    origin = X.mean(axis=0)
    moved = relative_to(origin, mixture)
    near = averaged(blocks_of(X, CHUNKS), [None] * 4, moved, origin)
    shift = 1e8 * X.std(axis=0)
    with using("centred"):
        far = averaged(blocks_of(X, CHUNKS), [None] * 4, moved.translate(shift), origin - shift)
    np.testing.assert_allclose(far.covariances, near.covariances, rtol=1e-6, atol=1e-6)


def textbook(X_blocks, mixture, decay, fitted_weight, ridge):
    """Raw averages of r, r x and r x x', stepped and maximised in loops."""
    K, d = mixture.means.shape
    covariances = [reference.covariance_of(mixture, k) - ridge * np.eye(d) for k in range(K)]
    s0 = np.array(mixture.weights)
    s1 = np.array([s0[k] * mixture.means[k] for k in range(K)])
    s2 = np.array(
        [s0[k] * (covariances[k] + np.outer(mixture.means[k], mixture.means[k])) for k in range(K)]
    )
    seen = fitted_weight
    for X in X_blocks:
        edges = seen / fitted_weight, (seen + len(X)) / fitted_weight
        gamma = 1 - np.exp(-quad(lambda t: t**-decay, *edges)[0])
        seen += len(X)
        r = reference.responsibilities(X, mixture)
        for k in range(K):
            s0[k] += gamma * (np.mean([r[i, k] for i in range(len(X))]) - s0[k])
            s1[k] += gamma * (np.mean([r[i, k] * X[i] for i in range(len(X))], axis=0) - s1[k])
            outer = [r[i, k] * np.outer(X[i], X[i]) for i in range(len(X))]
            s2[k] += gamma * (np.mean(outer, axis=0) - s2[k])
        means = s1 / s0[:, None]
        scatters = [s2[k] - s0[k] * np.outer(means[k], means[k]) for k in range(K)]
        restricted = reference._restricted(mixture.covariance_type, np.array(scatters), s0, ridge)
        mixture = reference.Mixture(mixture.covariance_type, s0 / s0.sum(), means, restricted)
    return mixture


@pytest.mark.parametrize("ridge", [None, 0.05])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_two_steps_are_those_of_the_textbook(covariance_type, ridge):
    X, mixture = rows_and_mixture(covariance_type)
    origin = X.mean(axis=0)
    rules = StepwiseOptions(0.7, ridge, origin)
    state = StepwiseState.from_parameters(relative_to(origin, mixture), rules, 100.0, 100.0)
    blocks = [X[:60], X[60:90]]
    for block in blocks:
        state = stepwise_em.step(state, moments_of(block, None, state.parameters, origin), rules)
    expected = textbook(blocks, mixture, 0.7, 100.0, ridge or 0.0)
    found = state.parameters.translate(origin)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-9)
    np.testing.assert_allclose(found.means, expected.means, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.covariances, expected.covariances, rtol=1e-8, atol=1e-9)
    assert (state.n_steps, state.total_weight, state.fitted_weight) == (2, 190.0, 100.0)


@pytest.mark.parametrize("ridge", [None, 0.05])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_state_begins_where_its_parameters_are_the_maximum(covariance_type, ridge):
    X, mixture = rows_and_mixture(covariance_type)
    origin = X.mean(axis=0)
    rules = StepwiseOptions(0.7, ridge, origin)
    parameters = relative_to(origin, mixture)
    state = StepwiseState.from_parameters(parameters, rules, 10.0, 10.0)
    nothing = replace(moments_of(X, None, parameters, origin), total_weight=1e-300)
    again = stepwise_em.step(state, replace(nothing, counts=1e-300 * nothing.counts), rules)
    np.testing.assert_allclose(again.parameters.covariances, parameters.covariances, rtol=1e-12)
    np.testing.assert_allclose(again.parameters.means, parameters.means, rtol=1e-12)


def test_with_a_decay_of_one_a_block_gets_its_share_of_all_rows():
    for seen, weight in [(100.0, 1.0), (100.0, 300.0), (1e9, 1.0)]:
        gamma = stepwise_em.step_size(17.0, seen, weight, 1.0)
        assert gamma == pytest.approx(weight / (seen + weight), rel=1e-13)


@pytest.mark.parametrize("decay", [0.51, 0.7, 1.0])
def test_a_block_cut_in_pieces_moves_the_average_as_far_as_the_whole(decay):
    pieces, seen, kept = [1.0, 5.0, 0.01, 30.0], 50.0, []
    for piece in pieces:
        kept.append(1 - stepwise_em.step_size(20.0, seen, piece, decay))
        seen += piece
    whole = stepwise_em.step_size(20.0, 50.0, sum(pieces), decay)
    assert 1 - reduce(np.multiply, kept) == pytest.approx(whole, rel=1e-12)


def test_equal_blocks_get_steps_of_cappe_and_moulines():
    for t in (10.0, 100.0, 1e4):
        gamma = stepwise_em.step_size(1000.0, 1000.0 * t, 1000.0, 0.7)
        assert gamma == pytest.approx(t**-0.7, rel=t**-0.7)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_component_without_rows_stays_where_it_is(covariance_type):
    X, mixture = rows_and_mixture(covariance_type)
    mixture.means[0] = X.max(axis=0) + 1e4
    origin = X.mean(axis=0)
    rules = StepwiseOptions(0.7, None, origin)
    state = StepwiseState.from_parameters(relative_to(origin, mixture), rules, 200.0, 200.0)
    moments = moments_of(X, None, state.parameters, origin)
    after = stepwise_em.step(state, moments, rules)
    gamma = stepwise_em.step_size(200.0, 200.0, 200.0, 0.7)
    np.testing.assert_array_equal(after.parameters.means[0], state.parameters.means[0])
    assert after.parameters.weights[0] == pytest.approx((1 - gamma) * mixture.weights[0])
    assert not after.is_degenerate(rules)


def test_frames_of_the_same_origin_add_up():
    X, _ = rows_and_mixture("full")
    weights, whole = np.arange(len(X)) % 3, frame_of(X, np.arange(len(X)) % 3)
    parts = zip(blocks_of(X, CHUNKS), blocks_of(weights, CHUNKS), strict=True)
    added = reduce(lambda a, b: a + b, (CentredScatter.of(x, w, whole.origin) for x, w in parts))
    assert added.total_weight == whole.total_weight
    np.testing.assert_allclose(added.scatter, whole.scatter, rtol=1e-12)


def test_one_component_with_a_decay_of_one_is_the_mean_and_covariance_of_all_rows():
    X, mixture = rows_and_mixture("full", n_components=1)
    first, rest = X[:40], X[40:]
    start = mixture._replace(
        means=first.mean(axis=0)[None], covariances=np.cov(first.T, ddof=0)[None]
    )
    origin = first[0]
    rules = StepwiseOptions(1.0, None, origin)
    state = StepwiseState.from_parameters(relative_to(origin, start), rules, 40.0, 40.0)
    for block in np.array_split(rest, 7):
        state = stepwise_em.step(state, moments_of(block, None, state.parameters, origin), rules)
    np.testing.assert_allclose(state.parameters.means[0] + origin, X.mean(axis=0), rtol=1e-11)
    np.testing.assert_allclose(
        state.parameters.covariances[0], np.cov(X.T, ddof=0), rtol=1e-10, atol=1e-12
    )
