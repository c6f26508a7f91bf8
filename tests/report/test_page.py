"""The page: whole in itself, well formed, and about what it was given."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from dgmm.errors import MissingExtraError, OutputError
from dgmm.io.grid import Grid
from dgmm.io.results.assignment_arrays import create_assignments, write_region
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.io.storage.zarr_arrays import write_small
from dgmm.mixture.candidate import Status
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.parameters import Parameters
from dgmm.report import page as page_module
from dgmm.report import publication, publish_report, write_report
from dgmm.report.maps import draw_maps
from dgmm.report.page import render
from dgmm.report.projection import project
from dgmm.report.sample import evaluate_sample
from scripts.screenshot_report import find_references
from tests.report.results import ATTRIBUTES, a_result, fitted, mixture, record, rows_of, stored

HOSTILE = '<script>alert("x")</script>&$x_1$'
SECTIONS = ("criteria", "mixture", "rows", "run")


@pytest.fixture
def blank(monkeypatch):
    """A page that is quickly made."""
    monkeypatch.setattr(page_module, "render", lambda result: f"of {result.path.name}")


def parsed(text):
    """The page as XML, which it is if it is well formed."""
    assert text.startswith("<!DOCTYPE html>\n")
    return ET.fromstring(text.partition("\n")[2])


def ids(page):
    return {element.get("id") for element in page.iter() if element.get("id")}


def words(page):
    return " ".join("".join(page.itertext()).split())


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return render(a_result(tmp_path_factory.mktemp("out")))


def test_the_page_is_well_formed_and_has_every_section(text):
    page = parsed(text)
    assert ids(page) >= set(SECTIONS)
    assert len(list(page.iter("img"))) == 7
    assert all(image.get("alt") for image in page.iter("img"))
    assert {table.get("aria-label") for table in page.iter("table")} >= {
        "candidates",
        "components",
        "stages",
        "facts",
    }


def test_the_page_is_whole_in_itself(text):
    assert find_references(text) == []
    assert "<script" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert len(text) < 1_000_000


def test_a_page_that_is_not_whole_in_itself_is_found_out(text):
    for harm in ('<img src="a.png" />', "<script />", '<p style="background:url(a)" />'):
        assert len(find_references(text.replace("</body>", f"{harm}</body>"))) == 1
    assert find_references("<style>@import 'a'</style>")


def test_the_page_says_what_was_found(text):
    said = words(parsed(text))
    assert "Of 2 candidate mixtures (full; K = 1 to 2), BIC chose 2 components" in said
    assert "4,000 rows of 2 features in data/cells.zarr" in said
    assert "profile 0.2 1 4,000 1.0 MiB" in said
    assert "66.67% 2,667" in said
    assert "path: data/cells.zarr" in said


def test_names_are_text_and_nothing_else(tmp_path):
    attributes = {**ATTRIBUTES, "configuration": {"input": {"path": HOSTILE}}, "input": HOSTILE}
    best = mixture(2, 2)
    kept = record(rows_of(best), sample_weights=np.full(400, 0.5))
    kept = type(kept)(**{**fields(kept), "warnings": (HOSTILE,)})
    result = stored(tmp_path, [fitted(best, 1.0)], kept, (HOSTILE, "}{{ 7 * 7 }}"), attributes)
    text = render(result)
    assert "<script" not in text
    assert words(parsed(text)).count(HOSTILE) >= 3
    assert find_references(text) == []


def fields(value):
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_a_result_without_a_record_has_a_report(tmp_path):
    page = parsed(render(a_result(tmp_path, with_record=False, attributes={})))
    assert ids(page) >= {"criteria", "mixture", "run"}
    assert "rows" not in ids(page)
    assert "kept no record" in words(page)


@pytest.mark.parametrize(
    ("n_features", "n_components", "with_record"),
    [
        (1, 2, True),
        pytest.param(3, 14, True, marks=pytest.mark.slow),
        (4, 1, False),
        (7, 2, False),
        (40, 16, True),
        pytest.param(40, 45, True, marks=pytest.mark.slow),
    ],
)
def test_any_shape_of_mixture_is_drawn(tmp_path, n_features, n_components, with_record):
    best = mixture(n_components, n_features)
    kept = record(rows_of(best)) if with_record else None
    page = parsed(render(stored(tmp_path, [fitted(best, 1.0)], kept)))
    assert f"A mixture of {n_components} component" in words(page)
    assert len(list(page.iter("img"))) >= 4


def test_candidates_that_collapsed_are_drawn_and_named(tmp_path):
    full = mixture(2, 6)
    best = Parameters.from_covariances("diag", full.weights, full.means, np.ones((2, 6)))
    degenerate = fitted(mixture(3, 6), -5.0, Status.DEGENERATE, trace=(-1.0,))
    nothing = fitted(mixture(4, 6), float("nan"), Status.DEGENERATE, trace=())
    results = [fitted(best, 10.0), degenerate, nothing]
    page = parsed(render(stored(tmp_path, results, record(rows_of(full)))))
    assert "left out of the choice: full-3, full-4" in words(page)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_a_view_of_many_features_keeps_the_distances_that_matter(kind):
    d = 8
    shape = {"full": (2, d, d), "tied": (d, d), "diag": (2, d), "spherical": (2,)}[kind]
    full = mixture(2, d)
    full = replace(full, means=np.arange(2.0)[:, None] * np.full(d, 5 / np.sqrt(d)))
    covariances = np.broadcast_to(np.eye(d) if kind in ("full", "tied") else 1.0, shape)
    best = Parameters.from_covariances(kind, full.weights, full.means, np.array(covariances))
    sample = evaluate_sample(record(rows_of(full)), best)
    view = project(best, tuple("abcdefgh"), np.ones(d), sample)
    assert view.is_projected
    assert view.names[0].startswith("PC 1 (")
    np.testing.assert_allclose(np.ptp(view.means[:, 0]), 5.0, rtol=1e-2)
    np.testing.assert_allclose(view.covariances, np.stack([np.eye(3)] * 2), atol=1e-12)


def test_outliers_are_rows_that_no_component_expects(tmp_path):
    best = mixture()
    rows = np.concatenate([rows_of(best), [[-30.0, 2.0]]])
    sample = evaluate_sample(record(rows), best)
    assert sample is not None
    assert np.flatnonzero(sample.is_outlier).tolist() == [400]
    page = parsed(render(stored(tmp_path, [fitted(best, 1.0)], record(rows))))
    assert "1 of 401 sampled rows (0.25%) are farther" in words(page)
    (table,) = (table for table in page.iter("table") if table.get("aria-label") == "outliers")
    assert "-30" in "".join(table.itertext())


def test_an_image_stands_beside_its_segments(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (12, 20, 3)).astype(np.uint8)
    kept = record(pixels.reshape(-1, 3).astype(float), picture=pixels, picture_shape=(12, 20))
    labels = rng.integers(0, 2, 240).astype(np.int16)
    result = stored(tmp_path, [fitted(mixture(2, 3), 1.0)], kept, labels=labels)
    page = parsed(render(result))
    titles = [title.text for title in page.iter("h3")]
    assert titles[:2] == ["The picture", "Its segments"]


def test_labels_on_a_grid_are_drawn_as_a_map(tmp_path):
    run = Output(tmp_path).start("run-1")
    grid = Grid(("time", "lat", "lon"), (2, 4, 6), (2, 4, 6))
    create_assignments(run, grid, AssignmentSchema(("labels",), (0, 1)), (2, 4, 6))
    labels = np.arange(48).reshape(2, 4, 6) % 3 - 1
    write_region(run, "labels", (slice(0, 2), slice(0, 4), slice(0, 6)), labels.ravel())
    write_small(run / "assignments" / "lat", np.array([-30.0, 0, 30, 60]), ("lat",))
    best = mixture(2)
    commit_run(
        run,
        RunContents(
            Sweep((fitted(best, 1.0),), "bic", fitted(best, 1.0), 3), ("a", "b"), ATTRIBUTES
        ),
    )
    result = open_result(run)
    assert list(result.assignments) == ["labels"]
    assert list(result.coordinates) == ["lat"]
    (drawn,) = draw_maps(result)
    assert drawn.is_wide  # a panel for each time
    titles = [title.text for title in parsed(render(result)).iter("h3")]
    assert "Labels over lat and lon" in titles


@pytest.mark.usefixtures("blank")
def test_the_report_lies_among_the_reports_and_in_front(tmp_path):
    result = a_result(tmp_path)
    place = publish_report(result.path)
    assert place == tmp_path / "reports" / "run-1.html"
    assert (tmp_path / "report.html").read_bytes() == place.read_bytes()
    assert write_report(result, tmp_path / "new" / "a.html").read_bytes() == place.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} >= {"report.html", "reports", "runs"}


@pytest.mark.usefixtures("blank")
def test_a_run_that_is_not_the_latest_leaves_the_report_in_front_alone(tmp_path):
    result = a_result(tmp_path)
    (tmp_path / "latest.json").unlink()
    publish_report(result.path)
    assert not (tmp_path / "report.html").exists()
    moved = result.path.rename(tmp_path / "moved.zarr")
    assert publish_report(moved) == tmp_path / "moved.html"


@pytest.mark.usefixtures("blank")
def test_a_report_that_cannot_be_written_says_where(tmp_path):
    result = a_result(tmp_path)
    with pytest.raises(OutputError, match="is a directory"):
        write_report(result, tmp_path)
    with pytest.raises(OutputError, match=r"/proc/x/a\.html cannot be created"):
        write_report(result, type(tmp_path)("/proc/x/a.html"))


def test_a_missing_extra_is_one_line_that_names_it(tmp_path, monkeypatch):
    def missing(_):
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib.figure")

    monkeypatch.setattr(publication.importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r'matplotlib.*pip install "dgmm\[report\]"'):
        publish_report(a_result(tmp_path).path)
