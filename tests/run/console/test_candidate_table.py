import io

import pytest
from rich.console import Console

from dgmm.mixture.candidate import Status
from dgmm.run.console.candidate_table import show_candidates
from tests.run.sweeps import sweep


def shown(n_more: int = 0, *, terminal: bool = False, width: int = 80) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None)
    show_candidates(sweep(n_more), console)
    return file.getvalue().splitlines()


def test_plain_text_is_aligned_and_best_first() -> None:
    assert shown()[:5] == [
        "   type   K      BIC  BIC - best  log-likelihood  iter  status",
        "*  full   2    100.2         0.0           -50.1     7  converged",
        "   tied  10  < 200.0      < 99.8          -100.0     7  max_iter",
        "   full   1    300.0       199.8          -150.0     7  converged",
        "   diag   3   -500.0      -600.2           250.0     7  degenerate",
    ]


def test_every_status_that_needs_a_person_is_explained() -> None:
    assert shown()[5:] == [
        f"max_iter: {Status.MAX_ITER.sentence}",
        f"degenerate: {Status.DEGENERATE.sentence}",
    ]


def test_a_candidate_on_few_rows_says_why_it_is_not_chosen() -> None:
    lines = shown(12)
    assert next(line for line in lines if "few rows" in line).startswith("   spherical  12")
    assert lines[-1].startswith("few rows: ")


def test_a_long_table_ends_with_a_count() -> None:
    lines = shown(100)
    assert lines[16] == "... and 89 more"
    assert lines[15].split()[0] == "spherical"


def test_plain_lines_are_never_folded() -> None:
    assert shown(width=20) == shown()


@pytest.mark.parametrize("n_more", [0, 100])
def test_a_terminal_gets_a_drawn_table_of_the_same_facts(n_more: int) -> None:
    text = "\n".join(shown(n_more, terminal=True))
    assert "────" in text
    assert "…" not in text
    for fact in ("100.2", "99.8", "max_iter", "degenerate", "BIC - best"):
        assert fact in text
    assert ("... and 89 more" in text) == (n_more == 100)
