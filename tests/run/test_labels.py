"""Runs of rows of which some have a label."""

import numpy as np
import pandas as pd
import pytest

import dgmm
from dgmm.errors import ConfigurationError, DataError
from dgmm.report.page import render
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.score_run import configuration_for
from dgmm.run.score_run import score as apply_model
from tests.estimator.test_labels import MEANS, planted
from tests.run.victim import digest, interrupt


def configuration(folder, output="out", labels="{path: labels.npy}", more=""):
    place = labels.replace("labels.npy", str(folder / "labels.npy"))
    return f"""
        input: {{path: {folder / "rows.npy"}, labels: {place}, partition_size: 4000{more}}}
        model: {{n_components: "2:5", covariance_type: diag, sample_size: 600, tol: 1e-7}}
        output: {{path: {folder / output}, report: false}}
        cluster: {{kind: threads}}
        """


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    rows, labels = planted()
    np.save(folder / "rows.npy", rows)
    np.save(folder / "labels.npy", labels)
    run(loads(configuration(folder)))
    return folder


def test_a_result_has_the_classes_first(folder):
    result, (rows, labels) = dgmm.open_result(folder / "out"), planted()
    np.testing.assert_allclose(result.model.means[:2], MEANS[:2], atol=0.3)
    assert result.attributes["labelled_weights"] == [(labels == 0).sum(), (labels == 1).sum()]
    known = labels >= 0
    found = (result.assignments["labels"][:][known] == labels[known]).mean()
    assert result.attributes["labelled_agreement"] == pytest.approx(found, abs=0.1)
    assert "classes of these rows" in render(result)
    best = dgmm.sweep(rows, range(2, 6), "diag", labels=labels, random_state=0, tol=1e-7).best
    assert result.sweep.selected.bic == pytest.approx(best.bic_, abs=1e-2)


def test_an_interrupted_run_ends_in_the_same_bits(folder):
    text = configuration(folder, "interrupted")
    interrupt(text, "fit", 1)
    assert digest(run(loads(text)).path) == digest(dgmm.open_result(folder / "out").path)


def test_scores_need_no_labels(folder):
    result = dgmm.open_result(folder / "out")
    wanted = configuration_for(
        result, str(folder / "rows.npy"), str(folder / "scored"), ["cluster.kind=threads"]
    )
    scored = dgmm.open_result(apply_model(result, wanted).path)
    np.testing.assert_array_equal(scored.assignments["labels"][:], result.assignments["labels"][:])


def test_labels_of_a_table_are_no_feature(folder):
    rows, labels = planted()
    names = pd.array(np.where(labels < 0, None, labels), dtype="Int64")
    frame = pd.DataFrame({"a": rows[:, 0], "cell_type": names, "b": rows[:, 1]})
    frame.to_parquet(folder / "rows.parquet")
    text = configuration(folder, "table", "cell_type").replace("rows.npy", "rows.parquet")
    finished = dgmm.open_result(run(loads(text)).path)
    assert finished.feature_names == ("a", "b")
    expected = dgmm.open_result(folder / "out")
    np.testing.assert_allclose(finished.model.means, expected.model.means, atol=1e-3)


def test_labels_that_are_not_there_are_refused(folder):
    with pytest.raises(ConfigurationError, match="no labels 'kind' beside it"):
        run(loads(configuration(folder, "none", "kind")))
    with pytest.raises(ConfigurationError, match="labels, and missing values"):
        run(loads(configuration(folder, "none", more=", missing: marginalize")))


def test_scores_of_a_table_leave_its_labels_out(folder):
    result = dgmm.open_result(folder / "table")
    wanted = configuration_for(
        result, str(folder / "rows.parquet"), str(folder / "of-table"), ["cluster.kind=threads"]
    )
    scored = dgmm.open_result(apply_model(result, wanted).path)
    np.testing.assert_array_equal(scored.assignments["labels"][:], result.assignments["labels"][:])


def test_classes_keep_their_labels_from_one_run_to_the_next(folder):
    """Whatever becomes of them; others are matched, and a new one has a new label."""
    rows, labels = planted(seed=4)
    moved = rows + np.where(labels == 1, 1.0, 0.0)[:, None]
    np.save(folder / "later.npy", moved)
    np.save(folder / "later_labels.npy", labels)
    text = configuration(folder, "later").replace("rows.npy", "later.npy")
    text = text.replace("/labels.npy", "/later_labels.npy") + "drift: {hold_back: false}"
    text = text.replace("tol:", f"start_from: {folder / 'out'}, tol:")
    later = dgmm.open_result(run(loads(text)).path)
    before = dgmm.open_result(folder / "out")
    assert later.labelling.labels[:2] == (0, 1)
    np.testing.assert_allclose(later.model.means[0], before.model.means[0], atol=0.3)
    for label, mean in zip(later.labelling.labels[2:], later.model.means[2:], strict=True):
        if label in before.labelling.labels:
            np.testing.assert_allclose(mean, before.model.means[label], atol=1.0)
    text = text.replace(f"{folder / 'later'},", f"{folder / 'again'},")
    interrupt(text, "fit", 1)
    again = run(loads(text))
    assert again.path != str(later.path)
    assert digest(again.path) == digest(later.path)


def test_a_class_that_the_earlier_result_lacks_is_refused(folder):
    rows, labels = planted(seed=4)
    third = np.where(rows[:, 1] > 6, 2, labels)
    np.save(folder / "third.npy", third)
    text = configuration(folder, "third").replace("/labels.npy", "/third.npy")
    text = text.replace("tol:", f"start_from: {folder / 'out'}, tol:")
    with pytest.raises(
        DataError, match="name 3 classes, and the earlier mixture to start from has 2"
    ):
        run(loads(text))
