"""The row sample: uniform, nested, and blind to how rows are cut into blocks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.engine.sampling import sample_mask
from tests.engine.recording import bounds_of
from tests.strategies import chunkings, seeds

probabilities = st.floats(0.0, 1.2)


@settings(max_examples=100)
@given(seeds, st.integers(0, 2**40), st.integers(0, 200), probabilities, st.data())
def test_any_chunking_samples_the_same_rows(seed, start, n_rows, probability, data):
    whole = sample_mask(seed, start, n_rows, probability)
    assert whole.shape == (n_rows,)
    chunks = data.draw(chunkings(n_rows, empty_blocks=True))
    pieces = [sample_mask(seed, start + a, b - a, probability) for a, b in bounds_of(chunks)]
    assert np.array_equal(np.concatenate(pieces), whole)


@settings(max_examples=50)
@given(seeds, probabilities, probabilities)
def test_samples_of_one_seed_are_nested(seed, p, q):
    small, large = (sample_mask(seed, 0, 1000, share) for share in sorted((p, q)))
    assert (small <= large).all()


def test_the_share_taken_is_the_one_asked_for():
    n_rows = 1_000_000
    for seed, probability in enumerate([1e-4, 0.01, 0.3, 0.5, 0.99]):
        taken = sample_mask(seed, 12345, n_rows, probability)
        deviation = np.sqrt(n_rows * probability * (1 - probability))
        assert abs(taken.sum() - n_rows * probability) < 4 * deviation
        # rows are drawn independently of their neighbours and of their place
        together = (taken[1:] & taken[:-1]).sum()
        assert abs(together - n_rows * probability**2) < 5 * np.sqrt(n_rows) * probability
        first_half = taken[: n_rows // 2].sum()
        assert abs(first_half - taken.sum() / 2) < 4 * deviation


def test_extreme_shares_take_none_and_all():
    assert not sample_mask(0, 7, 100, 0.0).any()
    assert sample_mask(0, 7, 100, 1.0).all()
    assert sample_mask(0, 7, 10_000, np.nextafter(1.0, 0.0)).all()


def test_other_seeds_draw_other_rows():
    draws = {sample_mask(seed, 0, 200, 0.5).tobytes() for seed in (0, 1, 2, 2**63 - 1)}
    assert len(draws) == 4
