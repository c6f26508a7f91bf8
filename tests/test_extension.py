"""A covariance structure, a criterion and an input format, added from here.

One variance serves all components and features, as in k-means: dgmm's EII under another name, of
K d means, K - 1 weights and 1 variance. The criterion is Bozdogan's consistent AIC (1987,
Psychometrika 52). The format is a line of text, the numbers of rows and columns, and then the
values.
"""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose, assert_array_equal

import dgmm
from dgmm.cli import dgmm as command
from dgmm.errors import OutputError
from dgmm.io.sources.files import list_files
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.mixture.structures import DiagonalStructure
from dgmm.registry import CRITERIA, FORMATS, STRUCTURES, Registry
from dgmm.run import configuration_for, loads, run, score
from dgmm.run.config.configuration import schema
from tests import reference
from tests.mixture.one_step import KERNELS, e_step
from tests.reference import Mixture

NAME = "homoscedastic"


class Homoscedastic(DiagonalStructure):
    """One variance for all components and features."""

    label = "one common variance"
    dimensions = ()


def caic(fit):
    return -2.0 * fit.log_likelihood + fit.n_parameters * (math.log(fit.total_weight) + 1.0)


def write_raw(path, rows):
    path.write_bytes("{} {}\n".format(*rows.shape).encode() + rows.astype("<f8").tobytes())
    return path


def header(path):
    with path.open("rb") as file:
        n_rows, n_columns = map(int, file.readline().split())
        return n_rows, n_columns, file.tell()


def describe(path, selection):
    shape, dtype = header(path)[:2], np.dtype("<f8")
    return DatasetMetadata(shape, dtype, (1,), list_files(path), "raw table", selection)


def read(path, selection, region):  # noqa: ARG001 - the signature of all formats
    n_rows, n_columns, start = header(path)
    values = np.fromfile(path, "<f8", offset=start).reshape(n_rows, n_columns)
    return values[region[0]]


RAW = Format("raw", lambda path: path.suffix == ".raw", describe, read)


@pytest.fixture(autouse=True, scope="module")
def _added():
    added = ((STRUCTURES, NAME, Homoscedastic()), (CRITERIA, "caic", caic), (FORMATS, "raw", RAW))
    for registry, name, value in added:
        registry.add(name, value)
    yield
    for registry, name, _ in added:
        registry.remove(name)


def clumps(n_rows=300, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    centres = shift + np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    return centres[rng.integers(0, 3, n_rows)] + rng.normal(size=(n_rows, 2))


def as_spherical(weights, means, variance):
    """The same mixture in a structure that the textbook knows."""
    return Mixture("spherical", weights, means, np.full(len(weights), float(variance)))


def textbook_m_step(X, r):
    """Weights and means as ever, and the mean squared deviation of all rows in all features."""
    full = reference.m_step(X, r, "full")
    traces = np.array([np.trace(covariance) for covariance in full.covariances])
    return as_spherical(full.weights, full.means, full.weights @ traces / X.shape[1])


def textbook_em(X, mixture, n_iter):
    for _ in range(n_iter):
        mixture = textbook_m_step(X, reference.responsibilities(X, mixture))
    return mixture


START = as_spherical(np.array([0.5, 0.3, 0.2]), np.array([[1.0, 0.0], [4.0, 1.0], [1.0, 4.0]]), 2.0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_e_step_gives_the_textbooks_moments(kernel):
    X = clumps(90)
    ours = START._replace(covariance_type=NAME, covariances=np.array(2.0))
    (moments,) = e_step(X, [ours], None, (40, 50), kernel)
    theirs = textbook_m_step(X, reference.responsibilities(X, START))
    assert moments.covariances.shape == ()
    assert moments.covariances == pytest.approx(theirs.covariances[0], rel=1e-12)
    assert_allclose(moments.counts / len(X), theirs.weights, rtol=1e-12)
    assert_allclose(moments.means + X.mean(axis=0), theirs.means, rtol=1e-12)
    expected = reference.log_likelihood(X, START)
    assert moments.log_likelihood == pytest.approx(expected, rel=1e-12)


def test_the_fit_is_where_the_textbooks_loop_ends():
    X = clumps(90)
    ours = dgmm.GaussianMixture(
        3,
        covariance_type=NAME,
        weights_init=START.weights,
        means_init=START.means,
        precisions_init=np.array(0.5),
        tol=1e-12,
    ).fit(X)
    theirs = textbook_em(X, START, 60)
    assert ours.converged_
    assert ours.covariances_ == pytest.approx(theirs.covariances[0], rel=1e-6)
    assert_allclose(ours.means_, theirs.means, atol=1e-6)
    assert_allclose(ours.weights_, theirs.weights, atol=1e-6)
    log_likelihood = reference.log_likelihood(X, theirs)
    assert ours.score(X) * len(X) == pytest.approx(log_likelihood, rel=1e-10)
    n_parameters = 2 + 3 * 2 + 1
    assert ours.aic_ == pytest.approx(-2 * log_likelihood + 2 * n_parameters, rel=1e-10)
    expected = -2 * log_likelihood + n_parameters * (math.log(len(X)) + 1)
    assert ours.caic_ == pytest.approx(expected, rel=1e-10)


def test_an_estimator_has_all_its_methods(tmp_path):
    X = clumps()
    ours = dgmm.GaussianMixture(3, covariance_type=NAME, random_state=0).fit(X)
    theirs = as_spherical(ours.weights_, ours.means_, ours.covariances_)
    assert_allclose(ours.predict_proba(X), reference.responsibilities(X, theirs), atol=1e-10)
    marginal, conditional = ours.marginal([1]), ours.condition([1], [5.0])
    assert marginal.covariances_ == conditional.covariances_ == ours.covariances_
    assert_array_equal(marginal.means_, ours.means_[:, [1]])
    sample, labels = ours.sample(20_000)
    deviations = sample - ours.means_[labels]
    assert_allclose(np.cov(deviations.T), float(ours.covariances_) * np.eye(2), atol=0.05)
    ours.to_zarr(tmp_path / "mixture.zarr")
    again = dgmm.GaussianMixture.from_zarr(tmp_path / "mixture.zarr")
    assert_array_equal(again.score_samples(X), ours.score_samples(X))
    assert again.caic_ == ours.caic_
    variance = float(ours.covariances_)
    ours.partial_fit(clumps(300, seed=1))
    assert ours.covariances_ == pytest.approx(variance, rel=0.2)
    assert not hasattr(ours, "caic_")


@pytest.mark.filterwarnings("ignore:1 of 8 candidates collapsed")
def test_a_sweep_ranks_by_the_criterion():
    found = dgmm.sweep(clumps(), range(1, 5), (NAME, "full"), criterion="caic", random_state=0)
    assert (found.best.covariance_type, found.best.n_components) == (NAME, 3)
    caics = [result.criteria["caic"] for result in found.results]
    assert found.best.caic_ == min(caics)
    table = found.to_xarray()
    assert float(table.caic.sel(covariance_type=NAME, n_components=3)) == min(caics)
    assert f"best by caic: {NAME}-3" in repr(found)


def text(path, output):
    return f"""
        input: {{path: {path}, partition_size: 1600}}
        model: {{n_components: "1:4", covariance_type: [{NAME}, spherical], criterion: caic,
                 n_init: 2}}
        output: {{path: {output}, assignments: [labels, responsibilities]}}
        cluster: {{kind: threads}}
    """


@pytest.fixture(scope="module")
def finished(tmp_path_factory, _added):
    """Rows, and the output of a run on them."""
    folder, X = tmp_path_factory.mktemp("extension"), clumps()
    run(loads(text(write_raw(folder / "x.raw", X), folder / "out")))
    return X, folder / "out"


def test_a_run_stores_what_it_chose_by_the_criterion(finished):
    X, output = finished
    result = dgmm.open_result(output)
    best = result.sweep.selected
    assert (best.covariance_type, best.n_components) == (NAME, 3)
    assert result.sweep.criterion == "caic"
    assert result.attributes["configuration"]["input"]["format"] == "auto"
    assert best.n_parameters == 2 + 3 * 2 + 1
    p = result.model
    assert p.covariances.shape == ()
    theirs = as_spherical(p.weights, p.means, p.covariances)
    assert_allclose(
        result.assignments["responsibilities"][:], reference.responsibilities(X, theirs), atol=1e-6
    )
    log_likelihood = reference.log_likelihood(X, theirs)
    expected = -2 * log_likelihood + best.n_parameters * (math.log(len(X)) + 1)
    assert best.criteria["caic"] == pytest.approx(expected, rel=1e-10)
    assert set(best.criteria) == set(CRITERIA)
    in_memory = dgmm.GaussianMixture.from_zarr(output)
    assert_allclose(in_memory.score_samples(X), reference.log_densities(X, theirs), rtol=1e-9)


def test_its_report_and_its_table_name_them(finished):
    _, output = finished
    page = (output / "report.html").read_text()
    assert "CAIC chose 3 components with one common variance" in page.replace("a mixture of ", "")
    listed = CliRunner().invoke(command, ["runs", str(output)])
    assert f"{NAME}-3" in listed.output, listed.output


def test_the_command_finds_the_run_complete(finished, tmp_path):
    _, output = finished
    configuration = tmp_path / "dgmm.yaml"
    configuration.write_text(text(output.parent / "x.raw", output))
    outcome = CliRunner().invoke(command, ["run", str(configuration)])
    assert outcome.exit_code == 0, outcome.output
    assert "CAIC - best" in outcome.output
    assert NAME in outcome.output


def test_other_rows_are_scored(finished, tmp_path):
    _, output = finished
    X, result = clumps(200, seed=5), dgmm.open_result(output)
    path = write_raw(tmp_path / "new.raw", X)
    changes = ["cluster.kind=threads", "output.report=false"]
    score(result, configuration_for(result, str(path), str(tmp_path / "scores"), changes))
    scored, p = dgmm.open_result(tmp_path / "scores"), result.model
    theirs = reference.responsibilities(X, as_spherical(p.weights, p.means, p.covariances))
    assert_array_equal(scored.assignments["labels"][:], theirs.argmax(axis=1))


def test_a_run_starts_from_an_earlier_one(finished, tmp_path):
    _, output = finished
    path = write_raw(tmp_path / "later.raw", clumps(seed=7))
    run(loads(text(path, tmp_path / "out"), [f"model.start_from={output}", "output.report=false"]))
    result = dgmm.open_result(tmp_path / "out")
    assert result.drift is not None
    assert_array_equal(np.sort(result.labelling.labels), [0, 1, 2])
    older = dgmm.open_result(output)
    order = [older.labelling.labels.index(label) for label in result.labelling.labels]
    assert_allclose(result.model.means, older.model.means[order], atol=0.5)


def test_configurations_allow_them():
    allowed = json.dumps(schema())
    for name in (NAME, "caic", "raw"):
        assert f'"{name}"' in allowed


def test_a_result_opens_without_its_criterion_but_not_without_its_structure(finished):
    _, output = finished
    try:
        CRITERIA.remove("caic")
        assert dgmm.open_result(output).sweep.rank()[0].candidate.name == f"{NAME}-3"
        structure = STRUCTURES[NAME]
        STRUCTURES.remove(NAME)
        with pytest.raises(OutputError, match=f"candidate of type '{NAME}'"):
            dgmm.open_result(output)
    finally:
        CRITERIA.add("caic", caic)
        STRUCTURES.add(NAME, structure)


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match=r"'full' is in dgmm\.structures already"):
        STRUCTURES.add("full", Homoscedastic())


def install(place, entries):
    """What pip leaves of a package that declares entry points."""
    folder = place / "plugin-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(entries)


def test_packages_declare_theirs_as_entry_points(tmp_path, monkeypatch):
    install(tmp_path, "[dgmm.tests]\ntau = math:tau\ne = math:pi\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("dgmm.tests", {"e": "math:e"})
    assert list(registry) == ["e", "tau"]
    assert registry["tau"] == math.tau
    assert registry["e"] == math.e, "what dgmm brings along is not replaced"
    assert len(registry) == 2


PLUGIN = """
from dgmm.mixture.structures import DiagonalStructure

class Homoscedastic(DiagonalStructure):
    label, dimensions = "one common variance", ()

HOMOSCEDASTIC = Homoscedastic()
"""


def test_workers_in_processes_of_their_own_know_entry_points(tmp_path):
    install(tmp_path, f"[dgmm.structures]\n{NAME} = plugin:HOMOSCEDASTIC\n")
    (tmp_path / "plugin.py").write_text(PLUGIN)
    np.save(tmp_path / "x.npy", clumps())
    configuration = f"""
        input: {{path: {tmp_path / "x.npy"}, partition_size: 1600}}
        model: {{n_components: 3, covariance_type: {NAME}, n_init: 1}}
        output: {{path: {tmp_path / "out"}, report: false}}
        cluster: {{kind: local, workers: 1, threads_per_worker: 1}}
    """
    (tmp_path / "dgmm.yaml").write_text(configuration)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "dgmm", "run", str(tmp_path / "dgmm.yaml")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    selected = dgmm.open_result(tmp_path / "out").sweep.selected
    assert (selected.covariance_type, selected.parameters.covariances.shape) == (NAME, ())
