"""Pipelines as commands of ``dgmm``."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.registry import COMMANDS

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())


@pytest.fixture
def said():
    """What a declared command is called with."""
    arguments = []

    def main(given):
        arguments.append(given)
        return 65

    COMMANDS.add("some", main)
    yield arguments
    COMMANDS.remove("some")


def test_a_declared_command_gets_its_arguments_and_gives_its_exit_code(said):
    given = ["config.yaml", "--set", "run.model.seed=1", "--help"]
    assert CliRunner().invoke(dgmm, ["some", *given]).exit_code == 65
    assert said == [given]
    assert "some" in CliRunner().invoke(dgmm, ["--help"]).output


def test_what_is_declared_is_there():
    declared = PROJECT["project"]["entry-points"]["dgmm.commands"]
    assert set(declared) == {"nightly", "online", "score-published", "stability"}
    for name, value in declared.items():
        main = EntryPoint(name, value, "dgmm.commands").load()
        assert main(["--help"]) == 0
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [
        "dgmm",
        "pipelines",
    ]
