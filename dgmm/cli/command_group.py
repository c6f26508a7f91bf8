"""How commands end: one line that says why, and the exit codes of :mod:`dgmm.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dgmm.errors import UsageError
from dgmm.registry import COMMANDS

if TYPE_CHECKING:
    from dgmm.run.console.logs import LogFormat

DEBUG = "dgmm.debug"  # keys of what click remembers for the length of a command
AS_JSON = "dgmm.as_json"
CONFIGURATION = "dgmm.configuration"

_NEVER_CUT = 10_000  # characters


class Group(click.Group):
    """Commands whose errors end with the exit codes of :mod:`dgmm.errors`.

    It works alike as ``dgmm`` and below another group, as in ``dask dgmm``.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Dgmm's own commands, and those that packages declare."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by name; one that a package declares parses its arguments itself."""
        found = super().get_command(ctx, cmd_name)
        if found is not None or cmd_name not in COMMANDS:
            return found
        return _DeclaredCommand(
            cmd_name,
            context_settings={"ignore_unknown_options": True, "help_option_names": []},
            params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
            callback=partial(_run_declared, cmd_name),
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with its whole first sentence."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, c.get_short_help_str(_NEVER_CUT)) for name, c in commands.items() if c]
            )

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the options of the group itself."""
        with _exit_codes({}):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Parse and run a command."""
        with _exit_codes(ctx.meta):
            return super().invoke(ctx)


class _DeclaredCommand(click.Command):
    """A command that a package declares."""

    def get_short_help_str(self, limit: int = 45) -> str:
        """What the package says of it, for lists of commands."""
        del limit  # a line is never cut
        return COMMANDS.summary(str(self.name))


def _run_declared(name: str, arguments: tuple[str, ...]) -> NoReturn:
    """Call what a package declares, and leave with its exit code."""
    raise click.exceptions.Exit(COMMANDS[name](list(arguments)))


@contextmanager
def _exit_codes(meta: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        raise click.exceptions.Exit(UsageError.exit_code) from error
    except click.UsageError as error:
        what = " ".join(error.format_message().split()).rstrip(".")
        what = what.replace(". (Did you mean", " (did you mean")
        command = error.ctx.command_path if error.ctx else "dgmm"
        _end(meta, UsageError(f"{what}. See {command} --help."), error)
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except (KeyboardInterrupt, Exception) as error:
        _end(meta, error, error)


def _end(meta: dict[str, Any], error: BaseException, cause: BaseException) -> NoReturn:
    """Report why a command failed, and exit."""
    from dgmm.run import exit_message

    end = exit_message(error, log_format(meta), with_traceback=bool(meta.get(DEBUG)))
    click.echo(end.text, err=True)
    raise click.exceptions.Exit(end.exit_code) from cause


def log_format(meta: dict[str, Any]) -> "LogFormat":
    """How this command writes to stderr, and what it redacts."""
    from dgmm.run.console.logs import LogFormat

    configuration = meta.get(CONFIGURATION)
    as_json = bool(meta.get(AS_JSON))
    return (
        LogFormat(as_json) if configuration is None else LogFormat(as_json, configuration.redactor)
    )
