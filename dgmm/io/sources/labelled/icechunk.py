"""Icechunk: a labelled dataset of one snapshot of a repository.

A snapshot never changes, so that its name is the fingerprint of what is read.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError, StorageError
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import FileInfo
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.labelled.labelled_rows import (
    describe_dataset,
    read_coordinate,
    read_dataset,
    select_weights,
)
from dgmm.io.sources.labelled.xarray_files import open_lazily
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.zarr_layouts import is_icechunk
from dgmm.io.storage.location import AnyPath
from dgmm.optional_packages import import_optional
from dgmm.text import join_names

if TYPE_CHECKING:  # it is optional
    import xarray

    from dgmm.io.storage.object_store import StorePath

_MAIN = "main"
_S3 = ("s3", "s3a")
_MOST_OPEN = 8  # datasets a process


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    snapshot = _find_snapshot(path, selection.version)
    found = describe_dataset(
        path, _open(path, snapshot, os.getpid()), selection, f"Icechunk snapshot {snapshot}"
    )
    wanted = replace(found.selection, version=snapshot)
    return replace(found, files=(FileInfo(snapshot, 0, snapshot),), selection=wanted)


def _find_snapshot(path: AnyPath, version: int | str | None) -> str:
    """The snapshot of a branch or a tag, or the one that is named; the last of main if None."""
    with _translate_errors(path):
        repository = _open_repository(path)
        branches, tags = sorted(repository.list_branches()), sorted(repository.list_tags())
        if version is None and _MAIN in branches:
            return str(repository.lookup_branch(_MAIN))
        if version in branches:
            return str(repository.lookup_branch(version))
        if version in tags:
            return str(repository.lookup_tag(version))
    try:
        return str(repository.readonly_session(snapshot_id=str(version)).snapshot_id)
    except _library(path).IcechunkError as error:
        raise ConfigurationError(
            f"{path} has no version {version!r}; expected a branch ({join_names(branches)}), a tag "
            f"({join_names(tags) or 'there is none'}) or the name of a snapshot."
        ) from error


@lru_cache(maxsize=_MOST_OPEN)
def _open(path: AnyPath, snapshot: str, process: int) -> "xarray.Dataset":
    del process  # equal arguments mean the same dataset, opened in this process
    with _translate_errors(path):
        session = _open_repository(path).readonly_session(snapshot_id=snapshot)
        return open_lazily(session.store, "zarr", consolidated=False)


def _open_repository(path: AnyPath) -> Any:
    library = _library(path)
    if isinstance(path, Path):
        return library.Repository.open(library.local_filesystem_storage(str(path)))
    if path.protocol not in _S3:
        raise DataError(
            f"{path} is an Icechunk repository in an object store that is not S3, which is not "
            "read there. Copy a version of it to plain Zarr."
        )
    return library.Repository.open(_s3_storage(library, path))


def _s3_storage(library: Any, path: "StorePath") -> Any:
    """How Icechunk, which has a client of its own, reaches what fsspec's options lead to."""
    bucket, _, prefix = path.path.partition("/")
    options = path.storage_options
    endpoint, is_public = options.get("endpoint_url"), bool(options.get("anon"))
    return library.s3_storage(
        bucket=bucket,
        prefix=prefix,
        region=options.get("client_kwargs", {}).get("region_name"),
        endpoint_url=endpoint,
        allow_http=(endpoint or "").startswith("http://"),
        force_path_style=endpoint is not None,
        anonymous=is_public or None,
        from_env=None if is_public else True,
    )


def _library(path: AnyPath) -> Any:
    need = f"{path} is an Icechunk repository, and reading it needs icechunk"
    import_optional("xarray", f"{path} is read through xarray", "dgmm[icechunk]")
    return import_optional("icechunk", need, "dgmm[icechunk]")


@contextmanager
def _translate_errors(path: AnyPath) -> Iterator[None]:
    """Errors of Icechunk in one line: they go on with where in its code they come from."""
    try:
        yield
    except _library(path).IcechunkError as error:
        first = str(error).strip().partition("\n")[0].removeprefix("x ")
        raise StorageError(f"{path} cannot be read: {first}.") from error


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    dataset = _open(path, str(selection.version), os.getpid())
    with _translate_errors(path):
        return read_dataset(path, dataset, selection, region)


def _read_coordinate(
    path: AnyPath, selection: Selection, coordinate: Coordinate, region: Region
) -> NDArray[Any]:
    with _translate_errors(path):
        dataset = _open(path, str(selection.version), os.getpid())
        return read_coordinate(dataset, coordinate, region)


FORMAT = Format(
    "icechunk",
    is_icechunk,
    _describe,
    _read,
    select_weights=select_weights,
    read_coordinate=_read_coordinate,
    has_named_dims=True,
    accepts=frozenset({"version"}),
)
