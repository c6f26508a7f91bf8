"""A stored run: where it is, whether it can be read, and its arrays of samples."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr

from dgmm.errors import InputNotFoundError, OutputError
from dgmm.io.results.layout import FORMAT, FORMAT_VERSION, LATEST_POINTER
from dgmm.io.results.output import Output
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import is_committed, open_complete


def check_format(run: AnyPath, attributes: Mapping[str, Any]) -> None:
    """Refuse what is not of dgmm, and what a newer version of it wrote."""
    found = attributes.get("format_version")
    if attributes.get("format") != FORMAT or not isinstance(found, int):
        raise OutputError(f"{run} is no result of dgmm; expected a group whose format is {FORMAT}.")
    if found > FORMAT_VERSION:
        by = attributes.get("versions", {}).get("dgmm", "another version")
        raise OutputError(
            f"{run} was written by a newer dgmm ({by}), in format {found}; this one reads formats "
            f"up to {FORMAT_VERSION}. Install that version, or a later one."
        )


def find_run(path: AnyPath) -> AnyPath:
    """The run that a path means: itself, or the published run of an output."""
    if not path.exists():
        raise InputNotFoundError(f"There is nothing at {path}. Check the path of the result.")
    if is_committed(path):
        is_link = (
            isinstance(path, Path) and path.is_symlink()
        )  # which may be turned while it is read
        return path.resolve() if is_link else path
    latest = Output(path).latest()
    if latest is not None:
        return latest
    if path.suffix == ".zarr" and path.parent.name == "runs":
        raise InputNotFoundError(
            f"{path} is a run that has not finished: its root metadata, written last, are not "
            "there. Wait for it, or start the same command again."
        )
    raise InputNotFoundError(
        f"{path} holds no complete run: neither {LATEST_POINTER} nor root metadata are there."
    )


def open_beside_samples(run: AnyPath) -> dict[str, zarr.Array[Any]]:
    """Assignments, and the coordinates of the samples' grid."""
    if not (run / "assignments").is_dir():
        return {}
    paths = (path for path in (run / "assignments").iterdir() if path.is_dir())
    by_name = sorted(paths, key=lambda path: path.name)
    return {path.name: open_complete(path) for path in by_name}
