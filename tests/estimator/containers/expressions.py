"""Fits of Dask's expression arrays beside those of rows in memory; a process of its own runs it.

Dask takes the switch up when its arrays are imported. The argument says where these come from.
"""

import sys
import warnings

import dask
import numpy as np
import pandas as pd

if sys.argv[1] == "dask.array":
    dask.config.set({"array.query-planning": True})
    import dask.array as da
else:
    import dask_array as da

import dask.dataframe as dd
import xarray as xr
from dask.array.core import Array

import dgmm

warnings.simplefilter("ignore")
_RNG = np.random.default_rng(0)
X = np.concatenate([_RNG.normal(size=(300, 2)), _RNG.normal(size=(500, 2)) * [1, 2] + 6])
WEIGHTS = _RNG.uniform(0.5, 1.5, 800)
LAZY, LAZY_WEIGHTS = da.from_array(X, chunks=(70, 1)), da.from_array(WEIGHTS, chunks=300)
assert not isinstance(LAZY, Array)


def fitted(rows, weights=None):
    return dgmm.GaussianMixture(2, random_state=0).fit(rows, sample_weight=weights)


def same(ours, theirs):
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-6)
    np.testing.assert_allclose(ours.bic_, theirs.bic_, rtol=1e-9)


plain, weighted = fitted(X), fitted(X, WEIGHTS)
same(fitted(LAZY), plain)
same(fitted((LAZY + 1)[::-1] - 1), plain)
same(fitted(LAZY, LAZY_WEIGHTS), weighted)
same(fitted(LAZY, WEIGHTS), weighted)
same(fitted(X, LAZY_WEIGHTS), weighted)

labels = plain.predict(LAZY)
assert type(labels) is type(LAZY)
assert labels.compute().tolist() == plain.predict(X).tolist()
for name in ("predict_proba", "score_samples"):
    found = getattr(plain, name)(LAZY)
    np.testing.assert_allclose(found.compute(), getattr(plain, name)(X), rtol=1e-9)
for name in ("score", "bic", "icl"):
    np.testing.assert_allclose(getattr(plain, name)(LAZY), getattr(plain, name)(X), rtol=1e-12)
assert dgmm.sweep(LAZY, range(1, 4), random_state=0).best.n_components == 2
np.testing.assert_allclose(
    fitted(X).partial_fit(LAZY[:200], sample_weight=LAZY_WEIGHTS[:200]).means_,
    fitted(X).partial_fit(X[:200], sample_weight=WEIGHTS[:200]).means_,
    atol=1e-2,
)

cube = xr.DataArray(da.from_array(X.reshape(20, 40, 2), chunks=(7, 40, 2)), dims=("y", "x", "f"))
cells = xr.DataArray(da.from_array(WEIGHTS.reshape(20, 40), chunks=(20, 9)), dims=("y", "x"))
same(fitted(cube, cells), weighted)
assert plain.predict(cube).compute().values.ravel().tolist() == plain.predict(X).tolist()

frame = dd.from_pandas(pd.DataFrame(X, columns=["a", "b"]).assign(w=WEIGHTS), npartitions=3)
same(fitted(frame[["a", "b"]], frame.w), weighted)
sys.stdout.write(f"{type(LAZY).__module__} is fitted")
