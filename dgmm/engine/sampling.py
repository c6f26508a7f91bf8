"""A uniform sample of rows that does not depend on how the rows are cut into blocks."""

import numpy as np
from numpy.typing import NDArray

_WORDS_PER_COUNT = 4  # Philox yields four 64-bit words for each value of its counter


def sample_mask(seed: int, start: int, n_rows: int, probability: float) -> NDArray[np.bool_]:
    """Which of the rows ``start .. start + n_rows`` are in the sample.

    Row i is in where the i-th word of a counter-based generator (Philox: Salmon et al. 2011, SC)
    falls below ``probability``; samples of the same seed are nested.

    Parameters
    ----------
    seed : int
        Not negative.
    start, n_rows : int
    probability : float
        Share of rows to take; at 1 or more, all.

    Returns
    -------
    ndarray of shape (n_rows,), bool
    """
    if probability >= 1.0:
        return np.ones(n_rows, dtype=bool)
    key = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    generator = np.random.Philox(key=key)
    generator.advance(start // _WORDS_PER_COUNT)
    skip = start % _WORDS_PER_COUNT
    words = generator.random_raw(skip + n_rows)[skip:]
    return np.asarray(words < np.uint64(probability * 2.0**64))
