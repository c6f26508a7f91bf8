"""When a mixture that was updated is to be refitted."""

from dataclasses import dataclass
from math import sqrt
from statistics import median

_N_STANDARD_ERRORS = 4.0


@dataclass(frozen=True, slots=True)
class OnlineStatistics:
    """What is known of a mixture that is updated.

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
class UpdateResult:
    """The result of an update with new rows.

    Attributes
    ----------
    weight : float
        The number of rows that count, or the sum of their weights.
    n_features : int
    log_density : float or None
        Their mean, in nats, before they were added; None if no row counts.
    is_collapsed : bool
        Whether a component has vanished or collapsed since.
    """

    weight: float
    n_features: int
    log_density: float | None
    is_collapsed: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """When to refit: after so many calls, or below the usual log density by more nats than this."""

    refit_every: int
    tolerance: float


def _usual_log_density(statistics: OnlineStatistics) -> float | None:
    """The median log density of new rows; None if unknown."""
    return median(statistics.log_densities) if statistics.log_densities else None


def is_worse(update: UpdateResult, statistics: OnlineStatistics, tolerance: float) -> bool:
    """Whether new rows fit worse than usual, by more than the tolerance and chance.

    The log density of a Gaussian's own rows has the variance d / 2 for d features, and so does
    that of a mixture whose components are apart.
    """
    expected = _usual_log_density(statistics)
    if expected is None or update.log_density is None:
        return False
    by_chance = _N_STANDARD_ERRORS * sqrt(update.n_features / (2.0 * update.weight))
    return update.log_density < expected - tolerance - by_chance


def reason_to_refit(
    update: UpdateResult, statistics: OnlineStatistics, limits: Limits
) -> str | None:
    """Why all rows should be refitted, in words; None if they need not be."""
    if update.is_collapsed:
        return "a component has collapsed"
    if is_worse(update, statistics, limits.tolerance):
        return f"new rows fit worse than usual ({_usual_log_density(statistics):.6g})"
    if statistics.n_folds + 1 >= limits.refit_every:
        return f"after every {limits.refit_every} calls with new rows"
    return None


def update_log_densities(
    update: UpdateResult, statistics: OnlineStatistics, limits: Limits
) -> tuple[float, ...]:
    """The log densities to compare the next rows with.

    The last few calls; after rows that were worse than usual none, since what is usual has changed.
    """
    if is_worse(update, statistics, limits.tolerance):
        return ()
    new = () if update.log_density is None else (update.log_density,)
    return (*statistics.log_densities, *new)[-limits.refit_every :]
