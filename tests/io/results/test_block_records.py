"""What a run keeps of its blocks comes back as it was, and blocks are found by their rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgmm.errors import StorageError
from dgmm.io.grid import Grid
from dgmm.io.results.block_records import BlockRecord, create_blocks, read_block, write_block
from dgmm.io.storage.atomic_writes import link_or_copy
from dgmm.io.storage.location import output_path
from dgmm.mixture.assignment_statistics import AssignmentStatistics


def kept(seed=0, n_components=3, n_features=2):
    rng = np.random.default_rng(seed)
    zero = AssignmentStatistics.zero(n_components, n_features)
    numbers = rng.normal(size=sum(array.size for array in zero.arrays)) * 1e300
    numbers[2 : 2 + n_components] = rng.integers(0, 2**40, n_components)
    sums = AssignmentStatistics.from_numbers(numbers, n_components, n_features)
    return BlockRecord((slice(2**52, 2**52 + 7), slice(0, 5)), 2**32 - 1, sums)


def test_what_is_kept_of_a_block_comes_back_with_its_bits(tmp_path):
    create_blocks(tmp_path, 4, 2, (3, 2))
    write_block(tmp_path, 2, kept())
    found = read_block(tmp_path, 2, 2, (3, 2))
    assert (found.region, found.checksum) == (kept().region, kept().checksum)
    for ours, theirs in zip(kept().sums.arrays, found.sums.arrays, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tobytes() == theirs.tobytes()
    assert read_block(tmp_path, 4, 2, (3, 2)) is None


@pytest.mark.parametrize(
    ("number", "n_dims", "shape"), [(1, 2, (3, 2)), (2, 1, (3, 2)), (2, 2, (2, 3))]
)
def test_blocks_that_are_missing_or_of_another_shape_are_refused(tmp_path, number, n_dims, shape):
    create_blocks(tmp_path, 4, 2, (3, 2))
    write_block(tmp_path, 2, kept())
    with pytest.raises(StorageError, match=f"holds nothing of block {number}, or something else"):
        read_block(tmp_path, number, n_dims, shape)


@given(data=st.data())
def test_the_number_of_a_block_is_found_by_its_rows(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=3)))
    block = tuple(data.draw(st.integers(1, extent)) for extent in shape)
    grids = [Grid(tuple("tyx"[: len(shape)]), shape, block)]
    cuts = data.draw(st.sets(st.integers(1, 29), min_size=1))
    grids.append(Grid(("sample",), (30,), (30,), (0, *sorted(cuts), 30)))
    for grid in grids:
        numbers = [grid.number(start) for start in range(grid.n_samples)]
        assert numbers == np.repeat(np.arange(len(grid.block_rows)), grid.block_rows).tolist()


def test_files_are_shared_where_places_can_have_one_in_common(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b" / "c"
    source.write_bytes(b"chunk")
    assert link_or_copy(source, target)
    assert link_or_copy(source, target)  # again, as a task may be
    assert target.samefile(source)
    assert {path.name for path in target.parent.iterdir()} == {"c"}
    assert not link_or_copy(tmp_path / "nothing", target)
    stored = output_path("memory://shared/a")
    assert not link_or_copy(source, stored)
    stored.fs.pipe_file(stored.path, b"object")
    assert link_or_copy(stored, output_path("memory://shared/b"))
    assert output_path("memory://shared/b").read_bytes() == b"object"
    assert not link_or_copy(output_path("memory://shared/nothing"), stored)
