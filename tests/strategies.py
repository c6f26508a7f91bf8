"""What tests draw with Hypothesis: data, mixtures, chunkings, weights, and data that are hard.

Numbers come from a NumPy generator whose seed Hypothesis draws, so that examples are well spread;
shapes, scales and structures are drawn by Hypothesis itself, so that they shrink.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from tests.reference import Mixture

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")

seeds = st.integers(0, 2**32 - 1)
covariance_types = st.sampled_from(COVARIANCE_TYPES)


class Case(NamedTuple):
    """Rows, their weights (or None), a mixture to start from, and a chunking of the rows."""

    X: np.ndarray
    sample_weight: np.ndarray | None
    mixture: Mixture
    chunks: tuple[int, ...]


@st.composite
def datasets(draw, min_rows=1, max_rows=60, max_features=6):
    """Rows in clumps, with correlated features, in one of several units and away from zero."""
    n_samples = draw(st.integers(min_rows, max_rows))
    n_features = draw(st.integers(1, max_features))
    scale = draw(st.sampled_from([1.0, 1e-3, 1e4]))
    offset = draw(st.sampled_from([0.0, 3.0, -20.0]))
    rng = np.random.default_rng(draw(seeds))
    clumps = rng.normal(size=(3, n_features)) * 2
    mixing = rng.normal(size=(n_features, n_features)) / np.sqrt(n_features)
    rows = clumps[rng.integers(0, 3, n_samples)] + rng.normal(size=(n_samples, n_features)) @ mixing
    return scale * (rows + 0.3 * rng.normal(size=rows.shape) + offset)


@st.composite
def mixtures(draw, X, covariance_type=covariance_types, max_components=5):
    """A mixture about the size of the rows, so that every component has its share of them."""
    kind = draw(covariance_type)
    n_components = draw(st.integers(1, max_components))
    return random_mixture(np.random.default_rng(draw(seeds)), X, kind, n_components)


def random_mixture(rng, X, covariance_type, n_components):
    """Means among the rows; covariances of the size of their spread, condition below 1e3."""
    n_samples, n_features = X.shape
    spread = X.std(axis=0).mean() if n_samples > 1 else max(1e-3, abs(X).max())
    means = X[rng.integers(0, n_samples, n_components)] + 0.5 * spread * rng.normal(
        size=(n_components, n_features)
    )
    weights = rng.dirichlet(np.full(n_components, 5.0))
    shape = {
        "full": (n_components, n_features),
        "tied": (1, n_features),
        "diag": (n_components, n_features),
        "spherical": (n_components, 1),
    }[covariance_type]
    variances = spread**2 * rng.uniform(0.5, 3.0, shape)
    if covariance_type == "diag":
        return Mixture(covariance_type, weights, means, variances)
    if covariance_type == "spherical":
        return Mixture(covariance_type, weights, means, variances[:, 0])
    rotations = np.linalg.qr(rng.normal(size=(len(variances), n_features, n_features)))[0]
    covariances = (rotations * variances[:, None, :]) @ rotations.swapaxes(1, 2)
    covariances = (covariances + covariances.swapaxes(1, 2)) / 2
    return Mixture(
        covariance_type,
        weights,
        means,
        covariances[0] if covariance_type == "tied" else covariances,
    )


@st.composite
def chunkings(draw, n_rows, empty_blocks=False):
    """Sizes of blocks that add up to n_rows, as irregular as can be."""
    cuts = draw(st.lists(st.integers(0, n_rows), max_size=8))
    if draw(st.integers(0, 5)) == 0:
        cuts = list(range(n_rows + 1))  # blocks of one row
    edges = [0, *sorted(cuts), n_rows]
    sizes = tuple(int(b - a) for a, b in pairwise(edges))
    return sizes if empty_blocks else tuple(size for size in sizes if size)


def blocks_of(rows, chunks):
    """The rows of each block, in order."""
    return np.split(rows, np.cumsum(chunks)[:-1])


@st.composite
def sample_weights(draw, n_rows):
    """None, positive numbers, numbers with some zeros, or counts."""
    kind = draw(st.sampled_from(["none", "positive", "some zero", "integer"]))
    rng = np.random.default_rng(draw(seeds))
    if kind == "none":
        return None
    if kind == "integer":
        return rng.integers(1, 6, n_rows)
    weights = rng.uniform(0.1, 10.0, n_rows)
    if kind == "some zero":
        weights[rng.permutation(n_rows)[: n_rows // 3]] = 0.0
    return weights


@st.composite
def cases(draw, min_rows=1, covariance_type=covariance_types):
    """Everything one EM step needs."""
    X = draw(datasets(min_rows=min_rows))
    mixture = draw(mixtures(X, covariance_type))
    return Case(
        X, draw(sample_weights(len(X))), mixture, draw(chunkings(len(X), empty_blocks=True))
    )


# Data on which plain float64 formulas lose digits. Each is (rows, mixture): the mixture is a sound
# place to take one EM step from, in numbers that float64 holds.


def far_from_zero(rng, covariance_type="full", n_samples=120, n_features=2):
    """Rows at 1e8 +- 1e-3: three clumps a few of their widths apart; float64 steps by 1.5e-8."""
    centres = 1e8 + 1e-3 * np.array(
        [[-3.0, 0.0, 2.0, 1.0], [0.0, 3.0, -1.0, 0.0], [3.0, 1.0, 0, -2]]
    )
    labels = rng.integers(0, 3, n_samples)
    X = centres[labels, :n_features] + 1e-3 * rng.normal(size=(n_samples, n_features))
    unit = random_mixture(rng, (X - 1e8) * 1e3, covariance_type, 3)
    return X, Mixture(
        covariance_type,
        unit.weights,
        1e8 + 1e-3 * unit.means,
        1e-6 * unit.covariances,
    )


def unlike_scales(rng, covariance_type="full", n_samples=120, exponents=(-12, -3, 4, 12)):
    """Features in units from 1e-12 to 1e12, correlated within their units."""
    unit_rows = rng.normal(size=(n_samples, len(exponents))) + rng.integers(0, 3, (n_samples, 1))
    unit = random_mixture(rng, unit_rows, covariance_type, 3)
    scales = 10.0 ** np.array(exponents)
    X = unit_rows * scales
    if covariance_type == "spherical":
        return X, unit._replace(means=unit.means * scales, covariances=unit.covariances * 1e24)
    if covariance_type == "diag":
        covariances = unit.covariances * scales**2
    else:
        covariances = unit.covariances * np.outer(scales, scales)
    return X, unit._replace(means=unit.means * scales, covariances=covariances)


def strongly_correlated(rng, covariance_type="full", n_samples=120, n_features=3, noise=1e-5):
    """All features nearly the same: correlations of 1 - 1e-10, conditions of 1e10."""
    common = rng.normal(size=(n_samples, 1)) + 3 * rng.integers(0, 2, (n_samples, 1))
    X = common + noise * rng.normal(size=(n_samples, n_features))
    spread = rng.uniform(1.0, 3.0, 2)
    ones = np.ones((n_features, n_features))
    covariances = np.array([s * (ones + noise**2 * np.eye(n_features)) for s in spread])
    covariances = {
        "full": covariances,
        "tied": covariances[0],
        "diag": np.diagonal(covariances, axis1=1, axis2=2).copy(),
        "spherical": spread,
    }[covariance_type]
    means = np.array([np.zeros(n_features), np.full(n_features, 3.0)])
    return X, Mixture(covariance_type, np.array([0.4, 0.6]), means, covariances)


def far_apart(rng, covariance_type="full", n_samples=120, n_features=2):
    """Four components 1e4 of their standard deviations from one another."""
    centres = 1e4 * np.array(
        [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, -1.0], [-1.0, -1.0, 0.0]]
    )
    centres = centres[:, :n_features]
    X = centres[rng.integers(0, 4, n_samples)] + rng.normal(size=(n_samples, n_features))
    around_zero = random_mixture(rng, X - centres[_nearest(X, centres)], covariance_type, 4)
    means = centres + 0.3 * rng.normal(size=centres.shape)
    return X, around_zero._replace(means=means)


def everything_at_once(rng, covariance_type="full", n_samples=120, exponents=(-12, 0, 12)):
    """Unlike scales, 1e6 deviations from zero, correlated by 0.9999, two clumps 1e4 apart."""
    n_features = len(exponents)
    scales = 10.0 ** np.array(exponents)
    centres = 1e6 + 1e4 * np.array([[0.0] * n_features, [1.0] * n_features])
    common = rng.normal(size=(n_samples, 1))
    noise = 0.01 * rng.normal(size=(n_samples, n_features))
    X = (centres[rng.integers(0, 2, n_samples)] + common + noise) * scales
    correlated = np.ones((n_features, n_features)) + 1e-4 * np.eye(n_features)
    one = correlated * np.outer(scales, scales)
    covariances = {
        "full": np.array([one, 2 * one]),
        "tied": one,
        "diag": np.array([np.diag(one), 2 * np.diag(one)]),
        "spherical": np.array([1.0, 2.0]) * scales.max() ** 2,
    }[covariance_type]
    return X, Mixture(covariance_type, np.array([0.4, 0.6]), (centres + 0.1) * scales, covariances)


def _nearest(X, centres):
    return ((X[:, None, :] - centres) ** 2).sum(axis=2).argmin(axis=1)


HARD = {
    "far from zero": far_from_zero,
    "unlike scales": unlike_scales,
    "strongly correlated": strongly_correlated,
    "far apart": far_apart,
    "everything at once": everything_at_once,
}
