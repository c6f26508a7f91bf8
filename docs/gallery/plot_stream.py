"""
Data that grow
==============

``partial_fit`` updates a fitted mixture with new rows in one read. ``predictive_score_`` says how
well the mixture described the new rows before it saw them.
"""

# %%
# Two groups; on day 6 one of them begins to move.

import matplotlib.pyplot as plt
import numpy as np

from dgmm import GaussianMixture


def rows_of(day: int) -> np.ndarray:
    """The rows that arrive on a day."""
    rng = np.random.default_rng(day)
    shift = 0.5 * max(day - 5, 0)
    return np.concatenate([rng.normal(0, 1, (2_000, 2)), rng.normal(6 + shift, 1, (1_000, 2))])


mixture = GaussianMixture(2, random_state=0, learning_decay=0.6).fit(rows_of(0))

# %%
# Each day is one call.

days = range(1, 13)
scores, means = [], []
for day in days:
    mixture.partial_fit(rows_of(day))
    scores.append(mixture.predictive_score_)
    means.append(mixture.means_[1, 0])

figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
top.plot(days, scores, marker="o")
top.set_ylabel("log density per new row")
bottom.plot(days, means, marker="o", label="mean of the second component")
bottom.plot(days, [6 + 0.5 * max(day - 5, 0) for day in days], "k--", label="truth")
bottom.set_xlabel("day")
bottom.legend()
