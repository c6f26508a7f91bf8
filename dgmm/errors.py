"""Every failure dgmm foresees, each with the exit code that schedulers know (sysexits.h)."""


class DgmmError(Exception):
    """What was found, what was expected, and what to do, in one sentence or two.

    Attributes
    ----------
    exit_code : int
        The code with which the ``dgmm`` command ends when this error reaches it.
    """

    exit_code = 70


class UsageError(DgmmError, ValueError):
    """The command line asks for something that does not exist (64)."""

    exit_code = 64


class DataError(DgmmError, ValueError):
    """The data cannot be fitted as they are: non-finite, too few, wrong type (65)."""

    exit_code = 65


class InputChangedError(DataError):
    """A block no longer has the checksum that the profile pass saw (65)."""


class HeldBackError(DgmmError):
    """The run is complete, but too far from the last result, which readers go on seeing (65)."""

    exit_code = 65


class InputNotFoundError(DgmmError, FileNotFoundError):
    """There is no dataset where the configuration says (66)."""

    exit_code = 66


class OutputError(DgmmError):
    """The output cannot be created or is not what dgmm wrote (73)."""

    exit_code = 73


class StorageError(DgmmError, OSError):
    """Reading or writing failed (74)."""

    exit_code = 74


class TemporaryError(DgmmError):
    """The same command may succeed later: a cluster is not ready, a worker is lost (75)."""

    exit_code = 75


class ConfigurationError(DgmmError, ValueError):
    """The configuration is wrong; every mistake is listed (78)."""

    exit_code = 78


class MemoryLimitError(ConfigurationError):
    """The projected memory exceeds the limit; both numbers are in the message (78)."""


class MissingExtraError(DgmmError, ImportError):
    """An optional package is not installed; the message names the command (78)."""

    exit_code = 78
