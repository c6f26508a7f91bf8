"""Write a realistic ocean: temperature by time, depth, latitude and longitude.

    python scripts/simulate/make_ocean.py data/ocean.zarr
    dgmm run configs/ocean.yaml

Three regimes of water have profiles of their own: warm and stratified, temperate with a shallow
thermocline, cold and nearly mixed. Where the sea floor is higher than a depth, the value is
missing; where there is land, all of them are. The regime that each profile is drawn from is
written as ``regime``. Everything is a function of the seed; nothing in it was measured.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray

DEPTHS = np.array([0, 10, 25, 50, 100, 200, 400, 700, 1000, 1500, 2000, 3000], dtype=np.float32)
_SURFACE = np.array([27.0, 15.0, 3.0])  # degrees Celsius, of each regime
_DEEP = np.array([3.0, 2.5, 1.0])
_THERMOCLINE = np.array([120.0, 60.0, 500.0])  # metres within which the difference falls by e
_SPREAD = np.array([0.8, 0.7, 0.4])  # standard deviation at the surface
_MISSING = np.int16(-32768)


def simulate_ocean(n_times: int, n_lats: int, n_lons: int, seed: int = 0) -> xarray.Dataset:
    """The dataset, in memory.

    Parameters
    ----------
    n_times, n_lats, n_lons : int
        Months, and cells of the whole globe.
    seed : int

    Returns
    -------
    xarray.Dataset
        ``temp`` (time, depth, lat, lon) float32, NaN below the sea floor; ``regime``
        (time, lat, lon) int8, -1 on land.
    """
    random = np.random.Generator(np.random.Philox(seed))
    edges = np.linspace(-90, 90, n_lats + 1)
    lat, lon = (edges[:-1] + edges[1:]) / 2, np.arange(n_lons) * 360 / n_lons
    floor = _sea_floor(lat, lon)
    months = np.arange(n_times)
    season = np.cos(2 * np.pi * months / 12)[:, None, None] * np.sign(lat)[:, None]
    poleward = np.abs(lat)[:, None] + 4 * season + 6 * random.normal(size=(n_times, n_lats, n_lons))
    regime = (poleward > 25).astype(np.int8) + (poleward > 55)
    temp = np.empty((n_times, len(DEPTHS), n_lats, n_lons), dtype=np.float32)
    common = random.normal(size=regime.shape)
    for level, depth in enumerate(DEPTHS):
        decay = np.exp(-depth / _THERMOCLINE[regime])
        mean = _DEEP[regime] + (_SURFACE - _DEEP)[regime] * decay
        noise = 0.8 * common + 0.6 * random.normal(size=regime.shape)
        values = mean + noise * _SPREAD[regime] * (0.2 + decay)
        temp[:, level] = np.where(depth < floor, values, np.nan)
    days = np.datetime64("2000-01-15", "ns") + months * np.timedelta64(30, "D")
    bounds = np.stack([edges[:-1], edges[1:]], axis=1)
    return xarray.Dataset(
        {
            "temp": (("time", "depth", "lat", "lon"), temp, {"units": "degC"}),
            "regime": (("time", "lat", "lon"), np.where(floor > 0, regime, -1).astype(np.int8)),
            "lat_bnds": (("lat", "edge"), bounds),
        },
        coords={
            "time": ("time", days),
            "depth": ("depth", DEPTHS, {"units": "m", "positive": "down"}),
            "lat": ("lat", lat, {"units": "degrees_north", "bounds": "lat_bnds"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
            "floor": (("lat", "lon"), floor, {"units": "m", "long_name": "depth of the sea floor"}),
        },
    )


def _sea_floor(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Depth of the sea floor in metres, of shape (lat, lon); 0 on land."""
    y, x = np.deg2rad(lat)[:, None], np.deg2rad(lon)[None, :]
    height = np.sin(2 * x + 1) * np.cos(y) + 0.6 * np.sin(3 * x - 2 * y) + 0.5 * np.sin(4 * y)
    return np.clip(5000 - 4500 * np.maximum(height, 0), 0, 5000).round()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the dataset that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", type=Path, help="PATH.zarr or PATH.nc, must not exist")
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--lats", type=int, default=36)
    parser.add_argument("--lons", type=int, default=72)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.path.exists():
        parser.error(f"{options.path} is there already")
    dataset = simulate_ocean(options.months, options.lats, options.lons, options.seed)
    packed = {"dtype": "int16", "scale_factor": np.float32(0.002), "add_offset": np.float32(15)}
    encoding = {"temp": {**packed, "_FillValue": _MISSING}}
    options.path.parent.mkdir(parents=True, exist_ok=True)
    if options.path.suffix == ".zarr":
        chunks = {"chunks": (1, len(DEPTHS), options.lats, options.lons)}
        dataset.to_zarr(
            options.path, encoding={"temp": encoding["temp"] | chunks}, consolidated=False
        )
    else:
        dataset.to_netcdf(options.path, encoding=encoding)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
