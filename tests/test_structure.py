"""The shape of the package: rooms that can be surveyed, a name for each module, short files."""

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "dgmm").rglob("*.py"))
SAME_NAMES: dict[str, str] = {}
"""Names that two modules share, each with the reason."""


def name_of(module: Path) -> str:
    """What a module is imported by; folders are modules too."""
    return module.parent.name if module.stem == "__init__" else module.stem


def test_no_folder_has_more_than_24_modules():
    counts = Counter(module.parent for module in MODULES)
    assert {folder: n for folder, n in counts.items() if n > 24} == {}


def test_no_two_modules_have_one_name():
    names = Counter(name_of(module) for module in MODULES if module.stem != "__main__")
    assert {name for name, n in names.items() if n > 1} == set(SAME_NAMES)


@pytest.mark.parametrize("root", ["dgmm", "pipelines"])
def test_files_are_short(root):
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for path in (ROOT / root).rglob("*.py")
    }
    assert {path: n_lines for path, n_lines in lengths.items() if n_lines > 300} == {}
