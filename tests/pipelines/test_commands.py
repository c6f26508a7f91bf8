"""Pipelines as commands of ``dgmm``."""

import json
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm
from dgmm.registry import COMMANDS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture
def said():
    """What a declared command is called with."""
    arguments = []

    def main(given):
        """Do something."""
        arguments.append(given)
        return 65

    COMMANDS.add("some", main)
    yield arguments
    COMMANDS.remove("some")


def test_a_declared_command_gets_its_arguments_and_gives_its_exit_code(said):
    given = ["config.yaml", "--set", "run.model.seed=1", "--help"]
    assert CliRunner().invoke(dgmm, ["some", *given]).exit_code == 65
    assert said == [given]
    assert "some  " in (help_text := CliRunner().invoke(dgmm, ["--help"]).output)
    assert "Do something." in help_text


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


@pytest.mark.parametrize("name", ["nightly", "online", "score-published", "stability"])
def test_files_of_pipelines_are_known_to_validate_and_schema(name):
    declared = PROJECT["project"]["entry-points"]["dgmm.commands"][name]
    command = EntryPoint(name, declared, "dgmm.commands").load()
    if name not in COMMANDS:
        COMMANDS.add(name, command)
    outcome = CliRunner().invoke(dgmm, ["schema", "--for", name])
    assert outcome.exit_code == 0
    assert "run" in json.loads(outcome.stdout)["properties"]
    file = ROOT / "configs" / f"{name.removesuffix('-published')}.yaml"
    outcome = CliRunner().invoke(dgmm, ["validate", "--for", name, str(file)])
    assert outcome.exit_code == 0, outcome.output
    assert "is valid" in outcome.stdout
    wrong = CliRunner().invoke(dgmm, ["validate", "--for", name, str(file), "--set", "keeep=3"])
    assert (wrong.exit_code, "keeep" in wrong.stderr) == (78, True)


def test_a_command_that_is_not_there_is_named():
    outcome = CliRunner().invoke(dgmm, ["schema", "--for", "nothing"])
    assert outcome.exit_code == 64
    assert "there is no such command" in outcome.stderr
