"""Write reports."""

import importlib
import logging

from dgmm.errors import MissingExtraError, OutputError
from dgmm.io.results.layout import LATEST_REPORT, report_path, run_name
from dgmm.io.results.output import Output
from dgmm.io.results.result import Result, open_result
from dgmm.io.storage.atomic_writes import make_directory, remove_temporary, replace_file
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import creation_failures

_logger = logging.getLogger(__name__)

_PACKAGES = frozenset({"jinja2", "matplotlib", "PIL"})


def publish_report(run: Result | AnyPath) -> AnyPath:
    """Draw the report of a run of an output and write it to the output.

    If the output's pointer names the run, ``report.html`` becomes its report too.

    Parameters
    ----------
    run : Result, or Path or UPath
        ``OUTPUT/runs/RUN_ID.zarr``, or a run anywhere else, whose report is put beside it. A result
        that is open already is not read again.

    Returns
    -------
    Path or UPath
        Where the report of this run is.

    Raises
    ------
    MissingExtraError
        If the packages that draw are not installed.
    OutputError, StorageError
        If it cannot be written.
    """
    result = run if isinstance(run, Result) else open_result(run)
    path, content = result.path, _draw(result)
    if path.parent.name != "runs":
        return _write(path.with_suffix(".html"), content)
    output, run_id = path.parent.parent, run_name(path)
    place = _write(report_path(output, run_id), content)
    if Output(output).run(run_id).is_latest:
        _write(output / LATEST_REPORT, content)
    return place


def write_report(result: Result, path: AnyPath) -> AnyPath:
    """Draw the report of a result and write it to a file; the same errors."""
    return _write(path, _draw(result))


def _draw(result: Result) -> bytes:
    try:
        page = importlib.import_module("dgmm.report.page")  # here, for what it needs is optional
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise MissingExtraError(
            f'a report is drawn with {error.name}: pip install "dgmm[report]"'
        ) from error
    content: str = page.render(result)
    return content.encode()


def _write(path: AnyPath, content: bytes) -> AnyPath:
    if path.is_dir():
        raise OutputError(f"{path} is a directory; expected the name of a file to write.")
    with creation_failures(path):
        make_directory(path.parent)
        remove_temporary(path)
        replace_file(path, content)
    return path


def try_publish_report(run: Result | AnyPath) -> None:
    """Draw the report of a run, and log a warning if that fails."""
    try:
        _logger.info("report: %s", publish_report(run))
    except MissingExtraError as error:
        _logger.info("no report: %s", error)
    except Exception as error:  # a failed figure must not fail the run
        _logger.warning(
            "the report could not be made (%s: %s); try `dgmm report %s`",
            type(error).__name__,
            error,
            run.path if isinstance(run, Result) else run,
            exc_info=_logger.isEnabledFor(logging.DEBUG),
        )
