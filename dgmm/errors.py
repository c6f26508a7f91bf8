"""Errors that dgmm foresees, each with the exit code that schedulers know (sysexits.h).

dgmm is used through several interfaces: configurations, command-line options, Python. Errors below
them state what was found and what was expected, and name a :class:`Remedy`; each interface adds, by
:func:`advise`, how it is done in its own words.

A program catches one of them, or all as :class:`DgmmError`:

>>> from dgmm.errors import DgmmError
>>> from dgmm.run import loads
>>> try:
...     loads("input: {path: x.npy}")
... except DgmmError as error:
...     print(type(error).__name__, error.exit_code, error)
ConfigurationError 78 configuration: output: missing, expected a value
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto


class Remedy(Enum):
    """Remedies of errors, which the interfaces put into words."""

    DROP_MISSING = auto()
    """Leave out rows with NaN."""
    ENLARGE_SAMPLE = auto()
    """Make first parameters from more rows."""
    ENLARGE_BLOCKS = auto()
    """Read more rows at a time."""
    USE_LESS_MEMORY = auto()
    """Read fewer rows at a time, with fewer threads, or allow more memory."""
    SEARCH_LESS = auto()
    """Search for fewer components, or in fewer rows."""
    TRY_AGAIN = auto()
    """Do the same again, once its cause is gone."""
    START_AGAIN = auto()
    """Give up what was computed of other data."""
    MIX_ARITHMETIC = auto()
    """Give up what was computed on other processors, or let last bits be those of both."""
    OVERWRITE = auto()
    """Replace what is there."""
    CHOOSE_FORMAT = auto()
    """Say in which format the data are."""
    CONVERT = auto()
    """Make a Zarr store of the data."""
    CHOOSE_VARIABLE = auto()
    """Say which array of several holds the data."""
    DENSIFY = auto()
    """Say which dense array holds the data, or that a sparse one is made dense."""
    CHOOSE_VARIABLES = auto()
    """Say which labelled arrays hold the features."""
    CHOOSE_COLUMNS = auto()
    """Say which columns are the features."""
    CHOOSE_SAMPLE_DIMS = auto()
    """Say which dimensions are the samples."""
    CHOOSE_CONCAT_DIM = auto()
    """Say along which dimension of the samples files are joined."""
    CHOOSE_DELIMITER = auto()
    """Say what is between the values of a text."""
    CHOOSE_DECIMAL = auto()
    """Say what is between the whole and the fraction of a number."""
    CHOOSE_ENCODING = auto()
    """Say in which encoding a text is."""
    CHOOSE_HEADER = auto()
    """Say whether the first line of a text names its columns."""
    CHOOSE_NA_VALUES = auto()
    """Say what stands for no value in a text."""
    CHOOSE_WEIGHTS = auto()
    """Say where the weights are."""
    CHOOSE_LABELS = auto()
    """Say where the labels are."""
    NORMALIZE_WEIGHTS = auto()
    """Say what weights are, and so how many rows criteria count."""
    MORE_COMPONENTS = auto()
    """Try larger numbers of components."""
    FEWER_COMPONENTS = auto()
    """Try smaller numbers of components."""
    SEARCH_MORE = auto()
    """Look for better optima for longer."""
    CHOOSE_LATITUDE = auto()
    """Say which coordinate holds the latitudes."""
    OMIT_VARIABLE = auto()
    """Ask for no array by name."""
    OMIT_COLUMNS = auto()
    """Ask for no columns by name."""
    OMIT_SAMPLE_DIMS = auto()
    """Ask for no dimensions by name."""
    FILL_CHUNKS = auto()
    """Take chunks that are not stored for the fill value."""


class DgmmError(Exception):
    """What was found and what was expected, in one or two sentences.

    Parameters
    ----------
    *args : object
        The message.
    remedy : Remedy, optional
        What the interface is to advise.

    Attributes
    ----------
    exit_code : int
        The code with which the ``dgmm`` command ends when this error reaches it.
    remedy : Remedy or None
        Remedy that no interface has put into words yet.
    """

    exit_code = 70

    def __init__(self, *args: object, remedy: Remedy | None = None) -> None:
        super().__init__(*args)
        self.remedy = remedy


@contextmanager
def advise(words: Mapping[Remedy, str]) -> Iterator[None]:
    """Add remedies to errors, in the words of one interface.

    It is a decorator, too. Errors without a remedy, or with one that has no words here, pass as
    they are.

    Parameters
    ----------
    words : mapping of Remedy to str
        A sentence for each remedy.

    Examples
    --------
    >>> with advise({Remedy.DROP_MISSING: "Write `missing: drop`."}):
    ...     raise DataError("Row 3 has a NaN.", remedy=Remedy.DROP_MISSING)
    Traceback (most recent call last):
    dgmm.errors.DataError: Row 3 has a NaN. Write `missing: drop`.
    """
    try:
        yield
    except DgmmError as error:
        if error.remedy is not None and error.remedy in words:
            error.args = (f"{error} {words[error.remedy]}",)
            error.remedy = None
        raise


class UsageError(DgmmError, ValueError):
    """The command line asks for something that does not exist (64)."""

    exit_code = 64


class DataError(DgmmError, ValueError):
    """The data cannot be fitted as they are: non-finite, too few, wrong type (65)."""

    exit_code = 65


class InputChangedError(DataError):
    """A block no longer has the checksum of the first pass (65)."""


class HeldBackError(DgmmError):
    """The run is complete but too far from the last result, which stays published (65)."""

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
    """The same command may succeed later: a cluster is not ready, a worker was lost (75)."""

    exit_code = 75


class ConfigurationError(DgmmError, ValueError):
    """The configuration is wrong; every mistake is listed (78)."""

    exit_code = 78


class MemoryLimitError(ConfigurationError):
    """The projected memory exceeds the limit; both numbers are in the message (78)."""


class MissingExtraError(DgmmError, ImportError):
    """An optional package is not installed; the message names the command (78)."""

    exit_code = 78
