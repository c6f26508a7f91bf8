"""Components that overlap in many dimensions, where few rows have a top of their own."""

import numpy as np
import pytest

from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from tests.engine.recording import SYNCHRONOUS, dataset_of

D, K, N_ROWS = 20, 5, 34_000
MODEL = (("full", K),)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_starts_on_part_of_the_rows_lead_as_high_as_the_truth(seed):
    rng = np.random.default_rng([seed, D])
    centres = rng.normal(size=(K, D))
    centres *= 2.5 / np.linalg.norm(centres, axis=1)[:, None]
    rows = centres[rng.integers(0, K, N_ROWS)] + rng.normal(size=(N_ROWS, D))
    truth = InitialParameters(np.full(K, 1 / K), centres, np.broadcast_to(np.eye(D), (K, D, D)))
    found, told = (
        fit(dataset_of(rows, (N_ROWS,)), options, SYNCHRONOUS).sweep.selected
        for options in (FitOptions(MODEL, n_init=2), FitOptions(MODEL, n_init=1, given=truth))
    )
    assert found.log_likelihood > told.log_likelihood - 1e-4 * N_ROWS
