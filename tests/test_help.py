"""What ``-h``, ``--version`` and the completion of a shell say."""

import re
import shlex

import click
import numpy as np
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

import dgmm
from dgmm.cli import dgmm as command
from pipelines import nightly, online, score, stability

OWN = sorted(command.commands)


def said(*arguments: str) -> str:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("name", OWN)
def test_short_and_long_option_show_the_same_help(name: str) -> None:
    assert said(name, "-h") == said(name, "--help")


@pytest.mark.parametrize("pipeline", [nightly, online, score, stability])
def test_pipelines_have_the_short_option(pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline.main(["-h"]) == 0
    assert "Usage:" in capsys.readouterr().out


def test_summaries_are_whole_sentences() -> None:
    lines = said("-h").partition("Commands:\n")[2].partition("\n\n")[0]
    entries = re.split(r"\n  (?=\S)", lines.strip())
    assert len(entries) >= len(OWN)
    assert [entry for entry in entries if not entry.endswith(".") or "..." in entry] == []
    assert len({entry.partition(" ")[2].strip() for entry in entries}) == len(entries)


@pytest.mark.parametrize("name", OWN)
def test_examples_of_a_command_can_be_parsed(name: str) -> None:
    help_text = said(name, "-h")
    examples = [shlex.split(line) for line in help_text.partition("Examples:\n")[2].splitlines()]
    assert examples
    for program, called, *arguments in examples:
        assert (program, called) == ("dgmm", name)
        end = next((i for i, word in enumerate(arguments) if ">" in word), len(arguments))
        command.commands[name].make_context(name, arguments[:end])


def test_the_version_names_what_results_depend_on() -> None:
    first, second = said("--version").splitlines()
    assert first == f"dgmm {dgmm.__version__}"
    assert f"numpy {np.__version__}" in second
    assert re.search(r"Python 3\.\d+\.\d+, .*scipy .*numba .*dask .*zarr ", second)


def test_a_shell_completes_commands_and_options() -> None:
    completion = BashComplete(command, {}, "dgmm", "_DGMM_COMPLETE")
    assert [item.value for item in completion.get_completions([], "sco")] == [
        "score",
        "score-published",
    ]
    assert [item.value for item in completion.get_completions(["run"], "--fr")] == ["--fresh"]
    assert isinstance(command, click.Group)
