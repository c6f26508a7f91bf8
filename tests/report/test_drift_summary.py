"""What a report says of a result beside the last one."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np

from dgmm.mixture.drift.component_drift import component_drift
from dgmm.mixture.drift.decision import DriftStatus, DriftThresholds, assess_drift
from dgmm.mixture.drift.duplicates import DuplicateRates
from dgmm.mixture.drift.predictive_test import Estimate, HeldOutTest, compare_log_densities
from dgmm.mixture.noise.noise_component import Noise
from dgmm.report.drift_summary import summarize_drift
from dgmm.report.findings import collect_findings
from dgmm.report.page import render
from tests.report.results import ATTRIBUTES, a_result, mixture

LIMITS = DriftThresholds(1.5, 0.3, 1.0, 0.3, 0.3, 0.1, 0.01)
STARTED = {**ATTRIBUTES, "started_from": {"run_id": "abcd0123", "path": "results/cells"}}


def drift(loss=0.1, p_value=1e-4, n_older=3, limits=LIMITS, noise=None):
    """From components 2, 3 and 4 to 2 and 99."""
    older, newer = mixture(n_older), mixture(2).with_noise(noise)
    log_older = np.random.default_rng(0).normal(-3, 1, 500)
    return assess_drift(
        component_drift(older, newer, tuple(range(2, 2 + n_older)), (2, 99)),
        compare_log_densities(log_older, log_older + loss, None),
        HeldOutTest(10, Estimate(0.0523, 0.0041), p_value),
        0.0,
        limits,
        repeats=DuplicateRates(0.01, 0.0625),
    )


def test_a_run_without_a_predecessor_says_nothing_of_changes(tmp_path):
    assert summarize_drift(a_result(tmp_path)) is None


def test_every_label_has_its_row(tmp_path):
    found = summarize_drift(a_result(tmp_path, drift=drift(), attributes=STARTED))
    rows = found.components.rows
    assert [row[0] for row in rows] == ["2", "3", "4", "99"]
    assert rows[0][1:] == ("50.00%", "66.67%", "+16.67%", "0.000", "0", "")
    assert rows[1][1:] == ("33.33%", "", "", "", "", "vanished")
    assert rows[3][1:] == ("", "33.33%", "", "", "", "appeared")
    assert found.components.colours[1] == found.components.colours[2]
    assert len(set(found.components.colours)) == 3
    assert "abcd0123: broken." in found.sentence
    facts = dict(found.facts)
    assert facts["gain on rows held out"] == "0.0523 ± 0.0041 nats per row, p = 0.0001"
    assert facts["rows that repeat another"] == "6.25%, 1.00% of the last"
    assert facts["difference"] == "0.1 nats per row"


def test_noise_has_a_row_of_its_own(tmp_path):
    found = summarize_drift(a_result(tmp_path, drift=drift(noise=Noise(-9.0, 0.25))))
    assert found.components.rows[0] == ("noise", "0.00%", "25.00%", "+25.00%", "", "", "")
    assert found.components.rows[1][0] == "2"


def test_many_components_are_cut(tmp_path):
    found = summarize_drift(a_result(tmp_path, drift=drift(n_older=60)))
    assert len(found.components.rows) == 40
    assert found.components.remark == "and 21 more"


def test_what_is_broken_is_a_grave_finding_and_what_changed_is_none(tmp_path):
    result = a_result(tmp_path, drift=drift())
    first = collect_findings(result, None, None)[0]
    assert first.is_grave
    assert "0.5 of the weight vanished" in first.text
    unlimited = DriftThresholds(None, None, None, None, None, None, 0.01)
    changed = replace(result, drift=drift(limits=unlimited))
    assert changed.drift.verdict is DriftStatus.CHANGED
    assert not any(
        "last result" in finding.text for finding in collect_findings(changed, None, None)
    )
    assert not summarize_drift(changed).is_grave


def test_the_page_has_a_section_of_it(tmp_path):
    text = render(a_result(tmp_path, drift=drift(), attributes=STARTED))
    page = ET.fromstring(text.partition("\n")[2])
    assert [e.text for e in page.iter("h2") if e.get("id") == "changes"] == [
        "Compared with the last result"
    ]
    tables = {e.get("aria-label") for e in page.iter("table")}
    assert {"changes", "likelihoods"} <= tables
    words = " ".join("".join(page.itertext()).split())
    assert "the run abcd0123: broken." in words
    assert "2 components vanished" not in words  # said once, as a limit that is exceeded
