"""The penalty that the likelihoods of a sweep ask for themselves: slope heuristics."""

from itertools import groupby

import numpy as np

from dgmm.mixture.types import Array

_FEWEST_MODELS = 5
_FEWEST_IN_LINE = 3


def estimate_slope(n_parameters: Array, log_likelihood: Array) -> float:
    """What a further parameter gains where models are too large already, in nats.

    Baudry, Maugis & Michel 2012, Stat. Comput. 22, sec. 4.1: lines of least squares are laid
    through the largest models, from all of them down to three; each line chooses a model by twice
    its slope, and the longest run of lines in a row that choose the same one has the slope, that of
    its middle line. Of models with as many parameters the likeliest counts.

    Parameters
    ----------
    n_parameters, log_likelihood : ndarray of shape (n_models,)

    Returns
    -------
    float
        NaN with fewer than five numbers of parameters, or if more parameters gain nothing.
    """
    best: dict[float, float] = {}
    for n, value in zip(n_parameters, log_likelihood, strict=True):
        best[float(n)] = max(float(value), best.get(float(n), -np.inf))
    p = np.array(sorted(best))
    if len(p) < _FEWEST_MODELS:
        return float("nan")
    gain = np.array([best[n] for n in p])
    slopes = [_line_slope(p[i:], gain[i:]) for i in range(len(p) - _FEWEST_IN_LINE + 1)]
    chosen = [int(np.argmax(gain - 2.0 * slope * p)) for slope in slopes]
    runs = [[i for i, _ in run] for _, run in groupby(enumerate(chosen), key=lambda pair: pair[1])]
    longest = max(runs, key=len)
    slope = slopes[longest[len(longest) // 2]]
    return slope if slope > 0 else float("nan")


def _line_slope(x: Array, y: Array) -> float:
    dx = x - x.mean()
    return float(dx @ y / (dx @ dx))
