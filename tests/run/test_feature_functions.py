"""`prepare.transform`: fits, likelihoods, reports and scores after functions of features."""

import numpy as np
import pytest
from click.testing import CliRunner

from dgmm import GaussianMixture, open_result
from dgmm.cli import dgmm
from dgmm.run import loads, run, score

N = 1_500
CENTRES = np.array([[0.0, 1.0], [3.0, 4.0]])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    return np.sinh(CENTRES[rng.integers(0, 2, N)] + rng.normal(size=(N, 2)) * 0.4) * 5


def configured(folder, rows, transform, more="", output="out"):
    np.save(folder / "x.npy", rows)
    return loads(
        f"""
        input: {{path: {folder / "x.npy"}, partition_size: 4kB}}
        prepare: {{transform: {transform} {more}}}
        model: {{n_components: 2, covariance_type: full}}
        output: {{path: {folder / output}, report: false, assignments: [labels, log_density]}}
        cluster: {{kind: threads}}
        """
    )


def test_a_fit_is_that_of_rows_after_the_function(tmp_path, rows):
    run(configured(tmp_path, rows, "arcsinh"))
    found, z = open_result(tmp_path / "out"), np.arcsinh(rows / 5)
    expected = GaussianMixture(2, random_state=0).fit(z)
    assert sorted(found.model.weights) == pytest.approx(sorted(expected.weights_), rel=1e-5)
    log_density = found.assignments["log_density"][:]
    np.testing.assert_allclose(log_density, expected.score_samples(z), atol=1e-4)
    log_jacobian = -np.log(np.hypot(rows, 5)).sum()
    selected = found.sweep.selected
    assert found.attributes["log_jacobian"] == pytest.approx(log_jacobian, rel=1e-12)
    assert selected.log_likelihood == pytest.approx(log_density.sum() + log_jacobian, rel=1e-9)
    assert selected.trace[-1] * N == pytest.approx(selected.log_likelihood, rel=1e-9)
    n_parameters = 1 + 2 * (2 + 3)
    bic = -2 * selected.log_likelihood + n_parameters * np.log(N)
    assert selected.criteria["bic"] == pytest.approx(bic, rel=1e-9)
    np.testing.assert_array_equal(found.assign(rows).labels, found.assignments["labels"][:])


def test_criteria_prefer_the_function_that_makes_components_normal(tmp_path, rows):
    found = {}
    for place, transform in enumerate(("arcsinh", "{x0: arcsinh}", "{'*': {arcsinh: 5000}}")):
        run(configured(tmp_path, rows, transform, output=f"out{place}"))
        found[transform] = open_result(tmp_path / f"out{place}").sweep.selected.criteria["bic"]
    assert min(found, key=found.__getitem__) == "arcsinh"


def test_components_are_described_in_the_units_of_the_data(tmp_path, rows):
    run(configured(tmp_path, rows, "arcsinh"))
    found = open_result(tmp_path / "out")
    labels = found.assignments["labels"][:]
    for k, component in enumerate(found.components.mean):
        own = rows[labels == k]
        np.testing.assert_allclose(component, own.mean(axis=0), rtol=0.05)
        median = found.components.quantiles[k][2]
        np.testing.assert_allclose(median, np.median(own, axis=0), rtol=0.05)
        np.testing.assert_allclose(
            found.transform.inverse_means(found.model)[k], np.median(own, axis=0), rtol=0.1
        )


def test_scores_and_reports_use_the_functions_of_the_model(tmp_path, rows):
    run(configured(tmp_path, rows, "{x0: yeo-johnson, x1: {arcsinh: 5}}", ", scale: standardize"))
    model = open_result(tmp_path / "out")
    assert [each.name for each in model.transform.functions.functions] == ["yeo-johnson", "arcsinh"]
    score(model, configured(tmp_path, rows, "null", output="scored"))
    scored = open_result(tmp_path / "scored")
    for name in ("labels", "log_density"):
        np.testing.assert_array_equal(scored.assignments[name][:], model.assignments[name][:])
    outcome = CliRunner().invoke(dgmm, ["report", str(tmp_path / "out")])
    assert outcome.exit_code == 0, outcome.output
    (page,) = tmp_path.glob("out/**/report.html")
    assert "after yeo-johnson(" in page.read_text()


def test_a_later_night_keeps_the_powers(tmp_path, rows):
    run(configured(tmp_path, rows, "yeo-johnson"))
    first = open_result(tmp_path / "out").transform.functions
    later = configured(tmp_path, rows[: N // 2], "yeo-johnson").model_dump()
    later["model"]["start_from"] = str(tmp_path / "out")
    run(type(configured(tmp_path, rows[: N // 2], "yeo-johnson")).model_validate(later))
    assert open_result(tmp_path / "out").transform.functions == first


@pytest.mark.parametrize(
    ("transform", "code", "said"),
    [
        ("sqrt", 78, "expected log, log1p, arcsinh, yeo-johnson"),
        ("{arcsinh: -1}", 78, "expected log, log1p"),
        ("{depth: log}", 78, "depth, which the data do not have"),
        ("log", 65, "log takes numbers above 0"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, rows, transform, code, said):
    np.save(tmp_path / "x.npy", rows)
    text = f"""
    input: {{path: {tmp_path}/x.npy}}
    prepare: {{transform: {transform}}}
    model: {{n_components: 1}}
    output: {{path: {tmp_path}/out, report: false}}
    cluster: {{kind: threads}}
    """
    (tmp_path / "c.yaml").write_text(text)
    outcome = CliRunner().invoke(dgmm, ["run", str(tmp_path / "c.yaml")])
    assert outcome.exit_code == code
    assert said in outcome.output.replace("\n", " ")
