"""The compiled loops: exponential and logarithm to the last place, and where they are kept."""

import subprocess
import sys

import mpmath
import numba
import numpy as np
import pytest
from scipy.special import xlogy

from dgmm.mixture.kernels import loops_numba, loops_numpy, packed_models, tiling
from dgmm.mixture.kernels.loops_numba.compilation import compiled
from tests.mixture.one_step import relative_to, using
from tests.strategies import COVARIANCE_TYPES, random_mixture


def softmax(logits, weights=None):
    """Responsibilities, log-density and -log of the largest responsibility of each row."""
    r = np.ascontiguousarray(logits, dtype=np.float64)
    n_rows = r.shape[1]
    weights = np.ones(n_rows) if weights is None else weights
    log_density, log_total, scale = np.empty((3, n_rows))
    loops_numba.softmax(r, weights, log_density, log_total, scale)
    return r, log_density, log_total


def exponentials(x):
    """exp(x) for x <= 0, as the softmax of (0, x) has it before it divides by the total."""
    r, _, _ = softmax(np.stack([np.zeros_like(x), x]))
    return r[1] / r[0]


@pytest.fixture(scope="module")
def logits():
    rng = np.random.default_rng(0)
    near_steps = np.log(2) * (np.arange(400) + 0.5)  # where the reduced argument is largest
    magnitudes = np.concatenate(
        [rng.uniform(0, 599, 1000), near_steps, 10 ** -rng.uniform(0, 17, 600)]
    )
    return -magnitudes


def test_log_density_is_exact_to_the_last_places(logits):
    """log(1 + exp(x)), against 40 digits."""
    _, log_density, log_total = softmax(np.stack([np.zeros_like(logits), logits]))
    with mpmath.workdps(40):
        exact = [float(mpmath.log(1 + mpmath.exp(mpmath.mpf(x)))) for x in logits]
    np.testing.assert_allclose(log_density, exact, rtol=0, atol=3e-16)
    assert np.array_equal(log_density, log_total)


def test_exponentials_are_within_one_place(logits):
    """To 1 ulp, and 2 more for the two divisions by the total."""
    with mpmath.workdps(40):
        exact = np.array([float(mpmath.exp(mpmath.mpf(x))) for x in logits])
    assert (np.abs(exponentials(logits) - exact) <= 3 * np.spacing(exact)).all()


def test_negligible_responsibilities_are_zero_and_order_is_kept():
    x = -np.sort(np.random.default_rng(1).uniform(590, 610, 500))
    ours = exponentials(x)
    assert (np.diff(ours) <= 0).all()
    assert np.array_equal(ours == 0.0, x < -600)
    assert exponentials(np.array([-1e308]))[0] == 0.0


def test_logarithms_of_large_totals():
    """Equal logits of K components: log K."""
    for n_components in (1, 2, 3, 7, 1000, 4096):
        _, log_density, _ = softmax(np.full((n_components, 3), -7.0))
        np.testing.assert_allclose(log_density + 7.0, np.log(n_components), rtol=1e-15, atol=1e-15)


def test_what_is_not_a_number_stays_visible():
    _, log_density, _ = softmax(np.array([[0.0, np.nan], [1.0, 2.0]]))
    assert np.isfinite(log_density[0])
    assert np.isnan(log_density[1])


@pytest.mark.parametrize("n_rows", [1, 7, 8, 9, 64])
def test_responsibilities_sum_to_the_weights(n_rows):
    rng = np.random.default_rng(n_rows)
    weights = rng.uniform(0, 3, n_rows)
    r, _, _ = softmax(rng.normal(size=(5, n_rows)) * 300, weights)
    np.testing.assert_allclose(r.sum(axis=0), weights, rtol=1e-15)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize(
    ("n_rows", "n_features", "n_components"),
    [
        (300, 2, [1, 3]),
        (900, 4, [3, 3, 3]),
        (700, 5, [4, 9, 21]),
        (90, 16, [24]),
        (90, 33, [40]),
        (300, 64, [2, 60]),
    ],
)
def test_both_kinds_of_loops_give_the_same_sums(
    kind, n_rows, n_features, n_components, monkeypatch
):
    """For every shape of tile: few entries, in batches, in one product, without the map."""
    rng = np.random.default_rng(n_features)
    X = rng.normal(size=(n_rows, n_features)) * 2
    mixtures = [
        relative_to(np.ones(n_features), random_mixture(rng, X, kind, k)) for k in n_components
    ]
    with using("expanded"):
        packed = packed_models.pack(mixtures, np.ones(n_features))
    weights = rng.uniform(0, 2, n_rows)
    found = []
    for loops_from in (0, np.inf):
        monkeypatch.setattr(tiling, "COMPILED_FROM", loops_from)
        found.append(packed_models.accumulate(packed, X, weights))
    ours, theirs = found
    np.testing.assert_allclose(ours.log_likelihood, theirs.log_likelihood, rtol=1e-13)
    np.testing.assert_allclose(
        ours.log_classification, theirs.log_classification, rtol=1e-11, atol=1e-12
    )
    np.testing.assert_allclose(ours.sums[0], theirs.sums[0], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("n_rows", [1, 3_000])
def test_entropies_of_pairs_are_those_of_the_definition(n_rows):
    rng = np.random.default_rng(n_rows)
    r = rng.dirichlet(np.ones(4), n_rows).T.copy()
    r[:, 0] = 0.0, 0.0, 1.0, 0.0
    weights, pairs = rng.uniform(0.5, 2.0, n_rows), np.array([[0, 1], [3, 2], [1, 3]])
    expected = [-(weights @ xlogy(r[i] + r[j], r[i] + r[j])) for i, j in pairs]
    for loops in (loops_numba, loops_numpy):
        found = np.zeros(3)
        loops.add_pair_entropies(r, weights, pairs, found)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_small_fits_do_without_the_compiler():
    code = """
import sys, numpy as np
import dgmm.cli, dgmm.estimator, dgmm.run.fit_run
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.parameters import Parameters
mixture = Parameters.from_covariances("diag", np.full(4, 0.25), np.eye(4), np.ones((4, 4)))
packed = packed_models.pack([mixture], np.zeros(4))
for n_rows in (2_000, 9_000):
    packed_models.accumulate(packed, np.ones((n_rows, 4)))
    print("numba" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def double(x):
    return x + x


@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_a_damaged_cache_is_compiled_over(tmp_path, monkeypatch, content):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert compiled("float64(float64)")(double)(2.0) == 4.0
    (index,) = tmp_path.rglob("*.nbi")
    index.write_bytes(content)
    assert compiled("float64(float64)")(double)(2.0) == 4.0


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(tmp_path, monkeypatch):
    """As in a read-only container: no place will do."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit("float64(float64)", cache=True)(double)
    assert compiled("float64(float64)")(double)(2.0) == 4.0
