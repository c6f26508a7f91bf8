"""Rows, weights and features are matched by their labels where both have some."""

import dask.array as da
import numpy as np
import pytest

from dgmm import GaussianMixture
from dgmm.errors import DataError
from dgmm.io.sources.labels import label_order

pandas = pytest.importorskip("pandas")
xarray = pytest.importorskip("xarray")
frames = pytest.importorskip("dask.dataframe")

LAT, LON = np.linspace(80, -80, 9), np.arange(20.0)
CUBE = xarray.DataArray(
    np.random.default_rng(0).normal(size=(9, 20, 2)) + LAT[:, None, None],
    dims=("lat", "lon", "f"),
    coords={"lat": LAT, "lon": LON},
)
NORTH = xarray.DataArray(np.where(LAT > 0, 1.0, 0.1), dims="lat", coords={"lat": LAT})
TRUE = np.average(CUBE.values.reshape(-1, 2), axis=0, weights=np.repeat(NORTH.values, 20))


@pytest.mark.parametrize("chunks", [None, {"lat": 4, "lon": 7}])
@pytest.mark.parametrize(
    "weights",
    [
        NORTH,
        NORTH.isel(lat=slice(None, None, -1)),
        NORTH.isel(lat=[3, 0, 1, 2, 8, 7, 6, 5, 4]).expand_dims(lon=LON[::-1]),
        NORTH.assign_coords(lat=LAT.astype("f4")),
        NORTH.drop_vars("lat"),
        NORTH.assign_coords(height=2.0),
    ],
)
def test_weights_of_a_dataarray_go_to_the_rows_of_their_labels(chunks, weights):
    cube = CUBE if chunks is None else CUBE.chunk(chunks)
    fitted = GaussianMixture(1).fit(cube, sample_weight=weights)
    np.testing.assert_allclose(fitted.means_[0], TRUE, rtol=1e-10)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (NORTH.assign_coords(lat=LAT + 1), "other labels along lat than X: there are 9 from 80"),
        (NORTH.isel(lat=slice(4)), "other labels along lat"),
        (NORTH.drop_vars("lat").isel(lat=slice(4)), "4 values along lat; expected 9"),
        (NORTH.rename(lat="latitude"), "dimension latitude, expected some of lat, lon"),
        (NORTH.expand_dims(lon=LON + 180), "other labels along lon"),
    ],
)
def test_weights_with_other_labels_are_refused_by_name(weights, said):
    for cube in (CUBE, CUBE.chunk(lat=3)):
        with pytest.raises(DataError, match=said):
            GaussianMixture(1).fit(cube, sample_weight=weights)


@pytest.mark.parametrize("lazy", [False, True])
def test_features_of_a_dataarray_are_found_by_their_labels(lazy):
    rng = np.random.default_rng(1)
    rows = np.where(rng.random((200, 1)) < 0.5, [20.0, 15, 5], [0, 3, 9]) + rng.normal(
        size=(200, 3)
    )
    profiles = xarray.DataArray(rows, dims=("p", "depth"), coords={"depth": [5.0, 10.0, 20.0]})
    profiles = profiles.chunk(p=50) if lazy else profiles
    fitted = GaussianMixture(2, random_state=0).fit(profiles)
    assert list(fitted.feature_names_in_) == ["5.0", "10.0", "20.0"]
    expected = fitted.predict(profiles)
    for order in ([2, 1, 0], [1, 2, 0]):
        other = profiles.isel(depth=order)
        np.testing.assert_array_equal(fitted.predict(other), expected)
        np.testing.assert_allclose(
            fitted.score_samples(other), fitted.score_samples(profiles), rtol=1e-12
        )
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(profiles.assign_coords(depth=[6.0, 11.0, 21.0]))


FRAME = pandas.DataFrame(CUBE.values.reshape(-1, 2), columns=["a", "b"], index=np.arange(180) * 2)
SERIES = pandas.Series(np.repeat(NORTH.values, 20), FRAME.index)


@pytest.mark.parametrize("npartitions", [None, 3])
@pytest.mark.parametrize("lazy_weights", [None, 3, 5])
def test_weights_of_a_frame_go_to_the_rows_of_their_labels(npartitions, lazy_weights):
    frame = FRAME if npartitions is None else frames.from_pandas(FRAME, npartitions=npartitions)
    for series in (SERIES, SERIES.sample(frac=1, random_state=0)):
        weights = series
        if lazy_weights is not None:
            weights = frames.from_pandas(series, npartitions=lazy_weights)  # which sorts it
        fitted = GaussianMixture(1).fit(frame, sample_weight=weights)
        np.testing.assert_allclose(fitted.means_[0], TRUE, rtol=1e-10)
    by_place = GaussianMixture(1).fit(frame, sample_weight=SERIES.to_numpy())
    np.testing.assert_allclose(by_place.means_[0], TRUE, rtol=1e-10)


def test_weights_of_a_frame_with_other_labels_are_refused():
    other = SERIES.set_axis(np.arange(180))
    lazy = frames.from_pandas(FRAME, npartitions=3)
    unsorted = frames.from_pandas(SERIES.sort_values(), npartitions=3, sort=False)
    for frame, weights in (
        (FRAME, other),
        (FRAME.iloc[:90], SERIES),
        (lazy, other),
        (lazy, frames.from_pandas(other, npartitions=3)),
        (lazy, unsorted),
    ):
        with pytest.raises(DataError, match="other index labels than X"):
            GaussianMixture(1).fit(frame, sample_weight=weights)
    unknown = frames.from_pandas(SERIES.sort_values(), npartitions=5, sort=False)
    with pytest.raises(DataError, match="5 partitions and X 3, of unknown divisions"):
        GaussianMixture(1).fit(lazy, sample_weight=unknown)


def test_an_index_that_starts_again_in_every_partition_is_no_obstacle():
    parts = [FRAME.iloc[i : i + 60].reset_index(drop=True) for i in (0, 60, 120)]
    lazy = frames.concat([frames.from_pandas(part, npartitions=1) for part in parts])
    lazy["w"] = lazy["a"] * 0 + 1.0
    fitted = GaussianMixture(1).fit(lazy[["a", "b"]], sample_weight=lazy["w"])
    np.testing.assert_allclose(fitted.means_[0], FRAME.mean(), rtol=1e-10)


COLUMNS = {
    "nullable": FRAME.convert_dtypes(),
    "nullable integers": FRAME.round(0).convert_dtypes(),
    "bool": FRAME.assign(ok=FRAME.a > 0),
    "nullable bool": FRAME.assign(ok=(FRAME.a > 0).astype("boolean")),
    "float32 and int8": FRAME.assign(a=FRAME.a.astype("f4"), c=np.arange(180, dtype="i1") // 2),
    "arrow": FRAME.astype("double[pyarrow]"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_dask_frames_are_those_of_pandas(name):
    pytest.importorskip("pyarrow")
    frame = COLUMNS[name]
    here = GaussianMixture(1).fit(frame)
    lazy = frames.from_pandas(frame, npartitions=3)
    there = GaussianMixture(1).fit(lazy)
    np.testing.assert_allclose(there.means_, here.means_, rtol=1e-6)
    np.testing.assert_allclose(
        there.score_samples(lazy).compute(), here.score_samples(frame), rtol=1e-5
    )


def test_decimals_of_arrow_have_means_with_all_digits():
    arrow = pytest.importorskip("pyarrow")
    whole = FRAME.round(0)
    decimals = whole.astype("int64").astype(pandas.ArrowDtype(arrow.decimal128(38, 0)))
    for rows in (decimals, frames.from_pandas(decimals, npartitions=3)):
        fitted = GaussianMixture(1).fit(rows)
        np.testing.assert_allclose(fitted.means_[0], whole.mean(), rtol=1e-12)


WRONG = {
    "category": FRAME.round(0).astype("category").b,
    "datetime64": pandas.Series(pandas.Timestamp("2020-01-01"), FRAME.index),
    "timedelta64": pandas.Series(pandas.Timedelta("1s"), FRAME.index),
    "complex128": FRAME.b + 1j,
}


@pytest.mark.parametrize("kind", WRONG)
def test_columns_that_are_no_numbers_are_named(kind):
    frame = FRAME.assign(odd=WRONG[kind])
    for rows in (frame, frames.from_pandas(frame, npartitions=2)):
        with pytest.raises(DataError, match=rf"no real numbers: odd \({kind}"):
            GaussianMixture(1).fit(rows)
    text = frames.from_pandas(FRAME.assign(odd="x"), npartitions=2)
    with pytest.raises(DataError, match=r"no real numbers: odd \("):
        GaussianMixture(1).fit(text)
    text = frames.from_pandas(FRAME.assign(b="x"), npartitions=2)
    with pytest.raises(DataError, match=r"no real numbers: b \("):
        GaussianMixture(1).fit(FRAME).predict(text)


def test_nullable_missing_values_are_refused_as_missing():
    frame = FRAME.convert_dtypes()
    frame.iloc[3, 0] = None
    for rows in (frame, frames.from_pandas(frame, npartitions=2)):
        with pytest.raises(DataError, match=r"1 value.*NaN"):
            GaussianMixture(1).fit(rows)


def test_labels_that_are_no_set_are_no_order():
    assert label_order([1, 2], [1, 2]) is None
    assert label_order([1, np.nan], [1, np.nan]) is None
    np.testing.assert_array_equal(label_order([b"b", b"a"], ["a", "b"]), [1, 0])
    for found in ([1, 1, 2], [1, 2], [1.0, 2.0, 4.0], ["1", "2", "4"]):
        with pytest.raises(LookupError, match="there are 3 from 1 to 3"):
            label_order([1, 2, 3], found)
    with pytest.raises(LookupError, match="none"):
        label_order([1, 2], da.zeros(0).compute())
