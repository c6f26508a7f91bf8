"""Apache Iceberg: the live rows of a snapshot of a table, by its metadata, without a catalogue."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import FileInfo
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.tables.iceberg_files import TableFiles
from dgmm.io.sources.tables.parquet_files import Footer, library
from dgmm.io.sources.tables.parquet_rows import read_ids, read_rows
from dgmm.io.sources.tables.parquet_table import (
    SECONDS_PER_PIECE,
    Table,
    TableFile,
    describe_table,
    select_weights,
)
from dgmm.io.storage.location import AnyPath
from dgmm.optional_packages import import_optional
from dgmm.text import join_names

_SUFFIX = ".metadata.json"
_NUMBER = re.compile(r"v?(\d+)(?:-[^/]*)?(?:\.gz)?\.metadata\.json")
_HINT = "version-hint.text"


def _matches(path: AnyPath) -> bool:
    if path.name.endswith(_SUFFIX):
        return True
    folder = path / "metadata"
    return folder.is_dir() and any(
        entry.name == _HINT or entry.name.endswith(_SUFFIX) for entry in folder.iterdir()
    )


def _describe(path: AnyPath, selection: Selection) -> DatasetMetadata:
    library(path)
    snapshot = _snapshot(path, selection.version)
    keys = snapshot.keys
    live = snapshot.live_files()
    if not live:
        raise DataError(f"Snapshot {snapshot.number} of {path} has no rows.")
    table = Table(
        snapshot.files.root,
        live,
        f"Iceberg snapshot {snapshot.number}",
        keys,
        snapshot.columns_of,
        snapshot.defaults,
    )
    return describe_table(path, replace(selection, version=snapshot.number), table)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A snapshot of a table.

    Attributes
    ----------
    path : Path
        For messages.
    files : TableFiles
    table : pyiceberg.table.Table
    number : int
    """

    path: AnyPath
    files: TableFiles
    table: Any
    number: int

    @property
    def schema(self) -> Any:
        """Its columns, some of which later ones may have renamed."""
        return self.table.scan(snapshot_id=self.number).projection()

    @property
    def keys(self) -> dict[str, Any]:
        """Columns that have one value in each file, in every layout that the table had."""
        schema = _module("pyiceberg.io.pyarrow").schema_to_pyarrow(self.schema)
        specs = list(self.table.specs().values())
        sources = [{key.source_id for key in spec.fields if _is_identity(key)} for spec in specs]
        shared = set.intersection(*sources) if sources else set()
        names = (field.name for field in self.schema.fields if field.field_id in shared)
        return {name: schema.field(name).type for name in names}

    def columns_of(self, footer: Footer) -> Mapping[str, str]:
        """What columns are called in a file: by their numbers, or by a mapping of names."""
        keys, mapping = self.keys, self.table.name_mapping()
        known = footer.field_ids
        if not known and mapping is not None:
            known = {
                field.field_id: name
                for field in mapping.root
                for name in field.names
                if name in footer.types
            }
        fields = [field for field in self.schema.fields if field.name not in keys]
        return {field.name: known.get(field.field_id, "") for field in fields}

    @property
    def defaults(self) -> dict[str, Any]:
        """What columns hold in files that are older than they are."""
        arrow = _module("pyarrow")
        types = _module("pyiceberg.io.pyarrow").schema_to_pyarrow(self.schema)
        return {
            field.name: arrow.scalar(field.initial_default, types.field(field.name).type)
            for field in self.schema.fields
            if field.initial_default is not None
        }

    def live_files(self) -> tuple[TableFile, ...]:
        """The data files of the snapshot, those that were added later last."""
        try:
            tasks = list(self.table.scan(snapshot_id=self.number).plan_files())
        except (ValueError, NotImplementedError) as error:
            raise DataError(
                f"{self.path} cannot be read: {error}. Compact the table where it is written, or "
                "write its rows to a new Parquet file."
            ) from error
        order = self._sequence_numbers()
        tasks.sort(key=lambda task: (order.get(task.file.file_path, 0), task.file.file_path))
        return tuple(self._live_file(task) for task in tasks)

    def _sequence_numbers(self) -> dict[str, int]:
        """When each data file was added, by its path."""
        io = self.table.io
        return {
            entry.data_file.file_path: entry.sequence_number or 0
            for manifest in self.table.snapshot_by_id(self.number).manifests(io)
            for entry in manifest.fetch_manifest_entry(io)
        }

    def _live_file(self, task: Any) -> TableFile:
        file = task.file
        if file.file_format.name != "PARQUET":
            raise DataError(
                f"{file.file_path} of {self.path} is {file.file_format.name}, expected Parquet."
            )
        info = FileInfo(self.files.key(file.file_path), file.file_size_in_bytes, file.record_count)
        deleted = self._mark_deleted_rows(file, task.delete_files)
        return TableFile(info, self._constants(file), deleted)

    def _constants(self, file: Any) -> dict[str, Any]:
        """Values of the partition keys."""
        arrow, keys, schema = _module("pyarrow"), self.keys, self.schema
        spec = self.table.specs()[file.spec_id]
        found = {}
        for place, key in enumerate(spec.fields):
            name = schema.find_column_name(key.source_id)
            if name in keys and _is_identity(key):
                found[name] = arrow.scalar(file.partition[place], keys[name]).as_py()
        return found

    def _mark_deleted_rows(self, file: Any, deletes: Any) -> bytes:
        """A bit for each row of a data file, set where a delete file names it."""
        if not deletes:
            return b""
        gone = np.zeros(file.record_count, bool)
        for delete in deletes:
            if delete.content.name != "POSITION_DELETES":
                raise DataError(
                    f"{self.path} has equality deletes, which are not read. Compact the table "
                    "where it is written."
                )
            gone[self._positions(delete, file.file_path)] = True
        return np.packbits(gone).tobytes()

    def _positions(self, delete: Any, data_file: str) -> Any:
        """Rows of a data file that a delete file names."""
        place = self.files.root / self.files.key(delete.file_path)
        if delete.file_format.name == "PUFFIN":
            puffin = _module("pyiceberg.table.puffin").PuffinFile(place.read_bytes())
            vectors = _module("pyiceberg.table.deletion_vector")
            found = [
                vector.to_vector().to_numpy()
                for vector in vectors.deletion_vectors_from_puffin_file(puffin)
                if vector.referenced_data_file == data_file
            ]
            return np.concatenate(found) if found else np.empty(0, np.int64)
        named = _module("pyarrow.parquet").read_table(place, columns=["file_path", "pos"])
        mine = _module("pyarrow.compute").equal(named.column("file_path"), data_file)
        return named.filter(mine).column("pos").to_numpy()


def _is_identity(key: Any) -> bool:
    return str(key.transform) == "identity"


def _snapshot(path: AnyPath, version: int | str | None) -> _Snapshot:
    """A snapshot by its number, or by the name of a branch or a tag; the current one if None."""
    files = TableFiles(_root(path))
    table = _open_table(files, _metadata_file(path) if files.root == path else path)
    if version is None:
        found = table.current_snapshot()
    elif str(version).isdecimal():
        found = table.snapshot_by_id(int(version))
    else:
        found = table.snapshot_by_name(version)
    if found is None:
        known = join_names([*table.refs(), *(str(each.snapshot_id) for each in table.snapshots())])
        wanted = "" if version is None else f" {version!r}"
        raise ConfigurationError(
            f"{path} has no snapshot{wanted}; it has {known or 'none: nothing was written to it'}."
        )
    return _Snapshot(path, files, table, found.snapshot_id)


def _root(path: AnyPath) -> AnyPath:
    """The table to which a path belongs: it, or the file of its metadata."""
    return path.parent.parent if path.name.endswith(_SUFFIX) else path


def _open_table(files: TableFiles, metadata: AnyPath) -> Any:
    """The table that a file of metadata describes."""
    location, table = str(metadata), _module("pyiceberg.table", files.root).StaticTable
    parse = _module("pyiceberg.serializers").FromInputFile.table_metadata
    catalogue = _module("pyiceberg.catalog.noop").NoopCatalog("static-table")
    found = parse(files.new_input(location))
    return table(("static-table", location), found, location, files, catalogue)


def _read(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    return read_rows(_root(path), selection, region)


def _read_ids(
    path: AnyPath, selection: Selection, coordinate: Coordinate, region: Region
) -> NDArray[Any]:
    return read_ids(_root(path), selection, coordinate, region)


def _metadata_file(path: AnyPath) -> AnyPath:
    """The newest metadata of a table: by its hint, or by their numbers."""
    folder, hint = path / "metadata", path / "metadata" / _HINT
    if hint.is_file():
        named = hint.read_text().strip()
        known = (f"{prefix}{named}{gz}{_SUFFIX}" for gz in ("", ".gz") for prefix in ("v", ""))
        for name in (named, *known):
            if name.endswith(_SUFFIX) and (folder / name).is_file():
                return folder / name
    numbered: dict[int, list[AnyPath]] = {}
    for file in folder.iterdir():
        if (match := _NUMBER.fullmatch(file.name)) is not None:
            numbered.setdefault(int(match[1]), []).append(file)
    if not numbered:
        raise DataError(f"{folder} has no metadata of an Iceberg table that can be read.")
    newest = sorted(numbered[max(numbered)])
    if len(newest) > 1:
        raise ConfigurationError(
            f"{path} has {len(newest)} metadata files of one number, {newest[0].name} and "
            f"{newest[1].name}: only a catalogue knows which is valid. Give the path of that file."
        )
    return newest[0]


def _module(name: str, path: AnyPath | None = None) -> ModuleType:
    need = f"{path or 'The input'} is an Iceberg table, and reading it needs pyiceberg"
    return import_optional(name, need, "dgmm[iceberg]")


FORMAT = Format(
    "iceberg",
    _matches,
    _describe,
    _read,
    select_weights=select_weights,
    seconds_per_piece=SECONDS_PER_PIECE,
    read_coordinate=_read_ids,
    accepts=frozenset({"where", "id_columns", "version"}),
)
