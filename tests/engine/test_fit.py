"""What a fit finds, against scikit-learn from the same start, and what it reports of itself."""

from functools import cache, partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from dgmm.engine.fit import FitOptions, fit
from dgmm.mixture.candidate import Status
from dgmm.mixture.density import assign
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from dgmm.mixture.structures import structure_of
from tests import reference
from tests.engine.recording import SYNCHRONOUS, dataset_of
from tests.strategies import COVARIANCE_TYPES, chunkings, random_mixture, sample_weights, seeds

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
CHUNKS = (100, 1, 99, 200)


def clumps(n_rows=400, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(3, n_features, n_features)) / 2 + np.eye(n_features)
    centres = 4 * rng.normal(size=(3, n_features))
    labels = rng.integers(0, 3, n_rows)
    noise = rng.normal(size=(n_rows, n_features))
    return centres[labels] + np.einsum("ij,ijk->ik", noise, mixing[labels])


def given_of(mixture):
    structure = structure_of(mixture.covariance_type)
    return InitialParameters(mixture.weights, mixture.means, structure.invert(mixture.covariances))


def fit_from(rows, start, chunks=None, weights=None, **options):
    """The one candidate that begins at this mixture."""
    models = ((start.covariance_type, len(start.weights)),)
    options = FitOptions(models, n_init=1, given=given_of(start), **options)
    (result,) = fit(dataset_of(rows, chunks, weights), options, SYNCHRONOUS).sweep.results
    return result


def weighted_log_likelihood(rows, mixture, weights=None):
    return float(np.average(assign(mixture, rows).log_density, weights=weights)) * (
        len(rows) if weights is None else float(weights.sum())
    )


@each_type
@pytest.mark.parametrize("seed", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_optimum_is_scikit_learns_from_the_same_start(covariance_type, seed):
    rows = clumps(seed=seed)
    start = random_mixture(np.random.default_rng(seed), rows, covariance_type, 3)
    given = given_of(start)
    theirs = GaussianMixture(
        3,
        covariance_type=covariance_type,
        weights_init=given.weights,
        means_init=given.means,
        precisions_init=given.precisions,
        reg_covar=1e-6,
        tol=1e-11,
        max_iter=20_000,
    ).fit(rows)
    ours = fit_from(rows, start, CHUNKS, reg_covar=1e-6, tol=1e-10, max_iter=20_000)
    assert ours.status is Status.CONVERGED
    assert ours.log_likelihood == pytest.approx(theirs.score(rows) * len(rows), rel=1e-6)
    assert ours.bic == pytest.approx(theirs.bic(rows), rel=1e-6)
    assert ours.aic == pytest.approx(theirs.aic(rows), rel=1e-6)
    mixture = ours.parameters
    distances = np.abs(mixture.means[:, None] - theirs.means_).max(axis=2)
    assert sorted(distances.argmin(axis=1)) == [0, 1, 2]
    assert distances.min(axis=1).max() < 1e-2 * rows.std()
    np.testing.assert_allclose(
        mixture.weights, theirs.weights_[distances.argmin(axis=1)], atol=1e-3
    )


@each_type
@pytest.mark.parametrize("weighted", [False, True])
def test_one_component_is_mean_and_covariance(covariance_type, weighted):
    rows = clumps() + 1e3
    weights = np.random.default_rng(0).uniform(0.0, 3.0, len(rows)) if weighted else None
    dataset = dataset_of(rows, CHUNKS, weights)
    found = fit(dataset, FitOptions(((covariance_type, 1),)), SYNCHRONOUS).sweep
    assert found.n_passes <= 4
    assert found.selected.status is Status.CONVERGED
    covariance = np.cov(rows.T, aweights=weights, ddof=0)
    expected = {
        "full": covariance[None],
        "tied": covariance,
        "diag": np.diag(covariance)[None],
        "spherical": np.array([np.trace(covariance) / 3]),
    }[covariance_type]
    mixture = found.selected.parameters
    assert mixture.weights.tolist() == [1.0]
    np.testing.assert_allclose(mixture.means[0], np.average(rows, axis=0, weights=weights), 1e-14)
    np.testing.assert_allclose(mixture.covariances, expected, rtol=1e-11)


@each_type
@settings(max_examples=4)
@given(seed=seeds, data=st.data())
def test_what_is_reported_belongs_to_the_parameters_reported(covariance_type, seed, data):
    rows = clumps(60, seed=seed)
    weights = data.draw(sample_weights(len(rows)))
    options = FitOptions(
        ((covariance_type, 1), (covariance_type, 3)),
        n_init=2,
        max_iter=data.draw(st.integers(0, 12)),
        sample_rows=data.draw(st.sampled_from([30, 1000])),
        seed=3,
        reg_covar=0.1,
    )
    dataset = dataset_of(rows, data.draw(chunkings(60)), weights)
    for result in fit(dataset, options, SYNCHRONOUS).sweep.results:
        mixture = result.parameters
        theirs = reference.log_likelihood(rows, mixture, weights)
        total = len(rows) if weights is None else weights.sum()
        assert result.log_likelihood == pytest.approx(theirs, rel=1e-10)
        assert result.trace[-1] == pytest.approx(theirs / total, rel=1e-10)
        assert result.bic == pytest.approx(reference.bic(rows, mixture, weights), rel=1e-10)
        assert result.aic == pytest.approx(reference.aic(rows, mixture, weights), rel=1e-10)
        assert result.icl == pytest.approx(reference.icl(rows, mixture, weights), rel=1e-9)
        assert result.n_parameters == reference.n_parameters(covariance_type, *mixture.means.shape)
        if weights is None:
            log_density = assign(mixture, rows).log_density
            assert result.log_likelihood == pytest.approx(log_density.sum(), rel=1e-11)
        assert mixture.weights.sum() == pytest.approx(1.0, abs=1e-14)
        assert (np.diff(mixture.weights) <= 0).all()


@each_type
@settings(max_examples=3)
@given(seed=seeds)
def test_the_trace_never_falls_and_converged_means_there_is_nothing_left(covariance_type, seed):
    rows = clumps(seed=seed)
    start = random_mixture(np.random.default_rng(seed), rows, covariance_type, 2)
    result = fit_from(rows, start, CHUNKS, tol=1e-6)
    trace = np.array(result.trace)
    assert (np.diff(trace) >= -1e-12 * np.abs(trace[1:])).all()
    assert len(trace) == result.n_iter + 1
    if result.status is Status.CONVERGED:
        longer = fit_from(rows, start, CHUNKS, tol=1e-10, max_iter=5000)
        assert longer.trace[: len(trace)] == result.trace
        assert longer.trace[-1] - trace[-1] < 2e-5


@each_type
def test_weights_are_repeated_rows(covariance_type):
    rows = clumps(150)
    times = np.random.default_rng(1).integers(0, 4, len(rows))
    start = random_mixture(np.random.default_rng(2), rows, covariance_type, 3)
    ours = fit_from(rows, start, (100, 50), times, tol=1e-9)
    repeated = np.repeat(rows, times, axis=0)
    theirs = fit_from(repeated, start, (100, len(repeated) - 100), tol=1e-9)
    assert ours.n_iter == pytest.approx(theirs.n_iter, abs=1)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, rel=1e-9)
    assert ours.bic == pytest.approx(theirs.bic, rel=1e-9)
    np.testing.assert_allclose(ours.parameters.means, theirs.parameters.means, atol=1e-3)


def bits_of(result):
    arrays = ("weights", "means", "covariances", "precisions_cholesky")
    return {
        "trace": result.trace,
        "icl": result.icl,
        **{name: getattr(result.parameters, name).tobytes() for name in arrays},
    }


LAYOUTS = {
    "native": lambda x: x,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "Fortran order": np.asfortranarray,
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
}


def sweep_of_rows_as(dtype, layout):
    rows = clumps(200) * 10 + 60
    rows = (rows > 60 if dtype == "?" else np.clip(rows, 0, 127)).astype(dtype)
    rows = rows.astype(np.float64) if layout is None else rows
    dataset = dataset_of(rows, (120, 80))
    changed = dataset.rows if layout is None else dataset.rows.map_blocks(LAYOUTS[layout])
    odd = type(dataset)(changed, None, dataset.feature_names)
    models = tuple((kind, 2) for kind in COVARIANCE_TYPES)
    return fit(odd, FitOptions(models, max_iter=3, sample_rows=100), SYNCHRONOUS).sweep


@pytest.fixture(scope="module")
def sweep_of_copy():
    """The sweep of the float64 copy of rows of a dtype, which serves all layouts."""
    return cache(partial(sweep_of_rows_as, layout=None))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(dtype, marks=pytest.mark.slow if dtype in ("u1", "i8", "f2") else ())
        for dtype in ("?", "u1", "i2", "i8", "u8", "f2", "f4", "f8")
    ],
)
def test_every_dtype_and_layout_is_fitted_to_the_bits_of_its_float64_copy(
    dtype, layout, sweep_of_copy
):
    ours, theirs = sweep_of_rows_as(dtype, layout), sweep_of_copy(dtype)
    for mine, other in zip(ours.results, theirs.results, strict=True):
        assert bits_of(mine) == bits_of(other), mine.candidate


@each_type
def test_a_sample_leads_to_the_optimum_of_all_rows(covariance_type):
    rows = clumps(3000)
    options = FitOptions(((covariance_type, 3),), tol=1e-8, sample_rows=1000)
    sampled = fit(dataset_of(rows, (1000,) * 3), options, SYNCHRONOUS)
    assert 900 < len(sampled.profile.sample) < 1100
    options = FitOptions(((covariance_type, 3),), tol=1e-8)
    whole = fit(dataset_of(rows, (1000,) * 3), options, SYNCHRONOUS)
    assert whole.profile.is_sample_complete
    assert sampled.sweep.selected.log_likelihood == pytest.approx(
        whole.sweep.selected.log_likelihood, rel=1e-6
    )


def test_the_same_seed_gives_the_same_bits_and_a_sweep_those_of_its_parts():
    rows = clumps()
    both = FitOptions((("full", 2), ("diag", 3)), n_init=3, tol=1e-4)
    first, again = (fit(dataset_of(rows, CHUNKS), both, SYNCHRONOUS).sweep for _ in range(2))
    assert [bits_of(r) for r in first.results] == [bits_of(r) for r in again.results]
    for model, in_sweep in zip(both.models, first.results, strict=True):
        alone = FitOptions((model,), n_init=3, tol=1e-4)
        (result,) = fit(dataset_of(rows, CHUNKS), alone, SYNCHRONOUS).sweep.results
        assert result.log_likelihood == pytest.approx(in_sweep.log_likelihood, rel=1e-9)


def test_results_come_in_the_order_asked_for_and_are_ranked_by_the_criterion():
    models = (("tied", 4), ("full", 3), ("spherical", 1), ("full", 1), ("diag", 3))
    for criterion in ("bic", "aic", "icl"):
        options = FitOptions(models, criterion, n_init=1, tol=1e-4)
        sweep = fit(dataset_of(clumps(), CHUNKS), options, SYNCHRONOUS).sweep
        found = [(r.candidate.covariance_type, r.candidate.n_components) for r in sweep.results]
        assert tuple(found) == models
        values = [getattr(result, criterion) for result in sweep.rank()]
        assert values == sorted(values)
        assert sweep.selected is sweep.rank()[0]


def test_clumps_that_are_there_are_found():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    labels = rng.integers(0, 4, 2000)
    rows = centres[labels] + rng.normal(size=(2000, 2))
    models = tuple((kind, k) for kind in COVARIANCE_TYPES for k in (2, 4, 5))
    sweep = fit(dataset_of(rows, (500,) * 4), FitOptions(models), SYNCHRONOUS).sweep
    assert sweep.selected.candidate.n_components == 4
    assert sweep.selected.candidate.covariance_type in ("spherical", "tied")
    found = assign(sweep.selected.parameters, rows).labels
    nearest = ((sweep.selected.parameters.means[:, None] - centres) ** 2).sum(2).argmin(1)
    assert (nearest[found] == labels).mean() > 0.999
