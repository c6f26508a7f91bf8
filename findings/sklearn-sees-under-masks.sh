#!/bin/sh
# scikit-learn fits the values under the mask of an array that netCDF4 returns, and its imputer averages them.
#
# Expected: netCDF4-python returns missing values as masked ones. x.mean() leaves them out, and so does np.mean(x);
#   scikit-learn either does so too, or refuses them as it refuses NaN.
# Found: StandardScaler has a mean of -9820 where x.mean() is 15, GaussianMixture a component at the fill
#   value, -32768, and SimpleImputer, which is there for missing values, finds none. netCDF4 unpacks all
#   values but the masked ones, which stay the raw fill value. No error, no warning. In NumPy itself np.mean, np.std and
#   np.max respect the mask; np.cov and np.histogram do not, and are silent too. pandas and xarray make
#   NaN of masked values.
# Versions: scikit-learn 1.9.1, netCDF4 1.7.5, numpy 2.4.6, pandas 3.1.1, xarray 2026.9.0.
# Why it matters: temperatures with gaps go from a file to a fit in two lines. A third of the rows becomes a
#   cluster of its own, which BIC prefers. x.filled(np.nan) mends it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 scipy==1.17.1 \
    netCDF4==1.7.5.1.post1 numpy==2.4.6 pandas==3.1.1 xarray==2026.9.0
cd "$work"
"$work/venv/bin/python" -W error - <<'PYTHON'
from importlib.metadata import version

import netCDF4
import numpy as np
import pandas as pd
import xarray as xr
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

names = ("scikit-learn", "netCDF4", "numpy", "pandas", "xarray")
print(*(f"{name} {version(name)}" for name in names))
random = np.random.default_rng(0)
with netCDF4.Dataset("x.nc", "w") as file:
    file.createDimension("time", 1000)
    variable = file.createVariable("temperature", "i2", ("time",), fill_value=-32768)
    variable.scale_factor, variable.add_offset = 0.01, 15.0
    variable[:700] = random.normal(15, 2, 700)
with netCDF4.Dataset("x.nc") as file:
    X = file["temperature"][:][:, None]
print(f"{type(X).__name__}, {X.mask.sum()} of {len(X)} values are masked")
right = X.mean()
respected = {
    "np.mean": np.mean(X),
    "pandas": pd.DataFrame(X).mean()[0],
    "xarray": xr.DataArray(X).mean().item(),
    "filled, imputer": SimpleImputer().fit(X.filled(np.nan)).statistics_[0],
}
mixture = GaussianMixture(2, random_state=0).fit(X)
ignored = {
    "StandardScaler": StandardScaler().fit(X).mean_[0],
    "SimpleImputer": SimpleImputer().fit(X).statistics_[0],
    "GaussianMixture": mixture.weights_ @ mixture.means_[:, 0],
}
for name, mean in {**respected, **ignored}.items():
    print(f"mean by {name:15}: {mean:10.2f}")
print("means of components", mixture.means_[:, 0].round(1), "weights", mixture.weights_.round(2))
spread = np.cov(X[:, 0]) ** 0.5
print(f"standard deviation: np.std {np.std(X):.2f}, by np.cov {spread:.2f}")
np.testing.assert_allclose([*respected.values()], right)
np.testing.assert_allclose(np.std(X), 2, rtol=0.1)
for name, mean in ignored.items():
    assert mean < -9000, f"the behaviour has changed: {name}"
assert spread > 1000, "the behaviour of np.cov has changed"
PYTHON
