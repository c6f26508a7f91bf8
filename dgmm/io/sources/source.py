"""Open a path as lazy blocks of rows; values are read only in tasks."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from dask.array.core import Array
from numpy.typing import NDArray
from zarr.errors import BaseZarrError

from dgmm.errors import (
    ConfigurationError,
    DataError,
    DgmmError,
    InputNotFoundError,
    StorageError,
)
from dgmm.io.grid import Coordinate, FeatureGroup, Grid, Region
from dgmm.io.sources.dask_blocks import lazy_blocks, lazy_column, partition_grid, sha256_hex
from dgmm.io.sources.format import (
    DatasetMetadata,
    Format,
    Thumbnail,
    check_applicable,
    check_dtype,
    check_table,
)
from dgmm.io.sources.format_choice import choose_format
from dgmm.io.sources.labels import LabelledDataset, align_weights
from dgmm.io.sources.layout_check import warn_slow_layout
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.storage.location import (
    Location,
    absolute_location,
    input_path,
)
from dgmm.registry import FORMATS
from dgmm.text import describe_error

_CLIENTS = ("aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google")  # of object stores


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A dataset on disk as lazy blocks.

    Attributes
    ----------
    blocks : dask.array.Array of shape (n_samples, n_features)
        In the dtype that is stored; known chunks, one chunk of columns.
    weights : dask.array.Array of shape (n_samples,), or None
        In the same blocks.
    labels : dask.array.Array of shape (n_samples,), or None
        The component of each row, as far as it is known; in the same blocks.
    grid : Grid
        How the samples lie in the dataset, and in which blocks.
    feature_names : tuple of str
        ``x0, x1, ...`` where the format has no names.
    fingerprint : str
        SHA-256 (hex) of the metadata and of key, size and modification time of every stored file,
        those of weights and labels included.
    n_bytes_stored : int
        Size of those files, in bytes.
    storage_chunks : tuple of int
        Extents, in the samples' dimensions, of what storage keeps together.
    description : str
        Format, layout and dtype, for a person.
    format : str
        Name of the input format.
    coordinates : tuple of Coordinate
        Of the samples, in some of the grid's dimensions.
    selection : Selection
        What of the dataset is read.
    feature_groups : tuple of FeatureGroup
        The variables whose features these are; empty if they are none.
    location : Location
    """

    blocks: Array
    weights: Array | None
    labels: Array | None
    grid: Grid
    feature_names: tuple[str, ...]
    fingerprint: str
    n_bytes_stored: int
    storage_chunks: tuple[int, ...]
    description: str
    format: str
    coordinates: tuple[Coordinate, ...]
    selection: Selection
    feature_groups: tuple[FeatureGroup, ...]
    location: Location

    def read_coordinate(self, coordinate: Coordinate, region: Region) -> NDArray[Any]:
        """Values of a coordinate in a region of its own dimensions."""
        read = FORMATS[self.format].read_coordinate
        if read is None:
            raise LookupError(f"{self.location} has no coordinates")
        with _translate_errors(self.location, self.format):
            return read(input_path(self.location), self.selection, coordinate, region)

    def read_thumbnail(self) -> Thumbnail | None:
        """A picture of an image; None of other inputs, or, with a warning, if it is gone."""
        chosen: Format = FORMATS[self.format]
        read = chosen.read_thumbnail
        return None if read is None else read(input_path(self.location))


def open_source(
    path: str | os.PathLike[str],
    format: str = "auto",  # noqa: A002 - the name in the configuration
    selection: Selection = Selection(),  # noqa: B008 - frozen
    partition_size: int | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Source:
    """Open a dataset by its metadata alone.

    Parameters
    ----------
    path : str or path
        A file or directory that every worker sees, or ``package://PACKAGE[.SUBPACKAGE...]/FILE``
        for a file that an installed package brings along, or the URL of an object store.
    format : str
        A name in `dgmm.registry.FORMATS`, or ``"auto"``: by the name of the file.
    selection : Selection, optional
        What of it is the table; not needed if it holds one only.
    partition_size : int, optional
        Bytes that a task should read, as stored in memory; see `dgmm.io.partition`. Partitions
        depend on the dataset and on this number, never on the cluster.
    storage_options : mapping, optional
        How an object store is reached, as fsspec takes it; credentials come from the environment.

    Returns
    -------
    Source

    Raises
    ------
    InputNotFoundError
        If nothing is at ``path``.
    DataError
        If it is not a readable dataset of this format, not two-dimensional, empty, or not of real
        numbers.
    ConfigurationError
        If the format is unknown, or if the variable is missing, unknown or not applicable.
    MissingExtraError
        If an image is asked for and Pillow is not installed.
    StorageError
        If the file system refuses.
    """
    location = absolute_location(path, storage_options)
    named_dims = bool(selection.sample_dims) or len(selection.variables) > 1
    chosen = choose_format(location, format, named_dims=named_dims)
    check_applicable(chosen, location, selection)
    stored = _describe(chosen, location, selection)
    check_table(stored, location)
    _refuse_missing(chosen, location, stored)
    facts, files = [chosen.name, stored.identity()], {*stored.files}
    grid = partition_grid(location, stored, partition_size)
    warn_slow_layout(chosen, location, stored, grid)
    columns = {}
    for name, place in selection.beside.items():
        other = _open_column(chosen, location, stored, place, name)
        facts += [other.format.name, other.stored.identity()]
        files |= {*other.stored.files}
        columns[name] = lazy_column(
            other.format.read, other.location, other.stored, grid, sha256_hex(*facts), name
        )
    fingerprint = sha256_hex(*facts)
    return Source(
        blocks=lazy_blocks(chosen.read, location, stored, grid, fingerprint),
        weights=columns.get("weights"),
        labels=columns.get("labels"),
        grid=grid,
        feature_names=stored.feature_names or tuple(f"x{j}" for j in range(stored.n_features)),
        fingerprint=fingerprint,
        n_bytes_stored=sum(file.size for file in files),
        storage_chunks=stored.storage_chunks,
        description=f"{stored.description}, {stored.dtype.name}",
        format=chosen.name,
        coordinates=stored.coordinates,
        selection=stored.selection,
        feature_groups=stored.feature_groups,
        location=location,
    )


@dataclass(frozen=True, slots=True)
class _OpenDataset:
    location: Location
    format: Format
    stored: DatasetMetadata


def _describe(chosen: Format, location: Location, selection: Selection) -> DatasetMetadata:
    """The metadata of a dataset, not checked yet."""
    with _translate_errors(location, chosen.name):
        return chosen.describe(input_path(location), selection)


def _refuse_missing(chosen: Format, location: Location, stored: DatasetMetadata) -> None:
    if chosen.refuse_missing is not None:
        with _translate_errors(location, chosen.name):
            chosen.refuse_missing(input_path(location), stored)


def _open_column(
    chosen: Format, location: Location, rows: DatasetMetadata, place: Weights, what: str
) -> _OpenDataset:
    """The source of the weights or labels: the dataset of the rows, or another one."""
    selection = replace(rows.selection, labels=None)
    of_rows = LabelledDataset(location, rows, chosen.read_coordinate)
    if place.path is not None:
        location = absolute_location(place.path, location.options)
        chosen = choose_format(location, "auto", named_dims=len(rows.dims) > 1)
        if len(rows.dims) > 1 and not chosen.has_named_dims:
            raise ConfigurationError(
                f"{location} cannot hold {what} on a grid of {' x '.join(rows.dims)}: its format, "
                f"{chosen.name}, has no names for dimensions. Write them with xarray."
            )
        selection = Selection(sample_dims=rows.dims if chosen.has_named_dims else ())
    stored = _describe(chosen, location, chosen.select_weights(selection, place))
    name = f"The {what} {place.variable or ''}".rstrip() + f" of {location}"
    check_dtype(stored, name)
    samples = rows.shape[:-1]
    if stored.shape not in (samples, (*samples, 1)):
        raise DataError(f"{name} have shape {stored.shape}, expected {samples}: one for each row.")
    if place.path is not None:
        labelled = LabelledDataset(location, stored, chosen.read_coordinate)
        with _translate_errors(location, chosen.name):
            stored = align_weights(of_rows, labelled)
    _refuse_missing(chosen, location, stored)
    return _OpenDataset(location, chosen, stored)


@contextmanager
def _translate_errors(location: Location, format_name: str) -> Iterator[None]:
    """Turn errors that a library raises on broken metadata into one that names the dataset."""
    try:
        yield
    except DgmmError:
        raise
    except BaseZarrError as error:  # no array or group by its metadata is FileNotFoundError too
        raise _damage_error(location, format_name, error) from error
    except FileNotFoundError as error:
        raise InputNotFoundError(
            f"There is nothing at {location}, or a part of it is gone: {error}. "
            "Check the path of the input; a pattern is for Parquet."
        ) from error
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _CLIENTS:
            raise StorageError(f"{location} cannot be opened: {error}.") from error
        raise _damage_error(location, format_name, error) from error


def _damage_error(location: Location, format_name: str, error: Exception) -> DataError:
    return DataError(
        f"{location} cannot be opened as {format_name}: {describe_error(error)}. "
        "Its metadata are damaged, or it is of another format."
    )
