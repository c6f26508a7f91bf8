"""Every block of code of the documentation runs, and prints what the page shows."""

from pathlib import Path

import pytest

from tests.documentation.code_blocks import ROOT, PageRunner, blocks_of

IN_PARTS = ("decisions", "_build", "examples", "extensions", "data")
PAGES = [
    page
    for page in sorted((ROOT / "docs").glob("**/*.md"))
    if page.relative_to(ROOT / "docs").parts[0] not in IN_PARTS and blocks_of(page)
]
NEEDS_A_BUCKET = "s3://"


def test_there_are_pages() -> None:
    assert len(PAGES) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    runner = PageRunner()
    for block in blocks_of(page):
        if block.language == "python" and NEEDS_A_BUCKET in block.text:
            compile(block.text, str(page), "exec")
        else:
            runner.run(block)
