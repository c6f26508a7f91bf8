"""What is drawn of components: chosen features, profiles, maps, colours."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from dgmm.io.grid import FeatureAxis, FeatureGroup, Grid
from dgmm.io.results.assignment_arrays import create_assignments, write_region
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.io.results.variable_arrays import VariableSummary
from dgmm.io.storage.zarr_arrays import create_array
from dgmm.mixture.fit_result import Sweep
from dgmm.plots.colours import NOISE, PALE, component_colours
from dgmm.report import maps, profiles
from dgmm.report.feature_choice import choose_features, separation
from dgmm.report.figure_style import figure_defaults
from dgmm.report.places import find_places, name_place
from dgmm.report.projection import project
from tests.report.results import ATTRIBUTES, fitted, mixture

N = 120


def test_features_that_say_the_same_are_not_both_chosen():
    means = np.array([[0.0, 0.0, 0.0], [6.0, 6.0, 0.0], [0.0, 0.0, 2.0]])
    within = np.array([[1.0, 0.999, 0.0], [0.999, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert choose_features(means, within, 2) == [0, 2]


def test_separation_is_a_mahalanobis_distance_with_a_limit():
    within = np.array([[2.0, 0.5], [0.5, 1.0]])
    means = np.array([[0.0, 0.0], [1.0, 2.0]])
    expected = np.sqrt(means[1] @ np.linalg.inv(within) @ means[1])
    assert separation(means, within) == pytest.approx(expected)
    assert separation(100 * means, within) == 4.0
    assert separation(means[:1], within) == 0.0


def test_the_plane_shows_the_features_in_which_components_differ():
    best = mixture(2, 12)  # along the first feature
    view = project(best, tuple("abcdefghijkl"), np.ones(12), None)
    assert not view.is_projected
    assert view.n_features == 12
    assert view.names[0] == "a"
    np.testing.assert_allclose(view.means[:, 0], best.means[:, 0])
    assert view.covariances.shape == (2, len(view.names), len(view.names))


def test_thirty_colours_can_be_told_apart():
    colours = [oklab(colour) for colour in component_colours(range(30))]
    distances = [np.linalg.norm(one - other) for one, other in combinations(colours, 2)]
    assert min(distances) > 0.1
    assert len(set(component_colours(range(200)))) == 200


def oklab(colour):
    """Coordinates in which equal distances look equal (B. Ottosson, 2020)."""
    srgb = np.array([*bytes.fromhex(colour[1:])]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return lab @ np.cbrt(lms @ linear)


DEPTH = FeatureAxis("depth", (5.0, 10.0, 50.0), (("units", "m"), ("positive", "down")))


def a_variable(axes=(DEPTH,), name="t"):
    shape = (2, *(len(axis.values) for axis in axes))
    quantiles = np.zeros((2, 3, *shape[1:])) + np.arange(3).reshape(1, 3, *[1] * len(axes))
    return VariableSummary(FeatureGroup(name, axes), np.ones(shape), np.ones(shape), quantiles)


def test_profiles_are_drawn_of_variables_along_one_dimension_of_numbers(monkeypatch):
    figures = []
    monkeypatch.setattr(profiles, "encode_figure", lambda figure: figures.append(figure) or "")
    texts = FeatureAxis("band", ("red", "blue"))
    every = (
        *(a_variable(), a_variable((), "level"), a_variable((texts,), "bands")),
        a_variable((DEPTH, texts), "both"),
    )
    with figure_defaults():
        drawn = profiles.draw_profiles(every, np.array([0.1, 0.5, 0.9]), (0, 1))
    assert drawn.title == "Components along depth"
    assert "The median of the rows of each component" in drawn.caption
    axes = [axes for axes in figures[0].axes if axes.axison]
    assert [(a.get_xlabel(), a.get_ylabel()) for a in axes] == [("t", "depth, m")]
    assert axes[0].yaxis_inverted()
    np.testing.assert_array_equal(axes[0].lines[0].get_xdata(), np.ones(3))
    assert profiles.draw_profiles(every[1:], np.array([0.5]), (0, 1)) is None


@pytest.mark.parametrize(
    ("axis", "is_vertical"),
    [
        (FeatureAxis("level", (1.0,)), True),
        (FeatureAxis("s", (1.0,), (("axis", "Z"),)), True),
        (FeatureAxis("wavelength", (1.0,)), False),
    ],
)
def test_what_is_vertical_is_told_by_name_or_attributes(axis, is_vertical):
    assert profiles.is_vertical_axis(axis) is is_vertical


def a_mapped_result(output, dims, shape, coordinates, noise=None):
    """A result with labels and responsibilities, and coordinates by name."""
    run, best = Output(output).start("run-1"), fitted(mixture(2), 1.0)
    grid = Grid(dims, shape, shape)
    schema = AssignmentSchema(("labels", "responsibilities"), (0, 1), has_noise=noise is not None)
    create_assignments(run, grid, schema, shape)
    n = int(np.prod(shape))
    whole = tuple(slice(0, extent) for extent in shape)
    labels = np.arange(n) % 3 - 1
    sure = np.linspace(0.5, 1, n, dtype=np.float32)
    write_region(run, "labels", whole, labels.astype(np.int16))
    write_region(run, "responsibilities", whole, np.stack([sure, 1 - sure], axis=1))
    if noise is not None:
        write_region(run, "noise", whole, noise.astype(np.float32))
    for name, (dim, values, units) in coordinates.items():
        path, attributes = run / "assignments" / name, {"units": units}
        values = np.asarray(values, np.float64)
        create_array(path, values.shape, values.shape, "float64", (dim,), 0, attributes=attributes)[
            ...
        ] = values
    commit_run(run, RunContents(Sweep((best,), "bic", best, 3), ("a", "b"), ATTRIBUTES))
    return open_result(run), labels, sure


def panels_of(result, monkeypatch):
    """The panels of each map that is drawn."""
    figures = []
    monkeypatch.setattr(maps, "encode_figure", lambda figure: figures.append(figure) or "")
    with figure_defaults():
        pictures = maps.draw_maps(result)
    return pictures, [[a for a in figure.axes if a.images or a.collections] for figure in figures]


def test_scattered_samples_are_a_map_of_points(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-60, 60, N), rng.uniform(0, 360, N)
    coordinates = {
        "latitude": ("cast", lat, "degrees_north"),
        "longitude": ("cast", lon, "degrees_east"),
    }
    result, labels, sure = a_mapped_result(tmp_path, ("cast",), (N,), coordinates)
    pictures, ((of_labels,), (of_probability, *_)) = panels_of(result, monkeypatch)
    assert [picture.title for picture in pictures] == [
        "Labels over latitude and longitude",
        "Probability of the label over latitude and longitude",
    ]
    points = of_labels.collections[0]
    np.testing.assert_allclose(points.get_offsets(), np.stack([lon, lat], axis=1))
    np.testing.assert_array_equal(points.get_array(), labels)
    np.testing.assert_allclose(of_probability.collections[0].get_array(), sure)
    assert of_labels.get_ylabel() == "latitude, degrees"


def test_several_times_are_drawn_with_their_dates(tmp_path, monkeypatch):
    coordinates = {
        "time": ("time", np.arange(7) * 31, "days since 2000-01-01"),
        "lat": ("lat", [-30, 0, 30], "degrees_north"),
    }
    shape = (7, 3, 5)
    result, labels, _ = a_mapped_result(tmp_path, ("time", "lat", "lon"), shape, coordinates)
    _, (panels, _) = panels_of(result, monkeypatch)
    titles = ["2000-01-01", "2000-03-03", "2000-05-04", "2000-07-05"]
    assert [panel.get_title(loc="left") for panel in panels] == [f"time {day}" for day in titles]
    for panel, time in zip(panels, (0, 2, 4, 6), strict=True):
        np.testing.assert_array_equal(panel.images[0].get_array(), labels.reshape(shape)[time])
        low, high = panel.get_ylim()
        assert low < high  # north is up


def test_noise_is_told_from_missing_values(tmp_path, monkeypatch):
    labels = np.arange(12) % 3 - 1
    noise = np.where(labels == -1, [1, np.nan, 1, 1] * 3, 0)
    result, _, _ = a_mapped_result(tmp_path, ("y", "x"), (3, 4), {}, noise)
    _, ((of_labels,), _) = panels_of(result, monkeypatch)
    image = of_labels.images[0]
    shown = image.to_rgba(image.get_array()).reshape(12, 4)
    assert (labels == -1).sum() == 4
    for label, value, colour in zip(labels, noise, shown, strict=True):
        kept = PALE if np.isnan(value) else NOISE if label < 0 else component_colours([label])[0]
        assert to_hex(colour) == kept
    texts = [text.get_text() for text in of_labels.figure.legends[0].get_texts()]
    assert texts == ["0", "1", "noise"]


def test_rows_of_a_table_have_no_map(tmp_path, monkeypatch):
    result, _, _ = a_mapped_result(tmp_path, ("row",), (N,), {"lat": ("row", np.zeros(N), "")})
    assert find_places(result, result.assignments["labels"]) == (None, None)
    assert panels_of(result, monkeypatch) == ((), [])


def test_a_place_without_a_coordinate_has_a_number(tmp_path):
    result, _, _ = a_mapped_result(tmp_path, ("z", "y", "x"), (2, 3, 4), {})
    assert name_place(result, result.assignments["labels"], 1) == "z 1"
