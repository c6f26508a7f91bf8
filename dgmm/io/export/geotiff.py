"""A map of a result as a GeoTIFF on the grid of its samples."""

import math
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import OutputError
from dgmm.io.export.assignment_table import AssignmentTable, Columns
from dgmm.io.grid import Region
from dgmm.io.results.result import Result
from dgmm.io.storage.zarr_arrays import storage_failures
from dgmm.optional_packages import import_optional

_UNEVEN = 1e-3  # of a step, by which places may be away from a regular grid


def write_geotiff(
    table: AssignmentTable, path: Path, column: str = "label", like: str | None = None
) -> None:
    """Write a column of the assignments as bands of an image, one for each place of other axes.

    The last two dimensions of the samples are rows and columns of the image. Where these are comes
    from another image of the same grid, or from coordinates in equal steps: degrees are WGS 84.

    Parameters
    ----------
    table : AssignmentTable
    path : Path
    column : str
    like : str, optional
        An image with the same rows and columns, whose georeference is taken.

    Raises
    ------
    MissingExtraError
        If rasterio is not installed.
    OutputError
        If the samples have fewer than two dimensions, there is no such column, or the other image
        has another grid.
    """
    rasterio = _rasterio()
    grid, dtypes = table.grid, table.dtypes
    if len(grid.dims) < 2:
        raise OutputError(
            f"{table.result.path} has samples along {grid.dims[0]} only, expected the two or more "
            "dimensions of a grid or an image."
        )
    if column not in dtypes or column in table.widths or dtypes[column].kind in "TU":
        numbers = [name for name in dtypes if name not in table.widths]
        raise OutputError(f"There is no column {column!r} of numbers: {', '.join(numbers)}.")
    height, width = grid.shape[-2:]
    dtype = np.dtype(np.int16) if dtypes[column] == np.int8 else dtypes[column]
    profile = {
        "driver": "GTiff",
        "dtype": dtype.name,
        "count": math.prod(grid.shape[:-2]),
        "height": height,
        "width": width,
        "nodata": -1 if dtype.kind == "i" else np.nan,
        "compress": "deflate",
        "tiled": True,
        "BIGTIFF": "IF_SAFER",
        **_georeference(rasterio, table.result, grid.dims[-2:], (height, width), like),
    }
    with rasterio.open(path, "w", **profile) as image:
        for number in range(math.prod(grid.counts)):
            region = grid.region(number)
            _write_region(rasterio, image, table.read(region), column, region, grid.shape)
        for band in range(profile["count"]):
            image.set_band_description(band + 1, _describe_band(grid.dims, grid.shape, band))


def _write_region(
    rasterio: ModuleType,
    image: Any,
    columns: Columns,
    name: str,
    region: Region,
    shape: tuple[int, ...],
) -> None:
    extents = tuple(part.stop - part.start for part in region)
    values = columns[name].reshape(-1, *extents[-2:])
    others = np.meshgrid(*(np.arange(p.start, p.stop) for p in region[:-2]), indexing="ij")
    places = np.ravel_multi_index([o.ravel() for o in others], shape[:-2]) if others else [0]
    rows, columns_ = region[-2:]
    window = rasterio.windows.Window(columns_.start, rows.start, extents[-1], extents[-2])
    for place, band in zip(places, values, strict=True):
        image.write(band.astype(image.dtypes[0]), int(place) + 1, window=window)


def _describe_band(dims: tuple[str, ...], shape: tuple[int, ...], band: int) -> str:
    places = np.unravel_index(band, shape[:-2]) if len(shape) > 2 else ()
    return ", ".join(f"{dim}={int(i)}" for dim, i in zip(dims[:-2], places, strict=True))


def _georeference(
    rasterio: ModuleType,
    result: Result,
    dims: tuple[str, ...],
    shape: tuple[int, int],
    like: str | None,
) -> dict[str, Any]:
    if like is not None:
        with rasterio.open(like) as image:
            if image.shape != shape:
                raise OutputError(f"{like} has {image.shape} pixels, the samples {shape}.")
            return {"crs": image.crs, "transform": image.transform}
    steps = [_regular_steps(result, dim) for dim in dims]
    if any(step is None for step in steps):
        return {}
    (top, height), (left, width) = [step for step in steps if step is not None]
    transform = rasterio.transform.Affine(width, 0, left - width / 2, 0, height, top - height / 2)
    units = [str(result.coordinates[dim].attrs.get("units", "")) for dim in dims]
    is_degrees = all(unit.startswith("degree") for unit in units)
    return {"transform": transform, "crs": "EPSG:4326" if is_degrees else None}


def _regular_steps(result: Result, dim: str) -> tuple[float, float] | None:
    """First value and step of the coordinate of a dimension; None if it has none, or no step."""
    array = result.coordinates.get(dim)
    if array is None or array.shape[0] < 2 or array.dtype.kind not in "iuf":
        return None
    with storage_failures(result.path):
        values: NDArray[np.float64] = np.asarray(array[...], np.float64)
    step = (values[-1] - values[0]) / (len(values) - 1)
    ideal = values[0] + step * np.arange(len(values))
    is_regular = step != 0 and np.abs(values - ideal).max() <= _UNEVEN * abs(step)
    return (float(values[0]), float(step)) if is_regular else None


def _rasterio() -> ModuleType:
    for module in ("rasterio.windows", "rasterio.transform"):
        import_optional(module, "GeoTIFF needs rasterio", "dgmm[geotiff]")
    return import_module("rasterio")
