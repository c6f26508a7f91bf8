"""The inputs and the configurations of what is stored; everything is drawn here, from seeds.

Inputs are named as ``package://`` and were modified at a whole second, so that runs have the same
names wherever they are unpacked.
"""

import os
from pathlib import Path

import numpy as np
import xarray

INPUTS = "stored_inputs"
MODIFIED = 1_700_000_000  # seconds since 1970
N_ROWS = 400

NIGHT = f"""\
input:
  path: package://{INPUTS}/night1.npy
  weights: {{path: package://{INPUTS}/weights.npy}}
  missing: drop
  partition_size: 3200
model: {{n_components: 1:3, covariance_type: [full, diag], n_init: 2, tol: 1e-4, sample_size: 200,
        start_from: nights}}
output:
  path: nights
  assignments: [labels, responsibilities, log_density, uncertainty, outlier]
cluster: {{kind: threads, threads: 1}}
"""
GRID = f"""\
input:
  path: package://{INPUTS}/grid.nc
  variables: temp
  sample_dims: [time, lat, lon]
  missing: drop
  weights: {{cell_area: lat}}
prepare: {{scale: standardize, pca: 2}}
model: {{n_components: 1:2, covariance_type: [tied, spherical], n_init: 1}}
output: {{path: grid, assignments: [labels, responsibilities], most_probable: 1, report: false}}
cluster: {{kind: threads, threads: 1}}
"""
INTERRUPTED = f"""\
input: {{path: package://{INPUTS}/rows.npy, partition_size: 3200}}
model: {{n_components: [2, 3], covariance_type: [full, diag], n_init: 2, tol: 1e-4,
        sample_size: 200}}
output: {{path: interrupted/none, assignments: [labels, responsibilities], report: false}}
cluster: {{kind: threads, threads: 1}}
"""
ONLINE = f"""\
refit_every: 9
skipped_exit_code: 99
run:
  input: {{path: package://{INPUTS}/stream.npy}}
  model: {{n_components: 2, covariance_type: diag, n_init: 1, start_from: stream}}
  output: {{path: stream, assignments: labels, report: false}}
  cluster: {{kind: threads, threads: 1}}
"""
STABILITY = f"""\
n_subsets: 3
subset_blocks: 2
held_out_rows: 50
skipped_exit_code: 99
run:
  input: {{path: package://{INPUTS}/rows.npy, partition_size: 1600}}
  model: {{n_components: 2:3, covariance_type: spherical, n_init: 1}}
  output: {{path: study}}
  cluster: {{kind: threads, threads: 1}}
"""
CONFIGURATIONS = {
    "night": NIGHT,
    "grid": GRID,
    "interrupted": INTERRUPTED,
    "online": ONLINE,
    "stability": STABILITY,
}


def clumps(seed, n_rows=N_ROWS, shift=0.0):
    """Rows of three clumps, rounded, so that they take little space."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])[rng.integers(0, 3, n_rows)]
    return np.round(64 * (centres + rng.normal(size=(n_rows, 2)) + shift)) / 64


def profiles():
    """Profiles at three depths on a small grid; two kinds of water, and some land."""
    rng = np.random.default_rng(7)
    shape = (3, 4, 6)
    kind = rng.integers(0, 2, shape)
    values = np.array([[20.0, 15.0, 8.0], [5.0, 4.0, 3.0]])[kind] + rng.normal(size=(*shape, 3))
    values[:, 0, :2] = np.nan
    coordinates = {
        "time": np.arange(3),
        "lat": [-60.0, -20.0, 20.0, 60.0],
        "lon": np.arange(0.0, 360.0, 60.0),
        "depth": [0.0, 100.0, 500.0],
    }
    dims = ("time", "lat", "lon", "depth")
    rounded = np.round(64 * values).astype(np.float32) / 64
    return xarray.Dataset({"temp": (dims, rounded)}, coordinates)


def write_inputs():
    """Inputs and configurations, into the current directory."""
    folder = Path(INPUTS)
    folder.mkdir()
    (folder / "__init__.py").touch()
    first = clumps(0)
    first[[3, 250]] = np.nan
    arrays = {
        "night1": first,
        "night2": clumps(1),
        "night3": clumps(2, shift=20.0),
        "night4": clumps(3),
        "weights": np.random.default_rng(4).integers(1, 4, N_ROWS).astype(np.float64),
        "rows": clumps(5, 600),
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    profiles().to_netcdf(folder / "grid.nc", engine="h5netcdf")
    _set_times()
    for name, text in CONFIGURATIONS.items():
        Path(f"{name}.yaml").write_text(text)


def write_stream(n_rows):
    """The first rows of what grows."""
    np.save(Path(INPUTS, "stream.npy"), clumps(6)[:n_rows])
    _set_times()


def _set_times():
    for path in Path(INPUTS).iterdir():
        os.utime(path, (MODIFIED, MODIFIED))
