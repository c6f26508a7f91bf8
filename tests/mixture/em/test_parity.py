"""One EM step against the textbook in loops and scikit-learn, and the laws an EM step obeys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em import iteration
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.tiling import TileShape
from tests import reference
from tests.mixture.one_step import (
    KERNELS,
    e_step,
    em_step,
    frame_of,
    regularization_of,
    relative_to,
    using,
)
from tests.reference import Mixture
from tests.strategies import (
    COVARIANCE_TYPES,
    blocks_of,
    cases,
    chunkings,
    datasets,
    mixtures,
    random_mixture,
    sample_weights,
    seeds,
)
from tests.test_reference import scikit_learn_em_step

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
each_kernel = pytest.mark.parametrize("kernel", KERNELS)
PARITY = 1e-9


def variances_of(mixture, covariances=None):
    """Variances of every component and feature, shape (K, d)."""
    mixture = mixture if covariances is None else mixture._replace(covariances=covariances)
    return np.array(
        [np.diag(reference.covariance_of(mixture, k)) for k in range(len(mixture.weights))]
    )


def assert_covariances_close(ours, theirs, start, rtol):
    """Elementwise, relative to sqrt(C_ii C_jj).

    A component that caught hardly more than one row has next to no variance of its own, only a
    difference of rounded numbers: it is compared at a ten-thousandth of the variance it had.
    """
    sizes = np.sqrt(np.maximum(variances_of(start, theirs), 1e-4 * variances_of(start)))
    if start.covariance_type == "full":
        scale = sizes[:, :, None] * sizes[:, None, :]
    elif start.covariance_type == "tied":
        scale = np.outer(sizes[0], sizes[0])
    else:
        scale = sizes**2 if start.covariance_type == "diag" else sizes[:, 0] ** 2
    assert (np.abs(ours - theirs) / scale).max() < rtol


def assert_moments_equal_textbook(moments, origin, case, start, rtol=PARITY):
    X, s = case.X, case.sample_weight
    r = reference.responsibilities(X, start)
    theirs = reference.m_step(X, r, start.covariance_type, s)
    total = float(len(X) if s is None else np.sum(s))
    size = np.sqrt(variances_of(start).max())
    np.testing.assert_allclose(moments.counts, theirs.weights * total, rtol=rtol)
    np.testing.assert_allclose(moments.means + origin, theirs.means, rtol=rtol, atol=rtol * size)
    assert_covariances_close(moments.covariances, theirs.covariances, start, rtol)
    log_likelihood = reference.log_likelihood(X, start, s)
    assert moments.log_likelihood == pytest.approx(log_likelihood, rel=rtol, abs=rtol * total)
    s = np.ones(len(X)) if s is None else s
    assert moments.log_classification == pytest.approx(
        float(s @ np.log(r.max(axis=1))), rel=rtol, abs=rtol * total
    )
    assert moments.total_weight == pytest.approx(total, rel=1e-14)


# --- parity ---------------------------------------------------------------------------------


@each_kernel
@settings(max_examples=80)
@given(case=cases())
def test_e_step_equals_the_textbook(kernel, case):
    centred = frame_of(case.X, case.sample_weight)
    (moments,) = e_step(case.X, [case.mixture], case.sample_weight, case.chunks, kernel, centred)
    assert_moments_equal_textbook(moments, centred.origin, case, case.mixture)


@each_kernel
@settings(max_examples=20)
@given(case=cases(), data=st.data())
def test_e_step_of_several_models_equals_the_textbook_of_each(kernel, case, data):
    several = [data.draw(mixtures(case.X)) for _ in range(data.draw(st.integers(2, 5)))]
    centred = frame_of(case.X, case.sample_weight)
    found = e_step(case.X, several, case.sample_weight, case.chunks, kernel, centred)
    assert len(found) == len(several)
    for moments, start in zip(found, several, strict=True):
        assert_moments_equal_textbook(moments, centred.origin, case, start)


@each_kernel
@settings(max_examples=50)
@given(case=cases())
def test_em_step_equals_the_textbook(kernel, case):
    ridge = 1e-2 * variances_of(case.mixture).max()
    ours = em_step(case.X, case.mixture, case.sample_weight, case.chunks, kernel, ridge)
    theirs = reference.em_step(case.X, case.mixture, case.sample_weight, ridge)
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=PARITY)
    np.testing.assert_allclose(ours.means, theirs.means, rtol=PARITY, atol=PARITY * np.sqrt(ridge))
    assert_covariances_close(ours.covariances, theirs.covariances, case.mixture, PARITY)


@each_kernel
@settings(max_examples=50)
@given(case=cases(min_rows=8), data=st.data())
def test_em_step_equals_scikit_learn(kernel, case, data):
    """scikit-learn has no weights: rows repeated stand for integer ones."""
    times = data.draw(st.sampled_from([None, np.arange(len(case.X)) % 3 + 1]))
    ridge = 1e-2 * variances_of(case.mixture).max()
    repeated = case.X if times is None else np.repeat(case.X, times, axis=0)
    ours = em_step(case.X, case.mixture, times, case.chunks, kernel, ridge)
    theirs = scikit_learn_em_step(repeated, case.mixture, ridge)
    np.testing.assert_allclose(ours.weights, theirs.weights_, rtol=PARITY)
    np.testing.assert_allclose(ours.means, theirs.means_, rtol=PARITY, atol=PARITY * np.sqrt(ridge))
    assert_covariances_close(ours.covariances, theirs.covariances_, case.mixture, PARITY)


@each_type
@each_kernel
def test_blocks_of_several_tiles_equal_the_textbook(kernel, covariance_type):
    rng = np.random.default_rng(8)
    n_samples, n_features = 2500, 2
    assert TileShape.of(1, 0, 1).rows < n_samples
    assert n_samples > packed_models.CENTRED_TILE_ROWS
    X = rng.normal(size=(n_samples, n_features)) + 3 * rng.integers(0, 2, (n_samples, 1))
    start = random_mixture(rng, X, covariance_type, 2)
    ours = em_step(X, start, kernel=kernel)
    theirs = reference.em_step(X, start)
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-12)
    np.testing.assert_allclose(ours.means, theirs.means, rtol=1e-11, atol=1e-12)
    assert_covariances_close(ours.covariances, theirs.covariances, start, 1e-11)


@each_type
@each_kernel
@settings(max_examples=20)
@given(X=datasets(min_rows=8), data=st.data())
def test_one_component_is_the_weighted_mean_and_covariance(kernel, covariance_type, X, data):
    s = data.draw(sample_weights(len(X)))
    start = data.draw(mixtures(X, st.just(covariance_type), max_components=1))
    ours = em_step(X, start, s, data.draw(chunkings(len(X))), kernel)
    covariance = np.atleast_2d(np.cov(X.T, aweights=s, ddof=0))
    np.testing.assert_allclose(ours.means[0], np.average(X, axis=0, weights=s), rtol=1e-11)
    assert ours.weights[0] == 1.0
    expected = {
        "full": [covariance],
        "tied": covariance,
        "diag": [np.diag(covariance)],
        "spherical": [np.trace(covariance) / len(covariance)],
    }[covariance_type]
    assert_covariances_close(ours.covariances, np.array(expected), start, 1e-11)


# --- statistics are a commutative monoid ------------------------------------------------------


def arrays_of(statistics):
    return (statistics.log_likelihood, statistics.log_classification, *statistics.sums)


def assert_same_bits(a, b):
    for left, right in zip(arrays_of(a), arrays_of(b), strict=True):
        assert np.array_equal(left, right)


def packed_pair(case, kernel):
    """The case's mixture beside one of every structure, packed."""
    rng = np.random.default_rng(0)
    origin = frame_of(case.X, case.sample_weight).origin
    others = [random_mixture(rng, case.X, kind, 2) for kind in COVARIANCE_TYPES]
    with using(kernel):
        return packed_models.pack(
            [relative_to(origin, mixture) for mixture in (case.mixture, *others)], origin
        )


@each_kernel
@settings(max_examples=30)
@given(case=cases())
def test_statistics_of_the_whole_are_the_sum_over_any_chunking(kernel, case):
    packed = packed_pair(case, kernel)
    s = np.ones(len(case.X)) if case.sample_weight is None else case.sample_weight
    whole = packed_models.accumulate(packed, case.X, s)
    total = packed.zero()
    blocks = zip(blocks_of(case.X, case.chunks), blocks_of(s, case.chunks), strict=True)
    # what the terms of each sum are at most, in size
    size = float(np.sum(s)) * (1 + np.abs(case.X - packed.origin).max()) ** 2
    for block, w in blocks:
        total = total + packed_models.accumulate(packed, block, w)
    np.testing.assert_allclose(
        total.log_likelihood, whole.log_likelihood, rtol=1e-12, atol=1e-12 * float(np.sum(s))
    )
    np.testing.assert_allclose(
        total.log_classification,
        whole.log_classification,
        rtol=1e-11,
        atol=1e-12 * float(np.sum(s)),
    )
    for ours, theirs in zip(total.sums, whole.sums, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13 * size)


@each_kernel
@settings(max_examples=30)
@given(case=cases())
def test_zero_is_the_identity_and_plus_commutes(kernel, case):
    packed = packed_pair(case, kernel)
    half = len(case.X) // 2
    a = packed_models.accumulate(packed, case.X[:half])
    b = packed_models.accumulate(packed, case.X[half:])
    assert_same_bits(packed.zero() + b, b)
    assert_same_bits(b + packed.zero(), b)
    assert_same_bits(a + b, b + a)
    assert_same_bits(packed_models.accumulate(packed, case.X[:0]), packed.zero())


@each_type
@each_kernel
def test_the_tests_of_a_kernel_are_of_that_kernel(kernel, covariance_type):
    rng = np.random.default_rng(0)
    mixture = random_mixture(rng, rng.normal(size=(50, 2)), covariance_type, 2)
    with using(kernel):
        assert chosen(mixture, np.zeros(2)) == kernel


@each_kernel
def test_adding_leaves_the_terms_alone(kernel):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    with using(kernel):
        packed = packed_models.pack(
            [relative_to(np.zeros(2), random_mixture(rng, X, "full", 2))], np.zeros(2)
        )
    a = packed_models.accumulate(packed, X)
    before = [array.copy() for array in arrays_of(a)]
    assert not np.array_equal((a + a).sums[0], a.sums[0])
    for array, copy in zip(arrays_of(a), before, strict=True):
        assert np.array_equal(array, copy)


# --- dtypes and layouts -----------------------------------------------------------------------


def unaligned(X):
    buffer = np.zeros(X.nbytes + 1, dtype=np.uint8)
    view = buffer[1:].view(X.dtype).reshape(X.shape)
    view[...] = X
    assert view.ctypes.data % 2 == 1
    assert not view.flags.aligned or X.itemsize == 1
    return view


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


LAYOUTS = {
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "Fortran order": np.asfortranarray,
    "read-only": read_only,
    "unaligned": unaligned,
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "reversed features": lambda X: X[:, ::-1].copy()[:, ::-1],
}
DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")


@each_kernel
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_layout_gives_the_bits_of_its_float64_copy(kernel, dtype, layout):
    rng = np.random.default_rng(4)
    numbers = rng.normal(size=(300, 3)) * 10 + 50
    X = (numbers > 50 if dtype == "?" else numbers.astype(dtype)).astype(dtype)
    plain = np.ascontiguousarray(X.astype(np.float64))
    s = rng.integers(0, 2 if dtype == "?" else 5, 300).astype(dtype)
    origin = plain.mean(axis=0)
    with using(kernel):
        packed = packed_models.pack(
            [relative_to(origin, random_mixture(rng, plain, kind, 3)) for kind in COVARIANCE_TYPES],
            origin,
        )
    theirs = packed_models.accumulate(packed, plain, s.astype(np.float64))
    odd = LAYOUTS[layout](X)
    assert np.array_equal(odd, X)
    before = odd.copy()
    assert_same_bits(
        packed_models.accumulate(packed, odd, LAYOUTS[layout](s[:, None])[:, 0]), theirs
    )
    assert np.array_equal(odd, before)


# --- laws of EM -------------------------------------------------------------------------------


def fit(X, start, n_steps, sample_weight=None, kernel=None):
    """States of EM from ``start``, by ``em.step``, with the default regularisation."""
    centred = frame_of(X, sample_weight)
    rules = iteration.EMOptions(
        tol=0.0,
        max_iter=n_steps,
        regularization=regularization_of(centred),
        covariance=centred.scatter / centred.total_weight,
    )
    candidate = Candidate(start.covariance_type, len(start.weights))
    state = iteration.FitState(candidate, relative_to(centred.origin, start))
    while state.status is Status.RUNNING:
        mixture = state.parameters
        with using(kernel):
            packed = packed_models.pack([mixture], centred.origin)
        statistics = packed_models.accumulate(packed, X, sample_weight)
        state = iteration.step(
            state, packed_models.moments(packed, [mixture], statistics, centred)[0], rules
        )
    return state, centred.origin


@pytest.mark.parametrize("kernel", [None, "centred"])  # no model is forced to lose its digits
@settings(max_examples=30)
@given(case=cases(min_rows=15))
def test_log_likelihood_never_falls(kernel, case):
    state, _ = fit(case.X, case.mixture, 30, case.sample_weight, kernel)
    trace = np.array(state.trace)
    assert (np.diff(trace) >= -1e-12 * np.maximum(1.0, np.abs(trace[1:]))).all()


@each_type
@each_kernel
def test_the_trace_is_the_log_likelihood_of_the_parameters(kernel, covariance_type):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(80, 3)) + 3 * rng.integers(0, 2, (80, 1)) + 5
    s = rng.integers(1, 4, 80)
    state, origin = fit(X, random_mixture(rng, X, covariance_type, 3), 10, s, kernel)
    assert state.n_iter == 10
    assert state.status is Status.MAX_ITER
    mine = state.parameters.translate(origin)
    theirs = reference.log_likelihood(X, mine, s)
    assert state.log_likelihood == pytest.approx(theirs, rel=1e-12)
    assert state.trace[-1] == pytest.approx(theirs / s.sum(), rel=1e-12)


@each_kernel
@settings(max_examples=30)
@given(case=cases(min_rows=10), seed=seeds)
def test_permuting_rows_and_components_changes_nothing(kernel, case, seed):
    rng = np.random.default_rng(seed)
    X, s, start, _ = case
    rows = rng.permutation(len(X))
    order = rng.permutation(len(start.weights))
    permuted = Mixture(
        start.covariance_type,
        start.weights[order],
        start.means[order],
        start.covariances if start.covariance_type == "tied" else start.covariances[order],
    )
    ridge = 1e-2 * variances_of(start).max()
    ours = em_step(X[rows], permuted, None if s is None else s[rows], None, kernel, ridge)
    theirs = em_step(X, start, s, None, kernel, ridge).permute(order)
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-11)
    np.testing.assert_allclose(ours.means, theirs.means, rtol=1e-11, atol=1e-11 * np.sqrt(ridge))
    assert_covariances_close(ours.covariances, theirs.covariances, permuted, 1e-11)


def affine_map(rng, covariance_type, d):
    """A map that the structure survives: any for matrices, of axes for diag, similar else."""
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    stretch = rng.uniform(0.5, 3.0, d) * rng.choice([-1, 1], d)
    if covariance_type == "diag":
        return np.diag(stretch)
    if covariance_type == "spherical":
        return stretch[0] * rotation
    return rotation * stretch @ np.linalg.qr(rng.normal(size=(d, d)))[0]


def mapped(mixture, A, b):
    kind = mixture.covariance_type
    if kind in ("full", "tied"):
        covariances = A @ mixture.covariances @ A.T
        covariances = (covariances + covariances.swapaxes(-1, -2)) / 2
    elif kind == "diag":
        covariances = mixture.covariances * np.diag(A) ** 2
    else:
        covariances = mixture.covariances * (A[0] @ A[0])
    return Mixture(kind, mixture.weights, mixture.means @ A.T + b, covariances)


@each_type
@each_kernel
@pytest.mark.parametrize("seed", range(5))
def test_affine_maps_of_the_data_move_the_fit_with_them(kernel, covariance_type, seed):
    rng = np.random.default_rng(seed)
    d = 1 + seed
    X = rng.normal(size=(200, d)) + 3 * rng.integers(0, 2, (200, 1))
    start = random_mixture(rng, X, covariance_type, 2)
    A, b = affine_map(rng, covariance_type, d), rng.normal(size=d)
    state, origin = fit(X, start, 5, kernel=kernel)
    moved, moved_origin = fit(X @ A.T + b, mapped(start, A, b), 5, kernel=kernel)
    p = state.parameters.translate(origin)
    expected = mapped(Mixture(covariance_type, p.weights, p.means, p.covariances), A, b)
    ours = moved.parameters.translate(moved_origin)
    np.testing.assert_allclose(ours.weights, expected.weights, rtol=1e-10)
    np.testing.assert_allclose(ours.means, expected.means, rtol=1e-10, atol=1e-10)
    assert_covariances_close(ours.covariances, expected.covariances, expected, 1e-10)
    log_scale = np.linalg.slogdet(A)[1]
    np.testing.assert_allclose(moved.trace, np.array(state.trace) - log_scale, rtol=1e-11)


@each_kernel
@settings(max_examples=30)
@given(case=cases(min_rows=8), seed=seeds)
def test_integer_weights_are_repeated_rows(kernel, case, seed):
    times = np.random.default_rng(seed).integers(0, 4, len(case.X))
    times[:3] = 1
    repeated = np.repeat(case.X, times, axis=0)
    ridge = 1e-2 * variances_of(case.mixture).max()
    ours = em_step(case.X, case.mixture, times, case.chunks, kernel, ridge)
    theirs = em_step(repeated, case.mixture, None, None, kernel, ridge)
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-11)
    np.testing.assert_allclose(ours.means, theirs.means, rtol=1e-11, atol=1e-11 * np.sqrt(ridge))
    assert_covariances_close(ours.covariances, theirs.covariances, case.mixture, 1e-11)


@each_type
@each_kernel
def test_weights_count_by_their_ratio_only(kernel, covariance_type):
    """A power of two is exact in float64: the very same bits."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(100, 3)) + 2
    s = rng.uniform(0.1, 3.0, 100)
    start = random_mixture(rng, X, covariance_type, 3)
    once = em_step(X, start, s, kernel=kernel)
    eightfold = em_step(X, start, 8 * s, kernel=kernel)
    assert np.array_equal(once.weights, eightfold.weights)
    assert np.array_equal(once.means, eightfold.means)
    assert np.array_equal(once.covariances, eightfold.covariances)


# --- rows and components at the edge ------------------------------------------------------------


@each_type
@each_kernel
def test_rows_whose_densities_underflow_stay_finite(kernel, covariance_type):
    """exp(-5e9) is 0 in float64; the nearer component still takes the row."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(50, 2)), [[1e5, 1e5], [-1e5, -1e5]]])
    unit = np.tile(np.eye(2), (2, 1, 1))
    covariances = {
        "full": unit,
        "tied": unit[0],
        "diag": np.ones((2, 2)),
        "spherical": np.ones(2),
    }[covariance_type]
    means = np.array([[1.0, 1.0], [-1.0, -1.0]])
    start = Mixture(covariance_type, np.array([0.5, 0.5]), means, covariances)
    (moments,) = e_step(X, [start], kernel=kernel)
    assert moments.log_likelihood == pytest.approx(reference.log_likelihood(X, start), rel=1e-12)
    r = reference.responsibilities(X, start)
    np.testing.assert_allclose(moments.counts, r.sum(axis=0), rtol=1e-9)


@each_type
@each_kernel
def test_an_empty_component_keeps_its_mean_and_covariance(kernel, covariance_type):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    start = random_mixture(rng, X, covariance_type, 2)
    start.means[1] = 1e3
    centred = frame_of(X)
    (moments,) = e_step(X, [start], kernel=kernel, centred=centred)
    assert moments.empty.tolist() == [False, True]
    np.testing.assert_allclose(moments.means[1] + centred.origin, start.means[1], rtol=1e-15)
    if covariance_type != "tied":
        assert np.array_equal(moments.covariances[1], start.covariances[1])
    alone = em_step(X, start._replace(weights=np.array([1.0, 0.0])), kernel=kernel)
    np.testing.assert_allclose(alone.weights, [1.0, 0.0], atol=1e-250)


@each_type
def test_zero_weight_rows_say_nothing(covariance_type):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    start = random_mixture(rng, X, covariance_type, 2)
    s = np.ones(60)
    s[40:] = 0
    ours = em_step(X, start, s)
    theirs = em_step(X[:40], start, np.ones(40))
    np.testing.assert_allclose(ours.means, theirs.means, rtol=1e-12, atol=1e-13)
    assert_covariances_close(ours.covariances, theirs.covariances, start, 1e-12)


# --- the choice of kernel -----------------------------------------------------------------------


def chosen(mixture, origin):
    packed = packed_models.pack([relative_to(origin, mixture)], origin)
    assert len(packed.groups) + len(packed.centred) == 1
    return "expanded" if packed.groups else "centred"


@each_type
def test_each_model_takes_the_kernel_that_keeps_its_digits(covariance_type):
    """The error bound is eps (mu / sigma)^2: 1e-9 lies at about 2e3 standard deviations."""
    rng = np.random.default_rng(0)
    mixture = random_mixture(rng, rng.normal(size=(50, 2)), covariance_type, 2)
    assert chosen(mixture, np.zeros(2)) == "expanded"
    assert chosen(mixture, np.full(2, 1e2)) == "expanded"
    assert chosen(mixture, np.full(2, 1e5)) == "centred"


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_strong_correlation_takes_the_centred_kernel(covariance_type):
    matrix = np.array([[1.0, 1 - 1e-8], [1 - 1e-8, 1.0]])
    covariances = matrix[None] if covariance_type == "full" else matrix
    mixture = Mixture(covariance_type, np.ones(1), np.zeros((1, 2)), covariances)
    assert chosen(mixture, np.zeros(2)) == "centred"


@each_kernel
def test_models_of_both_kernels_share_a_pass(kernel):
    """The order of the results is that of the models, whichever kernel took them."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(100, 2))
    near = [random_mixture(rng, X, kind, k) for kind in COVARIANCE_TYPES for k in (1, 3)]
    narrow = 1e-5 * np.eye(2)[None]
    far = Mixture("full", np.ones(1), np.array([[2.0, 2.0]]), narrow**2)
    several = [near[0], far, *near[1:], far] if kernel == "expanded" else [far, *near]
    centred = frame_of(X)
    together = e_step(X, several, centred=centred)
    for mixture, ours in zip(several, together, strict=True):
        (alone,) = e_step(X, [mixture], centred=centred)
        np.testing.assert_allclose(ours.counts, alone.counts, rtol=1e-12)
        np.testing.assert_allclose(ours.means, alone.means, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(ours.covariances, alone.covariances, rtol=1e-11, atol=1e-12)
        assert ours.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-12)
