"""Fits that start from mixtures: one start among others, or the only one."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture as Reference

import dgmm
from dgmm import GaussianMixture
from dgmm.errors import DataError

CENTRES = np.array([[0.0, 0.0], [5.0, 1.0], [1.0, 6.0]])


def rows(seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(0, 3, 900)] + rng.normal(size=(900, 2)) + shift


def fitted(**others):
    return GaussianMixture(3, random_state=0, **others).fit(rows(0))


@pytest.mark.parametrize(
    "start",
    [
        fitted,
        lambda: FrozenEstimator(fitted()),
        lambda: Reference(3, random_state=0).fit(rows(0)),
        lambda: dgmm.sweep(rows(0), 3, "full", random_state=0),
    ],
)
def test_the_only_start_is_the_mixture_itself(start):
    begun = start()
    kept = GaussianMixture(3, init_params=begun, n_init=1, max_iter=0).fit(rows(0))
    means = getattr(begun, "best", getattr(begun, "estimator", begun)).means_
    order = [np.linalg.norm(kept.means_ - mean, axis=1).argmin() for mean in means]
    np.testing.assert_allclose(kept.means_[order], means, rtol=1e-12)


def test_it_is_one_start_among_others_and_does_no_harm():
    bad = GaussianMixture(3, random_state=0).fit(rows(0, shift=40.0))
    cold = GaussianMixture(3, random_state=0).fit(rows(1))
    warm = GaussianMixture(3, random_state=0, init_params=bad).fit(rows(1))
    assert warm.lower_bound_ == pytest.approx(cold.lower_bound_, abs=1e-6)


def test_copies_forget_fits_unless_they_are_frozen():
    estimator = GaussianMixture(3, init_params=fitted())
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        clone(estimator).fit(rows(1))
    kept = GaussianMixture(3, init_params=FrozenEstimator(fitted()))
    assert clone(kept).fit(rows(1)).converged_


def test_a_mixture_of_other_features_is_refused():
    other = GaussianMixture(3, random_state=0).fit(np.column_stack([rows(0), rows(1)[:, 0]]))
    with pytest.raises(DataError, match="2 features; the mixture to start from has 3"):
        GaussianMixture(3, init_params=other).fit(rows(0))
