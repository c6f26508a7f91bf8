"""PNG and JPEG images: a row for each pixel, a feature for each colour band."""

import importlib
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError, MissingExtraError
from dgmm.io.location import Place, open_binary
from dgmm.io.selection import Region, Selection
from dgmm.io.stored import Format, Stored, list_files, positions, refuse_choices

_SUFFIXES = (".png", ".jpg", ".jpeg")
_BANDS = {
    "L": ("grey",),
    "LA": ("grey", "alpha"),
    "RGB": ("red", "green", "blue"),
    "RGBA": ("red", "green", "blue", "alpha"),
}


def _matches(path: Place) -> bool:
    return path.suffix.lower() in _SUFFIXES


def _describe(path: Place, selection: Selection) -> Stored:
    refuse_choices(path, replace(selection, columns=()))
    with open_binary(path) as file, pillow(path).open(file) as image:
        width, height = image.size
        mode = image.mode
    if mode not in _BANDS:
        raise DataError(
            f"{path} has colour mode {mode}, expected one of {', '.join(_BANDS)}. "
            'Convert it, for example with Pillow: image.convert("RGB").'
        )
    bands = selection.columns or _BANDS[mode]
    positions(path, bands, _BANDS[mode])
    return Stored(
        shape=(width * height, len(bands)),
        dtype=np.dtype(np.uint8),
        storage_chunks=(width,),
        files=list_files(path),
        description=f"image of {height} x {width} pixels, {mode}",
        selection=selection,
        feature_names=bands,
    )


def _read(path: Place, selection: Selection, region: Region) -> NDArray[Any]:
    with open_binary(path) as file, pillow(path).open(file) as image:
        pixels, bands = np.asarray(image), _BANDS[image.mode]
    height, width = pixels.shape[:2]
    chosen = positions(path, selection.columns or bands, bands)
    return np.array(pixels.reshape(height * width, -1)[region][:, chosen])


def pillow(path: Place) -> ModuleType:
    """Pillow, with which the image at ``path`` is opened.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return importlib.import_module("PIL.Image")  # here, because Pillow is optional
    except ImportError as error:
        raise MissingExtraError(
            f'{path} is an image, and reading it needs Pillow: pip install "dgmm[image]"'
        ) from error


FORMAT = Format("image", _matches, _describe, _read)
