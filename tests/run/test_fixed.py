"""Runs in which parts of an earlier mixture stay."""

import numpy as np
import pytest

import dgmm
from dgmm.errors import ConfigurationError
from dgmm.report.page import render
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.score_run import configuration_for
from dgmm.run.score_run import score as apply_model
from tests.estimator.test_labels import MEANS, planted
from tests.run.victim import digest, interrupt


def configuration(folder, output="out", rows="rows", model=""):
    return f"""
        input: {{path: {folder / rows}.npy, partition_size: 4000}}
        model: {{covariance_type: diag, sample_size: 600, {model}}}
        output: {{path: {folder / output}, report: false}}
        cluster: {{kind: threads}}
        """


def fixed(folder, n_components, more="fixed: [means, covariances]"):
    return f"n_components: {n_components}, start_from: {folder / 'earlier'}, {more}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of rows of two clusters, and of rows of four of which those two stay."""
    folder = tmp_path_factory.mktemp("fixed")
    rng = np.random.default_rng(7)
    clusters = [MEANS[k] + rng.normal(size=(n, 2)) * [1.0, 1.3] for k, n in ((1, 800), (0, 400))]
    np.save(folder / "before.npy", np.concatenate(clusters))
    np.save(folder / "rows.npy", planted()[0])
    run(loads(configuration(folder, "earlier", "before", "n_components: 2")))
    run(loads(configuration(folder, model=fixed(folder, [2, 3, 4, 5]))))
    return folder


def test_components_stay_with_their_labels_and_others_are_added(folder):
    before, after = dgmm.open_result(folder / "earlier"), dgmm.open_result(folder / "out")
    assert after.sweep.selected.n_components == 4
    assert len(after.sweep.results) == 4
    for name in ("means", "covariances"):
        parts = [getattr(result.model, name)[:2].tobytes() for result in (after, before)]
        assert parts[0] == parts[1]
    assert after.labelling.labels == (0, 1, 2, 3)
    assert after.model.n_parameters == after.sweep.selected.n_parameters == 3 + 2 * 4
    assert after.attributes["fixed"] == ["means", "covariances"]
    page = render(after)
    assert "The means, covariances of the first 2 components were fixed" in page
    model = dgmm.GaussianMixture.from_zarr(folder / "out")
    assert model.bic(planted()[0]) == pytest.approx(after.sweep.selected.bic, rel=1e-9)


def test_an_interrupted_run_ends_in_the_same_bits(folder):
    text = configuration(folder, "interrupted", model=fixed(folder, [2, 3, 4, 5]))
    interrupt(text, "fit", 1)
    assert digest(run(loads(text)).path) == digest(dgmm.open_result(folder / "out").path)


def test_scores_and_later_runs_go_on_from_the_result(folder):
    result = dgmm.open_result(folder / "out")
    wanted = configuration_for(
        result, str(folder / "rows.npy"), str(folder / "scored"), ["cluster.kind=threads"]
    )
    scored = dgmm.open_result(apply_model(result, wanted).path)
    np.testing.assert_array_equal(scored.assignments["labels"][:], result.assignments["labels"][:])
    more = f"n_components: 4, start_from: {folder / 'out'}"
    later = dgmm.open_result(run(loads(configuration(folder, "later", model=more))).path)
    assert later.model.n_parameters == 3 + 4 * 4
    assert sorted(later.labelling.labels) == [0, 1, 2, 3]


def test_what_has_no_parts_to_fix_is_refused(folder):
    with pytest.raises(ConfigurationError, match="found fixed without start_from"):
        loads(configuration(folder, model="fixed: means"))
    with pytest.raises(ConfigurationError, match=r"found model\.fixed, and model\.start_from"):
        loads(configuration(folder, "earlier", model=fixed(folder, 2)))
    with pytest.raises(ConfigurationError, match="expected at least 2"):
        run(loads(configuration(folder, "none", model=fixed(folder, 1))))
    text = configuration(folder, "none", model=fixed(folder, 2)) + "prepare: {scale: standardize}"
    with pytest.raises(ConfigurationError, match="standardised"):
        run(loads(text))
