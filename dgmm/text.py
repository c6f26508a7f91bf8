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
