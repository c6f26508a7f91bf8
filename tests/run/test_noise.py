"""Runs whose mixtures have a noise component."""

import numpy as np
import pytest
import zarr
from sklearn.metrics import adjusted_rand_score

import dgmm
from dgmm.io.export.anndata_columns import _obs_columns
from dgmm.io.export.assignment_table import AssignmentTable
from dgmm.mixture.density import assign
from dgmm.mixture.drift.decision import DriftStatus
from dgmm.report.page import render
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.score_run import configuration_for
from dgmm.run.score_run import score as apply_model
from tests.estimator.test_noise import HIGH, LOW, SHARE, planted
from tests.run.victim import digest, interrupt

MISSING = 7


def configuration(folder, output="out", **keys):
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return f"""
        input: {{path: {folder / "rows.zarr"}, missing: drop, partition_size: 6400}}
        model: {{n_components: "2:4", covariance_type: full, noise: hypervolume{more}}}
        output: {{path: {folder / output}, assignments: [labels, clusters, responsibilities],
                 report: false}}
        cluster: {{kind: threads}}
        """


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    rows, _ = planted("full", 4_000)
    rows[MISSING] = np.nan
    zarr.create_array(folder / "rows.zarr", data=rows, chunks=(400, 2))
    run(loads(configuration(folder)))
    return folder


def test_noise_is_written_beside_labels(folder):
    result, (rows, is_noise) = dgmm.open_result(folder / "out"), planted("full", 4_000)
    assert result.model.n_components == 3
    assert result.model.noise.weight == pytest.approx(SHARE, abs=0.01)
    whole = np.arange(len(rows)) != MISSING
    expected = assign(result.model, rows[whole])
    labels, noise = result.assignments["labels"][:], result.assignments["noise"][:]
    np.testing.assert_array_equal(labels[whole], expected.labels)
    np.testing.assert_allclose(noise[whole], expected.noise, atol=1e-6)
    assert labels[MISSING] == -1
    assert np.isnan(noise[MISSING])
    assert (labels[is_noise & whole] == -1).mean() > 0.85
    found = result.attributes["noise_share"]
    assert found == pytest.approx(expected.noise.mean(), rel=1e-9)
    assert result.components.n_labelled.sum() == (labels >= 0).sum()
    bic = {fit.candidate.name: fit.bic for fit in result.sweep.results}
    again = dgmm.sweep(rows[whole], range(2, 5), "full", noise="hypervolume")
    assert again.best.bic_ == pytest.approx(min(bic.values()), rel=1e-4)


def test_an_interrupted_run_ends_in_the_same_bits(folder):
    text = configuration(folder, "interrupted")
    interrupt(text, "fit", 1)
    finished = run(loads(text))
    whole = dgmm.open_result(folder / "out")
    assert digest(finished.path) == digest(whole.path)


def test_scores_have_the_noise(folder):
    result = dgmm.open_result(folder / "out")
    wanted = configuration_for(
        result, str(folder / "rows.zarr"), str(folder / "scored"), ["cluster.kind=threads"]
    )
    scored = dgmm.open_result(apply_model(result, wanted).path)
    for name in ("labels", "noise"):
        np.testing.assert_array_equal(scored.assignments[name][:], result.assignments[name][:])
    assert scored.attributes["noise_share"] == result.attributes["noise_share"]
    assert scored.attributes["n_missing"] == 1


def test_a_run_goes_on_from_noise(folder):
    later = run(loads(configuration(folder, "later", start_from=folder / "out")))
    before, after = dgmm.open_result(folder / "out"), dgmm.open_result(later.path)
    assert after.drift.verdict is DriftStatus.STEADY
    assert after.model.noise.log_density == before.model.noise.log_density
    assert after.model.noise.weight == pytest.approx(before.model.noise.weight, rel=1e-3)
    assert after.labelling.labels == before.labelling.labels


def test_more_noise_is_drift(folder, tmp_path):
    rows, _ = planted("full", 4_000)
    rng = np.random.default_rng(1)
    more = rng.random(len(rows)) < 0.2
    rows[more] = rng.uniform(LOW, HIGH, (more.sum(), 2))
    zarr.create_array(tmp_path / "rows.zarr", data=rows, chunks=(400, 2))
    later = run(loads(configuration(tmp_path, start_from=folder / "out")))
    result = dgmm.open_result(later.path)
    assert result.drift.verdict is not DriftStatus.STEADY
    assert result.model.noise.weight == pytest.approx(1 - 0.95 * 0.8, abs=0.02)
    changed = result.drift.components
    assert changed.names == ("noise", "0", "1", "2")
    assert changed.older_weights[0] == pytest.approx(SHARE, abs=0.01)
    assert changed.newer_weights[0] == result.model.noise.weight


def test_exports_tell_noise_from_rows_that_lack_a_value(folder):
    table = AssignmentTable.of(dgmm.open_result(folder / "out"))
    blocks = list(table.blocks())
    label, noise, probability = (
        np.concatenate([block[name] for block in blocks])
        for name in ("label", "noise", "probability")
    )
    is_noise = (label < 0) & ~np.isnan(noise)
    assert is_noise.sum() == (label < 0).sum() - 1 > 100
    np.testing.assert_array_equal(probability[is_noise], noise[is_noise])
    found = np.asarray(_obs_columns(table)["dgmm_label"])
    np.testing.assert_array_equal(found == "noise", is_noise)
    np.testing.assert_array_equal(np.flatnonzero(found == "missing"), [MISSING])


def test_the_report_says_how_much_is_noise(folder):
    page = render(dgmm.open_result(folder / "out"))
    assert "belong to no component" in page


def test_neighbours_in_k_are_compared(folder):
    result, (rows, _) = dgmm.open_result(folder / "out"), planted("full", 4_000)
    whole = np.arange(len(rows)) != MISSING
    labels = assign(result.model, rows[whole]).labels
    assert set(result.sweep.agreements) == {"full-2", "full-4"}
    for fit in result.sweep.neighbours:
        others = assign(fit.parameters, rows[whole]).labels
        found = result.sweep.agreements[fit.candidate.name]
        expected = adjusted_rand_score(labels, others)
        assert found.adjusted_rand == pytest.approx(expected, rel=1e-9)
    assert "With 4 components instead, labels" in render(result)
