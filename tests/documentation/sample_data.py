"""Small data under the names that the documentation uses, in the current directory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from dgmm.run import loads, run

MARKERS = ("CD3", "CD4", "CD8", "CD19")


def make(path: str) -> None:
    """Make the data of this name, if there are none."""
    if not (Path(path).exists() or list(Path().glob(path))):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        MAKERS[path](path)


def _clumps(n_rows: int, n_features: int, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 6, size=(3, n_features))
    return centres[rng.integers(0, 3, n_rows)] + rng.normal(size=(n_rows, n_features))


def _write_zarr(path: str) -> None:
    zarr.create_array(path, data=_clumps(600, 5), chunks=(200, 5))


def _write_ocean(path: str) -> None:
    import xarray

    profiles = _clumps(2 * 8 * 10, 4).reshape(2, 8, 10, 4)
    coordinates = {"lat": np.linspace(-70, 70, 8), "depth": [5.0, 50.0, 200.0, 500.0]}
    temperatures = (("time", "lat", "lon", "depth"), profiles)
    xarray.Dataset({"temp": temperatures}, coordinates).to_zarr(
        path, zarr_format=3, consolidated=False
    )


def _write_profiles(path: str) -> None:
    import xarray

    temperatures = (("profile", "depth"), _clumps(300, 6))
    coordinates = {"depth": [5.0, 10.0, 50.0, 100.0, 500.0, 1000.0]}
    xarray.Dataset({"temperature": temperatures}, coordinates).to_netcdf(path, engine="h5netcdf")


def _write_events(path: str) -> None:
    import pandas as pd

    rows = np.abs(_clumps(400, 3))
    frame = pd.DataFrame(rows, columns=["latency", "size", "errors"]).rename_axis("id")
    for i, half in enumerate((frame[:200], frame[200:])):
        half.reset_index().to_parquet(path.replace("*", f"day{i}"))


def _write_tubes(path: str) -> None:
    import flowio

    Path(path).mkdir()
    channels = [f"FL{i}-A" for i in range(1, 5)]
    spill = ",".join(map(str, [4, *channels, *np.eye(4).ravel()]))
    for i in range(2):
        events = 100 * np.abs(_clumps(200, 4, seed=i))
        with (Path(path) / f"tube{i}.fcs").open("wb") as file:
            flowio.create_fcs(file, events.ravel().tolist(), channels, MARKERS, {"spill": spill})


def _write_result(path: str) -> None:
    """A result whose samples lie on a grid and whose features are markers."""
    import xarray

    values = _clumps(12 * 15, len(MARKERS)).reshape(12, 15, len(MARKERS))
    markers = {name: (("y", "x"), values[..., i]) for i, name in enumerate(MARKERS)}
    xarray.Dataset(markers).to_zarr("data/markers.zarr", zarr_format=3, consolidated=False)
    run(
        loads(f"""
            input:
              path: data/markers.zarr
              variables: [CD3, CD4, CD8, CD19]
              sample_dims: [y, x]
            model: {{n_components: "1:3", covariance_type: full}}
            output: {{path: {path}, assignments: [labels, responsibilities, log_density],
                      report: false}}
            cluster: {{kind: threads}}
        """)
    )


MAKERS: dict[str, Callable[[str], None]] = {
    "data/cells.zarr": _write_zarr,
    "data/tonight.zarr": _write_zarr,
    "data/ocean.zarr": _write_ocean,
    "data/profiles.nc": _write_profiles,
    "data/events/*.parquet": _write_events,
    "tubes": _write_tubes,
    "tomorrow": _write_tubes,
    "results/cells": _write_result,
}
