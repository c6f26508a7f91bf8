"""Parts of the reference that are made of the code: keys, commands, exit codes, stages, statuses.

``{reference-table} NAME`` in a page stands for the part of this name.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any

import click
from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from dgmm import errors
from dgmm.cli.commands import dgmm
from dgmm.engine.events import STAGES
from dgmm.mixture.candidate import Status
from dgmm.registry import COMMANDS
from dgmm.run.config.configuration import schema

_SECTIONS = ("input", "prepare", "model", "output", "drift")


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield from ("", f"| {' | '.join(header)} |", f"|{'---|' * len(header)}")
    yield from (f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows)
    yield ""


def configuration_keys() -> Iterator[str]:
    """A heading and a table for each section of a configuration, and for each kind of cluster."""
    found = schema()
    models = found["$defs"]
    for name in _SECTIONS:
        yield from _section(f"`{name}`", models[_target(found["properties"][name])])
    for kind, reference in found["properties"]["cluster"]["discriminator"]["mapping"].items():
        yield from _section(f"`cluster`, kind `{kind}`", models[reference.rpartition("/")[2]])
    yield from _section("`input.weights` as a mapping", models["WeightsInput"])


def _target(reference: Mapping[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _section(heading: str, model: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"## {heading}", "", str(model.get("description", "")))
    required = set(model.get("required", ()))
    rows = (
        (f"`{key}`", _default(key, value, required), _meaning(value))
        for key, value in model["properties"].items()
    )
    yield from _table(("key", "default", "meaning"), rows)


def _default(key: str, value: Mapping[str, Any], required: set[str]) -> str:
    if "const" in value:
        return f"`{value['const']}`"
    if key in required:
        return "required"
    default = value.get("default", {} if value.get("type") == "object" else None)
    if (
        isinstance(default, list)
        and len(default) > 5
        and default == list(range(1, len(default) + 1))
    ):
        return f"`1:{len(default)}`"
    return f"`{json.dumps(default)}`".replace('"', "")


def _meaning(value: Mapping[str, Any]) -> str:
    text = value.get("description", "").strip()
    choices = next(
        (part["enum"] for part in (value, *value.get("anyOf", ())) if "enum" in part), ()
    )
    if choices:
        text += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    return text.strip()


def exit_codes() -> Iterator[str]:
    """Every exit code with the errors that end with it."""
    by_code: dict[int, list[type[errors.DgmmError]]] = {}
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.DgmmError):
            by_code.setdefault(error.exit_code, []).append(error)
    rows = (
        (str(code), f"`{error.__name__}`", (error.__doc__ or "").splitlines()[0].split(" (")[0])
        for code in sorted(by_code)
        for error in by_code[code]
        if error is not errors.DgmmError
    )
    yield from _table(("exit code", "error in Python", "meaning"), rows)


def stages() -> Iterator[str]:
    """Every stage of a run."""
    yield from _table(("stage", "what happens"), ((f"`{name}`", STAGES[name]) for name in STAGES))


def statuses() -> Iterator[str]:
    """Every status of a candidate."""
    rows = ((f"`{status.value}`", status.sentence) for status in Status)
    yield from _table(("status", "meaning"), rows)


def commands() -> Iterator[str]:
    """The help of every command."""
    context = click.Context(dgmm, info_name="dgmm", terminal_width=90, max_content_width=90)
    for name in dgmm.list_commands(context):
        command = dgmm.get_command(context, name)
        yield from (
            "",
            f"## `dgmm {name}`",
            "",
            "```text",
            *_help(name, command, context),
            "```",
            "",
        )


def _help(name: str, command: click.Command | None, context: click.Context) -> list[str]:
    if name in COMMANDS:  # a pipeline, which parses its arguments itself
        with redirect_stdout(io.StringIO()) as said:
            COMMANDS[name](["--help"])
        return said.getvalue().splitlines()
    inner = click.Context(command, context, name, terminal_width=90, max_content_width=90)
    return command.get_help(inner).splitlines()


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "configuration-keys": configuration_keys,
    "exit-codes": exit_codes,
    "stages": stages,
    "statuses": statuses,
}


class ReferenceTable(SphinxDirective):
    """The directive ``reference-table``."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """The nodes of the part that is named."""
        text = "\n".join(TABLES[self.arguments[0]]())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("reference-table", ReferenceTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
