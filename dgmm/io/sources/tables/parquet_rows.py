"""Rows of pinned Parquet files: those that are live and meet the conditions, in their order."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import DataError
from dgmm.io.grid import Coordinate, Region
from dgmm.io.sources.files import find_root
from dgmm.io.sources.selection import Condition, PinnedFile, Selection
from dgmm.io.sources.tables.parquet_columns import Feature, is_plain
from dgmm.io.sources.tables.parquet_files import group_rows_of, open_fragment, open_pinned
from dgmm.io.sources.tables.row_filter import candidate_groups, decode, filter_batch
from dgmm.io.storage.location import AnyPath

_BATCH_ROWS = 16_384  # lines of the cache that a column of them writes to stay in the cache


def read_rows(path: AnyPath, selection: Selection, region: Region) -> NDArray[Any]:
    """Features of consecutive rows of a table; see `dgmm.io.sources.format.Format`."""
    start, stop = region[0].start, region[0].stop
    sizes = dict(selection.list_sizes)
    features = [Feature.parse(name, sizes) for name in selection.columns]
    places: dict[str, list[int]] = {}
    for j, feature in enumerate(features):
        places.setdefault(feature.column, []).append(j)
    rows = np.empty((stop - start, len(features)), np.dtype(selection.dtype))
    done = 0
    for batch in _batches(path, selection, tuple(places), start, stop):
        part = rows[done : done + len(batch)]
        for column, (name, found) in zip(batch.columns, places.items(), strict=True):
            if name in sizes:
                items = [features[j].item or 0 for j in found]
                part[:, found] = _list_items(name, column, items, sizes[name])
            else:
                part[:, found[0]] = _numbers(column)
        done += len(batch)
    return rows


def read_ids(
    path: AnyPath, selection: Selection, coordinate: Coordinate, region: Region
) -> NDArray[Any]:
    """Identifiers of consecutive rows; see `dgmm.io.sources.format.Format`."""
    name, parts = coordinate.name, []
    for batch in _batches(path, selection, (name,), region[0].start, region[0].stop):
        column = decode(batch.column(0))
        if coordinate.dtype == "str":
            texts = column.cast("string").to_pylist()
            kept = ["" if text is None else text for text in texts]
            parts.append(np.array(kept, dtype=np.dtypes.StringDType()))
        else:
            parts.append(column.to_numpy(zero_copy_only=False).astype(coordinate.dtype))
    return np.concatenate(parts)


def count_rows(root: AnyPath, file: PinnedFile, where: Sequence[Condition]) -> PinnedFile:
    """A file with the number of rows of each of its row groups that belong to the table.

    Parameters
    ----------
    root : Path or StorePath
        What the file's key is relative to.
    file : PinnedFile
    where : sequence of Condition
        They are evaluated on all rows that statistics do not exclude.
    """
    constants = dict(file.constants)
    absent = {name for name, stored in file.names if not stored and name not in constants}
    if any(condition.column in absent for condition in where):
        return replace(file, group_rows=(0,))
    stored = [condition for condition in where if condition.column not in constants]
    with open_pinned(root, file, max(1, len(stored))) as parquet:
        groups = group_rows_of(parquet.metadata)
        if stored:
            with open_fragment(root / file.key) as fragment:
                candidates = candidate_groups(fragment, stored, dict(file.names))
            found = {g: _count(parquet, file, stored, g) for g in candidates}
            live = tuple(found.get(g, 0) for g in range(len(groups)))
        else:
            kept, ends = _kept(file), [0, *accumulate(groups)]
            live = tuple(int(kept[a:b].sum()) for a, b in pairwise(ends))
    return file if live == groups else replace(file, group_rows=live or (0,))


def first_list_size(root: AnyPath, file: PinnedFile, name: str) -> int | None:
    """How many numbers the first list of a column holds; None where all are missing."""
    for batch in _file_batches(root, file, (name,), (), 0, file.n_rows):
        found = importlib.import_module("pyarrow.compute").list_value_length(batch.column(0))
        if len(found.drop_null()):
            return int(found.drop_null()[0].as_py())
    return None


def has_gaps(root: AnyPath, file: PinnedFile, name: str) -> bool:
    """Whether a value of a column is missing; statistics tell where there are some."""
    constants, stored = dict(file.constants), dict(file.names).get(name, name)
    if name in constants or not stored:
        return constants.get(name) is None
    with open_fragment(root / file.key) as fragment:
        missing = importlib.import_module("pyarrow.dataset").field(stored).is_null()
        return bool(fragment.count_rows(filter=missing))


def _count(parquet: Any, file: PinnedFile, where: Sequence[Condition], group: int) -> int:
    names = tuple(dict.fromkeys(condition.column for condition in where))
    return sum(len(batch) for batch in _live_batches(parquet, file, names, where, [group]))


def _batches(
    path: AnyPath, selection: Selection, names: tuple[str, ...], start: int, stop: int
) -> Iterator[Any]:
    """Batches of the rows from ``start`` to ``stop`` of a table, of some columns."""
    root, first = find_root(path), 0
    for file in selection.files:
        n_rows = sum(file.group_rows) if file.group_rows else file.n_rows
        a, b = max(start - first, 0), min(stop - first, n_rows)
        if a < b:
            yield from _file_batches(root, file, names, selection.where, a, b)
        first += n_rows


def _file_batches(
    root: AnyPath,
    file: PinnedFile,
    names: tuple[str, ...],
    where: Sequence[Condition],
    start: int,
    stop: int,
) -> Iterator[Any]:
    """The same for a file, whose rows are counted without those that are no part of the table."""
    constants = dict(file.constants)
    stored = [condition for condition in where if condition.column not in constants]
    needed = tuple(dict.fromkeys([*names, *(condition.column for condition in stored)]))
    with open_pinned(root, file, len(needed)) as parquet:
        counts = file.group_rows or group_rows_of(parquet.metadata)
        ends = list(accumulate(counts, initial=0))
        groups = [i for i, n in enumerate(counts) if n and ends[i] < stop and ends[i + 1] > start]
        skipped, left = start - ends[groups[0]], stop - start
        for batch in _live_batches(parquet, file, needed, stored, groups):
            part = batch.slice(min(skipped, len(batch)), left)
            skipped -= min(skipped, len(batch))
            left -= len(part)
            yield part.select(names)
            if not left:
                return
    raise EOFError(f"{stop - start - left} rows were found where {stop - start} are declared")


def _live_batches(
    parquet: Any,
    file: PinnedFile,
    names: tuple[str, ...],
    where: Sequence[Condition],
    groups: list[int],
) -> Iterator[Any]:
    """Batches of row groups without what is deleted and what does not meet the conditions."""
    called, constants = dict(file.names), dict(file.constants)
    found = {name: called.get(name, name) for name in names if name not in constants}
    columns = [stored for stored in found.values() if stored] or parquet.schema_arrow.names[:1]
    kept = _find_kept_rows(parquet, file, groups) if file.deleted else None
    done = 0
    for batch in parquet.iter_batches(_BATCH_ROWS, groups, columns, use_threads=False):
        part = _rename_columns(batch, names, found, constants)
        if kept is not None:
            part = part.filter(kept[done : done + len(batch)])
            done += len(batch)
        yield filter_batch(part, where)


def _rename_columns(
    batch: Any, names: Sequence[str], found: Mapping[str, str], constants: Mapping[str, Any]
) -> Any:
    """A batch of the columns of these names, as the table calls them."""
    if all(found.get(name) == name for name in names):
        return batch.select(names)
    arrow, columns = importlib.import_module("pyarrow"), []
    for name in names:
        if name in constants:
            columns.append(arrow.repeat(arrow.scalar(constants[name]), len(batch)))
        elif found[name]:
            columns.append(batch.column(batch.schema.get_field_index(found[name])))
        else:
            columns.append(arrow.nulls(len(batch)))
    return arrow.RecordBatch.from_arrays(columns, list(names))


def _kept(file: PinnedFile) -> NDArray[np.bool_]:
    """Which rows of a file are not deleted."""
    if not file.deleted:
        return np.ones(file.n_rows, bool)
    return np.unpackbits(np.frombuffer(file.deleted, np.uint8), count=file.n_rows) == 0


def _find_kept_rows(parquet: Any, file: PinnedFile, groups: list[int]) -> NDArray[np.bool_]:
    """Which rows of some row groups are not deleted."""
    kept, ends = _kept(file), list(accumulate(group_rows_of(parquet.metadata), initial=0))
    return np.concatenate([kept[ends[group] : ends[group + 1]] for group in groups])


def _numbers(column: Any) -> NDArray[Any]:
    """Values of a column; NaN where they are missing."""
    column = decode(column)
    values = column if is_plain(column.type) else column.cast("float64")
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _list_items(name: str, column: Any, items: list[int], size: int) -> NDArray[Any]:
    """Some of the numbers of each list, shape (n_rows, len(items)); NaN where they are missing."""
    present = np.asarray(column.is_valid())
    lengths = importlib.import_module("pyarrow.compute").list_value_length(column)
    found = set(lengths.drop_null().unique().to_pylist())
    if found - {size}:
        raise DataError(
            f"The lists of column {name!r} have {', '.join(map(str, sorted(found)))} numbers; "
            f"expected {size} in all rows, as in the first. Choose other columns as features."
        )
    table = _numbers(column.flatten()).reshape(-1, size)[:, items]
    if present.all():
        return table
    rows = np.full((len(column), len(items)), np.nan)
    rows[present] = table
    return rows
