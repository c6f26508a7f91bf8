"""A background mixture that is adapted to new rows, through the estimator and a run."""

import numpy as np
import pytest

import dgmm
from dgmm.errors import ConfigurationError
from dgmm.report.page import render
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.score_run import configuration_for, score
from tests.estimator.test_labels import planted

NEAR = np.array([0.5, 0.5])  # from all rows of the new kind to those of the background


@pytest.fixture(scope="module")
def background():
    return dgmm.GaussianMixture(4, covariance_type="diag", random_state=0).fit(planted()[0])


def few_rows(background, n_rows=60):
    """Rows of the two heaviest components alone, moved."""
    rows = planted(600, seed=5)[0]
    return rows[background.predict(rows) < 2][:n_rows] + NEAR


def adapt(background, rows, relevance):
    model = dgmm.GaussianMixture(
        4, covariance_type="diag", init_params=background, relevance=relevance, tol=1e-9
    )
    return model.fit(rows)


def test_components_with_rows_move_and_others_stay(background):
    rows = few_rows(background)
    found = adapt(background, rows, 16.0)
    moved = np.linalg.norm(found.means_ - background.means_, axis=1)
    assert moved[:2].min() > 0.15
    n_rows = found.predict_proba(rows).sum(axis=0)
    assert n_rows.min() < 2
    assert moved[np.argmin(n_rows)] < 0.1
    assert (np.diff(found.lower_bounds_) >= -1e-12).all()
    far = np.linalg.norm(adapt(background, rows, 1e9).means_ - background.means_, axis=1)
    assert far.max() < 1e-4


def test_the_optimum_is_that_of_the_formulas(background):
    rows = few_rows(background)
    found = adapt(background, rows, 16.0)
    r = found.predict_proba(rows)
    n = r.sum(axis=0)
    expected = (r.T @ rows + 16 * background.means_) / (n + 16)[:, None]
    np.testing.assert_allclose(found.means_, expected, atol=1e-4)
    weights = n + 64 * background.weights_
    np.testing.assert_allclose(found.weights_, weights / weights.sum(), atol=1e-4)


def test_what_cannot_be_adapted_is_refused(background):
    rows = few_rows(background)
    for keys, expected in (
        ({"init_params": None}, "no mixture diag-4 to adapt"),
        ({"n_components": 3}, "no mixture diag-3 to adapt"),
        ({"relevance": 0}, "expected a positive number of rows"),
        ({"prior": "conjugate"}, "and a prior or noise"),
    ):
        model = dgmm.GaussianMixture(
            4, covariance_type="diag", init_params=background, relevance=16.0
        ).set_params(**keys)
        with pytest.raises(ConfigurationError, match=expected):
            model.fit(rows)


def test_a_run_adapts_the_choice_of_another(background, tmp_path):
    np.save(tmp_path / "all.npy", planted()[0])
    np.save(tmp_path / "few.npy", few_rows(background))

    def configured(name, model):
        return loads(
            f"""
            input: {{path: {tmp_path / name}.npy}}
            model: {{n_components: 4, covariance_type: diag{model}}}
            output: {{path: {tmp_path / "out"}-{name}, report: false}}
            cluster: {{kind: threads}}
            """
        )

    run(configured("all", ""))
    before = dgmm.open_result(tmp_path / "out-all")
    more = f", start_from: {tmp_path / 'out-all'}, relevance: 16, tol: 1e-9"
    after = dgmm.open_result(run(configured("few", more)).path)
    assert after.labelling.labels == before.labelling.labels
    model = dgmm.GaussianMixture(
        4, covariance_type="diag", init_params=before, relevance=16, tol=1e-9
    ).fit(few_rows(background))
    np.testing.assert_allclose(after.model.means, model.means_, atol=1e-5)
    threads = ["cluster.kind=threads"]
    wanted = configuration_for(after, str(tmp_path / "few.npy"), str(tmp_path / "of-few"), threads)
    scored = dgmm.open_result(score(after, wanted).path)
    np.testing.assert_array_equal(scored.assignments["labels"][:], after.assignments["labels"][:])
    assert "An earlier mixture was adapted" in render(after)
