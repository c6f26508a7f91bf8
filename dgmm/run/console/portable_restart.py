"""A command that starts itself again, because portable arithmetic is a matter of how it starts."""

import os
import sys

from dgmm.engine.arithmetic.portable import portable_environment
from dgmm.run.config.configuration import Configuration


def restart_if_portable(configuration: Configuration) -> None:
    """Start this program again if its configuration wants portable arithmetic and it lacks that.

    For the main program of a process only, before it has begun anything: it comes back as the same
    process with the same command line, and variables that NumPy and others read as they load.

    Parameters
    ----------
    configuration : Configuration

    Examples
    --------
    >>> from dgmm.run import loads, restart_if_portable
    >>> configuration = loads("{input: {path: x.npy}, output: {path: results}}")
    >>> configuration.cluster.arithmetic  # not portable, so nothing happens
    'native'
    >>> restart_if_portable(configuration)
    """
    wanted = {**os.environ, **portable_environment()}
    is_wanted = configuration.cluster.arithmetic == "portable" and wanted != dict(os.environ)
    if is_wanted and os.name == "posix":
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)
