"""The label of a row as one expression of SQL."""

import numpy as np

from dgmm.io.interchange.whitened_mixture import WhitenedMixture
from dgmm.mixture.types import Array


def label_expression(mixture: WhitenedMixture) -> str:
    """An expression whose value is the label of a row; NULL where a feature is NULL.

    It is standard SQL but for GREATEST, which all large engines know.

    Parameters
    ----------
    mixture : WhitenedMixture
        Its features are columns of the table that is asked.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 1, 1))
    >>> label_expression(WhitenedMixture(("x",), (4,), one, one[0], np.zeros(1)))
    'CASE WHEN "x" IS NULL THEN NULL ELSE 4 END'
    """
    columns = [_quote(name) for name in mixture.names]
    is_null = " OR ".join(f"{column} IS NULL" for column in columns)
    if len(mixture.labels) == 1:
        return f"CASE WHEN {is_null} THEN NULL ELSE {mixture.labels[0]} END"
    densities = log_density_expressions(mixture)
    greatest = f"GREATEST({', '.join(densities)})"
    cases = "\n".join(
        f"WHEN {density} THEN {label}"
        for density, label in zip(densities, mixture.labels, strict=True)
    )
    return f"CASE WHEN {is_null} THEN NULL ELSE CASE {greatest}\n{cases} END END"


def log_density_expressions(mixture: WhitenedMixture) -> list[str]:
    """For each component an expression for the log of its weight times its density, in nats."""
    columns = [_quote(name) for name in mixture.names]
    parts = zip(mixture.matrices, mixture.centres, mixture.log_peaks, strict=True)
    found = []
    for matrix, centre, log_peak in parts:
        differences = [
            f"({column} - {_number(value)})"
            for column, value in zip(columns, centre.tolist(), strict=True)
        ]
        squares = " + ".join(_square(row, differences) for row in matrix)
        found.append(f"{_number(float(log_peak))} - 0.5E0 * ({squares})")
    return found


def _square(row: Array, differences: list[str]) -> str:
    """The square of a linear combination, which is written twice: POWER is slow in places."""
    terms = [
        f"{_number(float(factor))} * {difference}"
        for factor, difference in zip(row, differences, strict=True)
        if factor != 0
    ]
    total = " + ".join(terms) or "0E0"
    return f"({total}) * ({total})"


def _number(value: float) -> str:
    """A literal of double precision with all digits, in parentheses if it is negative."""
    text = np.format_float_scientific(value, trim="0").replace("e", "E").replace("E+", "E")
    return f"({text})" if text.startswith("-") else text


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
