"""What the report says of the number of components, in words."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dgmm.io.results.result import Result
from dgmm.mixture.candidate import Status
from dgmm.mixture.criteria import FitSummary, SweepSummary, evaluate
from dgmm.mixture.drift.alignment import ComponentLabels
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.merging.hierarchy import MergeHierarchy
from dgmm.mixture.model_selection.dependence import Dependence
from dgmm.mixture.model_selection.model_differences import ModelDifference
from dgmm.report.choice_summary import summarize_choice
from dgmm.report.cluster_summary import summarize_clusters
from dgmm.report.summary import tabulate_candidates
from tests.report.results import ATTRIBUTES, N_ROWS, fitted, mixture

DEPENDENT = Dependence(32, 40.0, 26.0, 71.0, 0.1)


def swept(log_likelihoods, dependence=DEPENDENT, slope=math.nan, status=Status.CONVERGED):
    """A sweep over K = 1, 2, ...; the criteria are those of these log-likelihoods."""
    effective = N_ROWS if dependence is None else dependence.effective(N_ROWS)
    of_all = SweepSummary(effective, max(log_likelihoods), slope)
    results = []
    for k, value in enumerate(log_likelihoods, start=1):
        found = fitted(mixture(k), 0.0, status)
        values = evaluate(FitSummary(value, -1.0, found.n_parameters, N_ROWS, of_all))
        results.append(replace(found, log_likelihood=value, criteria=values))
    best = min(results, key=lambda found: found.bic)
    differences = tuple(
        ModelDifference((value - best.log_likelihood) / N_ROWS, 0.001) for value in log_likelihoods
    )
    return Sweep(tuple(results), "bic", best, 5, dependence=dependence, differences=differences)


def result_of(sweep, n_clusters=None):
    k = sweep.selected.n_components
    clustering = None
    if n_clusters is not None:
        pairs = tuple((0, other) for other in range(1, k))
        confused = np.array([0.3] * (k - n_clusters) + [0.01] * (n_clusters - 1))
        hierarchy = MergeHierarchy("misclassification", pairs)
        clustering = Clustering(hierarchy, np.linspace(0, 1, k), confused, n_clusters)
    labels = ComponentLabels.first(k)
    path = Path("run-1.zarr")
    given = (path, ATTRIBUTES, ("a", "b"), None, sweep, labels, None, {})
    return Result(*given, clustering=clustering)


@pytest.mark.parametrize(("third", "rules"), [(-5999.0, "rules"), (-5990.0, "rules but AIC")])
def test_where_all_rules_agree_their_number_is_safe(third, rules):
    found = summarize_choice(result_of(swept([-9000.0, -6000.0, third, third + 1])))
    assert found.sentences[0] == (
        f"All {rules} agree on 2 components: this number is safe to speak of."
    )
    assert {row[2] for row in found.rules.rows if row[0] not in ("aic", "slope")} == {"2"}
    assert [row[1] for row in found.rules.rows if row[0] == "slope"] == ["not known"]


def test_where_all_rules_agree_overlapping_components_are_told():
    sweep = swept([-9000.0, -8000.0, -5000.0, -4999.0])
    first, second, *_ = summarize_choice(result_of(sweep, 2)).sentences
    assert first == "All rules agree on 3 components: this number is safe to speak of."
    assert second.startswith("They make 2 separate clusters")
    assert not any("clusters" in told for told in summarize_choice(result_of(sweep, 3)).sentences)


def test_where_only_one_number_did_not_collapse_rules_have_nothing_to_compare():
    sweep = swept([-9000.0, -6000.0, -5999.0])
    first, *others = sweep.results
    collapsed = tuple(replace(found, status=Status.DEGENERATE) for found in others)
    sweep = replace(sweep, results=(first, *collapsed), selected=first)
    assert (
        summarize_choice(result_of(sweep)).sentences[0].startswith("The candidates with all other")
    )


def test_where_they_do_not_the_report_speaks_of_clusters():
    sweep = swept([-9000.0, -6000.0, -5900.0, -5850.0, -5845.0])
    assert sweep.selected.n_components == 4
    first, second, *_ = summarize_choice(result_of(sweep, 2)).sentences
    assert (
        first == "No number of components is safe to speak of: the rules below choose from 2 to 4."
    )
    assert second.startswith("Speak of 2 clusters instead")
    assert second.endswith("the 4 of the choice make 2.")


def test_a_majority_of_rules_is_told():
    found = summarize_choice(result_of(swept([-9000.0, -6000.0, -5970.0, -5969.0]), 3))
    assert found.sentences[0] == ("Not all rules agree: 4 of 6 choose 2 components, the others 3.")
    assert found.sentences[1].startswith("The 3 components of the choice are separate clusters")


@pytest.mark.parametrize(
    ("n_clusters", "said"),
    [
        (1, "no separate clusters either"),
        (4, "The 4 components of the choice are separate clusters"),
    ],
)
def test_all_or_no_components_may_be_clusters(n_clusters, said):
    sweep = swept([-9000.0, -6000.0, -5900.0, -5850.0, -5845.0])
    assert said in summarize_choice(result_of(sweep, n_clusters)).sentences[1]


def test_what_is_as_likely_is_said_beside_what_matters():
    sentences = " ".join(summarize_choice(result_of(swept([-9e3, -6e3, -5.965e3]))).sentences)
    assert "With fewer than 3 components the rows are described worse" in sentences
    assert "with 2 or more the loss may be too small to matter" in sentences
    sentences = " ".join(summarize_choice(result_of(swept([-6001.0, -6e3]))).sentences)
    assert "Even the smallest candidate" in sentences


def test_the_edge_of_a_sweep_is_no_number_to_speak_of():
    first, *_ = summarize_choice(result_of(swept([-9000.0, -6000.0]))).sentences
    assert first == "All rules choose the largest number that was tried, 2: try more."


@pytest.mark.parametrize(
    ("dependence", "said"),
    [
        (
            DEPENDENT,
            "these 4,000 say no more than 100 that have nothing to do with each other",
        ),
        (replace(DEPENDENT, design_effect=1.1, low=0.7, high=2.0), "look independent"),
        (replace(DEPENDENT, lag_correlation=0.6), "the rows say even less"),
        (None, "too few blocks of rows to tell"),
    ],
)
def test_what_rows_are_worth_is_said(dependence, said):
    sweep = swept([-9000.0, -6000.0, -5999.0], dependence)
    assert said in " ".join(summarize_choice(result_of(sweep)).sentences)


def test_candidates_that_were_stopped_are_told():
    sweep = swept([-9000.0, -6000.0, -5999.0], status=Status.STOPPED_EARLY)
    assert (
        "3 of 3 candidates were stopped early" in summarize_choice(result_of(sweep)).sentences[-1]
    )


def test_differences_stand_beside_candidates_with_their_error():
    table = tabulate_candidates(result_of(swept([-9000.0, -6000.0])))
    place = table.header.index("nats a row")
    assert [row[place] for row in table.rows] == ["0.0000 ± 0.0010", "-0.7500 ± 0.0010"]


def test_one_candidate_and_results_of_earlier_versions_have_no_rules_to_compare():
    assert summarize_choice(result_of(swept([-6000.0]))) is None
    old = swept([-9000.0, -6000.0])
    for found in old.results:
        found.criteria.pop("tolerance")
    assert summarize_choice(result_of(old)) is None


def test_clusters_are_named_and_the_last_merger_is_marked():
    sweep = swept([-9000.0, -6000.0, -5900.0, -5000.0, -4995.0])
    found = summarize_clusters(result_of(sweep, 2))
    assert found.sentence.startswith("The 4 components make 2 clusters. Of the two")
    assert found.clusters.rows == (("0", "0, 1, 2", "90.00%"), ("3", "3", "10.00%"))
    assert found.mergers.rows[found.mergers.marked][:2] == ("0 and 2", "2")
    whole = summarize_clusters(result_of(sweep, 4))
    assert whole.sentence.startswith("Each of the 4 components is a cluster of its own.")
    assert whole.mergers.marked is None
    assert summarize_clusters(result_of(swept([-6000.0]), 1)) is None
