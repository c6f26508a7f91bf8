"""NIfTI: a row for each voxel, a feature for each volume."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.grid import Region
from dgmm.io.sources.files import list_files
from dgmm.io.sources.format import DatasetMetadata, Format, check_no_selection, column_indices
from dgmm.io.sources.selection import Selection
from dgmm.io.storage.location import AnyPath, open_binary
from dgmm.optional_packages import import_optional

_SUFFIXES = (".nii", ".nii.gz")
_HEADER_BYTES = 540  # of NIfTI-2, more than of NIfTI-1
_DIMS = ("i", "j", "k")  # of voxels, as nibabel calls them


def _matches(path: AnyPath) -> bool:
    return path.name.lower().endswith(_SUFFIXES)


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    check_no_selection(path, replace(selection, columns=()))
    with _open_voxels(path) as voxels:
        if not 3 <= voxels.ndim <= 4:
            raise DataError(f"{path} has {voxels.ndim} dimensions, expected 3, or 4 with volumes.")
        first = np.asarray(voxels[(slice(0, 1),) * voxels.ndim])
    names = _volume_names(voxels)
    volumes = selection.columns or names
    column_indices(path, volumes, names)
    return DatasetMetadata(
        shape=(*voxels.shape[:3], len(volumes)),
        dtype=first.dtype,
        storage_chunks=(*voxels.shape[:2], 1),
        files=list_files(path),
        description=f"NIfTI of {' x '.join(map(str, voxels.shape))} voxels",
        selection=selection,
        feature_names=volumes,
        dims=_DIMS,
    )


def _volume_names(voxels: Any) -> tuple[str, ...]:
    if voxels.ndim == 3:
        return ("volume",)
    return tuple(f"volume[{i}]" for i in range(voxels.shape[3]))


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    with _open_voxels(path) as voxels:
        values = np.asarray(voxels[region])
    names = _volume_names(voxels)
    chosen = column_indices(path, selection.columns or names, names)
    if values.ndim == 3:
        values = values[..., None]
    return values.reshape(-1, len(names))[:, chosen]


@contextmanager
def _open_voxels(path: AnyPath) -> Iterator[Any]:
    """Scaled values, which are read when they are sliced."""
    library = import_optional(
        "nibabel", f"{path} is NIfTI, and reading it needs nibabel", "dgmm[nifti]"
    )
    if isinstance(path, Path):
        yield library.load(path).dataobj
        return
    with open_binary(path) as stored:
        file = gzip.GzipFile(fileobj=stored) if path.name.lower().endswith(".gz") else stored
        is_second = library.Nifti2Image.header_class.may_contain_header(file.read(_HEADER_BYTES))
        file.seek(0)
        image = library.Nifti2Image if is_second else library.Nifti1Image
        yield image.from_stream(file).dataobj


FORMAT = Format("nifti", _matches, _describe, _read)
