"""Runs join the components of what is not Gaussian into clusters, and say how well each fits."""

import shutil

import numpy as np
import pytest
import zarr

import dgmm
from dgmm.errors import OutputError
from dgmm.io.storage.atomic_writes import remove_tree
from dgmm.mixture.component_errors import ComponentErrors
from dgmm.mixture.density import assign
from dgmm.mixture.goodness_of_fit import GoodnessOfFit
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.merging.merge_statistics import MergeStatistics
from dgmm.report.page import render
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.score_run import configuration_for
from dgmm.run.score_run import score as apply_model
from tests.estimator.test_merged_mixture import is_same_partition, uniform_clumps
from tests.mixture.assigned_sums import sums_of


def configuration(folder, output="out", **keys):
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return loads(
        f"""
        input: {{path: {folder / "rows.zarr"}, missing: drop, partition_size: 6400}}
        model: {{n_components: 9, covariance_type: full}}
        output: {{path: {folder / output}, assignments: [labels, clusters, outlier],
                 report: false{more}}}
        cluster: {{kind: threads}}
        """
    )


def score_configuration(result, path, output):
    return configuration_for(result, str(path), str(output), ["cluster.kind=threads"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clumps")
    rows, _ = uniform_clumps()
    rows[7] = np.nan
    zarr.create_array(folder / "rows.zarr", data=rows, chunks=(400, 2))
    run(configuration(folder))
    return folder


def test_clusters_and_goodness_are_those_of_all_rows(folder):
    result = dgmm.open_result(folder / "out")
    rows, labels = uniform_clumps()
    whole = np.arange(len(rows)) != 7
    clusters = result.assignments["clusters"][:]
    assert clusters[7] == -1
    assert is_same_partition(clusters[whole], labels[whole])
    assigned = assign(result.model, rows[whole])
    merged = assigned.merge(result.clusters)
    np.testing.assert_array_equal(clusters[whole], merged.labels)
    heaviest = {name: result.model.weights[name] for name in set(result.clusters)}
    for label, name in enumerate(result.clusters):
        assert result.model.weights[label] <= heaviest[name]
    hierarchy = result.clustering.hierarchy
    sums = MergeStatistics.from_responsibilities(assigned.responsibilities, None, hierarchy)
    expected = Clustering.from_sums(hierarchy, sums, whole.sum())
    assert result.clustering.n_clusters == expected.recommended() == 3
    np.testing.assert_allclose(result.clustering.entropy, expected.entropy, rtol=1e-10)
    found = result.clustering.misclassification
    np.testing.assert_allclose(found, expected.misclassification, rtol=1e-10)
    distances = sums_of(rows[whole], result.model).distances
    expected = GoodnessOfFit.from_sums(distances, 2)
    for name in ("discrepancy", "kurtosis", "beyond"):
        found = getattr(result.goodness, name)
        np.testing.assert_allclose(found, getattr(expected, name), rtol=1e-9, atol=1e-12)
    share = (result.assignments["outlier"][:] == 1).sum() / whole.sum()
    assert result.attributes["outlier_share"] == pytest.approx(share, rel=1e-12)


def test_errors_of_components_are_those_of_groups_of_rows(folder):
    result = dgmm.open_result(folder / "out")
    rows, _ = uniform_clumps()
    rows = np.delete(rows, 7, axis=0)
    blocks = np.split(rows, [400 * i - 1 for i in range(1, 8)])
    groups = [sums_of(block, result.model).components for block in blocks]
    expected = ComponentErrors.from_groups(groups)
    for name in ("weight", "mean", "standard_deviation"):
        found = getattr(result.errors, name)
        np.testing.assert_allclose(found, getattr(expected, name), rtol=1e-9)


def test_scores_have_the_clusters_of_the_model(folder):
    result, rows = dgmm.open_result(folder / "out"), uniform_clumps(seed=1)[0]
    zarr.create_array(folder / "new.zarr", data=rows, chunks=(500, 2))
    wanted = score_configuration(result, folder / "new.zarr", folder / "scores")
    apply_model(result, wanted)
    scored = dgmm.open_result(folder / "scores")
    expected = assign(result.model, rows).merge(result.clusters).labels
    np.testing.assert_array_equal(scored.assignments["clusters"][:], expected)
    assert scored.clusters == result.clusters
    assert scored.goodness.discrepancy.shape == (9,)


def test_the_number_of_clusters_and_the_method_can_be_named(folder):
    outcome = run(configuration(folder, "named", merge="entropy", n_clusters=4))
    result = dgmm.open_result(outcome.path)
    assert result.clustering.hierarchy.method == "entropy"
    assert len(set(result.clusters)) == 4
    assert len(np.unique(result.assignments["clusters"][:])) == 5  # a row is missing


def test_the_report_shows_which_components_make_a_cluster(folder):
    result = dgmm.open_result(folder / "out")
    page = render(result)
    assert "The 9 components make 3 clusters." in page
    assert 'id="clusters"' in page


def test_models_of_earlier_versions_have_no_clusters(folder, tmp_path):
    path = dgmm.open_result(folder / "out").path
    old = tmp_path / path.name
    shutil.copytree(path, old)
    remove_tree(old / "merging")
    result = dgmm.open_result(old)
    assert (result.clustering, result.clusters) == (None, None)
    wanted = score_configuration(result, folder / "rows.zarr", tmp_path / "scores")
    with pytest.raises(OutputError, match="fitted by an earlier version of dgmm"):
        apply_model(result, wanted)
