"""What ``verbose`` tells while a fit runs, on standard output as scikit-learn does."""

import sys

from dgmm.engine.events import Event, Observer, PassFinished, ignore


def narrator(verbose: int, interval: int) -> Observer:
    """An observer for this level of ``verbose``.

    Parameters
    ----------
    verbose : int
        0 is silent, 1 tells of passes, more adds log-likelihood and time.
    interval : int
        A line after every so many passes.
    """
    if not verbose:
        return ignore

    def narrate(event: Event) -> None:
        if isinstance(event, PassFinished) and event.index % interval == 0:
            sys.stdout.write(_line(event, verbose))

    return narrate


def _line(event: PassFinished, verbose: int) -> str:
    line = f"{event.stage}: pass {event.index}, {event.n_running} running"
    if verbose > 1:
        best = event.best_log_likelihood
        score = "" if best is None else f", log-likelihood a sample {best:.6f}"
        line += f"{score}, {event.seconds:.3f} s"
    return line + "\n"
