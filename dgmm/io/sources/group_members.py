"""Which array of a group is the table: the named one, or the only possible one."""

from collections.abc import Collection, Mapping
from typing import Any

from dgmm.errors import ConfigurationError, DataError, Remedy
from dgmm.io.sources.packing import to_text
from dgmm.io.storage.location import AnyPath
from dgmm.text import join_names

_COMPRESSED = {"data", "indices", "indptr"}  # arrays of a sparse matrix by rows or columns
_MATLAB_SPARSE = {"data", "ir", "jc"}


def choose_member(
    path: AnyPath,
    variable: str | None,
    arrays: Mapping[str, tuple[int, ...]],
    groups: Mapping[str, Mapping[str, Any]],
) -> str:
    """The name of the array to read.

    Parameters
    ----------
    path : Path or StorePath
        Of the dataset, for messages.
    variable : str, optional
        What is asked for.
    arrays : mapping of str to tuple of int
        Shapes of all arrays below the root.
    groups : mapping of str to mapping
        Attributes of all groups, that of the root under an empty name.

    Raises
    ------
    ConfigurationError
        If there is no array of this name, or not one table only.
    DataError
        If a sparse matrix is asked for, or is what the dataset is about.
    """
    tables = sorted(name for name, shape in arrays.items() if len(shape) == 2)
    sparse = [name for name in groups if _is_sparse(name, groups[name], arrays)]
    wanted = None if variable is None else variable.strip("/")
    if wanted is None and to_text(groups.get("", {}).get("encoding-type", "")) == "anndata":
        wanted = "X"  # the matrix of an AnnData
    if wanted is not None and wanted in arrays:
        return wanted
    there = join_names([f"{name} {arrays[name]}" for name in tables])
    there = there or "(none: nothing here can be fitted)"
    if wanted in sparse or (variable is None and sparse):
        named = wanted if wanted in sparse else sparse[0]
        raise DataError(
            f"{named or 'What lies'} in {path} is a sparse matrix, expected a dense array. Reduce "
            "it to fewer features (such as principal components), write it dense, or choose from "
            f"what is: {there}.",
            remedy=Remedy.DENSIFY if wanted == named else Remedy.CHOOSE_VARIABLE,
        )
    if wanted is None and len(tables) == 1:
        return tables[0]
    if variable is None and not tables and any(len(shape) > 2 for shape in arrays.values()):
        shapes = join_names([f"{name} {arrays[name]}" for name in sorted(arrays)])
        raise ConfigurationError(
            f"{path} has no table, an array of two dimensions (rows, features). It has {shapes}. "
            "If their dimensions have names, say which of them are the samples; all others will be "
            "features.",
            remedy=Remedy.CHOOSE_SAMPLE_DIMS,
        )
    wish = "and none was chosen" if variable is None else f"but no array {variable!r}"
    raise ConfigurationError(
        f"{path} has {len(tables)} two-dimensional arrays, {wish}. They are: {there}.",
        remedy=Remedy.CHOOSE_VARIABLE,
    )


def _is_sparse(name: str, attributes: Mapping[str, Any], arrays: Collection[str]) -> bool:
    """Whether a group is a sparse matrix: of AnnData, 10x Genomics or MATLAB."""
    prefix = f"{name}/" if name else ""
    members = {
        each.removeprefix(prefix)
        for each in arrays
        if each.startswith(prefix) and "/" not in each.removeprefix(prefix)
    }
    encoding = to_text(attributes.get("encoding-type", ""))
    return (
        encoding in ("csr_matrix", "csc_matrix")
        or "h5sparse_format" in attributes
        or members >= _COMPRESSED
        or ("MATLAB_sparse" in attributes and members >= _MATLAB_SPARSE)
    )
