"""Runs on rows some of whose values are missing, from YAML to report, score and drift."""

import numpy as np
import pytest
import xarray
import zarr
from click.testing import CliRunner

import dgmm
from dgmm.cli import dgmm as command
from dgmm.errors import ConfigurationError
from dgmm.io.results.result import open_result
from dgmm.mixture.density import assign
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.mixture.kernels.test_incomplete_rows import textbook_step
from tests.run.victim import digest, interrupt


def with_holes(seed=0, n_rows=2_000):
    """Three clumps; values of the second and third feature are missing, the more the larger x0."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0, 0], [6, 0, 3], [0, 6, -3]])
    rows = centres[rng.integers(0, 3, n_rows)] + rng.normal(size=(n_rows, 3))
    probability = 1 / (1 + np.exp(1 - 0.3 * rows[:, :1]))
    rows[:, 1:][rng.random((n_rows, 2)) < probability] = np.nan
    rows[17] = np.nan
    return rows


def text_of(folder, rows=None, output="out", more="", threads=2, report="false"):
    path = folder / "x.zarr"
    if rows is not None:
        zarr.create_array(path, data=rows, chunks=(500, 3), overwrite=True)
    return f"""
        input: {{path: {path}, partition_size: 12kB, missing: marginalize}}
        model: {{n_components: "2:3", covariance_type: full, sample_size: 800 {more}}}
        output: {{path: {folder / output}, assignments: [labels, log_density, clusters],
                 report: {report}}}
        cluster: {{kind: threads, threads: {threads}}}
        """


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("incomplete")


@pytest.fixture(scope="module")
def finished(folder):
    return run(loads(text_of(folder, with_holes(), report="true")))


def test_a_run_assigns_rows_by_what_they_have(finished):
    result, rows = open_result(finished.path), with_holes()
    empty = np.isnan(rows).all(axis=1)
    ours = assign(result.model, rows[~empty], may_lack=True)
    np.testing.assert_array_equal(result.assignments["labels"][:] == -1, empty)
    np.testing.assert_allclose(result.assignments["log_density"][:][~empty], ours.log_density)
    assert finished.sweep.selected.candidate.n_components == 3
    assert finished.sweep.size.n_effective == (~empty).sum()
    found = result.assign(rows)
    np.testing.assert_array_equal(found.labels == -1, empty)


def test_the_mixture_of_a_run_takes_the_same_rows(finished):
    found = dgmm.GaussianMixture.from_zarr(finished.path)
    labels = np.asarray(open_result(finished.path).assignments["labels"])
    np.testing.assert_array_equal(found.predict(with_holes()), labels)


def test_summaries_expect_what_is_missing(finished):
    result, rows = open_result(finished.path), with_holes()
    model = result.model
    np.testing.assert_allclose(result.components.mean, model.means, atol=0.02)
    present = rows[~np.isnan(rows).all(axis=1)]
    _, _, means, scatters = textbook_step(present, model, np.ones(len(present)))
    deviations = np.sqrt(np.diagonal(scatters, axis1=1, axis2=2))
    np.testing.assert_allclose(result.components.mean, means, atol=1e-8)
    np.testing.assert_allclose(result.components.standard_deviation, deviations, rtol=1e-8)
    absent = np.isnan(present).sum(axis=0)
    assert list(result.attributes["n_missing_values"].values()) == absent.tolist()
    assert (result.attributes["n_missing"], result.attributes["n_patterns"]) == (1, 4)
    assert (result.goodness.discrepancy < 0.05).all()
    np.testing.assert_allclose(result.goodness.kurtosis, 1, atol=0.15)
    assert xarray.open_datatree(result.path, engine="zarr")["assignments/labels"].size == 2_000


def test_the_report_says_what_is_missing(folder, finished):
    del finished
    report = (folder / "out" / "report.html").read_text()
    assert "of the values are missing, in 4 patterns" in report
    assert "1 rows (0.1%) have no value" in report


def test_any_number_of_threads_gives_the_same_bits(folder, finished):
    other = run(loads(text_of(folder, output="one", threads=1)))
    assert digest(other.path) == digest(finished.path)


@pytest.mark.parametrize(
    ("stage", "index"),
    [
        pytest.param("sample", 0, marks=pytest.mark.slow),
        ("fit", 1),
        pytest.param("assign", 0, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_goes_on_to_the_same_bits(folder, finished, stage, index):
    text = text_of(folder, output=f"again-{stage}")
    interrupt(text, stage, index)
    assert digest(run(loads(text)).path) == digest(finished.path)


def test_standardised_features_have_the_same_clusters(folder, finished):
    text = text_of(folder, output="scaled") + "\n        prepare: {scale: standardize}"
    scaled = run(loads(text))
    labels = [open_result(path).assignments["labels"][:] for path in (finished.path, scaled.path)]
    assert (labels[0] == labels[1]).mean() > 0.99


def test_other_rows_are_scored_by_what_they_have(folder, finished):
    rows = with_holes(1)
    path = folder / "new.zarr"
    zarr.create_array(path, data=rows, chunks=(500, 3), overwrite=True)
    arguments = ("score", str(folder / "out"), str(path), "--output", str(folder / "scores"))
    settings = ("--set", "cluster.kind=threads", "--set", "output.report=false")
    outcome = CliRunner().invoke(command, [*arguments, *settings])
    assert outcome.exit_code == 0, outcome.output
    assert "2,000 rows, 1 of them missing" in outcome.output
    scored, model = dgmm.open_result(folder / "scores"), open_result(finished.path).model
    there = ~np.isnan(rows).all(axis=1)
    expected = assign(model, rows[there], may_lack=True).log_density
    np.testing.assert_allclose(scored.assignments["log_density"][:][there], expected)


def test_a_later_run_is_compared_with_an_earlier_one(folder, finished):
    del finished
    more = f", start_from: {folder / 'out'}"
    zarr.create_array(folder / "y.zarr", data=with_holes(2), chunks=(500, 3), overwrite=True)
    text = text_of(folder, output="later", more=more).replace("x.zarr", "y.zarr")
    later = run(loads(text))
    assert open_result(later.path).attributes["verdict"] == "steady"


@pytest.mark.parametrize("what", ["pca: 2", "transform: arcsinh", "noise: hypervolume"])
def test_what_needs_whole_rows_is_refused_with_the_reason(folder, what):
    text = text_of(folder, output="refused", more=f", {what}" if "noise" in what else "")
    if "noise" not in what:
        text += f"\n        prepare: {{{what}}}"
    with pytest.raises(ConfigurationError, match=r"input\.missing is marginalize; "):
        run(loads(text))
