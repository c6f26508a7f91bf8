"""Samples of images and volumes, each written and read by a library of its format."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sample import GRID, Rows, Sample

_VOLUME = (10, 12, 10)


def _write_geotiff(folder: Path, x: Rows) -> Path:
    import rasterio

    height, width = GRID
    profile = {"height": height, "width": width, "count": 3, "dtype": "float32", "crs": 32632}
    place = rasterio.transform.from_origin(5e5, 5e6, 30, 30)
    tiles = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    with rasterio.open(folder / "x.tif", "w", transform=place, **profile, **tiles) as raster:
        raster.write(x.T.reshape(3, height, width))
    return folder / "x.tif"


def read_geotiff(path: Path) -> NDArray[Any]:
    """Pixels; NaN where they are masked."""
    import rasterio

    with rasterio.open(path) as raster:
        bands = raster.read(masked=True).astype(float).filled(np.nan)
    return bands.reshape(len(bands), -1).T


def _write_nifti(folder: Path, x: Rows) -> Path:
    import nibabel

    image = nibabel.Nifti1Image(x.reshape(*_VOLUME, 3), np.diag([2.0, 2.0, 3.0, 1.0]))
    nibabel.save(image, folder / "x.nii.gz")
    return folder / "x.nii.gz"


def read_nifti(path: Path) -> NDArray[Any]:
    """Voxels and their volumes."""
    import nibabel

    voxels = nibabel.load(path).get_fdata()
    return voxels.reshape(-1, voxels.shape[3] if voxels.ndim == 4 else 1)


def _write_ome_zarr(folder: Path, x: Rows) -> Path:
    from ome_zarr.writer import write_image

    pixels = x.astype(np.uint16).T.reshape(3, *GRID)
    write_image(pixels, str(folder / "x.ome.zarr"), axes="cyx")
    return folder / "x.ome.zarr"


def _read_ome_zarr(path: Path) -> NDArray[Any]:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    (node,) = Reader(parse_url(str(path)))()
    return np.asarray(node.data[0]).reshape(3, -1).T


def _write_image(folder: Path, x: Rows, suffix: str) -> Path:
    from PIL import Image

    path = folder / f"x{suffix}"
    Image.fromarray(x.astype(np.uint8).reshape(*GRID, 3)).save(path)
    return path


def read_image(path: Path) -> NDArray[Any]:
    """Pixels and their colours."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).reshape(-1, 3)


SAMPLES = (
    Sample("GeoTIFF", "rasterio", _write_geotiff, read_geotiff),
    Sample("NIfTI", "nibabel", _write_nifti, read_nifti),
    Sample("OME-Zarr", "ome-zarr", _write_ome_zarr, _read_ome_zarr),
    Sample("PNG", "pillow", lambda folder, x: _write_image(folder, x, ".png"), read_image),
    Sample("JPEG", "pillow", lambda folder, x: _write_image(folder, x, ".jpg"), read_image),
)
