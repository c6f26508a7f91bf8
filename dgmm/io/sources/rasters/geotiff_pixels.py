"""GeoTIFF: a row for each pixel, a feature for each band, with the coordinates of the pixels.

Pixels that are masked, or hold the value that stands for none, are missing; scales and offsets of
bands are applied.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import list_files
from dgmm.io.sources.format import DatasetMetadata, Format, check_no_selection, column_indices
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath
from dgmm.optional_packages import import_optional

_SUFFIXES = (".tif", ".tiff")


def _matches(path: AnyPath) -> bool:
    return path.suffix.lower() in _SUFFIXES


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    check_no_selection(path, replace(selection, columns=()))
    with _open_raster(path) as raster:
        names = _band_names(raster)
        bands = selection.columns or names
        chosen = column_indices(path, bands, names)
        height, width = raster.height, raster.width
        return DatasetMetadata(
            shape=(height, width, len(bands)),
            dtype=np.result_type(*(_dtype(raster, band) for band in chosen)),
            storage_chunks=raster.block_shapes[0],
            files=list_files(path),
            description=f"GeoTIFF of {height} x {width} pixels, {raster.count} band(s)",
            selection=selection,
            feature_names=bands,
            dims=("y", "x"),
            coordinates=_coordinates(raster),
        )


def _band_names(raster: Any) -> tuple[str, ...]:
    """Descriptions of the bands where they are there and different, else their numbers."""
    named = [text or "" for text in raster.descriptions]
    if all(named) and len(set(named)) == len(named):
        return tuple(named)
    return tuple(f"band_{i}" for i in raster.indexes)


def _dtype(raster: Any, band: int) -> np.dtype[Any]:
    """That of the numbers which are meant: a float where some may be missing or are scaled."""
    stored = np.dtype(raster.dtypes[band])
    is_whole = raster.mask_flag_enums[band] == [_all_valid(raster)]
    is_plain = (raster.scales[band], raster.offsets[band]) == (1.0, 0.0)
    if is_plain:
        return stored if is_whole else np.result_type(stored, np.float32)
    return np.dtype(np.float64)


def _all_valid(raster: Any) -> Any:
    return type(raster.mask_flag_enums[0][0]).all_valid


def _coordinates(raster: Any) -> tuple[Coordinate, ...]:
    """Centres of rows and columns; none of an image that is rotated or has no place."""
    if raster.transform.is_identity or not raster.transform.is_rectilinear:
        return ()
    found = [(("y", raster.height)), (("x", raster.width))]
    crs = str(raster.crs) if raster.crs else ""
    attributes = (("crs", crs),) if crs else ()
    return tuple(Coordinate(n, (n,), (extent,), "float64", attributes) for n, extent in found)


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    with _open_raster(path) as raster:
        names = _band_names(raster)
        chosen = column_indices(path, selection.columns or names, names)
        window = tuple((part.start, part.stop) for part in region)
        dtype = np.result_type(*(_dtype(raster, band) for band in chosen))
        return _values(raster, chosen, window, dtype)


def _values(raster: Any, bands: Sequence[int], window: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Pixels of a window, shape (n_pixels, n_bands)."""
    columns = []
    for band in bands:
        pixels = raster.read(band + 1, window=window, masked=True)
        values = np.ma.getdata(pixels).astype(dtype)
        if (raster.scales[band], raster.offsets[band]) != (1.0, 0.0):
            values = values * raster.scales[band] + raster.offsets[band]
        absent = np.ma.getmaskarray(pixels)
        if absent.any():
            values[absent] = np.nan
        columns.append(values.ravel())
    return np.stack(columns, axis=1)


def _read_coordinate(
    path: AnyPath,
    selection: Selection,  # noqa: ARG001 - the signature of all formats
    coordinate: Coordinate,
    region: Region,
) -> NDArray[Any]:
    (places,) = region
    with _open_raster(path) as raster:
        transform = raster.transform
        centres = np.arange(places.start, places.stop) + 0.5
        if coordinate.name == "x":
            return np.asarray(transform.c + transform.a * centres)
        return np.asarray(transform.f + transform.e * centres)


@contextmanager
def _open_raster(path: AnyPath) -> Iterator[Any]:
    library = import_optional(
        "rasterio", f"{path} is GeoTIFF, and reading it needs rasterio", "dgmm[geotiff]"
    )
    stored = {} if isinstance(path, Path) else {"opener": path.fs}
    with library.open(path if isinstance(path, Path) else path.path, **stored) as raster:
        yield raster


FORMAT = Format("geotiff", _matches, _describe, _read, read_coordinate=_read_coordinate)
