"""``dgmm ingest``: write a Zarr store as the command line asks."""

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from pydantic import TypeAdapter, ValidationError

from dgmm.errors import ConfigurationError, Remedy, UsageError, advise
from dgmm.io.ingest.csv_stream import CsvDialect, open_csv
from dgmm.io.ingest.table_writer import Stream, ingest, open_stream
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source
from dgmm.io.storage.location import absolute_location, input_path, is_csv
from dgmm.run.config.field_types import Size


@dataclass(frozen=True, slots=True)
class Ingestion:
    """What to ingest, and how.

    Attributes
    ----------
    path : str
    output : str
    format : str
        ``"csv"``, or as for `dgmm.io.sources.source.open_source`.
    variables, columns, sample_dims : tuple of str
    weights : str, optional
    csv : CsvDialect
        How CSV is written.
    dtype : str, optional
        ``"float32"`` or ``"float64"``; None takes the smaller that holds the input.
    chunk_size : str
        Bytes, such as ``24MiB``.
    overwrite : bool
    """

    path: str
    output: str
    format: str
    variables: tuple[str, ...]
    columns: tuple[str, ...]
    sample_dims: tuple[str, ...]
    weights: str | None
    csv: CsvDialect
    dtype: str | None
    chunk_size: str
    overwrite: bool


_OF_OTHER_FORMATS = {".csv", ".h5", ".h5ad", ".hdf5", ".json", ".nc", ".npy", ".npz", ".parquet"}
_REMEDIES = MappingProxyType(
    {
        Remedy.OVERWRITE: "Or replace it with --overwrite.",
        Remedy.CHOOSE_FORMAT: "Name it with --format.",
        Remedy.CHOOSE_VARIABLE: "Name one of them with --variable.",
        Remedy.CHOOSE_VARIABLES: "Name some of them with --variable.",
        Remedy.CHOOSE_COLUMNS: "Name them with --columns.",
        Remedy.CHOOSE_DELIMITER: "Name it with --delimiter.",
        Remedy.CHOOSE_DECIMAL: "Say so with --decimal ,",
        Remedy.CHOOSE_ENCODING: "Name its encoding with --encoding, such as latin-1 or utf-16.",
        Remedy.CHOOSE_HEADER: "Say which with --header or --no-header.",
        Remedy.CHOOSE_NA_VALUES: "Or name what stands for no value with --na-values, and the "
        "features with --columns.",
        Remedy.CHOOSE_SAMPLE_DIMS: "Name them with --sample-dims.",
        Remedy.OMIT_VARIABLE: "Leave out --variable; it names an array inside a group.",
        Remedy.OMIT_COLUMNS: "Leave out --columns.",
        Remedy.OMIT_SAMPLE_DIMS: "Leave out --sample-dims.",
    }
)


@advise(_REMEDIES)
def run(wanted: Ingestion) -> tuple[int, int]:
    """Write the store; the number of its rows and its features.

    Raises
    ------
    DgmmError
        With the exit code of the command.
    """
    chunk_bytes = _bytes(wanted.chunk_size)
    output = Path(wanted.output).expanduser().absolute()
    if output.suffix.lower() in _OF_OTHER_FORMATS:
        raise UsageError(
            f"{output} ends in {output.suffix}, but what is written is a Zarr store. Choose a name "
            "that ends in .zarr."
        )
    stream = _stream(wanted)
    if wanted.dtype is not None:
        stream = Stream(
            stream.feature_names, np.dtype(wanted.dtype), stream.blocks, stream.has_weights
        )
    n_rows = ingest(stream, output, chunk_bytes, overwrite=wanted.overwrite)
    return n_rows, len(stream.feature_names)


def _stream(wanted: Ingestion) -> Stream:
    if wanted.format == "csv" or (wanted.format == "auto" and is_csv(wanted.path)):
        if wanted.variables or wanted.sample_dims:
            raise ConfigurationError("CSV has columns only. Leave out --variable, --sample-dims.")
        place = input_path(absolute_location(wanted.path))
        return open_csv(place, wanted.csv, wanted.columns, wanted.weights or "")
    if wanted.csv != CsvDialect():
        raise ConfigurationError(
            "--delimiter, --decimal, --encoding, --header and --na-values are for CSV. Leave them "
            "out, or set --format csv."
        )
    selection = Selection(
        variables=wanted.variables,
        columns=wanted.columns,
        sample_dims=wanted.sample_dims,
        weights=None if wanted.weights is None else Weights(wanted.weights),
    )
    return open_stream(open_source(wanted.path, wanted.format, selection))


def _bytes(text: str) -> int:
    try:
        return TypeAdapter[int](Size).validate_python(int(text) if text.isdigit() else text)
    except ValidationError as error:
        raise UsageError(f"--chunk-size is {text}, expected bytes such as 24MiB.") from error
