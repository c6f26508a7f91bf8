"""A fit that goes on where another was interrupted ends in the same bits."""

import numpy as np
import pytest

from dgmm.engine.events import PassFinished, PassStarted, Resumed
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.fit_progress import FitProgress
from tests.engine.recording import SYNCHRONOUS, dataset_of

KINDS = ("full", "tied", "diag", "spherical", "EEI", "VEI", "EVE", "VEV")
OPTIONS = FitOptions(
    models=tuple((kind, k) for kind in KINDS for k in (1, 2)),
    n_init=2,
    tol=1e-4,
    sample_rows=150,
)


def data():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, 2)) + np.repeat([[0.0, 0.0], [3.0, 1.0]], [250, 150], axis=0)
    return dataset_of(rows[rng.permutation(400)], (100, 150, 150))


def bits(found):
    return [
        (
            result.candidate,
            result.status,
            result.n_iter,
            result.trace,
            result.bic,
            *(
                getattr(result.parameters, name).tobytes()
                for name in ("weights", "means", "covariances", "precisions_cholesky")
            ),
        )
        for result in found.sweep.results
    ] + [found.sweep.selected.candidate, found.sweep.n_passes]


@pytest.fixture(scope="module")
def whole():
    """The bits of a fit, and all the progress that it gave to be kept."""
    kept: list[FitProgress] = []
    return bits(fit(data(), OPTIONS, SYNCHRONOUS, save=kept.append)), kept


def test_progress_is_given_after_the_profile_before_each_stage_and_after_each_pass(whole):
    _, kept = whole
    places = [(progress.stage, progress.n_passes) for progress in kept]
    stages = ("profile", "sample", "fit", "repair")  # the search is made again
    assert list(dict.fromkeys(stage for stage, _ in places)) == list(stages)
    assert places[0] == ("profile", 1)
    for stage in stages[1:]:
        passes = [n_passes for name, n_passes in places if name == stage]
        assert passes == list(range(len(passes)))
        assert len(passes) > 2 or stage == "repair"  # which has nothing to do here


@pytest.mark.parametrize("share", np.linspace(0, 1, 7))
def test_from_any_progress_on_the_bits_are_the_same(whole, share):
    expected, kept = whole
    progress = kept[round(share * (len(kept) - 1))]
    events = []
    found = fit(data(), OPTIONS, SYNCHRONOUS, events.append, progress)
    assert bits(found) == expected
    assert events[0] == Resumed(progress.stage, progress.n_passes)
    again = [event for event in events if isinstance(event, PassStarted)]
    assert all(event.stage != "profile" for event in again)
    if again and again[0].stage == progress.stage:
        assert again[0].index == progress.n_passes
    finished = [event for event in events if isinstance(event, PassFinished)]
    assert len(finished) == len(again)


def test_what_is_kept_is_in_c_order(whole):
    """Or an array read back could lie otherwise in memory, and BLAS add in another order."""
    _, kept = whole
    for progress in kept:
        arrays = [progress.profile.scatter, progress.profile.sample]
        for state in progress.states:
            mixture = state.parameters
            arrays += [mixture.means, mixture.covariances, mixture.precisions_cholesky]
        assert all(array.flags.c_contiguous for array in arrays)
