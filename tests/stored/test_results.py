"""Results and estimators of an earlier build open with the same bits, and serve as ever."""

import re
from pathlib import Path

import numpy as np
import pytest
import xarray

from dgmm import GaussianMixture, open_result
from dgmm.errors import OutputError
from tests.stored.expected import EXPECTED, NIGHT_4, ON_THREADS, dgmm, files, rows_of
from tests.stored.reading import (
    digest,
    numbers_of_continued,
    numbers_of_estimator,
    numbers_of_result,
)

pytestmark = pytest.mark.usefixtures("stored")

AS_BEFORE = ("--set", "model.tol=1e-5")  # the default then; configurations that name it keep names
RESULTS = EXPECTED["results"]
FIRST, SECOND, HELD_BACK = (
    next(path for path in RESULTS if "nights/runs" in path and RESULTS[path]["verdict"] == verdict)
    for verdict in (None, "steady", "broken")
)


@pytest.mark.parametrize("path", RESULTS)
def test_a_result_opens_with_the_same_bits(path):
    assert numbers_of_result(open_result(path)) == RESULTS[path]


@pytest.mark.parametrize("path", [path for path in RESULTS if path != "grid"])
def test_a_result_opens_as_an_estimator(path):
    mixture, expected = GaussianMixture.from_zarr(path), RESULTS[path]
    for name in ("weights", "means", "covariances"):
        assert getattr(mixture, f"{name}_").tolist() == expected[name]
    kind, n_components = expected["selected"].rsplit("-", 1)
    assert (mixture.covariance_type, mixture.n_components) == (kind, int(n_components))
    assert mixture.bic_ in expected["bic"]


def test_prepared_rows_are_refused_by_the_estimator_as_ever():
    with pytest.raises(OutputError, match=r"open_result\(\.\.\.\)\.assign"):
        GaussianMixture.from_zarr("grid")


@pytest.mark.parametrize(("path", "data"), [(FIRST, "night1"), ("nights", "night2")])
def test_a_result_assigns_rows_as_it_did(path, data):
    result, rows = open_result(path), rows_of(data)
    complete = np.isfinite(rows).all(axis=1)
    labels, log_density = (result.assignments[name][...] for name in ("labels", "log_density"))
    found = result.assign(rows[complete])
    np.testing.assert_array_equal(found.labels, labels[complete])
    np.testing.assert_allclose(found.log_density, log_density[complete], rtol=1e-12)
    assert set(labels[~complete]) <= {-1}


def test_readers_of_zarr_open_the_link():
    tree = xarray.open_datatree("nights/latest.zarr", engine="zarr")
    np.testing.assert_array_equal(tree["model/means"], RESULTS["nights"]["means"])
    assert digest(tree["assignments/labels"].values) == RESULTS["nights"]["assignments"]["labels"]
    assert tree["drift/label"].values.tolist() == [0, 1, 2]
    maps = xarray.open_datatree("grid/latest.zarr", engine="zarr")["assignments"]
    assert dict(maps.labels.sizes) == {"time": 3, "lat": 4, "lon": 6}
    assert maps.lat.values.tolist() == [-60, -20, 20, 60]


def test_runs_are_listed_shown_published_and_pruned():
    said = dgmm("runs", "nights").stdout.splitlines()[1:]
    by_name = {
        Path(path).stem: line for path in RESULTS for line in said if Path(path).stem in line
    }
    names = [Path(path).stem for path in (FIRST, SECOND, HELD_BACK)]
    assert set(by_name) == set(names)
    assert [by_name[name].startswith("*") for name in names] == [False, True, False]
    assert ["held back" in by_name[name] for name in names] == [False, False, True]
    shown = dgmm("runs", "nights", "--show", names[1]).stdout
    assert "verdict     steady" in shown
    assert '"path": "package://stored_inputs/night2.npy"' in shown
    assert dgmm("runs", "nights", "--prune", "--keep", "1").stdout == f"{names[0]} removed\n"
    assert dgmm("runs", "nights", "--publish", names[2]).exit_code == 0
    assert numbers_of_result(open_result("nights")) == RESULTS[HELD_BACK]
    assert names[2] in Path("nights/report.html").read_text()


@pytest.mark.parametrize(
    "path", [FIRST, pytest.param(HELD_BACK, marks=pytest.mark.slow), "grid", "scores"]
)
def test_a_report_is_drawn_of_a_result(path):
    done = dgmm("report", path, "--output", "page.html")
    assert (done.exit_code, done.stderr) == (0, "")
    page = Path("page.html").read_text()
    assert len(re.findall(r'src="data:image/png;base64,.{100}', page)) > 0
    assert open_result(path).path.stem in page


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("run", "night.yaml"), FIRST),
        (("run", "night.yaml", "--set", "input.path=package://stored_inputs/night2.npy"), SECOND),
        (("run", "grid.yaml", *AS_BEFORE), "grid"),
        (("score", "nights", NIGHT_4, "--output", "scores", *ON_THREADS), "scores"),
    ],
)
def test_the_same_command_finds_its_run_complete_and_touches_nothing(arguments, path):
    before = files(".")
    done = dgmm(*arguments)
    assert done.exit_code == 0
    (line,) = done.stderr.splitlines()
    assert " INFO features: " in line
    assert done.stdout.splitlines()[-1] == f"already complete: {open_result(path).path}"
    assert files(".") == before


def test_defaults_that_have_changed_make_a_run_beside_the_old_one():
    before, path = files("grid/runs"), open_result("grid").path
    done = dgmm("run", "grid.yaml", "--quiet")
    assert (done.exit_code, done.stderr) == (0, "")
    new = open_result("grid")
    assert new.path != path
    assert new.attributes["configuration"]["model"]["tol"] == 1e-6
    assert min(each.bic for each in new.sweep.results) < min(RESULTS["grid"]["bic"]) + 1e-3
    assert before.items() <= files("grid/runs").items()
    assert numbers_of_result(open_result(path)) == RESULTS["grid"]
    listed = dgmm("runs", "grid").stdout
    assert path.stem in listed
    assert new.path.stem in listed


def test_what_was_held_back_still_is():
    path = "input.path=package://stored_inputs/night3.npy"
    done = dgmm("run", "night.yaml", "--set", path, "--quiet")
    assert done.exit_code == 65
    (line,) = done.stderr.splitlines()
    assert f"{Path(HELD_BACK).name} is complete, but held back" in line
    assert numbers_of_result(open_result("nights")) == RESULTS["nights"]


def test_a_run_starts_from_a_result_and_keeps_its_labels():
    done = dgmm("run", "night.yaml", "--set", f"input.path={NIGHT_4}", "--quiet")
    assert (done.exit_code, done.stderr) == (0, "")
    result = open_result("nights")
    assert result.attributes["started_from"]["run_id"] == Path(SECOND).stem
    assert result.attributes["verdict"] in ("unchanged", "steady")
    np.testing.assert_allclose(result.model.means, RESULTS[SECOND]["means"], atol=0.5)


@pytest.mark.parametrize(
    ("path", "data", "there"), [("nights", NIGHT_4, "scores"), ("grid", None, "grid")]
)
def test_other_rows_are_scored_by_a_result(path, data, there):
    data = data or "package://stored_inputs/grid.nc"
    done = dgmm("score", path, data, "--output", "new", *ON_THREADS)
    assert done.exit_code == 0
    found, before = (open_result(place).assignments for place in ("new", there))
    np.testing.assert_array_equal(found["labels"][...], before["labels"][...])
    assert found["responsibilities"].shape == before["responsibilities"].shape
    np.testing.assert_allclose(
        found["responsibilities"][...], before["responsibilities"][...], rtol=1e-5, atol=1e-12
    )


@pytest.mark.parametrize("path", EXPECTED["estimators"])
def test_an_estimator_opens_with_the_same_bits_and_goes_on(path):
    expected, rows = EXPECTED["estimators"][path], rows_of("night4")
    assert numbers_of_estimator(GaussianMixture.from_zarr(path), rows) == expected["stored"]
    continued = numbers_of_continued(GaussianMixture.from_zarr(path), rows)
    assert continued == {
        name: pytest.approx(value, rel=1e-9) for name, value in expected["continued"].items()
    }


def test_an_estimator_has_its_parameters_back():
    fitted, partly = (GaussianMixture.from_zarr(f"{name}.zarr") for name in ("fitted", "partly"))
    assert fitted.feature_names_in_.tolist() == ["u", "v"]
    assert (fitted.n_components, fitted.covariance_type, fitted.n_init) == (3, "full", 2)
    assert fitted.random_state.randint(1 << 30, size=3).tolist() == EXPECTED["drawn_next"]
    assert (partly.n_components, partly.covariance_type) == (2, "tied")
    assert (partly.learning_decay, partly.random_state) == (0.8, 0)
