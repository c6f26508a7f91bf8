"""Whatever a configuration holds, the answer is an exit code and an explanation."""

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dgmm.cli import dgmm as command
from tests.run.mutations import BASES, Case, cases

PLANNED = 10  # every tenth is planned as well, which opens its input


def invoke(name: str, path: Path, case: Case) -> Result:
    path.write_bytes(case.content)
    options = [option for override in case.overrides for option in ("--set", override)]
    return CliRunner().invoke(command, [name, str(path), *options], prog_name="dgmm")


def assert_answered(result: Result, path: Path, codes: tuple[int, ...], case: Case) -> None:
    told = (case, result.output)
    assert result.exit_code in codes, told
    lines = result.stderr.splitlines()
    if result.exit_code == 0:
        assert not [line for line in lines if line.startswith("dgmm:")], told
        assert result.stdout, told
        return
    assert result.stdout == "", told
    assert result.stderr.startswith("dgmm: "), told
    assert result.exit_code != 78 or str(path) in lines[0] or name_of_place(lines[0]), told
    assert all(len(line) < 1000 for line in lines), told
    assert all(c.isprintable() for line in lines for c in line), told
    assert len(lines) == 1 or lines[0].endswith(" mistakes"), told


def name_of_place(line: str) -> bool:
    """Whether a plan, for which the configuration is right, says what is wrong with its places."""
    words = ("variable", "column", "sample_dims", "weights", "pca", "The output ")
    return any(word in line for word in words)


def answers(n: int, path: Path) -> Counter[tuple[str, int]]:
    counts: Counter[tuple[str, int]] = Counter()
    for index, case in enumerate(cases(n)):
        validated = invoke("validate", path, case)
        assert_answered(validated, path, case.codes, case)
        counts["validate", validated.exit_code] += 1
        if index % PLANNED == 0:
            planned = invoke("plan", path, case)
            found = validated.exit_code
            assert_answered(planned, path, (0, 65, 66, 78) if found == 0 else (found,), case)
            counts["plan", planned.exit_code] += 1
    return counts


@pytest.mark.parametrize("base", BASES)
def test_what_is_mutated_is_valid(base: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    assert_answered(invoke("validate", path, Case(base.encode())), path, (0,), Case(b""))


def test_300_mutated_configurations_are_answered(tmp_path: Path) -> None:
    counts = answers(300, tmp_path / "run.yaml")
    assert min(counts["validate", 0], counts["validate", 78], counts["plan", 66]) > 0


@pytest.mark.slow
def test_10_000_mutated_configurations_are_answered(tmp_path: Path) -> None:
    counts = answers(10_000, tmp_path / "run.yaml")
    assert min(counts["validate", 0], counts["validate", 78]) > 1000
    assert min(counts["plan", code] for code in (0, 66, 78)) > 0
