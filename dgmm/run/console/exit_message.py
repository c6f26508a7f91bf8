"""The message and the exit code of a program that ends with an error."""

import traceback
from dataclasses import dataclass

from dgmm.errors import ConfigurationError, DgmmError
from dgmm.run.console.logs import LogFormat, format_failure

_UNEXPECTED = 70
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class ExitMessage:
    """A message for stderr, and the exit code.

    Examples
    --------
    >>> ExitMessage("dgmm: There is nothing at x.npy. Check the path.", 66).exit_code
    66
    """

    text: str
    exit_code: int


def exit_message(
    error: BaseException, style: LogFormat, *, with_traceback: bool = False
) -> ExitMessage:
    """The message of an error: one line, or a line for each mistake in a configuration.

    Parameters
    ----------
    error : BaseException
        Of :mod:`dgmm.errors`, which know their exit codes; any other is unexpected (70).
    style : LogFormat
    with_traceback : bool, optional
        Whether it is told where the error was raised.

    Examples
    --------
    >>> from dgmm.errors import TemporaryError
    >>> exit_message(TemporaryError("The output is in use."), LogFormat())
    ExitMessage(text='dgmm: The output is in use.', exit_code=75)
    """
    what = " ".join(str(error).split())
    match error:
        case KeyboardInterrupt():
            message, exit_code = "interrupted", INTERRUPTED
        case ConfigurationError():
            message, exit_code = str(error), error.exit_code
        case DgmmError():
            message, exit_code = what, error.exit_code
        case _:
            kind = type(error).__name__
            message = f"unexpected {kind}: {what}; use --debug for the traceback"
            exit_code = _UNEXPECTED
    facts: dict[str, object] = {"error": type(error).__name__, "exit_code": exit_code}
    before = ""
    if with_traceback:
        facts["traceback"] = "".join(traceback.format_exception(error))
        before = "" if style.as_json else style.redactor(f"{facts['traceback']}\n")
    return ExitMessage(
        before + format_failure(style, escape_control_characters(message), facts), exit_code
    )


def escape_control_characters(message: str) -> str:
    """The message with control characters escaped, except line breaks."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in message)
