"""How commands end: one line that says why, and the exit codes of :mod:`dgmm.errors`."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dgmm.errors import ConfigurationError, DgmmError, UsageError

if TYPE_CHECKING:
    from dgmm.run.logs import Style

UNEXPECTED = 70
INTERRUPTED = 130

DEBUG = "dgmm.debug"  # keys of what click remembers for the length of a command
AS_JSON = "dgmm.as_json"
CONFIGURATION = "dgmm.configuration"


class Group(click.Group):
    """Commands whose errors end with the exit codes of :mod:`dgmm.errors`.

    It works alike as ``dgmm`` and below another group, as in ``dask dgmm``.
    """

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


@contextmanager
def _exit_codes(meta: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        raise click.exceptions.Exit(UsageError.exit_code) from error
    except click.UsageError as error:
        what = " ".join(error.format_message().split()).rstrip(".")
        command = error.ctx.command_path if error.ctx else "dgmm"
        _end(meta, error, f"{what}. See {command} --help.", UsageError.exit_code)
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt as error:
        _end(meta, error, "interrupted", INTERRUPTED)
    except ConfigurationError as error:
        _end(meta, error, str(error), error.exit_code)  # a line for each mistake
    except DgmmError as error:
        _end(meta, error, " ".join(str(error).split()), error.exit_code)
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        _end(meta, error, f"unexpected {what}; use --debug for the traceback", UNEXPECTED)


def _end(meta: dict[str, Any], error: BaseException, message: str, exit_code: int) -> NoReturn:
    """Say why a command did not succeed, and leave it."""
    from dgmm.run.logs import failure

    style = style_of(meta)
    facts: dict[str, object] = {"error": type(error).__name__, "exit_code": exit_code}
    if meta.get(DEBUG):
        facts["traceback"] = "".join(traceback.format_exception(error))
        if not style.as_json:
            click.echo(style.conceal(f"{facts['traceback']}"), err=True)
    click.echo(failure(style, printable(message), facts), err=True)
    raise click.exceptions.Exit(exit_code) from error


def printable(message: str) -> str:
    """The message with what would steer a terminal spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in message)


def style_of(meta: dict[str, Any]) -> "Style":
    """How this command speaks on stderr, and what it conceals."""
    from dgmm.run.logs import Style

    configuration = meta.get(CONFIGURATION)
    as_json = bool(meta.get(AS_JSON))
    return Style(as_json) if configuration is None else Style(as_json, configuration.concealment)
