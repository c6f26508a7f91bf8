"""What a reader is warned of, and what not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dgmm.io.results.result import Result
from dgmm.mixture.candidate import Status
from dgmm.mixture.drift.alignment import ComponentLabels
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.parameters import Parameters
from dgmm.report.findings import collect_findings
from dgmm.report.sample import evaluate_sample
from dgmm.report.widths import relative_widths
from tests.report.results import ATTRIBUTES, fitted, mixture, record, rows_of


def found(results, kept, names=("a", "b"), attributes=ATTRIBUTES):
    sweep = Sweep(tuple(results), "bic", results[0], 4)
    result = Result(
        Path("run-1.zarr"),
        attributes,
        names,
        None,
        sweep,
        ComponentLabels.first(results[0].parameters.n_components),
        None,
        {},
    )
    return collect_findings(result, kept, evaluate_sample(kept, result.model))


def sweep(n_components=2, status=Status.CONVERGED):
    """A choice with candidates of fewer and more components, far behind."""
    best = replace(fitted(mixture(n_components), 8_000.0), status=status)
    others = [fitted(mixture(k), 9_000.0) for k in (1, 2, 3, 4) if k != n_components]
    return [best, *others]


def kept(n_components=2, **changes):
    return replace(record(rows_of(mixture(n_components))), **changes)


def only(findings):
    (finding,) = findings
    return finding


def test_a_sound_result_needs_no_words():
    assert found(sweep(), kept()) == ()


@pytest.mark.parametrize(
    ("n_components", "said"),
    [(4, "largest number of components tried, K = 4"), (1, None)],
)
def test_a_choice_at_the_edge_is_told(n_components, said):
    findings = found(sweep(n_components), kept(n_components))
    assert [said in finding.text for finding in findings if finding.is_grave] == [True] * bool(said)


def test_a_choice_at_the_lower_edge_is_told():
    results = [result for result in sweep() if result.candidate.n_components > 1]
    assert "smallest number of components tried" in only(found(results, kept())).text


def test_a_choice_that_did_not_converge_is_told_with_what_to_do():
    finding = only(found(sweep(status=Status.MAX_ITER), kept()))
    assert finding.is_grave
    assert "raise max_iter" in finding.text


def test_where_no_candidate_is_sound_it_says_so():
    results = [replace(result, status=Status.DEGENERATE) for result in sweep()]
    first, second = found(results, kept())
    assert first.text.startswith("No candidate is sound; the chosen one is degenerate.")
    assert second.text.startswith("4 of 4 candidates collapsed")


@pytest.mark.parametrize(
    ("status", "said"),
    [(Status.DEGENERATE, "2 of 4 candidates collapsed"), (Status.MAX_ITER, "did not converge")],
)
def test_candidates_that_failed_are_named(status, said):
    best, *others = sweep()
    others = [replace(result, status=status) for result in others[1:]] + others[:1]
    finding = only(found([best, *others], kept()))
    assert said in finding.text
    assert "full-3, full-4" in finding.text
    assert not finding.is_grave


def test_a_close_second_is_told():
    results = sweep()
    results[2] = replace(results[2], criteria={"bic": results[0].bic + 3.25})
    finding = only(found(results, kept()))
    assert finding.text.startswith("full-3 is only 3.2 behind in BIC.")


def test_components_of_few_rows_are_told():
    attributes = {**ATTRIBUTES, "n_samples": 80}
    finding = only(found(sweep(), kept(), attributes=attributes))
    assert finding.text.startswith("1 component rests on fewer than 30 rows")
    assert "1 (27 rows)" in finding.text


def test_flat_components_are_told_and_flat_data_are_not():
    best = mixture()
    covariances = best.covariances.copy()
    covariances[1] = [[1.0, 0.0], [0.0, 1e-9]]
    flat = Parameters.from_covariances("full", best.weights, best.means, covariances)
    results = [fitted(flat, 8_000.0), *sweep()[1:]]
    finding = only(found(results, replace(kept(), sample=np.empty((0, 2)))))
    assert finding.is_grave
    assert finding.text.startswith("1 of 2 components are nearly flat")
    covariances = np.stack([np.diag([1.0, 1e-20])] * 2)
    collinear = Parameters.from_covariances("full", best.weights, best.means, covariances)
    widths = relative_widths(collinear)
    assert widths is not None
    assert widths.min() > 0.1


def test_constant_features_are_named():
    constant = replace(kept(), mean=np.array([0.0, 5.0]), standard_deviation=np.array([1.0, 0.0]))
    findings = found(sweep(), constant, names=("a", "b"))
    assert [f.text for f in findings if "Constant" in f.text] == [
        "Constant features add nothing and can be left out: b."
    ]


def test_heavy_tails_are_told():
    rows = rows_of(mixture())
    rows[:40] *= 30
    finding = only(found(sweep(), record(rows)))
    assert "heavier tails than Gaussians" in finding.text


def test_rows_that_were_left_out_are_counted():
    attributes = {**ATTRIBUTES, "n_samples": 5_000, "n_missing": 1_000}
    finding = only(found(sweep(), kept(), attributes=attributes))
    assert finding.text.startswith("1,000 rows (20.0%) lack a value")


def test_a_resumed_run_says_that_its_times_are_partial():
    assert "last attempt alone" in only(found(sweep(), kept(is_resumed=True))).text


def test_long_lists_are_cut():
    failed = [fitted(mixture(k), 9_000.0, Status.DEGENERATE) for k in range(3, 13)]
    results = [sweep()[0], sweep()[1], fitted(mixture(13), 9_000.0), *failed]
    finding = only(found(results, kept()))
    assert "10 of 13 candidates" in finding.text
    assert "full-8 and 4 more" in finding.text
