"""The input section of a configuration."""

import os
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from dgmm.io.sources.selection import Condition, Selection, Weights
from dgmm.mixture.sample_size import Normalization
from dgmm.run.config.field_types import (
    InputFormat,
    Many,
    Path,
    Section,
    Size,
    validation_error,
)
from dgmm.run.config.store_types import Location, StorageOptions
from dgmm.run.config.table_types import Names, RowCondition, Version

_ONE_DATASET = ("zarr", "npy", "image", "hdf5", "xarray", "delta", "iceberg")
_ONE_FILE = (
    *(".zarr", ".npy", ".png", ".jpg", ".jpeg", ".nc", ".nc4", ".netcdf", ".cdf"),
    *(".h5", ".hdf5", ".hdf", ".he5", ".h5ad", ".mat", ".tif", ".tiff", ".nii", ".nii.gz"),
)

STORAGE_OPTIONS = (
    "How an object store is reached, as fsspec takes it, such as {endpoint_url: https://host}; "
    "credentials come from the environment."
)


def _wrap_variable(value: object) -> object:
    return {"variable": value} if isinstance(value, str) else value


class WeightsInput(Section):
    """The location of the weights of the rows."""

    variable: Path | None = Field(
        default=None, description="A column or an array; null where the path is an array."
    )
    path: Location | None = Field(
        default=None, description="Another dataset; null if they are in the input itself."
    )

    normalize: Normalization | None = Field(
        default=None,
        description="What criteria count as the number of rows: the sum of the weights (counts, "
        "and null, which warns where the sum is far from the number of rows), the rows of positive "
        "weight (rows), or as many equally weighted ones as tell as much (kish).",
    )
    cell_area: Path | None = Field(
        default=None,
        description="A coordinate of latitudes in degrees; the weights are the areas of its cells.",
    )

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        text = None
        if self.variable is None and self.path is None and self.cell_area is None:
            text = "found no place, expected a variable, a path or both"
        if self.cell_area is not None and not self.variable is self.path is None:
            text = "found cell_area and a place, expected one of them"
        if text is not None:
            raise validation_error(text)
        return self

    def to_selection(self) -> Weights:
        """The selection for the sources."""
        return Weights(self.variable, self.path, self.cell_area)


class LabelsInput(Section):
    """The location of the labels of the rows."""

    variable: Path | None = Field(
        default=None, description="A column or an array; null where the path is an array."
    )
    path: Location | None = Field(
        default=None, description="Another dataset; null if they are in the input itself."
    )

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.variable is None and self.path is None:
            raise validation_error("found no place, expected a variable, a path or both")
        return self


class Input(Section):
    """The input of a run."""

    LATER = frozenset(
        {"id_columns", "where", "version", "compensate", "concat_dim", "densify", "labels"}
    )

    path: Location = Field(
        description="A Zarr store, an .npy, NetCDF, HDF5 or FCS file, an image, a Delta Lake or "
        "Iceberg table, or Parquet: a file, a directory, or a pattern such as data/*.parquet; a "
        "path, or the URL of an object store."
    )
    format: InputFormat = Field(
        default="auto", description="How to read the path; auto goes by what is there."
    )
    variable: Path | None = Field(
        default=None,
        description="The array inside a Zarr group or an HDF5 file, or the level of an OME-Zarr "
        "image; null where there is only one, and for the level of most pixels.",
    )
    variables: Names | None = Field(
        default=None,
        description="Variables of a labelled dataset that together are the features, one or a "
        "list; see sample_dims.",
    )
    sample_dims: Names | None = Field(
        default=None,
        description="Dimensions of a labelled dataset (NetCDF, or Zarr as xarray writes it) that "
        "together are the samples, one or a list; along all others lie features.",
    )
    columns: Names | None = Field(
        default=None,
        description="Names of the features to fit, one or a list; null takes all there are.",
    )
    id_columns: Names | None = Field(
        default=None,
        description="Columns of a table that are no features, one or a list: identifiers, which "
        "the result has beside its assignments.",
    )
    where: Many[RowCondition] | None = Field(
        default=None,
        description="Conditions on columns of a table, all of which a row has to meet, such as "
        '[[year, ">=", 2020], [region, in, [north, south]]].',
    )
    version: Version = Field(
        default=None,
        description="Which version of a Delta Lake table (a number or a time), an Iceberg table or "
        "an Icechunk repository (a snapshot, branch or tag); null takes the latest.",
    )
    concat_dim: Path | None = Field(
        default=None,
        description="The one of sample_dims along which the NetCDF files or Zarr groups that match "
        "the path, a pattern such as year_*.nc, are one dataset.",
    )
    compensate: bool = Field(
        default=False,
        description="Whether to take out the spillover between channels of FCS files, by the "
        "matrix in each of them.",
    )
    densify: bool = Field(
        default=False,
        description="Whether rows of a sparse matrix of AnnData are made dense as they are read; "
        "otherwise it is refused.",
    )
    weights: Annotated[
        WeightsInput | None,
        BeforeValidator(_wrap_variable, json_schema_input_type=str | WeightsInput | None),
    ] = Field(
        default=None,
        description="A weight for every row: a column, an array beside the input's, or, as "
        "{path: ..., variable: ...}, an array elsewhere; {cell_area: lat} weighs by area.",
    )
    labels: Annotated[
        LabelsInput | None,
        BeforeValidator(_wrap_variable, json_schema_input_type=str | LabelsInput | None),
    ] = Field(
        default=None,
        description="The component of every row, from 0 on, as far as it is known, and -1 or "
        "nothing elsewhere: a column or an array, named as weights are. Components keep these "
        "numbers.",
    )
    partition_size: Size | None = Field(
        default=None,
        description="Bytes of one partition, the unit of work, such as 64MiB; null chooses them.",
    )
    missing: Literal["error", "drop", "marginalize"] = Field(
        default="error",
        description="What a NaN or a fill value means: an error, that its row is left out of the "
        "fit and labelled -1, or that the row counts by the values that it has (exact if they are "
        "missing at random). Infinite values are always an error.",
    )
    missing_chunks: Literal["error", "fill"] = Field(
        default="error",
        description="What a chunk of Zarr or HDF5 that is not there means: an error, or the fill "
        "value.",
    )
    storage_options: StorageOptions = Field(default_factory=dict, description=STORAGE_OPTIONS)

    @model_validator(mode="after")
    def _pattern_of_tables(self) -> Self:
        is_one = self.format in _ONE_DATASET or (
            self.format == "auto" and self.path.lower().rstrip("/").endswith(_ONE_FILE)
        )
        if (
            is_one
            and self.concat_dim is None
            and any(sign in self.path for sign in "*?[")
            and not os.path.exists(self.path)
        ):
            text = (
                f"found the pattern {self.path}, expected one dataset: patterns are for Parquet "
                "and FCS, and with concat_dim for NetCDF and Zarr"
            )
            raise validation_error(text)
        return self

    @model_validator(mode="after")
    def _check_variables(self) -> Self:
        if self.variable is not None and self.variables is not None:
            text = "found variable and variables, expected one of them"
            raise validation_error(text)
        return self

    def to_selection(self) -> Selection:
        """The selection for the sources."""
        return Selection(
            variables=self.variables or (() if self.variable is None else (self.variable,)),
            columns=self.columns or (),
            sample_dims=self.sample_dims or (),
            missing_chunks=self.missing_chunks,
            weights=None if self.weights is None else self.weights.to_selection(),
            version=self.version,
            where=tuple(Condition(*condition) for condition in self.where or ()),
            id_columns=self.id_columns or (),
            compensate=self.compensate,
            concat_dim=self.concat_dim,
            densify=self.densify,
            labels=None if self.labels is None else Weights(self.labels.variable, self.labels.path),
        )
