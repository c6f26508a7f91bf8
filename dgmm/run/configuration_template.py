"""A configuration with comments for data that were looked at."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dgmm.errors import ConfigurationError, InputNotFoundError, Remedy, advise
from dgmm.io.sources.files import find_matches, find_root
from dgmm.io.sources.labelled.xarray_files import open_dataset
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import Source, open_source
from dgmm.io.storage.location import absolute_location, is_pattern, resolve_path
from dgmm.registry import FORMATS
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import loads
from dgmm.text import join_names

_VERTICAL = {"depth", "deptht", "lev", "level", "plev", "pressure", "z", "height", "altitude"}
_LARGEST_K, _ROWS_FOR_EACH = 12, 10  # rows for each feature of a component


@advise(REMEDIES)
def describe_input(path: str, columns: Sequence[str] = (), config: str = "CONFIG") -> str:
    """A configuration for a dataset, with comments that say what it holds and what else there is.

    Only metadata are read. Of a labelled dataset the samples lie along all dimensions but those
    that go up or down.

    Parameters
    ----------
    path : str
        As ``input.path``.
    columns : sequence of str
        The features; all of them unless given.
    config : str
        The name of the file, for its first lines.

    Returns
    -------
    str
        YAML, which :func:`dgmm.run.load` reads.

    Raises
    ------
    DgmmError
        If the input cannot be opened, or more has to be said of it.
    """
    selection = Selection(columns=tuple(columns))
    try:
        source = open_source(path, selection=selection)
    except ConfigurationError as error:
        if error.remedy not in {Remedy.CHOOSE_SAMPLE_DIMS, Remedy.CHOOSE_CONCAT_DIM}:
            raise
        selection = _choose_variables(path, selection)
        source = open_source(path, selection=selection)
    text = "\n".join(_lines(path, selection, source, config)) + "\n"
    loads(text, name=config)
    return text


def _choose_variables(path: str, selection: Selection) -> Selection:
    """The samples' dimensions of a labelled dataset, and the variables that have all of them.

    Files that match a pattern are taken to follow each other in time, or else along the first
    dimension of the samples.
    """
    place = resolve_path(absolute_location(path))
    joins_files = is_pattern(place)
    if joins_files:
        matches = find_matches(place)
        if not matches:
            raise InputNotFoundError(f"Nothing matches {path}. Check the path of the input.")
        place = find_root(place) / matches[0]
    dataset = open_dataset(place)
    variables = {
        str(name): variable
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind in "iuf" and variable.ndim
    }
    largest = max(variables.values(), key=lambda variable: variable.size, default=None)
    if largest is None:
        raise ConfigurationError(f"{path} has no variable of numbers. Choose another input.")
    dims = tuple(str(dim) for dim in largest.dims if str(dim).lower() not in _VERTICAL)
    names = tuple(name for name, variable in variables.items() if set(dims) <= set(variable.dims))
    concat_dim = ("time" if "time" in dims else dims[0]) if joins_files and dims else None
    return replace(selection, variables=names, sample_dims=dims, concat_dim=concat_dim)


def _lines(path: str, selection: Selection, source: Source, config: str) -> Iterator[str]:
    n_features, n_rows = len(source.feature_names), source.grid.n_samples
    yield f"# {n_rows:,} rows of {n_features} features, {source.description}:"
    yield f"# {join_names(source.feature_names, 12)}"
    yield "#"
    yield f"#     dgmm plan {config}   # what a run would read, compute and need"
    yield f"#     dgmm run {config}"
    yield ""
    yield "input:"
    yield f"  path: {json.dumps(path)}"
    for key in ("variables", "sample_dims", "columns"):
        names = getattr(selection, key)
        if names:
            yield f"  {key}: {json.dumps(list(names), ensure_ascii=False)}"
    if selection.concat_dim is not None:
        yield f"  concat_dim: {json.dumps(selection.concat_dim)}         # joins the files"
    if source.selection.columns and not selection.columns:
        yield f"  # columns: {json.dumps(_columns(source), ensure_ascii=False)}"
    if "compensate" in FORMATS[source.format].accepts:
        yield "  # compensate: true         # by the spillover matrix in each file"
    yield "  # missing: drop            # leave out rows that lack a value"
    yield "  # weights: NAME            # a column or array with a weight for every row"
    yield ""
    yield from _prepare(source)
    most = max(2, min(_LARGEST_K, n_rows // (_ROWS_FOR_EACH * n_features)))
    yield "model:"
    yield f"  n_components: 1:{most}          # all are fitted together, and one is chosen"
    yield "  covariance_type: [full, tied, diag, spherical]"
    yield "  criterion: bic             # or aic, icl"
    yield ""
    yield "output:"
    yield f"  path: {json.dumps(f'results/{_stem(path)}')}"
    yield "  assignments: [labels, responsibilities, log_density]   # or uncertainty, outlier"
    yield ""
    yield "cluster:"
    yield "  kind: local                # processes of this machine; or threads, slurm, ..."
    yield "  # workers: 2"
    yield "  # memory_limit: 4GiB       # of each worker"


def _columns(source: Source) -> list[str]:
    """What ``columns`` may name: features, or columns of which some are several features."""
    columns = source.selection.columns
    return list(source.feature_names if len(source.feature_names) == len(columns) else columns)


def _prepare(source: Source) -> Iterator[str]:
    """Standardise variables on dimensions of their own, whose features say nearly the same."""
    is_wanted = any(group.axes for group in source.feature_groups)
    mark = "" if is_wanted else "# "
    usual = '{"*": {arcsinh: 150}}' if source.format == "fcs" else "{NAME: log1p}"
    comment = "" if is_wanted else "                   # for features of different units"
    yield f"{mark}prepare:{comment}"
    indent = "  #" if is_wanted else "#  "
    yield f"{indent} transform: {usual}   # of skewed features; or log, yeo-johnson, ..."
    yield f"{mark}  scale: standardize"
    yield f"{mark}  pca: 0.99                # principal components with this share of the variance"
    yield ""


def _stem(path: str) -> str:
    return Path(path.rstrip("/")).stem.replace("*", "all") or "data"
