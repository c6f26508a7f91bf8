"""The profile of rows in blocks against NumPy on the whole, and 50 digits where NumPy loses its."""

from dataclasses import replace
from functools import reduce
from operator import add

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.engine import passes
from dgmm.engine.block import Block
from dgmm.engine.checksum import checksum
from dgmm.engine.profile import profile_block
from dgmm.engine.profiling.profile_spec import ProfileSpec
from tests import high_precision
from tests.engine.recording import bounds_of, dataset_of, reader_of
from tests.strategies import blocks_of, cases, chunkings, datasets, seeds

NO_SAMPLE = ProfileSpec(0, 0.0)
offsets = st.sampled_from([0.0, 1e3, -1e8])


def profile_of(rows, chunks=None, weights=None, rule=NO_SAMPLE):
    """The sum of the profiles of blocks, without Dask."""
    chunks = chunks or (len(rows),)
    pieces = [None] * len(chunks) if weights is None else blocks_of(np.asarray(weights), chunks)
    starts = [start for start, _ in bounds_of(chunks)]
    blocks = zip(blocks_of(rows, chunks), pieces, starts, strict=True)
    return reduce(add, [profile_block(rule, Block.from_rows(*block)) for block in blocks])


def exact_mean_and_scatter(rows, weights=None):
    """In 50 digits: weighted mean, and sum of outer products about it."""
    s = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
    with mpmath.workdps(high_precision.DIGITS):
        x, s = high_precision.exact(rows.astype(np.float64)), high_precision.exact(s)
        mean = s @ x / s.sum()
        deviations = x - mean
        return mean, (deviations.T * s) @ deviations


def errors(profile, rows, weights=None):
    """Of the mean, relative to the largest value; of the scatter, to sqrt(S_ii S_jj)."""
    mean, scatter = exact_mean_and_scatter(rows, weights)
    largest = np.abs(rows).max(axis=0)
    mean_error = np.abs((profile.mean - mean).astype(float)) / largest
    size = np.sqrt(np.diagonal(scatter).astype(float))
    scatter_error = np.abs((profile.scatter - scatter).astype(float)) / np.outer(size, size)
    return float(mean_error.max()), float(scatter_error.max())


@settings(max_examples=60)
@given(case=cases(min_rows=3), offset=offsets)
def test_mean_and_scatter_of_any_chunking_are_those_of_the_whole(case, offset):
    rows = case.X + offset * case.X.std(axis=0).max()
    profile = profile_of(rows, case.chunks, case.sample_weight)
    s = np.ones(len(rows)) if case.sample_weight is None else case.sample_weight
    assert profile.n_rows == len(rows)
    assert profile.total_weight == pytest.approx(s.sum(), rel=1e-14)
    mean_error, scatter_error = errors(profile, rows, case.sample_weight)
    assert mean_error < 1e-14
    # means of blocks are known to a unit in their last place, which moves what is between blocks
    assert scatter_error < 1e-13 + 20 * np.finfo(float).eps * abs(offset)
    np.testing.assert_array_equal(profile.covariance, profile.scatter / profile.total_weight)


def far_clumps_in_order(n_rows=300):
    """1e8 +- 1e-3, one clump after another, so that the blocks' means differ."""
    rng = np.random.default_rng(0)
    labels = np.sort(rng.integers(0, 3, n_rows))
    centres = np.array([[-3.0, 0.0], [0.0, 3.0], [3.0, 1.0]])
    return 1e8 + 1e-3 * (centres[labels] + rng.normal(size=(n_rows, 2)))


def test_one_block_keeps_all_digits_at_1e8():
    rows = far_clumps_in_order()
    assert errors(profile_of(rows), rows)[1] < 1e-13


@pytest.mark.parametrize("n_blocks", [2, 20, 300])
def test_blocks_keep_six_digits_at_1e8(n_blocks):
    rows = far_clumps_in_order()
    assert errors(profile_of(rows, (len(rows) // n_blocks,) * n_blocks), rows)[1] < 1e-7


@settings(max_examples=40)
@given(rows=datasets(), data=st.data(), dtype=st.sampled_from(["f8", ">f4", "f2", "i2", "?", "u1"]))
def test_extremes_are_those_of_the_whole(rows, data, dtype):
    rows = np.clip(rows, 0, 200).astype(dtype)
    profile = profile_of(rows, data.draw(chunkings(len(rows), empty_blocks=True)))
    assert np.array_equal(profile.minimum, rows.min(axis=0).astype(float))
    assert np.array_equal(profile.maximum, rows.max(axis=0).astype(float))
    assert profile.n_non_finite == 0
    assert profile.non_finite == profile.bad_weights == ()


@settings(max_examples=40)
@given(rows=datasets(), data=st.data(), seed=seeds)
def test_values_that_are_not_finite_are_counted_and_the_first_named(rows, data, seed):
    rng = np.random.default_rng(seed)
    spoilt = rng.random(rows.shape) < data.draw(st.sampled_from([0.02, 0.5]))
    rows[spoilt] = rng.choice([np.nan, np.inf, -np.inf], spoilt.sum())
    profile = profile_of(rows, data.draw(chunkings(len(rows), empty_blocks=True)))
    places = np.argwhere(spoilt)
    assert profile.n_non_finite == len(places)
    expected = [(int(i), int(j), rows[i, j]) for i, j in places[:5]]
    assert str(list(profile.non_finite)) == str([(i, j, float(v)) for i, j, v in expected])


@settings(max_examples=40)
@given(rows=datasets(), data=st.data(), seed=seeds)
def test_weights_that_cannot_be_used_are_named(rows, data, seed):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 2, len(rows))
    spoilt = rng.random(len(rows)) < 0.3
    weights[spoilt] = rng.choice([np.nan, np.inf, -1.0], spoilt.sum())
    profile = profile_of(rows, data.draw(chunkings(len(rows), empty_blocks=True)), weights)
    expected = [(int(i), float(weights[i])) for i in np.flatnonzero(spoilt)[:5]]
    assert str(list(profile.bad_weights)) == str(expected)


@settings(max_examples=40)
@given(case=cases(), seed=seeds, probability=st.sampled_from([0.0, 0.2, 0.8, 1.0]))
def test_the_sample_is_of_rows_and_weights_in_order_whatever_the_blocks(case, seed, probability):
    rule = ProfileSpec(seed, probability)
    whole = profile_of(case.X, None, case.sample_weight, rule)
    blocks = profile_of(case.X, case.chunks, case.sample_weight, rule)
    assert np.array_equal(blocks.sample, whole.sample)
    rows = [int(np.flatnonzero((row == case.X).all(axis=1))[0]) for row in whole.sample]
    assert rows == sorted(rows)
    assert whole.is_sample_complete == (len(rows) == len(case.X))
    if case.sample_weight is None:
        assert blocks.sample_weights is None
    else:
        assert np.array_equal(blocks.sample_weights, whole.sample_weights)
        assert np.array_equal(whole.sample_weights, case.sample_weight[rows])


@settings(max_examples=40)
@given(rows=datasets(), data=st.data(), dtype=st.sampled_from(["f8", ">f8", "f4", "i4"]))
def test_any_changed_value_changes_its_blocks_checksum_and_no_other(rows, data, dtype):
    rows = rows.astype(dtype)
    chunks = data.draw(chunkings(len(rows)))
    before = profile_of(rows, chunks).checksums
    assert len(before) == len(chunks)
    i = data.draw(st.integers(0, len(rows) - 1))
    j = data.draw(st.integers(0, rows.shape[1] - 1))
    octets = rows.view(np.uint8).reshape(*rows.shape, -1)
    octets[i, j, data.draw(st.integers(0, rows.itemsize - 1))] ^= 1 << data.draw(st.integers(0, 7))
    block = next(k for k, (start, stop) in enumerate(bounds_of(chunks)) if start <= i < stop)
    with np.errstate(all="ignore"):  # the bit may have made a number huge, or none
        after = [checksum(piece) for piece in blocks_of(rows, chunks)]
    assert [a != b for a, b in zip(before, after, strict=True)] == [
        k == block for k in range(len(chunks))
    ]


def test_checksums_see_values_and_not_their_layout():
    rows = np.arange(3 << 18, dtype=np.float64).reshape(-1, 3)  # several slices of the checksum
    for same in (np.asfortranarray(rows), np.repeat(rows, 2, axis=0)[::2], rows[:, ::-1][:, ::-1]):
        assert checksum(same) == checksum(rows)
    assert checksum(rows[:-1]) != checksum(rows)
    assert checksum(rows[::-1]) != checksum(rows)
    assert checksum(rows[:0]) == 0
    assert checksum(np.frombuffer(b"123456789", np.uint8)) == 0xE3069283  # CRC-32C's check value


def test_a_pass_over_dask_blocks_is_the_sum_of_their_profiles():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(50, 3)), rng.uniform(size=50)
    chunks, rule = (7, 0, 20, 1, 22), ProfileSpec(3, 0.5)
    ours = passes.profile(reader_of(dataset_of(rows, chunks, weights)), rule)
    theirs = profile_of(rows, chunks, weights, rule)
    for name in ("mean", "scatter", "minimum", "maximum", "sample", "sample_weights"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert ours.checksums == theirs.checksums


LAYOUTS = {
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "Fortran order": np.asfortranarray,
}


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_dtype_and_layout_gives_the_bits_of_its_float64_copy(dtype, layout):
    rng = np.random.default_rng(2)
    rows = (100 * rng.random((500, 3))).astype(dtype)
    plain = profile_of(np.ascontiguousarray(rows, dtype=np.float64), rule=ProfileSpec(0, 0.5))
    odd = profile_of(LAYOUTS[layout](rows), rule=ProfileSpec(0, 0.5))
    for name in ("mean", "scatter", "minimum", "maximum", "sample"):
        assert np.array_equal(getattr(odd, name), getattr(plain, name)), name


def test_rows_of_no_weight_say_nothing_about_mean_and_scatter():
    rng = np.random.default_rng(1)
    rows, weights = rng.normal(size=(30, 2)), rng.uniform(1, 2, 30)
    weights[10:20] = 0.0
    rows[10:20] = 1e100
    for chunks in [(30,), (10, 10, 10), (1,) * 30]:
        profile = profile_of(rows, chunks, weights)
        kept = profile_of(rows[weights > 0], None, weights[weights > 0])
        np.testing.assert_allclose(profile.mean, kept.mean, rtol=1e-13)
        np.testing.assert_allclose(profile.scatter, kept.scatter, rtol=1e-12)


def test_nothing_is_the_identity():
    profile = profile_of(np.random.default_rng(0).normal(size=(5, 2)))
    empty = profile_block(NO_SAMPLE, Block.from_rows(np.zeros((0, 2)), None, 5))
    for total in (profile + empty, empty + profile):
        assert np.array_equal(total.mean, profile.mean)
        assert np.array_equal(total.scatter, profile.scatter)
        assert np.array_equal(total.minimum, profile.minimum)
    assert not replace(profile, n_rows=6).is_sample_complete
