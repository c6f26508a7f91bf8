"""The sampled rows of a report."""

import numpy as np

from dgmm.mixture.noise.noise_component import Noise
from dgmm.report.sample import evaluate_sample
from dgmm.report.summary import _certainty
from tests.report.results import mixture, record, rows_of


def test_noise_is_neither_an_outlier_nor_a_doubt_about_components():
    best = mixture(2, apart=20.0)
    rows = np.concatenate([rows_of(best), np.full((40, 2), 1_000.0)])
    plain = evaluate_sample(record(rows), best)
    beside = evaluate_sample(record(rows), best.with_noise(Noise(-12.0, 0.1)))
    assert plain.is_outlier[-40:].all()
    assert not plain.is_noise.any()
    assert not beside.is_outlier[-40:].any()
    np.testing.assert_array_equal(np.flatnonzero(beside.is_noise), np.arange(400, 440))
    assert (beside.labels_and_noise[-40:] == -1).all()
    assert beside.certainty.min() > 0.5
    assert [_certainty(beside, k, (0, 1))[0] for k in (0, 1)] == ["100.0%", "100.0%"]
