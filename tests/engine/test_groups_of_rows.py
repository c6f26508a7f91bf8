"""Log-likelihoods of groups of consecutive rows, and what a sweep makes of them."""

import numpy as np
import pytest

import dgmm
from dgmm.engine import passes
from dgmm.engine.events import ignore
from dgmm.engine.execution import LocalExecution
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.passes import PassRunner
from dgmm.mixture.density import assign
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.model_selection.dependence import N_GROUPS
from tests import reference
from tests.mixture.one_step import relative_to
from tests.strategies import COVARIANCE_TYPES, random_mixture

pytestmark = pytest.mark.filterwarnings("ignore:BIC is smallest at the largest number")


@pytest.mark.parametrize("offset", [0.0, 1e6])  # by the expanded kernel, and by the centred one
def test_groups_add_up_the_densities_of_their_rows(offset):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 2)) + 4 * rng.integers(0, 2, (60_000, 1))
    weights = rng.random(len(X))
    mixtures = [
        relative_to(np.zeros(2), random_mixture(rng, X[:500], kind, 2)) for kind in COVARIANCE_TYPES
    ]
    moved = [mixture.translate(np.full(2, offset)) for mixture in mixtures]
    held = InMemoryRows(X + offset, weights)
    runner = PassRunner(held, LocalExecution(), ignore)
    centred = CentredScatter.of(held.rows, weights, np.zeros(2))
    found, _ = passes.e_step(runner, moved, centred)
    starts = np.array([held.bounds(block)[0] for block in range(held.n_blocks)])
    group = np.repeat(starts * N_GROUPS // len(X), held.block_rows)[: len(X)]
    names = np.unique(group)
    few = slice(0, 3_000)  # the textbook is slow
    for mixture, moments in zip(mixtures, found, strict=True):
        density = assign(mixture, X).log_density
        np.testing.assert_allclose(density[few], reference.log_densities(X[few], mixture))
        expected = [(weights * density)[group == name].sum() for name in names]
        np.testing.assert_allclose(moments.groups[1], expected, rtol=1e-7)
        assert moments.groups[1].sum() == pytest.approx(moments.log_likelihood, rel=1e-9)
        np.testing.assert_allclose(
            moments.groups[0], [weights[group == name].sum() for name in names]
        )


def test_wide_rows_have_no_groups_under_tied_models():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 40))
    mixtures = [
        relative_to(np.zeros(40), random_mixture(rng, X[:500], kind, 2))
        for kind in ("tied", "full")
    ]
    runner = PassRunner(InMemoryRows(X), LocalExecution(), ignore)
    centred = CentredScatter.of(X, None, np.zeros(40))
    (tied, full), _ = passes.e_step(runner, mixtures, centred)
    assert np.isnan(tied.groups[1]).all()
    assert full.groups[1].sum() == pytest.approx(full.log_likelihood, rel=1e-9)


def repeated(n_rows, times, seed):
    """Heavy-tailed rows, each many times over: the design effect is that number."""
    rng = np.random.default_rng(seed)
    n = n_rows // times
    centres = np.array([[0.0, 0.0], [3.0, 0.0]])[rng.integers(0, 2, n)]
    rows = np.repeat(centres + rng.standard_t(5, (n, 2)), times, axis=0)
    return rows + 1e-3 * rng.normal(size=rows.shape)


@pytest.fixture(scope="module")
def sweep():
    X = repeated(40_000, 50, 0)
    return X, dgmm.sweep(X, range(1, 6), "full", random_state=0, finish_all=True)


def test_the_design_effect_of_repeated_rows_is_their_number(sweep):
    _, found = sweep
    assert found.dependence.low < 50 < found.dependence.high
    assert not found.dependence.is_long


def test_fewer_components_are_believed_where_rows_depend_on_each_other(sweep):
    X, found = sweep
    chosen = {
        name: min(found.results, key=lambda result: result.criteria[name])
        for name in ("bic", "bic_effective", "bic_coarsened")
    }
    assert chosen["bic"].n_components > chosen["bic_effective"].n_components
    effective = dgmm.sweep(X, range(1, 6), "full", random_state=0, criterion="bic_effective")
    assert effective.best.n_components == chosen["bic_effective"].n_components
    values = [result.criteria["bic_effective"] for result in effective.results]
    assert effective.best.bic_effective_ == min(values)  # dependence is that of these mixtures
    assert all(result.status.value != "stopped_early" for result in effective.results)


def test_differences_are_those_of_the_log_likelihoods(sweep):
    X, found = sweep
    best = found.best.score(X)
    for result, difference in zip(found.results, found.differences, strict=True):
        mean = result.log_likelihood / len(X) - best
        assert difference.mean == pytest.approx(mean, abs=1e-9)
        if result.candidate.name != "full-5":
            assert 0 < difference.standard_error < 0.1


def test_small_data_have_no_groups_to_tell_dependence_by():
    X = repeated(900, 1, 0)
    found = dgmm.sweep(X, range(1, 3), "full", random_state=0)
    assert found.dependence is None
    assert found.results[0].criteria["bic_effective"] == found.results[0].bic
