"""The interface of input formats, and what their metadata tell before any value is read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError, Remedy
from dgmm.io.grid import Coordinate, FeatureGroup, Region
from dgmm.io.sources.files import FileInfo
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.storage.location import AnyPath, Location
from dgmm.text import join_names

_APPLIED_BY_SOME = {
    "where": "conditions on columns",
    "id_columns": "columns of identifiers",
    "version": "versions",
    "compensate": "compensation",
    "concat_dim": "files to join along a dimension",
    "densify": "sparse matrices to make dense",
}

Read = Callable[[AnyPath, Selection, Region], NDArray[Any]]
ReadCoordinate = Callable[[AnyPath, Selection, Coordinate, Region], NDArray[Any]]

MOST_FEATURES = 100_000  # a covariance then takes 80 GB; more is a mistake in the metadata


@dataclass(frozen=True, slots=True)
class DatasetMetadata:
    """A dataset as its metadata describe it, not checked yet.

    Attributes
    ----------
    shape : tuple of int
        Extents of the samples' dimensions, then the number of features.
    dtype : numpy.dtype
    storage_chunks : tuple of int
        Extents, in the samples' dimensions, of what is stored and therefore read together.
    files : tuple of FileInfo
        Everything that would be read, in the order of the keys.
    description : str
        For a person: the format and how it is laid out.
    selection : Selection
        What was asked for, with what was found where nothing was named.
    feature_names : tuple of str, optional
        None if the format has no names for columns.
    dims : tuple of str
        Names of the samples' dimensions.
    n_pieces : int
        Chunks, or whatever else is found and decoded by itself in a pass; 0 if there are none.
    bounds : tuple of int
        For a table that is stored in parts of different sizes: where each begins, and the number of
        rows; else empty.
    coordinates : tuple of Coordinate
        Of the samples.
    feature_groups : tuple of FeatureGroup
        The variables whose features these are, in their order; empty if they are no variables, or
        not whole ones.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    storage_chunks: tuple[int, ...]
    files: tuple[FileInfo, ...]
    description: str
    selection: Selection
    feature_names: tuple[str, ...] | None = None
    dims: tuple[str, ...] = ("sample",)
    n_pieces: int = 0
    bounds: tuple[int, ...] = ()
    coordinates: tuple[Coordinate, ...] = ()
    feature_groups: tuple[FeatureGroup, ...] = ()

    @property
    def n_samples(self) -> int:
        """Number of rows of the table."""
        return math.prod(self.shape[:-1])

    @property
    def n_features(self) -> int:
        """Number of columns of the table."""
        return self.shape[-1]

    def identity(self) -> tuple[object, ...]:
        """What a fingerprint includes; stable for the same files in every version of dgmm.

        The description is part of it: other words would give every run another name. A field that
        is added later belongs in it only where it is set.
        """
        return (
            self.shape,
            self.dtype,
            self.storage_chunks,
            tuple(astuple(file) for file in self.files),
            self.description,
            self.selection.identity(),
            self.feature_names,
            self.dims,
            self.n_pieces,
            self.bounds,
            tuple(astuple(coordinate) for coordinate in self.coordinates),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """A regular subset of the pixels of an image.

    Attributes
    ----------
    pixels : ndarray of shape (height, width, n_bands), uint8
    shape : (int, int)
        Height and width of the image itself.
    """

    pixels: NDArray[np.uint8]
    shape: tuple[int, int]


def choose_variable(selection: Selection, weights: Weights) -> Selection:
    """The variable to read as weights where a dataset holds several."""
    variables = () if weights.variable is None else (weights.variable,)
    return replace(selection, variables=variables, columns=(), weights=None)


@dataclass(frozen=True, slots=True)
class Format:
    """An input format: a few functions. Formats are registered in :mod:`dgmm.registry`.

    Attributes
    ----------
    name : str
        As in the configuration.
    matches : callable
        ``matches(path) -> bool``: does this look like the format?
    describe : callable
        ``describe(path, selection) -> DatasetMetadata``, from metadata alone.
    read : callable
        ``read(path, selection, region) -> ndarray`` of shape (samples of the region, n_features),
        for the selection that ``describe`` settled; runs in tasks, so it is importable and opens
        what it reads. Missing values of dtypes without NaN come widened, as NaN.
    refuse_missing : callable, optional
        ``refuse_missing(path, stored)`` raises if there are fewer files than parts, so that much
        that is declared and not there is refused before any of it is read.
    select_weights : callable
        ``select_weights(selection, weights) -> Selection``: for what it returns, ``describe`` and
        ``read`` find the weights of the rows that they find for ``selection``, as one feature.
    seconds_per_piece : float
        What each of a dataset's ``n_pieces`` costs a core, whatever its size.
    read_coordinate : callable, optional
        ``read_coordinate(path, selection, coordinate, region) -> ndarray`` of the region's shape,
        where ``describe`` finds coordinates; the region is one of the coordinate's dimensions.
    read_thumbnail : callable, optional
        ``read_thumbnail(path) -> Thumbnail``, of formats whose rows are the pixels of an image;
        None, with a warning, if it cannot be read any more.
    has_named_dims : bool
        Whether it can tell dimensions by their names.
    may_be_pattern : bool
        Whether a path may stand for several files.
    accepts : frozenset of str
        Those of the fields ``where``, ``id_columns``, ``version``, ``compensate``,
        ``concat_dim`` and ``densify`` of a selection that it applies.
    """

    name: str
    matches: Callable[[AnyPath], bool]
    describe: Callable[[AnyPath, Selection], DatasetMetadata]
    read: Read
    refuse_missing: Callable[[AnyPath, DatasetMetadata], None] | None = None
    select_weights: Callable[[Selection, Weights], Selection] = choose_variable
    seconds_per_piece: float = 0.0
    read_coordinate: ReadCoordinate | None = None
    read_thumbnail: Callable[[AnyPath], Thumbnail | None] | None = None
    has_named_dims: bool = False
    may_be_pattern: bool = False
    accepts: frozenset[str] = frozenset()


def check_applicable(chosen: Format, location: Location, selection: Selection) -> None:
    """Raise ConfigurationError if something is selected that the format does not apply."""
    for field, what in _APPLIED_BY_SOME.items():
        if getattr(selection, field) not in (None, False, ()) and field not in chosen.accepts:
            raise ConfigurationError(
                f"{location} is read as {chosen.name}, which has no {what}, but {field} asks for "
                "some. Leave it out."
            )


def check_dtype(stored: DatasetMetadata, name: str) -> None:
    """Raise DataError if values are no real numbers."""
    if stored.dtype.kind not in "biuf" or stored.dtype.itemsize > 8:
        raise DataError(
            f"{name} holds values of dtype {stored.dtype}, expected bool, integers or floats "
            "of up to 64 bits. Convert them, or choose another variable."
        )


def check_table(stored: DatasetMetadata, location: Location) -> None:
    """Raise DataError if a dataset is no table of real numbers."""
    check_dtype(stored, location.text)
    if len(stored.shape) == 1:
        raise DataError(
            f"{location} is one-dimensional, expected (rows, features). For one feature store it "
            f"with shape ({stored.shape[0]}, 1): values.reshape(-1, 1)."
        )
    if len(stored.shape) != 1 + len(stored.dims):
        raise DataError(
            f"{location} has shape {stored.shape}, expected two dimensions (rows, features). "
            "Store it with the axis of the features last, as a table: "
            "numpy.moveaxis(values, axis, -1).reshape(-1, n_features)."
        )
    if 0 in stored.shape or 0 in stored.storage_chunks:
        raise DataError(f"{location} is empty: its shape is {stored.shape}.")
    if stored.n_features > MOST_FEATURES:
        raise DataError(
            f"{location} declares {stored.n_features} features; at most {MOST_FEATURES} can be "
            "fitted. Are rows and columns exchanged, or its metadata damaged?"
        )


def check_no_selection(path: AnyPath, selection: Selection) -> None:
    """Raise ConfigurationError if an array is selected where a file holds only one."""
    if selection.variables:
        raise ConfigurationError(
            f"{path} holds one array, but the variable {selection.variable!r} was asked for.",
            remedy=Remedy.OMIT_VARIABLE,
        )
    check_no_weights(path, selection)
    check_no_names(path, selection)


def check_no_names(path: AnyPath, selection: Selection) -> None:
    """Raise ConfigurationError if columns or dimensions are named where none have names."""
    if selection.columns:
        raise _no_column_names(path)
    if selection.sample_dims:
        raise ConfigurationError(
            f"{path} has no names for its dimensions, but dimensions were asked for by name.",
            remedy=Remedy.OMIT_SAMPLE_DIMS,
        )


def _no_column_names(path: AnyPath) -> ConfigurationError:
    return ConfigurationError(
        f"{path} has no names for its columns, but columns were asked for by name.",
        remedy=Remedy.OMIT_COLUMNS,
    )


def check_no_weights(path: AnyPath, selection: Selection) -> None:
    """Raise ConfigurationError if weights or labels are selected that a dataset cannot hold."""
    for name, place in selection.beside.items():
        if place.path is None:
            raise ConfigurationError(
                f"{path} holds one array, and no {name} {place.variable!r} beside it.",
                remedy=Remedy.CHOOSE_WEIGHTS if name == "weights" else Remedy.CHOOSE_LABELS,
            )


def column_indices(path: AnyPath, columns: Sequence[str], names: Sequence[str] | None) -> list[int]:
    """Indices of the columns of these names.

    Raises
    ------
    ConfigurationError
        If the dataset has no names for columns, or not all of these.
    """
    if names is None:
        raise _no_column_names(path)
    unknown = [name for name in columns if name not in names]
    if unknown:
        raise ConfigurationError(
            f"{path} has no column {', '.join(map(repr, unknown))}. It has {join_names(names)}."
        )
    return [names.index(name) for name in columns]


def n_chunks(shape: Sequence[int], chunks: Sequence[int]) -> int:
    """Chunks of an array; 0 where the one or the other is empty."""
    return math.prod(-(-n // size) if size else 0 for n, size in zip(shape, chunks, strict=True))
