"""When a mixture that goes on has gone far enough from the exact one to be fitted anew."""

from dataclasses import dataclass
from math import sqrt
from statistics import median

_CHANCES = 4.0  # standard errors


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a mixture that goes on.

    Attributes
    ----------
    log_densities : tuple of float
        Of new rows, a mean in nats for each of the last calls, under the mixture that met them; the
        first may be that of an exact fit on its own rows.
    run : str
        The run of the last exact fit.
    n_folds : int
        Calls that have folded rows in since.
    n_rows : int
        Rows of the input that were seen, the first ones.
    checksum : int
        Of the last of them.
    fingerprint : str
        Of the input as it was then.
    """

    log_densities: tuple[float, ...]
    run: str
    n_folds: int = 0
    n_rows: int = 0
    checksum: int = 0
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of new rows.

    Attributes
    ----------
    weight : float
        The number of rows that count, or the sum of their weights.
    n_features : int
    log_density : float or None
        Their mean, in nats, before they were folded in; None if no row counts.
    is_collapsed : bool
        Whether a component has vanished or collapsed since.
    """

    weight: float
    n_features: int
    log_density: float | None
    is_collapsed: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """When to fit anew: after so many calls, or below the usual by more nats than these."""

    refit_every: int
    tolerance: float


def median_of(facts: Facts) -> float | None:
    """The median of what new rows were like; None if nothing is known."""
    return median(facts.log_densities) if facts.log_densities else None


def is_worse(folded: Folded, facts: Facts, tolerance: float) -> bool:
    """Whether new rows fit worse than usual, by more than the tolerance and more than chance.

    The log density of a Gaussian's own rows has the variance d / 2 for d features, and so does
    that of a mixture whose components are apart.
    """
    expected = median_of(facts)
    if expected is None or folded.log_density is None:
        return False
    by_chance = _CHANCES * sqrt(folded.n_features / (2.0 * folded.weight))
    return folded.log_density < expected - tolerance - by_chance


def reason_to_refit(folded: Folded, facts: Facts, limits: Limits) -> str | None:
    """Why all rows should be fitted anew, in words; None if they need not."""
    if folded.is_collapsed:
        return "a component has collapsed"
    if is_worse(folded, facts, limits.tolerance):
        return f"new rows fit worse than usual ({median_of(facts):.6g})"
    if facts.n_folds + 1 >= limits.refit_every:
        return f"after every {limits.refit_every} calls with new rows"
    return None


def update_facts(folded: Folded, facts: Facts, limits: Limits) -> tuple[float, ...]:
    """What is to be compared with from now on.

    The last few calls; after rows that were worse than usual none, since what is usual has changed.
    """
    if is_worse(folded, facts, limits.tolerance):
        return ()
    new = () if folded.log_density is None else (folded.log_density,)
    return (*facts.log_densities, *new)[-limits.refit_every :]
