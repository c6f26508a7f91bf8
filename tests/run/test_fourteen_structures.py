"""A run of mclust's fourteen structures: through YAML, store, report, score and a warm start."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dgmm
from dgmm.registry import STRUCTURES
from dgmm.run import configuration_for, loads, run, score
from tests import reference
from tests.reference import Mixture

NAMES = "EII VII EEI VEI EVI VVI EEE VEE EVE VVE EEV VEV EVV VVV"


def rows(seed=0):
    """Two groups of equal shape, in different directions and of different volumes."""
    rng = np.random.default_rng(seed)
    narrow = rng.normal(size=(400, 2)) * [3.0, 0.6]
    turned = 0.5 * rng.normal(size=(200, 2)) * [3.0, 0.6] @ [[0.6, 0.8], [-0.8, 0.6]]
    return rng.permutation(np.concatenate([narrow, 4.0 + turned]))


def text(path, output):
    return f"""
        input: {{path: {path}, partition_size: 1600}}
        model: {{n_components: [1, 2], covariance_type: [{NAMES.replace(" ", ", ")}]}}
        output: {{path: {output}, assignments: [labels, responsibilities]}}
        cluster: {{kind: threads}}
    """


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fourteen")
    np.save(folder / "x.npy", rows())
    run(loads(text(folder / "x.npy", folder / "out")))
    return folder, dgmm.open_result(folder / "out")


def test_a_run_fits_all_of_them_and_chooses_the_right_one(finished):
    _, result = finished
    kinds = [found.covariance_type for found in result.sweep.results]
    assert set(kinds) == set(STRUCTURES)
    assert len(kinds) == 28
    assert result.attributes["configuration"]["model"]["covariance_type"][-1] == "full"
    best = result.sweep.selected
    assert (best.covariance_type, best.n_components) == ("VEV", 2)
    p = result.model
    written = Mixture("full", p.weights, p.means, np.array(p.matrices))
    expected = reference.responsibilities(rows(), written)
    assert_allclose(result.assignments["responsibilities"][:], expected, atol=1e-6)
    log_likelihood = reference.log_likelihood(rows(), written)
    assert best.log_likelihood == pytest.approx(log_likelihood, rel=1e-10)
    n_parameters = 1 + 4 + 2 + 1 + 2  # of weights, means, volumes, a shape and angles
    assert best.n_parameters == n_parameters
    bic = -2 * log_likelihood + n_parameters * np.log(600)
    assert best.criteria["bic"] == pytest.approx(bic, rel=1e-10)


def test_its_report_names_the_choice(finished):
    folder, _ = finished
    page = (folder / "out" / "report.html").read_text()
    assert "2 components with covariances of equal shape" in page
    assert "VEV" in page


def test_other_rows_are_scored_and_fitted_again(finished):
    folder, result = finished
    np.save(folder / "new.npy", rows(1))
    changes = ["cluster.kind=threads", "output.report=false"]
    score(
        result, configuration_for(result, str(folder / "new.npy"), str(folder / "scores"), changes)
    )
    scored, p = dgmm.open_result(folder / "scores"), result.model
    theirs = reference.responsibilities(
        rows(1), Mixture("full", p.weights, p.means, np.array(p.matrices))
    )
    assert_array_equal(scored.assignments["labels"][:], theirs.argmax(axis=1))
    again = loads(
        text(folder / "new.npy", folder / "again"), [f"model.start_from={folder / 'out'}"]
    )
    run(again)
    later = dgmm.open_result(folder / "again")
    assert later.sweep.selected.covariance_type == "VEV"
    assert later.labelling.labels == result.labelling.labels
