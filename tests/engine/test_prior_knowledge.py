"""Fits with priors, labels and parts that stay: the same bits anywhere, and after interruptions."""

from contextlib import contextmanager

import dask.array as da
import distributed
import numpy as np
import pytest

from dgmm.engine.cluster_execution import ClusterExecution
from dgmm.engine.dataset import Dataset
from dgmm.engine.execution import LocalExecution
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.fixed_parts import FixedParts
from dgmm.mixture.transform import WarmStart
from tests.engine.recording import SYNCHRONOUS
from tests.engine.test_fit_progress import bits
from tests.estimator.test_labels import MEANS, planted

KNOWN = Parameters.from_covariances("diag", np.full(2, 0.5), MEANS[:2], np.full((2, 2), 1.5))
MODELS = (("diag", 2), ("diag", 4))
CASES = {
    "prior": {"prior": "conjugate"},
    "background": {
        "models": MODELS[:1], "relevance": 16.0, "earlier": WarmStart((KNOWN,)),
    },
    "components": {"fixed": FixedParts.of_mixture(KNOWN, ("means", "covariances"))},
    "means": {"fixed": FixedParts.of_mixture(KNOWN, ("means",))},
}  # fmt: skip
each_case = pytest.mark.parametrize("case", CASES)


def found_by(case, execution=SYNCHRONOUS, **keys):
    rows, labels = planted(600, seed=2)
    dataset = Dataset.from_array(
        da.from_array(rows, ((250, 50, 300), 2)),
        labels=da.from_array(labels, 200) if case == "prior" else None,
    )
    options = FitOptions(**{"models": MODELS, "tol": 1e-3, "sample_rows": 150, **CASES[case]})
    return bits(fit(dataset, options, execution, **keys))


@each_case
def test_threads_give_the_bits_of_one(case):
    assert found_by(case, LocalExecution("threads", 3)) == found_by(case)


@each_case
def test_from_any_progress_on_the_bits_are_the_same(case):
    kept = []
    whole = found_by(case, save=kept.append)
    assert len(kept) > 3
    for progress in kept[:: max(1, len(kept) // 3)]:
        assert found_by(case, progress=progress) == whole


@contextmanager
def two_workers():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield ClusterExecution(client)


@pytest.mark.slow
def test_workers_give_the_bits_of_one_thread():
    with two_workers() as execution:
        for case in CASES:
            assert found_by(case, execution) == found_by(case)
