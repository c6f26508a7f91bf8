"""Which part of a dataset to read as a table, and which rows of it."""

from dataclasses import astuple, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the weight of every row is.

    Attributes
    ----------
    variable : str, optional
        A column, or an array beside the one that holds the rows; None where ``path`` is an array.
    path : str, optional
        Another dataset, of any format; None if they are in the dataset itself.
    cell_area : str, optional
        A coordinate of latitudes: the weights are the areas of the cells between their bounds.
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
    """

    key: str
    size: int
    n_rows: int


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
            tuple(astuple(file) for file in self.files),
            self.cell_area,
        )
        return (*known, self.orders) if self.orders else known
