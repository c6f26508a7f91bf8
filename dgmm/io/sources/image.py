"""PNG and JPEG images: a row for each pixel, a feature for each colour band."""

import importlib
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError, DgmmError
from dgmm.io.grid import Region
from dgmm.io.sources.files import FileInfo, list_files
from dgmm.io.sources.format import (
    DatasetMetadata,
    Format,
    Thumbnail,
    check_no_selection,
    column_indices,
)
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath, open_binary
from dgmm.optional_packages import import_optional

_MOST_PIXELS = 300_000  # of the picture on a page
_logger = logging.getLogger(__name__)
_READERS = {
    b"\x89P": ("PngImagePlugin", "PngImageFile"),
    b"\xff\xd8": ("JpegImagePlugin", "JpegImageFile"),
}
_MOST_BYTES_PER_BYTE = 1_100  # deflate makes at most 1,032 of one, JPEG no more
_SMALL = 1 << 16
_SUFFIXES = (".png", ".jpg", ".jpeg")
_BANDS = {
    "L": ("grey",),
    "LA": ("grey", "alpha"),
    "RGB": ("red", "green", "blue"),
    "RGBA": ("red", "green", "blue", "alpha"),
}


def _matches(path: AnyPath) -> bool:
    return path.suffix.lower() in _SUFFIXES


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    check_no_selection(path, replace(selection, columns=()))
    with _open_image(path) as image:
        width, height = image.size
        mode = image.mode
    if mode not in _BANDS:
        raise DataError(
            f"{path} has colour mode {mode}, expected one of {', '.join(_BANDS)}. "
            'Convert it, for example with Pillow: image.convert("RGB").'
        )
    bands = selection.columns or _BANDS[mode]
    column_indices(path, bands, _BANDS[mode])
    return DatasetMetadata(
        shape=(height, width, len(bands)),
        dtype=np.dtype(np.uint8),
        storage_chunks=(1, width),
        files=list_files(path),
        description=f"image of {height} x {width} pixels, {mode}",
        selection=selection,
        feature_names=bands,
        dims=("y", "x"),
    )


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    pixels, mode = _decode(path, list_files(path))
    chosen = column_indices(path, selection.columns or _BANDS[mode], _BANDS[mode])
    return pixels[region].reshape(-1, pixels.shape[2])[:, chosen]


@lru_cache(maxsize=2)
def _decode(path: AnyPath, files: tuple[FileInfo, ...]) -> tuple[NDArray[Any], str]:
    """All pixels and the colour mode: parts of an image cannot be decoded alone."""
    del files  # an image that has been replaced is decoded again
    with _open_image(path) as image:
        pixels = np.asarray(image)
        return pixels.reshape(*pixels.shape[:2], -1), image.mode


@contextmanager
def _open_image(path: AnyPath) -> Iterator[Any]:
    """Open an image of any size and read its header.

    Pillow's own `open` refuses images of more than 179 million pixels as an attack. Here an image
    is refused if its file is too small for its size.

    Raises
    ------
    DataError
        If the header declares more than the file can hold.
    MissingExtraError
        If Pillow is not installed.
    """
    need = f"{path} is an image, and reading it needs Pillow"
    library = import_optional("PIL.Image", need, "dgmm[image]")
    with open_binary(path) as file:
        magic = file.read(2)
        file.seek(0, os.SEEK_END)
        n_bytes = file.tell()
        file.seek(0)
        reader = _READERS.get(magic)
        if reader is None:
            image = library.open(file)
        else:
            module, name = reader
            image = getattr(importlib.import_module(f"PIL.{module}"), name)(file)
        with image:
            declared = math.prod(image.size) * len(image.getbands())
            if declared > _MOST_BYTES_PER_BYTE * n_bytes + _SMALL:
                raise DataError(
                    f"{path} declares {image.size[0]} x {image.size[1]} pixels, more than its "
                    f"{n_bytes} bytes can hold. Its header is damaged."
                )
            yield image


def pixel_stride(shape: tuple[int, int]) -> int:
    """The stride, across and down, that takes few enough pixels of an image to show.

    Examples
    --------
    >>> pixel_stride((427, 640)), pixel_stride((3000, 4000))
    (1, 7)
    """
    return max(1, math.ceil(math.sqrt(math.prod(shape) / _MOST_PIXELS)))


def _read_thumbnail(path: AnyPath) -> Thumbnail | None:
    try:
        with _open_image(path) as image:
            pixels: NDArray[np.uint8] = np.asarray(image)
    except (DgmmError, OSError) as error:
        _logger.warning("The report shows no picture of the input: %s", error)
        return None
    height, width = pixels.shape[:2]
    step = pixel_stride((height, width))
    seen = np.ascontiguousarray(pixels[::step, ::step])
    return Thumbnail(seen.reshape(*seen.shape[:2], -1), (height, width))


FORMAT = Format("image", _matches, _describe, _read, read_thumbnail=_read_thumbnail)
