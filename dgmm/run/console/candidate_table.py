"""The candidates of a sweep as a table for people, best first."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table

from dgmm.mixture.candidate import Status
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.spurious_components import find_spurious_components

_MAX_ROWS = 15
_FEW_ROWS = "few rows"


def show_candidates(sweep: Sweep, console: Console) -> None:
    """Print the table, with lines on a terminal and as plain columns elsewhere."""
    if console.is_terminal:
        console.print(_make_table(sweep))
    else:
        for line in _align_columns([_header(sweep), *_rows(sweep)]):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in _remarks(sweep):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _header(sweep: Sweep) -> tuple[str, ...]:
    name = sweep.criterion.upper()
    return ("", "type", "K", name, f"{name} - best", "log-likelihood", "iter", "status")


def _rows(sweep: Sweep) -> Iterator[tuple[str, ...]]:
    best = sweep.selected.criteria[sweep.criterion]
    for result in sweep.rank()[:_MAX_ROWS]:
        value, sign = result.criteria[sweep.criterion], "< " if result.is_bound else ""
        yield (
            "*" if result is sweep.selected else "",
            result.covariance_type,
            str(result.n_components),
            f"{sign}{value:.1f}",
            f"{sign}{value - best:.1f}",
            f"{result.log_likelihood:.1f}",
            str(result.n_iter),
            _FEW_ROWS if _stands_on_few_rows(result, sweep) else result.status.value,
        )


def _stands_on_few_rows(result: FitResult, sweep: Sweep) -> bool:
    is_sound = result.status is not Status.DEGENERATE
    return is_sound and find_spurious_components(result.parameters, sweep.n_rows).size > 0


def _remarks(sweep: Sweep) -> Iterator[str]:
    """Remarks below the table: candidates not shown, and the meaning of each status."""
    if len(sweep.results) > _MAX_ROWS:
        yield f"... and {len(sweep.results) - _MAX_ROWS} more"
    found = {result.status for result in sweep.results}
    for status in Status:
        if status in found and status is not Status.CONVERGED:
            yield f"{status.value}: {status.sentence}"
    if any(_stands_on_few_rows(result, sweep) for result in sweep.results):
        yield (
            f"{_FEW_ROWS}: A component stands on fewer rows than it has parameters, so the "
            "candidate is listed after the others and chosen only if none of them is sound."
        )


def _make_table(sweep: Sweep) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in _header(sweep):
        side: JustifyMethod = "left" if name in ("", "type", "status") else "right"
        table.add_column(name, justify=side, no_wrap=True)
    for row in _rows(sweep):
        table.add_row(*row, style="bold" if row[0] else None)
    return table


def _align_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for mark, kind, *numbers, status in rows:
        middle = [f"{text:>{width}}" for text, width in zip(numbers, widths[2:-1], strict=True)]
        yield "  ".join([f"{mark:{widths[0]}}", f"{kind:{widths[1]}}", *middle, status])
