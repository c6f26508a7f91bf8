"""Which part of a dataset to read as a table, and which rows of it."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the weight, or the label, of every row is.

    Attributes
    ----------
    variable : str, optional
        A column, or an array beside the one that holds the rows; None where ``path`` is an array.
    path : str, optional
        Another dataset, of any format; None if they are in the dataset itself.
    cell_area : str, optional
        A coordinate of latitudes: the weights are the areas of the cells between their bounds.
        None for labels.
    """

    variable: str | None = None
    path: str | None = None
    cell_area: str | None = None


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file of a dataset of several, as it was when the dataset was opened.

    Attributes
    ----------
    key : str
        Path relative to the dataset.
    size : int
        Bytes.
    n_rows : int
        As they are stored, deleted ones too.
    group_rows : tuple of int
        How many rows of each row group belong to the table, where they are not all.
    deleted : bytes
        A bit for each row, set where it is deleted, as `numpy.packbits` makes them; empty if none
        is.
    constants : tuple of (str, object)
        Columns that have one value in the whole file: partition keys.
    names : tuple of (str, str)
        What columns are called in the file, where that is another name; empty for one that it
        lacks.
    """

    key: str
    size: int
    n_rows: int
    group_rows: tuple[int, ...] = ()
    deleted: bytes = b""
    constants: tuple[tuple[str, Any], ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    def identity(self) -> tuple[object, ...]:
        """What a fingerprint holds of it; what is added later is in it only where it is set."""
        return (self.key, self.size, self.n_rows, *_set_fields(self, "group_rows"))


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that rows have to meet; a missing value meets none.

    Attributes
    ----------
    column : str
    operator : {"=", "==", "!=", "<", "<=", ">", ">=", "in", "not in"}
    value : object
        Text, a number or a truth value; a tuple of them for ``in`` and ``not in``.
    """

    column: str
    operator: str
    value: Any

    def __str__(self) -> str:
        return f"{self.column} {self.operator} {self.value}"


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of a dataset that is the table; a format refuses what it does not support.

    Attributes
    ----------
    variables : tuple of str
        Arrays inside the dataset; none where there is only one to choose.
    columns : tuple of str
        Columns of a table, or features by name, in this order; all of them if empty.
    sample_dims : tuple of str
        Dimensions of labelled arrays that together are the samples; all others are features.
    missing_chunks : {"error", "fill"}
        Whether a chunk that is not there is an error or holds the fill value.
    weights : Weights, optional
        They are read beside the table and are no feature of it, unless ``columns`` names them.
    files : tuple of PinnedFile
        What a dataset of several files consists of, in the order of its rows; found, never asked
        for.
    dtype : str
        Of what is read, where files have different ones; found, never asked for.
    orders : tuple of (str, tuple of int)
        Where the samples lie along a dimension, of weights in another order than their rows; found,
        never asked for.
    cell_area : str, optional
        The latitudes from which areas are to be found, in place of any variables.
    version : int or str, optional
        Which version of a dataset that keeps several; the latest if None.
    where : tuple of Condition
        Rows that do not meet all of them are no part of the table.
    id_columns : tuple of str
        Columns that are carried to the result beside its rows.
    compensate : bool
        Whether spillover between channels is taken out, by the matrix of each file.
    concat_dim : str, optional
        The dimension along which several files are one dataset.
    list_sizes : tuple of (str, int)
        Of columns of lists, how many numbers each list has; found, never asked for.
    densify : bool
        Whether rows of a sparse matrix are made dense.
    labels : Weights, optional
        Where the component of rows is, as far as it is known; read as weights are.
    """

    variables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    sample_dims: tuple[str, ...] = ()
    missing_chunks: Literal["error", "fill"] = "error"
    weights: Weights | None = None
    files: tuple[PinnedFile, ...] = ()
    dtype: str = ""
    orders: tuple[tuple[str, tuple[int, ...]], ...] = ()
    cell_area: str | None = None
    version: int | str | None = None
    where: tuple[Condition, ...] = ()
    id_columns: tuple[str, ...] = ()
    compensate: bool = False
    concat_dim: str | None = None
    list_sizes: tuple[tuple[str, int], ...] = ()
    densify: bool = False
    labels: Weights | None = None

    @property
    def beside(self) -> dict[str, Weights]:
        """What is read beside the features of each row, by its name here."""
        found = {"weights": self.weights, "labels": self.labels}
        return {name: place for name, place in found.items() if place is not None}

    @property
    def variable(self) -> str | None:
        """The only variable; None if none is named."""
        return self.variables[0] if self.variables else None

    def identity(self) -> tuple[object, ...]:
        """What a fingerprint includes; stable for the same rows in every version of dgmm.

        A field that is added later is in it only where it is set. ``dtype`` is not: the metadata of
        the dataset have it too.
        """
        known = (
            self.variables,
            self.columns,
            self.sample_dims,
            self.missing_chunks,
            None if self.weights is None else astuple(self.weights),
            tuple(file.identity() for file in self.files),
            self.cell_area,
        )
        orders = (self.orders,) if self.orders else ()
        return (*known, *orders, *_set_fields(self, "version"))


def _set_fields(value: Any, first: str) -> Iterator[tuple[str, object]]:
    """Names and values of the fields from one on, of those that are not as they are by default."""
    known = fields(value)
    start = next(i for i, field in enumerate(known) if field.name == first)
    for field in known[start:]:
        if getattr(value, field.name) != field.default:
            yield field.name, getattr(value, field.name)
