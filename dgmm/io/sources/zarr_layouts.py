"""Refuse directories called .zarr that are not plain tables, with advice for each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import zarr

from dgmm.errors import ConfigurationError, DataError, Remedy
from dgmm.io.storage.location import AnyPath
from dgmm.text import join_names


def is_icechunk(path: AnyPath) -> bool:
    """Whether this is a repository of Icechunk, which stores all versions of its arrays."""
    has_refs = (path / "refs").is_dir() or (path / "repo").is_file()
    return has_refs and (path / "snapshots").is_dir()


def refuse_icechunk(path: AnyPath) -> None:
    """Refuse a repository of Icechunk, which is no plain Zarr.

    Raises
    ------
    DataError
    """
    if is_icechunk(path):
        raise DataError(
            f"{path} is an Icechunk repository, not plain Zarr. Say that its format is "
            "icechunk, or leave the format out."
        )


def refuse_uneven_chunks(path: AnyPath) -> None:
    """Refuse arrays at or below a path whose chunks are not all of one size.

    They are looked for in the metadata as text, since what opens Zarr may fail on them.

    Raises
    ------
    DataError
    """
    for name, metadata in _arrays(path):
        grid = metadata.get("chunk_grid")
        kind = grid.get("name", "regular") if isinstance(grid, Mapping) else "regular"
        if kind != "regular":
            raise DataError(
                f"{name} has chunks of different sizes, a {kind} grid; expected one size. Write "
                "it again so: array.rechunk(...) of Dask makes them even."
            )


def dimension_names(array: zarr.Array[Any]) -> Sequence[Any] | None:
    """Names of the dimensions, as xarray writes them; None if they have none."""
    dims = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    return dims if isinstance(dims, Sequence) and len(dims) == array.ndim else None


def refuse_named_dimensions(path: AnyPath, array: zarr.Array[Any]) -> None:
    """Refuse an array of more than two dimensions that have names.

    Raises
    ------
    ConfigurationError
    """
    dims = dimension_names(array)
    if array.ndim > 2 and dims is not None and all(isinstance(dim, str) for dim in dims):
        extents = join_names([f"{dim} {n}" for dim, n in zip(dims, array.shape, strict=True)])
        raise ConfigurationError(
            f"{path / array.path} has the dimensions {extents}. Say which of them together are the "
            "samples; all others will be features.",
            remedy=Remedy.CHOOSE_SAMPLE_DIMS,
        )


def _arrays(path: AnyPath) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Metadata of the Zarr v3 array at a path, or of those directly below a group."""
    root = _json(path / "zarr.json")
    if root.get("node_type") == "array":
        yield str(path), root
        return
    consolidated = root.get("consolidated_metadata")
    members = consolidated.get("metadata") if isinstance(consolidated, Mapping) else None
    if isinstance(members, Mapping):
        yield from ((f"{path / name}", each) for name, each in members.items())
    elif root:
        for place in path.iterdir():
            metadata = _json(place / "zarr.json")
            if metadata.get("node_type") == "array":
                yield str(place), metadata


def _json(file: AnyPath) -> Mapping[str, Any]:
    """The JSON object of a file; an empty one if the file is missing or damaged."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}


def refuse_image_pyramid(
    path: AnyPath, attributes: Mapping[str, Any], variable: str | None
) -> None:
    """Refuse an image of OME-Zarr, whose axes are not rows and features.

    Parameters
    ----------
    path : Path or StorePath
    attributes : mapping
        Of the group.
    variable : str, optional
        What is asked for; an array that is no level of the image passes.

    Raises
    ------
    DataError
    """
    known = attributes.get("ome", attributes)
    scales = known.get("multiscales") if isinstance(known, Mapping) else None
    if not (isinstance(scales, list) and scales and isinstance(scales[0], Mapping)):
        return
    levels = [level.get("path") for level in scales[0].get("datasets", [])]
    if variable is not None and variable.strip("/") not in levels:
        return
    raise DataError(
        f"{path} is an OME-Zarr image, whose axes are not rows and features. Say that its format "
        "is ome-zarr, or leave the format out."
    )
