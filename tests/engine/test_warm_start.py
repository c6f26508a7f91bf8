"""Fits that start from what an earlier fit found."""

import dask.array as da
import numpy as np
import pytest

from dgmm.engine.dataset import Dataset
from dgmm.engine.events import PassFinished, PassStarted
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.mixture.candidate import Status
from dgmm.mixture.transform import WarmStart

CENTRES = np.random.default_rng(3).normal(size=(5, 3)) * 2.5
N_ROWS = 8_000


def dataset(seed, shift=0.0, n_rows=N_ROWS):
    rng = np.random.default_rng(seed)
    labels = rng.choice(5, n_rows, p=[0.1, 0.15, 0.2, 0.25, 0.3])
    rows = CENTRES[labels] + rng.normal(size=(n_rows, 3)) * 0.9 + shift
    return Dataset.from_array(da.from_array(rows, chunks=(2_000, 3)))


def options(earlier=(), n_init=3, **others):
    return FitOptions(
        (("full", 5),),
        n_init=n_init,
        sample_rows=2_000,
        earlier=WarmStart(tuple(earlier)),
        **others,
    )


@pytest.fixture(scope="module")
def before():
    return fit(dataset(0), options(n_init=4)).sweep.selected


def test_the_earlier_mixture_begins_and_the_optimum_is_the_same(before):
    cold = fit(dataset(1, 0.02), options(n_init=4)).sweep
    warm = fit(dataset(1, 0.02), options([before.parameters])).sweep
    assert warm.selected.status is cold.selected.status is Status.CONVERGED
    assert warm.selected.log_likelihood == pytest.approx(
        cold.selected.log_likelihood, abs=N_ROWS * 1e-5
    )
    assert warm.n_passes <= cold.n_passes
    # the first entry of the trace is the earlier mixture's own likelihood
    same = fit(dataset(1, 0.02), options([before.parameters], max_iter=0)).sweep.selected
    assert warm.selected.trace[0] == pytest.approx(same.trace[0], rel=1e-12)


@pytest.mark.parametrize(("n_init", "n_searches"), [(1, 1), (2, 3)])
def test_one_search_alone_starts_from_the_earlier_mixture(before, n_init, n_searches):
    events = []
    asked = options([before.parameters], n_init=n_init)
    fit(dataset(1), asked, observer=events.append)
    stages = {event.stage for event in events if isinstance(event, PassFinished)}
    assert stages == {"profile", "search", "sample", "fit"}
    (search,) = (e for e in events if isinstance(e, PassStarted) and e.stage == "search")
    assert search.n_blocks == n_searches


def test_without_a_step_the_earlier_mixture_is_what_is_found(before):
    asked = options([before.parameters], n_init=1, max_iter=0)
    found = fit(dataset(1), asked).sweep.selected.parameters
    np.testing.assert_allclose(found.weights, before.parameters.weights, rtol=1e-12)
    np.testing.assert_allclose(found.means, before.parameters.means, rtol=1e-10, atol=1e-12)


def test_a_better_optimum_of_the_sample_is_not_given_up(before):
    poor = before.parameters
    poor = poor.translate(np.full(3, 4.0))  # of other data
    found = fit(dataset(1), options([poor], n_init=4)).sweep.selected
    cold = fit(dataset(1), options(n_init=4)).sweep.selected
    assert found.log_likelihood == pytest.approx(cold.log_likelihood, abs=N_ROWS * 1e-5)


def test_a_mixture_of_another_model_is_no_start(before):
    others = FitOptions((("full", 4), ("diag", 5)), n_init=2, sample_rows=2_000)
    with_earlier = FitOptions(
        others.models, n_init=2, sample_rows=2_000, earlier=WarmStart((before.parameters,))
    )
    pairs = zip(
        fit(dataset(1), others).sweep.results,
        fit(dataset(1), with_earlier).sweep.results,
        strict=True,
    )
    for cold, warm in pairs:
        np.testing.assert_array_equal(warm.parameters.means, cold.parameters.means)
