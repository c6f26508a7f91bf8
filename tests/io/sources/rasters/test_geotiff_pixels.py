"""GeoTIFF: bands as features, what is masked as missing, and where the pixels lie."""

import sys

import numpy as np
import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.errors import ConfigurationError, MissingExtraError
from dgmm.io.results.result import open_result
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.run import loads, run, score

rasterio = pytest.importorskip("rasterio", reason="needs rasterio")


@pytest.fixture(scope="module")
def pixels():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 2, (40, 30))
    return (100 + 400 * kind[None] + rng.normal(scale=30, size=(3, 40, 30))).astype("u2")


def write(path, pixels, names=(), scale=None, **options):
    transform = rasterio.Affine(30.0, 0.0, 500_000.0, 0.0, -30.0, 4_200_000.0)
    profile = {"driver": "GTiff", "crs": "EPSG:32633", "transform": transform}
    shape = {"count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2]}
    with rasterio.open(path, "w", **profile, **shape, dtype=pixels.dtype, **options) as raster:
        raster.write(pixels)
        for i, name in enumerate(names, 1):
            raster.set_band_description(i, name)
        if scale is not None:
            raster.scales = (scale,) * len(pixels)
    return path


def opened(path, partition_size=1_500, **selection):
    return open_source(path, selection=Selection(**selection), partition_size=partition_size)


def cells(source):
    table = np.empty((*source.grid.shape, source.blocks.shape[1]))
    for block in range(len(source.grid.block_rows)):
        region = source.grid.region(block)
        rows = source.blocks.blocks[block].compute(scheduler="synchronous")
        table[region] = rows.reshape(table[region].shape)
    return table


@pytest.mark.parametrize("tiles", [{}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_bands_are_features_on_the_grid_of_the_pixels(tmp_path, pixels, tiles):
    path = write(tmp_path / "x.tif", pixels, ("red", "nir", "swir"), **tiles)
    source = opened(path)
    assert (source.grid.dims, source.feature_names) == (("y", "x"), ("red", "nir", "swir"))
    assert source.blocks.dtype == np.uint16
    np.testing.assert_array_equal(cells(source), np.moveaxis(pixels, 0, -1))
    y, x = source.coordinates
    assert source.read_coordinate(x, (slice(0, 2),)).tolist() == [500_015, 500_045]
    assert source.read_coordinate(y, (slice(1, 3),)).tolist() == [4_199_955, 4_199_925]
    np.testing.assert_array_equal(cells(opened(path, columns=("swir",)))[..., 0], pixels[2])
    with pytest.raises(ConfigurationError, match="no column 'blue'"):
        opened(path, columns=("blue",))


def test_pixels_without_data_are_missing_and_scales_are_applied(tmp_path, pixels):
    holes = pixels.copy()
    holes[:, :5] = 0
    source = opened(write(tmp_path / "x.tif", holes, nodata=0, scale=0.001))
    assert source.feature_names == ("band_1", "band_2", "band_3")
    found = cells(source)
    assert np.isnan(found[:5]).all()
    np.testing.assert_allclose(found[5:], np.moveaxis(pixels, 0, -1)[5:] * 0.001, rtol=1e-12)


def test_runs_and_scores_are_those_of_the_array(tmp_path, pixels):
    path = write(tmp_path / "x.tif", pixels)
    np.save(tmp_path / "x.npy", np.moveaxis(pixels, 0, -1).reshape(-1, 3))
    found = {}
    for name, place in (("a", tmp_path / "x.npy"), ("b", path)):
        text = f"""
        input: {{path: {place}}}
        model: {{n_components: 2, covariance_type: full}}
        output: {{path: {tmp_path / name}, report: false}}
        cluster: {{kind: threads}}
        """
        run(loads(text))
        found[name] = open_result(tmp_path / name).assignments["labels"][:].ravel()
        (tmp_path / "c.yaml").write_text(text)
        assert CliRunner().invoke(dgmm, ["plan", str(tmp_path / "c.yaml")]).exit_code == 0
    np.testing.assert_array_equal(found["a"], found["b"])
    score(open_result(tmp_path / "b"), loads(text.replace(f"{tmp_path}/b", f"{tmp_path}/scored")))
    scored = open_result(tmp_path / "scored").assignments["labels"][:].ravel()
    np.testing.assert_array_equal(scored, found["b"])


def test_what_reads_it_is_named(tmp_path, pixels, monkeypatch):
    path = write(tmp_path / "x.tif", pixels)
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(MissingExtraError, match=r'pip install "dgmm\[geotiff\]"'):
        opened(path)
