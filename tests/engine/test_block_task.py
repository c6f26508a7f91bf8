"""What workers need to import for the tasks of a pass."""

import pickle
from contextlib import suppress
from dataclasses import dataclass, field

import cloudpickle
import numpy as np
import zarr

from dgmm.engine import profile
from dgmm.engine.dataset import Dataset
from dgmm.engine.map_reduce import map_reduce
from dgmm.engine.profile import ProfileSpec
from dgmm.io.sources.source import open_source


@dataclass
class PicklingExecution:
    """Pickles the tasks that it is given."""

    pickled: list = field(default_factory=list)

    def compute(self, make_tasks, on_done):
        del on_done
        self.pickled += [cloudpickle.dumps(dict(task.__dask_graph__())) for task in make_tasks()]
        raise KeyboardInterrupt

    def persist(self, arrays):
        return arrays


def test_tasks_refer_to_nothing_in_dask_array(tmp_path):
    zarr.create_array(tmp_path / "x.zarr", data=np.ones((40, 3)), chunks=(10, 3))
    source = open_source(tmp_path / "x.zarr", partition_size=240)
    dataset, execution = Dataset.from_array(source.blocks), PicklingExecution()
    with suppress(KeyboardInterrupt):
        map_reduce(dataset, profile.profile_block, ProfileSpec(0, 1.0), execution, print)
    (*_, tasks) = execution.pickled
    assert b"load_block" in tasks
    assert b"apply_to_block" in tasks
    assert b"dask.array" not in tasks
    assert len(pickle.loads(tasks)) >= source.blocks.numblocks[0] == 4
