"""Columns of CSV that are not numeric, or would be but for some of their values."""

import re
from collections.abc import Sequence

from dgmm.errors import DataError, Remedy
from dgmm.io.storage.location import AnyPath

_NAMELESS = re.compile(r"(Unnamed: \d+(_level_\d+)?)?")  # what pandas calls them when it reads them
_DECIMAL_COMMA = re.compile(r"[+-]?\d{1,15},\d+([eE][+-]?\d+)?")
_SIGNS = re.compile(r"[\s,'$€£¥%]")  # thousands, currencies and per cent


def is_nameless(name: str) -> bool:
    """Whether this is the name of an index, or of the column after a trailing delimiter."""
    return _NAMELESS.fullmatch(name) is not None


def is_text_of_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_text(
    path: AnyPath, name: str, values: Sequence[str | bytes | None], *, is_wanted: bool
) -> None:
    """Refuse a text column that is numeric but for some values.

    Parameters
    ----------
    path : Path or StorePath
        For the message.
    name : str
        Of the column.
    values : sequence of str, bytes or None
        Of the first rows; bytes where they are not in the encoding.
    is_wanted : bool
        Whether the column was asked for by name, so that all values have to be numbers.

    Raises
    ------
    DataError
        That names the first row whose value is not a number.
    """
    texts = [(row, _text(value)) for row, value in enumerate(values) if value is not None]
    wrong = [(row, text) for row, text in texts if not is_text_of_number(text)]
    n_commas = sum(_DECIMAL_COMMA.fullmatch(text.strip()) is not None for _, text in wrong)
    n_signs = sum(is_text_of_number(_SIGNS.sub("", text)) for _, text in wrong)
    n_like_numbers = len(texts) - len(wrong) + n_signs
    if not wrong or not (is_wanted or 2 * n_like_numbers >= len(texts)):
        return
    row, text = wrong[0]
    found = f"Column {name!r} of {path} has {len(wrong)} value(s) of the first {len(values)} that"
    if 2 * n_commas >= len(wrong):
        raise DataError(
            f"{found} are numbers with a decimal comma, the first {text!r} in row {row}.",
            remedy=Remedy.CHOOSE_DECIMAL,
        )
    if 2 * n_signs >= len(wrong):
        raise DataError(
            f"{found} are numbers with other signs in them, the first {text!r} in row {row}. Write "
            "them as plain numbers, or choose other columns.",
            remedy=Remedy.CHOOSE_COLUMNS,
        )
    raise DataError(
        f"{found} are no numbers, the first {text!r} in row {row}. Correct them, or leave the "
        "column out.",
        remedy=Remedy.CHOOSE_NA_VALUES,
    )


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
