"""Options that commands share: configuration file, logging, access to object stores."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dgmm.cli.command_group import AS_JSON, CONFIGURATION, DEBUG

if TYPE_CHECKING:
    from dgmm.run.config.configuration import Configuration

_BESIDE_DASK = ("xarray", "scipy.sparse", "scipy.fftpack", "jinja2")
_Command = TypeVar("_Command", bound=Callable[..., object])


def examples(*lines: str) -> str:
    """The last part of the help of a command: lines for a shell."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def _remember_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[DEBUG] = value


def _remember_format(ctx: click.Context, _: click.Parameter, value: str) -> None:
    ctx.meta[AS_JSON] = value == "json"


def load(config: str, overrides: tuple[str, ...]) -> "Configuration":
    """Load the configuration; from now on its secrets are redacted in all output."""
    from dgmm.run.config import configuration as configurations

    configuration = configurations.load(config, overrides)
    click.get_current_context().meta[CONFIGURATION] = configuration
    return configuration


def load_as(settings: Any, config: str, overrides: tuple[str, ...]) -> "Configuration":
    """Load the file of another program; the configuration in it, under the key ``run``."""
    from dgmm.run.config import configuration as configurations

    configuration: Configuration = configurations.load_as(settings, config, overrides).run
    click.get_current_context().meta[CONFIGURATION] = configuration
    return configuration


def restart_if_portable(configuration: "Configuration") -> None:
    """Start the command again where it needs that, and is the program of its process."""
    from dgmm.run import restart_if_portable

    if _is_main_program():
        restart_if_portable(configuration)


def import_dask() -> None:
    """Import Dask's arrays without what it takes longer to import than they do.

    Dask imports xarray and SciPy's sparse arrays where they are installed, to know them if
    ``from_array`` is given one, wraps SciPy's Fourier transforms, and shows arrays in notebooks by
    Jinja. dgmm needs none of it. What is set here is how Python marks a module that is not there.
    Where the command is not the program of its process, others may need them, and nothing is done.
    """
    if _is_main_program() and not {"dask.array", *_BESIDE_DASK}.intersection(sys.modules):
        sys.modules.update(dict.fromkeys(_BESIDE_DASK))  # type: ignore[arg-type] # as documented
        try:
            import_module("dask.array")
        finally:
            for name in _BESIDE_DASK:
                del sys.modules[name]


def _is_main_program() -> bool:
    """Whether the command is the program of its process, not called by another."""
    return bool((click.get_current_context().find_root().obj or {}).get("is_main_program"))


def configuration_options(command: _Command) -> _Command:
    """Add the configuration file and its options to a command."""
    overrides = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set a key of the configuration, such as model.n_components=1:12; repeatable.",
    )
    return click.argument("config", type=click.Path())(overrides(add_logging_options(command)))


def _find_settings(
    _: click.Context, __: click.Parameter, value: str | None
) -> Any:  # a class of a package that dgmm does not know
    if value is None:
        return None
    from dgmm.registry import COMMANDS

    known = {name: getattr(COMMANDS[name], "settings", None) for name in COMMANDS}
    found = known.get(value)
    if found is None:
        expected = ", ".join(name for name in known if known[name] is not None) or "none"
        raise click.BadParameter(
            f"there is no such command with a configuration; known: {expected}"
        )
    return found


def for_command_option(command: _Command) -> _Command:
    """Let a command take the configuration of a command that a package declares."""
    return click.option(
        "--for",
        "settings",
        metavar="COMMAND",
        callback=_find_settings,
        help="The command that CONFIG is for, such as nightly; by default run.",
    )(command)


def add_logging_options(command: _Command) -> _Command:
    """Add the options for output on stderr to a command."""
    debug = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_remember_debug,
        help="Show the traceback of an error.",
    )
    log_format = click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        is_eager=True,
        expose_value=False,
        callback=_remember_format,
        help="Format of stderr: plain lines, or one JSON object per line.",
    )
    return debug(log_format(command))


def _read_storage_options(
    _: click.Context, __: click.Parameter, value: str | None
) -> dict[str, Any] | None:
    if value is None:
        return None
    from dgmm.run.config.store_types import parse_options

    return parse_options(value)


def storage_options(command: _Command) -> _Command:
    """Add the options for the object store of a result to a command."""
    return click.option(
        "--storage-options",
        metavar="KEYS",
        callback=_read_storage_options,
        help="How the object store of the result is reached, as in a configuration: "
        "'{endpoint_url: https://host}'. Credentials come from the environment.",
    )(command)


def metrics_option(command: _Command) -> _Command:
    """Let a command be told where the metrics of its run go."""
    return click.option(
        "--metrics",
        metavar="FILE",
        help="Write rows, components, log-likelihood, drift and durations there, for the textfile "
        "collector of a node exporter.",
    )(command)
