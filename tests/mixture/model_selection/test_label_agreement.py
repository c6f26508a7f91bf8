"""Agreement of labels, against scikit-learn's metrics."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.metrics import adjusted_rand_score, fowlkes_mallows_score

import dgmm
from dgmm.mixture.model_selection.label_agreement import LabelAgreement, cross_tabulate

DATA = (load_iris, load_wine, load_breast_cancer, load_diabetes, load_digits)


@pytest.mark.parametrize("load", DATA)
def test_agreement_is_scikit_learns(load):
    rows = load().data[:, :4]
    first, second = (
        dgmm.GaussianMixture(k, covariance_type="diag", noise=noise, random_state=0).fit(
            rows + 1e-3 * np.random.default_rng(0).normal(size=rows.shape)
        )
        for k, noise in ((3, None), (4, -30.0))
    )
    labels, others = first.predict(rows), second.predict(rows)
    found = LabelAgreement.from_table(cross_tabulate(labels, others, (3, 4)))
    assert found.adjusted_rand == pytest.approx(adjusted_rand_score(labels, others), rel=1e-12)
    expected = fowlkes_mallows_score(labels, others)
    assert found.fowlkes_mallows == pytest.approx(expected, rel=1e-12)
    times = np.random.default_rng(1).integers(0, 4, len(rows))
    weighted = LabelAgreement.from_table(cross_tabulate(labels, others, (3, 4), times))
    repeated = np.repeat(labels, times), np.repeat(others, times)
    assert weighted.adjusted_rand == pytest.approx(adjusted_rand_score(*repeated), rel=1e-12)
    assert weighted.fowlkes_mallows == pytest.approx(fowlkes_mallows_score(*repeated), rel=1e-12)


def test_the_same_partition_agrees():
    assert LabelAgreement.from_table(np.diag([3.0, 4.0])) == LabelAgreement(1.0, 1.0)
    assert LabelAgreement.from_table(np.array([[5.0]])) == LabelAgreement(1.0, 1.0)
