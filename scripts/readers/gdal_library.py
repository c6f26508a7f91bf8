"""Arrays read by the library of GDAL, through its C interface.

The library is that of rasterio's wheels: rasterio itself reads images only.
"""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

_MULTIDIMENSIONAL = 0x10
_FLOAT64 = 7
_TEXT = 1  # class of an extended data type

_POINTERS = (
    "GDALOpenEx",
    "GDALDatasetGetRootGroup",
    "GDALGroupOpenMDArrayFromFullname",
    "GDALMDArrayGetDataType",
    "GDALMDArrayGetDimensions",
    "GDALExtendedDataTypeCreate",
    "GDALExtendedDataTypeCreateString",
)


def _load() -> ctypes.CDLL:
    (path,) = (Path(rasterio.__file__).parents[1] / "rasterio.libs").glob("libgdal*.so*")
    library = ctypes.CDLL(str(path))
    for name in _POINTERS:
        getattr(library, name).restype = ctypes.c_void_p
    library.GDALDimensionGetSize.restype = ctypes.c_uint64
    library.CPLGetLastErrorMsg.restype = ctypes.c_char_p
    library.GDALVersionInfo.restype = ctypes.c_char_p
    library.CPLSetErrorHandler(_QUIET)
    library.GDALAllRegister()
    return library


_QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_int, ctypes.c_char_p)(lambda *_: None)
_GDAL = _load()


def library_version() -> str:
    """Of GDAL."""
    return str(_GDAL.GDALVersionInfo(b"RELEASE_NAME").decode())


def read(root: str, name: str) -> NDArray[Any]:
    """An array of a Zarr group, numbers as float64.

    Raises
    ------
    OSError
        With GDAL's message.
    """
    dataset = _call("GDALOpenEx", f'ZARR:"{root}"'.encode(), _MULTIDIMENSIONAL, None, None, None)
    group = _call("GDALDatasetGetRootGroup", dataset)
    array = _call("GDALGroupOpenMDArrayFromFullname", group, f"/{name}".encode(), None)
    n_dims = ctypes.c_size_t()
    found = _GDAL.GDALMDArrayGetDimensions(array, ctypes.byref(n_dims))
    dims = ctypes.cast(found, ctypes.POINTER(ctypes.c_void_p))
    shape = tuple(_GDAL.GDALDimensionGetSize(ctypes.c_void_p(dims[i])) for i in range(n_dims.value))
    kind = _GDAL.GDALExtendedDataTypeGetClass(_call("GDALMDArrayGetDataType", array))
    if kind == _TEXT:
        texts = (ctypes.c_char_p * int(np.prod(shape, dtype=int)))()
        _fill(array, shape, _call("GDALExtendedDataTypeCreateString", ctypes.c_size_t(0)), texts)
        return np.array([(text or b"").decode() for text in texts], object).reshape(shape)
    values = np.empty(shape)
    buffer = values.ctypes.data_as(ctypes.c_void_p)
    _fill(array, shape, _call("GDALExtendedDataTypeCreate", _FLOAT64), buffer)
    return values


def _fill(array: ctypes.c_void_p, shape: tuple[int, ...], kind: ctypes.c_void_p, to: Any) -> None:
    n_dims = max(1, len(shape))
    start, count = (ctypes.c_uint64 * n_dims)(), (ctypes.c_size_t * n_dims)(*shape)
    done = _GDAL.GDALMDArrayRead(
        array, start, count, None, None, kind, to, None, ctypes.c_size_t(0)
    )
    if not done:
        raise OSError(_GDAL.CPLGetLastErrorMsg().decode())


def _call(name: str, *arguments: Any) -> ctypes.c_void_p:
    """What a function of GDAL returns, which is never nothing."""
    _GDAL.CPLErrorReset()
    found = getattr(_GDAL, name)(*arguments)
    if not found:
        raise OSError(_GDAL.CPLGetLastErrorMsg().decode() or f"{name} found nothing")
    return ctypes.c_void_p(found)
