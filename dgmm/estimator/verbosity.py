"""What ``verbose`` prints during a fit, on standard output as in scikit-learn."""

import sys

from dgmm.engine.events import Event, Observer, PassFinished, ignore
from dgmm.errors import ConfigurationError


def verbose_observer(verbose: int, interval: int) -> Observer:
    """An observer for this level of ``verbose``.

    Parameters
    ----------
    verbose : int
        0 is silent, 1 tells of passes, more adds log-likelihood and time.
    interval : int
        A line after every so many passes, and after the last.

    Raises
    ------
    ConfigurationError
        If the interval is below 1; it is a ``ValueError``.
    """
    if not verbose:
        return ignore
    if interval < 1:
        message = f"verbose_interval is {interval!r}; expected an integer of at least 1."
        raise ConfigurationError(message)

    def narrate(event: Event) -> None:
        if not isinstance(event, PassFinished):
            return
        is_last = event.stage == "fit" and event.n_running == 0
        if is_last or event.index % interval == 0:
            sys.stdout.write(_line(event, verbose))

    return narrate


def _line(event: PassFinished, verbose: int) -> str:
    line = f"{event.stage}, pass {event.index + 1}, {event.n_running} running"
    if verbose > 1:
        best = event.best_log_likelihood
        score = "" if best is None else f", {event.objective} {best:.6f} per row"
        line += f"{score}, {event.seconds:.3f} s"
    return line + "\n"
