"""Text of messages."""

from collections.abc import Sequence


def join_names(names: Sequence[str], limit: int = 50) -> str:
    """Names as text, the first ``limit`` of them.

    Examples
    --------
    >>> join_names(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def describe_error(error: BaseException) -> str:
    """The kind and the message of another library's error, in one line without a full stop.

    Examples
    --------
    >>> describe_error(ValueError("Found nothing in the footer.."))
    'ValueError: Found nothing in the footer'
    """
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
