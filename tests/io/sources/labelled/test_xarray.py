"""Labelled datasets: NetCDF of every kind, and Zarr as xarray writes it."""

import importlib.util
import itertools

import numpy as np
import pytest
import xarray
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.errors import ConfigurationError, DataError, InputChangedError, MissingExtraError, advise
from dgmm.io.sources.labelled import xarray_files
from dgmm.io.sources.labelled.cell_area import relative_areas
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source
from dgmm.run.config.advice import REMEDIES

SHAPE = {"time": 5, "depth": 3, "lat": 4, "lon": 6}
DIMS = ("time", "lat", "lon")


def ocean(seed=0):
    """Temperature by depth, salinity at the surface, a mask that has no time."""
    random = np.random.default_rng(seed)
    sizes = tuple(SHAPE.values())
    return xarray.Dataset(
        {
            "temp": (tuple(SHAPE), random.normal(10, 3, sizes).astype(np.float32)),
            "salt": (DIMS, random.normal(35, 1, (5, 4, 6)).astype(np.float32)),
            "basin": (("lon", "lat"), random.integers(1, 4, (6, 4)).astype(np.int8)),
        },
        coords={
            "time": (
                "time",
                np.arange("2020-01", "2020-06", dtype="datetime64[M]").astype("M8[ns]"),
            ),
            "depth": ("depth", [0.0, 5.0, 10.0], {"units": "m", "positive": "down"}),
            "lat": ("lat", [-60.0, -20.0, 20.0, 60.0], {"units": "degrees_north"}),
            "lon": ("lon", np.arange(0.0, 360.0, 60.0), {"units": "degrees_east"}),
            "area": (("lat", "lon"), random.uniform(1, 2, (4, 6)), {"units": "km2"}),
        },
    )


def write(dataset, folder, kind, encoding=None):
    """Write it as one of the kinds that xarray knows, in chunks where the kind has them."""
    options = {"encoding": encoding} if encoding else {}
    if kind.startswith("zarr"):
        path, version = folder / "x.zarr", int(kind[-1])
        consolidated = version == 2  # in version 3 it is an extension, of which zarr warns
        dataset.to_zarr(path, zarr_format=version, consolidated=consolidated, **options)
    else:
        engine, _, version = kind.partition(":")
        path = folder / "x.nc"
        dataset.to_netcdf(path, engine=engine, format=version or None, **options)
    return path


KINDS = ["zarr3", "zarr2", "h5netcdf", "scipy", "scipy:NETCDF3_64BIT"]


def opened(path, variables=("temp", "salt"), dims=DIMS, partition_size=400, **options):
    selection = Selection(variables=variables, sample_dims=dims, **options)
    return open_source(path, selection=selection, partition_size=partition_size)


def cells(source, array=None):
    """What a source reads, laid out on its grid, so that blocks and orders do not show."""
    blocks = source.blocks if array is None else array[:, None]
    found = np.empty((*source.grid.shape, blocks.shape[1]), blocks.dtype)
    for number in range(len(source.grid.block_rows)):
        region = source.grid.region(number)
        block = blocks.blocks[number].compute(scheduler="synchronous")
        found[region] = block.reshape(found[region].shape)
    return found


def expected(dataset, variables, dims):
    """The same by xarray itself, slowly."""
    full = xarray.DataArray(np.zeros([dataset.sizes[dim] for dim in dims]), dims=dims)
    tables = []
    for name in variables:
        array = dataset[name]
        others = [dim for dim in array.dims if dim not in dims]
        spread = array.drop_vars(array.coords).broadcast_like(full)
        for place in itertools.product(*(range(array.sizes[dim]) for dim in others)):
            chosen = spread.isel(dict(zip(others, place, strict=True)))
            tables.append(chosen.transpose(*dims).values)
    return np.stack(tables, axis=-1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_xarray_wrote_is_read(tmp_path, kind):
    dataset = ocean()
    source = opened(write(dataset, tmp_path, kind))
    assert source.format == "xarray"
    assert source.grid.dims == DIMS
    assert source.grid.shape == (5, 4, 6)
    assert source.blocks.npartitions > 2
    assert source.blocks.dtype == np.float32
    assert source.feature_names == ("temp[0.0]", "temp[5.0]", "temp[10.0]", "salt")
    np.testing.assert_array_equal(cells(source), expected(dataset, ("temp", "salt"), DIMS))


@pytest.mark.parametrize(
    "dims", [*itertools.permutations(DIMS), ("depth", "lat"), ("lon",)], ids=str
)
@pytest.mark.parametrize("variables", [("temp",), ("basin", "temp")], ids=str)
def test_dimensions_of_samples_may_be_any_in_any_order(tmp_path, dims, variables):
    dataset = ocean()
    source = opened(write(dataset, tmp_path, "zarr3"), variables, dims)
    assert source.grid.dims == dims
    found = cells(source)
    np.testing.assert_array_equal(found, expected(dataset, variables, dims))
    assert found.shape[-1] == len(source.feature_names)


@pytest.mark.parametrize("kind", ["zarr3", "zarr2", "h5netcdf", "scipy"])
def test_packed_integers_are_decoded_and_fill_values_are_missing(tmp_path, kind):
    dataset = ocean()[["temp"]]
    dataset["temp"][2, 1] = np.nan
    packing = {"dtype": "int16", "scale_factor": np.float32(0.01), "_FillValue": np.int16(-32768)}
    path = write(dataset, tmp_path, kind, {"temp": packing})
    options = {"consolidated": False} if kind == "zarr3" else {}
    with xarray.open_dataset(path, **options) as again:
        whole = expected(again, ("temp",), DIMS)
    source = opened(path, ("temp",))
    assert source.blocks.dtype == whole.dtype
    # what is a float32 attribute elsewhere is a number in the JSON of Zarr
    assert kind.startswith("zarr") or whole.dtype == np.float32
    found = cells(source)
    np.testing.assert_array_equal(found, whole)
    assert np.isnan(found).sum() == np.isnan(dataset["temp"]).sum() == 24


@pytest.mark.parametrize("kind", ["zarr3", "h5netcdf"])
@pytest.mark.parametrize("chunks", [(1, 3, 4, 6), (2, 1, 3, 5), (5, 3, 1, 1)])
def test_storage_chunks_show_in_the_blocks_and_not_in_the_values(tmp_path, kind, chunks):
    dataset = ocean()[["temp"]]
    name = "chunks" if kind == "zarr3" else "chunksizes"
    source = opened(write(dataset, tmp_path, kind, {"temp": {name: chunks}}), ("temp",))
    assert source.storage_chunks == (chunks[0], *chunks[2:])
    np.testing.assert_array_equal(cells(source), expected(dataset, ("temp",), DIMS))


def test_shards_are_read_whole(tmp_path):
    dataset = ocean()[["salt"]]
    encoding = {"salt": {"chunks": (1, 2, 3), "shards": (2, 4, 3)}}
    source = opened(write(dataset, tmp_path, "zarr3", encoding), ("salt",))
    assert source.storage_chunks == (2, 4, 3)
    np.testing.assert_array_equal(cells(source), expected(dataset, ("salt",), DIMS))


def test_features_are_chosen_by_name(tmp_path):
    path = write(ocean(), tmp_path, "zarr3")
    source = opened(path, columns=("salt", "temp[5.0]"))
    assert source.feature_names == ("salt", "temp[5.0]")
    np.testing.assert_array_equal(cells(source), cells(opened(path))[..., [3, 1]])


def test_a_file_that_is_replaced_is_opened_again(tmp_path):
    path = write(ocean(), tmp_path, "h5netcdf")
    first = opened(path)
    cells(first)
    other = ocean(seed=1)
    (tmp_path / "new").mkdir()
    write(other, tmp_path / "new", "h5netcdf").replace(path)
    second = opened(path)
    assert second.fingerprint != first.fingerprint
    np.testing.assert_array_equal(cells(second), expected(other, ("temp", "salt"), DIMS))
    write(ocean().isel(lat=slice(2)), tmp_path / "new", "h5netcdf").replace(path)
    with pytest.raises(
        InputChangedError, match=r"x\.nc has the dimensions time 5, depth 3, lat 2, .*fewer than"
    ):
        cells(second)


# --- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zarr3", "scipy"])
def test_weights_are_a_variable_spread_over_the_samples(tmp_path, kind):
    dataset = ocean()
    source = opened(write(dataset, tmp_path, kind), weights=Weights("area"))
    assert source.weights.chunks == source.blocks.chunks[:1]
    spread = np.broadcast_to(dataset["area"].values, (5, 4, 6))
    np.testing.assert_array_equal(cells(source, source.weights)[..., 0], spread)


def test_weights_of_a_grid_may_lie_in_another_dataset_on_it(tmp_path):
    path = write(ocean(), tmp_path, "zarr3")
    other = write(ocean(seed=1), tmp_path, "h5netcdf")
    source = opened(path, weights=Weights("area", str(other)))
    spread = np.broadcast_to(ocean(seed=1)["area"].values, (5, 4, 6))
    np.testing.assert_array_equal(cells(source, source.weights)[..., 0], spread)
    np.save(tmp_path / "w.npy", np.ones(120))
    with pytest.raises(ConfigurationError, match=r"w\.npy cannot hold weights on a grid of time x"):
        opened(path, weights=Weights(path=str(tmp_path / "w.npy")))


def test_weights_with_other_dimensions_are_refused(tmp_path):
    path = write(ocean(), tmp_path, "zarr3")
    with pytest.raises(DataError, match=r"shape \(5, 4, 6, 3\), expected \(5, 4, 6\)"):
        opened(path, ("salt",), weights=Weights("temp"))


def test_weights_by_the_area_of_cells(tmp_path):
    dataset = ocean()
    source = opened(write(dataset, tmp_path, "zarr3"), weights=Weights(cell_area="lat"))
    found = cells(source, source.weights)[..., 0]
    zones = np.diff(np.sin(np.deg2rad([-80, -40, 0, 40, 80])))
    areas = zones / zones.mean()
    np.testing.assert_allclose(found, np.broadcast_to(areas[:, None], (5, 4, 6)), rtol=1e-14)
    dataset["lat"].attrs["bounds"] = "lat_bnds"
    edges = np.array([-90.0, -40, 0, 40, 90])
    dataset["lat_bnds"] = (("lat", "edge"), np.stack([edges[:-1], edges[1:]], axis=1))
    (tmp_path / "b").mkdir()
    source = opened(write(dataset, tmp_path / "b", "h5netcdf"), weights=Weights(cell_area="lat"))
    zones = np.diff(np.sin(np.deg2rad(edges)))
    found = cells(source, source.weights)[0, :, 0, 0]
    np.testing.assert_allclose(found, zones / zones.mean(), rtol=1e-14)


def test_areas_of_a_sphere_add_up_to_it():
    latitudes = np.linspace(-89.5, 89.5, 180)
    areas = relative_areas(latitudes)
    np.testing.assert_allclose(areas.sum(), 180, rtol=1e-13)
    np.testing.assert_allclose(areas, areas[::-1], rtol=1e-10)
    np.testing.assert_allclose(areas, relative_areas(latitudes[::-1]), rtol=1e-10)
    cosines = np.cos(np.deg2rad(latitudes))
    np.testing.assert_allclose(areas, cosines / cosines.mean(), rtol=1e-10)


@pytest.mark.parametrize(
    ("latitudes", "bounds", "text"),
    [
        ([0.0, 95.0], None, "between -90 and 90"),
        ([0.0, np.nan], None, "must be finite"),
        ([0.0, 2.0, 1.0], None, "rise or fall"),
        ([3.0], None, "One latitude alone needs bounds"),
        ([3.0], [[1.0, 95.0]], "Bounds of latitudes must be between"),
        ([3.0, 4.0], [[1.0, 2.0]], r"theirs is \(1, 2\)"),
        ([3.0], [[1.0, 1.0]], "must be apart"),
    ],
)
def test_what_is_no_latitude_is_refused(latitudes, bounds, text):
    with pytest.raises(DataError, match=text):
        relative_areas(np.array(latitudes), None if bounds is None else np.array(bounds))


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "error", "text"),
    [
        (Selection(), ConfigurationError, r"dimensions .*time 5.*sample_dims: \[NAME"),
        (Selection(("temp",), sample_dims=("tim",)), ConfigurationError, "no dimension 'tim'"),
        (
            Selection(("tmp",), sample_dims=DIMS),
            ConfigurationError,
            "no variable 'tmp'.*salt, temp",
        ),
        (Selection(sample_dims=DIMS), ConfigurationError, "2 variables with the dimensions time"),
        (Selection(("time",), sample_dims=("time",)), DataError, r"time of .*x\.nc is times"),
        (Selection(("temp",), ("temp[7.0]",), DIMS), ConfigurationError, "no column 'temp.7.0.'"),
        (
            Selection(("temp",), sample_dims=DIMS, weights=Weights(cell_area="depht")),
            ConfigurationError,
            "need a coordinate 'depht' of latitudes",
        ),
        (
            Selection(("temp",), sample_dims=DIMS, weights=Weights(cell_area="area")),
            ConfigurationError,
            "found .'lat', 'lon'",
        ),
        (
            Selection(("temp",), sample_dims=("depth",), weights=Weights(cell_area="depth")),
            DataError,
            "are in m, expected degrees_north",
        ),
    ],
)
def test_wrong_choices_say_what_there_is(tmp_path, selection, error, text):
    path = write(ocean(), tmp_path, "scipy")
    with pytest.raises(error, match=text), advise(REMEDIES):
        open_source(path, selection=selection)


def test_text_is_no_feature(tmp_path):
    dataset = xarray.Dataset({"name": ("x", np.array(["a", "b"], dtype=object))})
    path = write(dataset, tmp_path, "h5netcdf")
    with pytest.raises(DataError, match=r"variable name of .*x\.nc is of dtype"):
        opened(path, ("name",), ("x",))


@pytest.mark.parametrize("content", [b"", b"CD", b"hello world"])
def test_other_files_are_told_from_netcdf(tmp_path, content):
    (tmp_path / "x.nc").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.nc begins with b'.*as neither NetCDF nor HDF5"):
        opened(tmp_path / "x.nc")


@pytest.mark.parametrize(
    ("absent", "extra"), [("xarray", "xarray"), ("h5py", "netcdf"), ("h5netcdf", "netcdf")]
)
def test_missing_libraries_are_named_with_the_extra(tmp_path, monkeypatch, absent, extra):
    path = write(ocean(), tmp_path, "h5netcdf")

    def find_spec(name):
        return None if name in (absent, "netCDF4") else object()

    monkeypatch.setattr(xarray_files.importlib.util, "find_spec", find_spec)
    with pytest.raises(MissingExtraError, match=rf'x\.nc .*pip install "dgmm\[{extra}\]"'):
        opened(path)


def test_a_chunk_that_is_lost_is_not_taken_for_missing_values(tmp_path):
    path = write(ocean(), tmp_path, "zarr3", {"temp": {"chunks": (1, 3, 4, 6)}})
    source = opened(path)
    (path / "temp" / "c" / "3" / "0" / "0" / "0").unlink()
    with (
        pytest.raises(DataError, match=r"no chunk .*temp/c/3/0/0/0.*missing_chunks"),
        advise(REMEDIES),
    ):
        cells(source)
    (path / "temp" / "c" / "4" / "0" / "0" / "0").unlink()  # one more than other files make up for
    with pytest.raises(DataError, match=r"no chunk .*temp/c/3/0/0/0"):
        opened(path)
    found = cells(opened(path, missing_chunks="fill"))
    assert np.isnan(found[3:, ..., :3]).all()
    assert np.isfinite(found[:3]).all()


@pytest.mark.parametrize("name", ["part?.npy", "*.h5"])
def test_a_pattern_of_what_is_no_table_is_refused_as_such(tmp_path, name):
    with pytest.raises(ConfigurationError, match=r"is a pattern, which is for Parquet; .*joined"):
        open_source(tmp_path / name)


def test_validate_and_plan_refuse_a_pattern_of_netcdf(tmp_path):
    (tmp_path / "c.yaml").write_text(
        f"input: {{path: '{tmp_path}/gl_*.nc', variables: t, sample_dims: [y]}}\n"
        f"model: {{n_components: 1}}\noutput: {{path: {tmp_path}/out, report: false}}\n"
    )
    for command in ("validate", "plan"):
        outcome = CliRunner().invoke(dgmm, [command, str(tmp_path / "c.yaml")])
        assert outcome.exit_code == 78
        assert "patterns are for Parquet" in outcome.output


def test_what_reads_the_fifth_kind_of_netcdf_is_named(tmp_path, monkeypatch):
    (tmp_path / "x.nc").write_bytes(b"CDF\x05" + bytes(40))
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "netCDF4" else found(name)
    )
    with pytest.raises(MissingExtraError, match=r"needs netCDF4, .*: pip install netCDF4$"):
        open_source(tmp_path / "x.nc", selection=Selection(sample_dims=("y",)))
