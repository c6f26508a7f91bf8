"""Runs say how many rows criteria count, and choose by what was asked for."""

import logging

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from dgmm.io.results.result import open_result
from dgmm.mixture.density import assign
from dgmm.report.findings import collect_findings
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.identity import identity
from dgmm.run.plan_summary import summarize_plan
from dgmm.run.score_run import score

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=(150, 2)), RNG.normal(size=(150, 2)) + 8])


@pytest.fixture
def write(tmp_path):
    np.save(tmp_path / "x.npy", X)

    def configuration(weights, normalize=None):
        np.save(tmp_path / "w.npy", weights)
        scaled = "" if normalize is None else f", normalize: {normalize}"
        return loads(
            f"input: {{path: {tmp_path}/x.npy, weights: {{path: {tmp_path}/w.npy{scaled}}}}}\n"
            "model: {n_components: '1:3', covariance_type: [full, diag]}\n"
            f"output: {{path: {tmp_path}/out, report: false}}\n"
            "cluster: {kind: threads}\n"
        )

    return configuration


def test_weights_that_sum_to_one_are_warned_of_in_log_and_report(write, caplog):
    caplog.set_level(logging.INFO, "dgmm")
    finished = run(write(np.full(300, 1 / 300)))
    said = "The weights of 300 rows sum to 1; criteria count n = 1 rows."
    assert said in caplog.text
    assert "Set `input.weights.normalize`: 'rows' for survey weights" in caplog.text
    result = open_result(finished.path)
    assert result.attributes["sample_size"]["n_effective"] == pytest.approx(1)
    texts = [finding.text for finding in collect_findings(result, None, None) if finding.is_grave]
    assert [text for text in texts if said in text and "input.weights.normalize" in text]


@pytest.mark.parametrize("normalize", ["rows", "kish"])
def test_normalised_weights_choose_as_rows_do(write, normalize, caplog):
    finished = run(write(np.full(300, 1e6), normalize))
    best = finished.sweep.selected
    assert (best.covariance_type, best.n_components) == ("diag", 2)
    mean = best.log_likelihood / 3e8
    assert best.bic == pytest.approx(-2 * 300 * mean + best.n_parameters * np.log(300))
    size = open_result(finished.path).sweep.size
    assert (size.n_rows, size.total_weight, size.normalize) == (300, 3e8, normalize)
    assert size.n_effective == pytest.approx(300)
    assert "criteria count" not in "".join(
        record.message for record in caplog.records if record.levelno >= logging.WARNING
    )


@pytest.mark.parametrize("weight", [1 / 300, 1e6])
def test_labels_agree_as_much_in_any_unit_of_weights(write, weight):
    sweep = run(write(np.full(300, weight), "rows")).sweep
    labels = assign(sweep.selected.parameters, X).labels
    assert len(sweep.neighbours) == 2
    for fit in sweep.neighbours:
        expected = adjusted_rand_score(labels, assign(fit.parameters, X).labels)
        found = sweep.agreements[fit.candidate.name].adjusted_rand
        assert found == pytest.approx(expected, abs=1e-9)


def test_a_score_keeps_the_size_of_the_fit(write):
    configuration = write(np.full(300, 0.5), "rows")
    run(configuration)
    result = open_result(configuration.output.path)
    again = open_result(score(result, configuration).path)
    assert again.sweep.size.n_effective == 300


def test_a_plan_says_what_criteria_will_count(write):
    lines = list(summarize_plan(write(np.ones(300), "kish")).lines())
    assert "weights     criteria count Kish's effective number of rows" in lines


def test_runs_are_named_as_they_were_before_weights_could_be_normalised(write):
    plain = write(np.ones(300))
    assert "normalize" not in identity(plain)["input"]["weights"]
    assert identity(write(np.ones(300), "rows"))["input"]["weights"]["normalize"] == "rows"
