"""What the documents for developers name is there, and their links lead somewhere."""

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import dgmm

ROOT = Path(__file__).parents[1]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
DESIGN = ROOT / "docs" / "design.md"
FOR_DEVELOPERS = [
    DESIGN,
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs" / "decisions" / "README.md",
    *DECISIONS,
]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "pipelines/**/*.md", "scripts/**/*.md")
    for path in ROOT.glob(pattern)
    if not {"_build", "examples"} & set(path.relative_to(ROOT).parts)
)
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
WORDS_IN_TEN_MINUTES = 2_000
FOLDERS = ("configs", "dgmm", "docs", "pipelines", "scripts", "tests")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", paths, ids=name_of)


def code_of(page: Path) -> list[str]:
    """Everything in backticks."""
    return re.findall(r"`([^`\n]+)`", page.read_text().replace("```", ""))


def paths_in(page: Path) -> set[str]:
    """Paths of the repository that a file names anywhere; patterns too."""
    folders = "|".join(FOLDERS)
    found = re.findall(rf"(?<![\w/.:-])(?:{folders})/[\w./*-]*", page.read_text())
    return {path.rstrip("./") for path in found}


def dotted_names_in(page: Path) -> set[str]:
    """Modules of dgmm and pipelines, and what is in them, that a page names."""
    words = {word for code in code_of(page) for word in code.split()}
    pattern = re.compile(r"(?:dgmm|pipelines)(?:\.[A-Za-z_]\w*)+")
    return {word for word in words if pattern.fullmatch(word) and "NAME" not in word}


def resolve(name: str) -> Any:
    """The module, class or function of a dotted name."""
    parts = name.split(".")
    found: Any = import_module(parts[0])
    for i, part in enumerate(parts[1:], start=2):
        found = getattr(found, part, None) or import_module(".".join(parts[:i]))
    return found


@cache
def classes() -> set[str]:
    """Names of all classes of dgmm."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "dgmm").rglob("*.py"))
    return {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }


def anchors_of(page: Path) -> set[str]:
    """What links may name in a page: its headings, as code hosts spell them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each(PAGES)
def test_relative_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for target in (target for target in targets if "://" not in target):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors_of(path), target


@each([*PAGES, *CONFIGS])
def test_paths_exist(page: Path) -> None:
    assert [path for path in sorted(paths_in(page)) if not list(ROOT.glob(path))] == []


@each(FOR_DEVELOPERS)
def test_dotted_names_can_be_imported(page: Path) -> None:
    for name in sorted(dotted_names_in(page)):
        assert resolve(name) is not None, name


def test_the_page_names_classes_and_folders_that_there_are() -> None:
    named = {code for code in code_of(DESIGN) if re.fullmatch(r"[A-Z][a-z]+[A-Za-z]*", code)}
    assert "FitState" in named
    assert named - classes() == set()


def test_the_page_has_a_line_for_each_folder() -> None:
    rows = re.findall(r"^\| `([\w/]+)/` \|", DESIGN.read_text(), flags=re.M)
    packages = [
        path.parent for top in ("dgmm", "pipelines") for path in ROOT.glob(f"{top}/**/__init__.py")
    ]
    wanted = {name_of(folder) for folder in packages} - {"dgmm"}
    assert wanted <= set(rows)
    assert len(rows) == len(set(rows))
    assert all((ROOT / row).is_dir() for row in rows)


def test_values_are_defined_where_the_page_says() -> None:
    rows = re.findall(r"^\| (`[A-Z].*?) \| `(dgmm[\w.]+)` \|", DESIGN.read_text(), flags=re.M)
    assert len(rows) > 10
    for names, module in rows:
        for name in re.findall(r"`(\w+)`", names):
            assert getattr(import_module(module), name).__module__ == module


def test_the_page_takes_ten_minutes() -> None:
    assert len(DESIGN.read_text().split()) <= WORDS_IN_TEN_MINUTES


def test_the_index_lists_every_decision_by_its_title() -> None:
    index = (DESIGN.parent / "decisions" / "README.md").read_text()
    listed = re.findall(r"^- \[(\d{4})\]\(([\w.-]+)\) (.+)$", index, flags=re.M)
    titles = {}
    for path in DECISIONS:
        number, _, title = path.read_text().splitlines()[0].removeprefix("# ").partition(". ")
        titles[path.name] = (f"{int(number):04d}", title)
    assert {name: (number, title) for number, name, title in listed} == titles
    assert [path.name[:4] for path in DECISIONS] == [f"{i + 1:04d}" for i in range(len(DECISIONS))]


@each(DECISIONS)
def test_a_decision_has_date_status_and_text(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert re.fullmatch(r"- Date: \d{4}-\d\d-\d\d(?:, revised \d{4}-\d\d-\d\d)?", lines[2])
    assert re.fullmatch(
        r"- Status: (?:accepted(?:, in part superseded by \[\d{4}\]\([\w.-]+\))?"
        r"|superseded by \[\d{4}\]\([\w.-]+\))",
        lines[3],
    )
    headings = [line for line in lines if line.startswith("## ")]
    order = ["## Decision", "## Measured", "## Rejected"]
    assert headings[0] == order[0]
    assert headings == [heading for heading in order if heading in headings]


def test_the_citation_names_this_version() -> None:
    assert f"\nversion: {dgmm.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_page_is_in_a_table_of_contents() -> None:
    pages = [path for path in PAGES if path.is_relative_to(ROOT / "docs")]
    listed = {ROOT / "docs" / "index.md"}
    for page in pages:
        for entries in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), re.M | re.S):
            for entry in entries.split():
                listed |= {path.resolve() for path in page.parent.glob(f"{entry}.md")}
    not_shown = {ROOT / "docs" / "data" / "README.md", ROOT / "docs" / "decisions" / "README.md"}
    assert sorted(set(pages) - listed - not_shown) == []
