"""The memory projection: what makes it grow, and how a fit above the limit is refused."""

import tracemalloc
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from dgmm.engine import blas, memory
from dgmm.engine.block import Block
from dgmm.engine.checksum import checksum
from dgmm.engine.dataset import Dataset
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.profile import profile_block
from dgmm.engine.profiling.profile_spec import ProfileSpec
from dgmm.errors import ConfigurationError, MemoryLimitError, Remedy
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.parameters import Parameters
from tests.mixture.one_step import KERNELS, using
from tests.strategies import COVARIANCE_TYPES, random_mixture

MIB = 1 << 20
SMALL_CHANGE = MIB  # what a task holds beside its arrays is within the process's share


def rows_of(block_rows=1000, n_features=8, dtype="f8", n_blocks=4):
    chunks = ((block_rows,) * n_blocks, (n_features,))
    shape = (block_rows * n_blocks, n_features)
    return Dataset.from_array(da.zeros(shape, chunks=chunks, dtype=dtype))


def models(*models):
    return FitOptions(models)


FULL_4 = models(("full", 4))


def project(dataset, options, rows_per_write=100):
    return memory.project(dataset, options, rows_per_write)


def test_bytes_of_blocks_follow_rows_features_and_dtype():
    one = project(rows_of(), FULL_4).block
    assert one >= 1000 * 8 * 8
    assert project(rows_of(block_rows=2000), FULL_4).block == 2 * one
    wider = project(rows_of(n_features=24), FULL_4).block - one
    assert wider == 2 * (project(rows_of(n_features=16), FULL_4).block - one)
    assert one // 2 < project(rows_of(dtype="f4"), FULL_4).block < 0.6 * one
    assert project(rows_of(n_blocks=40), FULL_4).block == one  # blocks are not kept
    assert project(rows_of(), models(("full", 40))).block == one


def test_the_largest_block_counts():
    uneven = Dataset.from_array(da.zeros((600, 2), chunks=((100, 400, 100), (2,))))
    even = Dataset.from_array(da.zeros((600, 2), chunks=((400, 200), (2,))))
    assert project(uneven, FULL_4).block == project(even, FULL_4).block


@pytest.mark.parametrize(
    ("covariance_type", "length"), [("full", 45), ("diag", 17), ("spherical", 17), ("tied", 9)]
)
def test_statistics_are_a_number_for_each_component_and_feature_of_the_map(covariance_type, length):
    for n_components in (1, 7):
        projected = project(rows_of(), models((covariance_type, n_components)))
        assert projected.statistics == 8 * n_components * length


def test_models_of_a_sweep_add_up():
    one = project(rows_of(), FULL_4)
    two = project(rows_of(), models(("full", 4), ("full", 4)))
    assert two.statistics == 2 * one.statistics
    assert two.kernel > one.kernel
    every = [(kind, k) for kind in COVARIANCE_TYPES for k in range(1, 13)]
    sweep = project(rows_of(), models(*every))
    assert sweep.statistics == 8 * sum(range(1, 13)) * (45 + 17 + 17 + 9)


def test_noise_is_a_term_of_every_model():
    dataset, kinds = rows_of(n_features=8), models(("tied", 3), ("diag", 2))
    found = project(dataset, replace(kinds, noise=-10.0))
    assert found.statistics == 8 * (4 * 45 + 3 * 17)  # covariances are no longer left out


def test_the_kernel_needs_no_more_for_more_rows():
    small, large = (project(rows_of(rows), FULL_4).kernel for rows in (10_000, 10_000_000))
    assert small == large


def test_assignments_are_as_many_as_rows_and_components():
    one = project(rows_of(), FULL_4).assignment
    assert one >= 100 * 4 * 8
    assert project(rows_of(), FULL_4, 1000).assignment == 10 * one
    assert project(rows_of(), models(("full", 12), ("tied", 4))).assignment == 3 * one
    assert project(rows_of(block_rows=5000), FULL_4).assignment == one


def test_a_worker_needs_a_task_for_each_thread_and_one_process():
    projection = project(rows_of(), FULL_4)
    one, two, three = (projection.worker(threads) for threads in (1, 2, 3))
    assert two - one == three - two == projection.block + projection.kernel
    writing = replace(projection, assignment=projection.kernel + 1)
    assert writing.worker(3) == three + 3
    assert one > projection.process + projection.block + projection.kernel
    assert projection.process > 100 * MIB


def test_the_driver_needs_memory_for_responsibilities_of_the_sample_up_to_a_limit():
    few, many = (project(rows_of(10**5), models(("full", k))).search for k in (4, 8))
    assert many - few == 3 * 4 * 8 * 4 * 10**5
    small = project(rows_of(), FULL_4)
    assert small.driver == small.process + small.sample + small.search
    most = project(rows_of(10**9, n_features=1), models(("full", 1000))).search
    assert most < 2 << 30


def test_threads_of_the_driver_work_before_or_after_the_search():
    small = project(rows_of(), FULL_4)
    large = replace(small, search=small.driver + 10 * small.worker(1))
    assert large.worker(1, is_driver=True) == large.driver
    idle = replace(small, search=0)
    assert idle.worker(2, is_driver=True) == idle.worker(2)
    with pytest.raises(MemoryLimitError, match="The search in a sample") as caught:
        memory.check(large, 1, large.worker(1), is_driver=True)
    assert caught.value.remedy is Remedy.SEARCH_LESS
    with pytest.raises(MemoryLimitError, match="A worker of 1 thread"):
        memory.check(large, 1, large.worker(1) - 1, is_driver=True)


def test_a_fit_that_fits_is_let_through():
    projection = project(rows_of(), FULL_4)
    memory.check(projection, 2, None)
    memory.check(projection, 2, projection.worker(2))


def test_a_fit_above_the_limit_is_refused_with_both_numbers():
    projection = replace(project(rows_of(), FULL_4), process=300 * MIB, block=250 * MIB)
    need = projection.worker(2)
    match = rf"2 thread\(s\) .* need {need / MIB:.0f} MiB; its limit is 512 MiB\. .* 250 MiB"
    with pytest.raises(MemoryLimitError, match=match) as caught:
        memory.check(projection, 2, 512 * MIB)
    assert isinstance(caught.value, ConfigurationError)
    assert caught.value.exit_code == 78
    with pytest.raises(MemoryLimitError):
        memory.check(projection, 2, need - 1)


def test_a_fit_that_would_pause_its_workers_is_refused():
    """As 391 MiB in workers of 400: Dask pauses them at 360, and nobody would go on."""
    projection = replace(project(rows_of(), FULL_4), process=300 * MIB, block=90 * MIB)
    need = projection.worker(1)
    assert 390 * MIB < need < 400 * MIB
    match = r"need 39\d MiB; its limit is 400 MiB, and Dask pauses it at 360 MiB\. Blocks .* 90 MiB"
    with pytest.raises(MemoryLimitError, match=match):
        memory.check(projection, 1, 400 * MIB, 360 * MIB)
    memory.check(projection, 1, 450 * MIB, 405 * MIB)


def test_a_projection_touches_no_data():
    def never(block):
        raise AssertionError(block)

    rows = da.map_blocks(never, da.zeros((10, 2), chunks=(5, 2)), dtype="f8", meta=np.zeros((0, 0)))
    assert project(Dataset.from_array(rows), FULL_4).block > 0


def test_terabytes_declared_in_huge_blocks_are_refused_at_once():
    rows = da.zeros((2**43, 1), chunks=(2**41, 1), dtype="f8")
    projection = project(Dataset.from_array(rows), FULL_4)
    with pytest.raises(MemoryLimitError):
        memory.check(projection, 1, 2**40)


def peak_of(work):
    """Most bytes that NumPy and Python held at a time beyond those held before.

    The work has been done once before, for what imports and first calls hold is of the process.
    """
    work()
    tracemalloc.start()
    try:
        with blas.single_thread():
            outcome = work()
        return tracemalloc.get_traced_memory()[1], outcome
    finally:
        tracemalloc.stop()


def mixtures_of(options, n_features):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, n_features))
    return [
        Parameters.from_covariances(*random_mixture(rng, rows, kind, k))
        for kind, k in options.models
    ]


SWEEP = models(*[(kind, k) for kind in COVARIANCE_TYPES for k in (1, 4, 9)])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("dtype", "n_features"), [("f8", 4), ("f4", 16), ("u1", 3), ("f2", 40)])
def test_an_e_step_stays_within_its_projection(dtype, n_features, kernel):
    rows = np.random.default_rng(1).integers(0, 9, (4_000, n_features)).astype(dtype)
    projection = project(rows_of(len(rows), n_features, dtype), SWEEP)
    with using(kernel):
        packed = packed_models.pack(mixtures_of(SWEEP, n_features), np.zeros(n_features))
    peak, _ = peak_of(lambda: (packed_models.accumulate(packed, rows), checksum(rows)))
    assert peak < projection.kernel + projection.block - rows.nbytes + SMALL_CHANGE
    assert peak > projection.kernel / 20


@pytest.mark.parametrize(
    ("dtype", "n_features", "n_rows"),
    [
        ("f8", 4, 500_000),
        ("f4", 16, 100_000),
        ("f2", 40, 50_000),
        ("u1", 1, 1_000_000),
    ],
)
def test_a_profile_stays_within_the_projection_of_its_block(dtype, n_features, n_rows):
    rows = np.random.default_rng(1).integers(0, 9, (n_rows, n_features)).astype(dtype)
    projection = project(rows_of(len(rows), n_features, dtype), SWEEP)
    peak, _ = peak_of(lambda: profile_block(ProfileSpec(0, 1e-3), Block.from_rows(rows)))
    assert peak < projection.kernel + projection.block - rows.nbytes + SMALL_CHANGE


@pytest.mark.parametrize(
    ("mib", "workers", "limit", "is_room"),
    [
        (60, 1, 100, True),  # six tenths of the limit
        (61, 1, 100, False),
        (60, 2, 100, True),
        (80, 2, 100, True),  # one may have three quarters of the blocks
        (81, 2, 100, False),
        (400, 10, 100, True),
        (401, 10, 100, False),
        (0, 0, 100, True),
        (61, 0, 100, False),
        (1, 2, 0, False),
    ],
)
def test_blocks_stay_where_the_fullest_worker_is_clear_of_its_limit(mib, workers, limit, is_room):
    nothing = memory.Projection(0, 0, 0, 0, 0, 0, 0)
    assert nothing.leaves_room(mib * MIB, workers, 1, limit * MIB) is is_room
    need = replace(nothing, process=3 * MIB, block=2 * MIB, kernel=MIB)
    assert need.leaves_room(mib * MIB, workers, 4, (limit + 25) * MIB) is is_room
