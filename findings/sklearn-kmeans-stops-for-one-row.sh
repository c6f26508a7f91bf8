#!/bin/sh
# One row far away stops scikit-learn's KMeans after one step, although it has a cluster of its own.
#
# Expected: a row at (1e6, 1e6) that is alone in its cluster changes nothing for the four clusters of the
#   other 12,000 rows: they are fitted until their centres rest.
# Found: KMeans stops after 1 step instead of about 10, with an inertia 8 % above that of tol=0, and reports
#   no ConvergenceWarning. The documentation calls tol "relative tolerance with regards to Frobenius norm of
#   the difference in the cluster centers of two consecutive iterations"; in fact it is multiplied by the mean
#   variance of the features, to which the one row adds what it likes.
# Versions: scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1.
# Why it matters: k-means gives mixtures their start, and a start after one step is nearly the random one.
#   Look at n_iter_, or give tol=0.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import warnings
from importlib.metadata import version

import numpy as np
from sklearn.cluster import KMeans

warnings.simplefilter("error")
print(*(f"{name} {version(name)}" for name in ("scikit-learn", "numpy", "scipy")))
random = np.random.default_rng(0)
corners = ((0, 0), (3, 0), (0, 3), (3, 3))
near = np.concatenate([random.normal(corner, 1, (3000, 2)) for corner in corners])
models = {}
for far in (None, 1e3, 1e4, 1e6):
    X, clusters = (near, 4) if far is None else (np.vstack([near, [far, far]]), 5)
    for tol in (1e-4, 0):
        models[far, tol] = model = KMeans(clusters, tol=tol, random_state=3).fit(X)
        row = "none" if far is None else f"{far:.0e}"
        print(f"far row: {row:5} tol {tol:6}: {model.n_iter_:2} steps, inertia {model.inertia_:.1f}")
        assert far is None or 1 in np.bincount(model.labels_)
best = models[None, 0].inertia_
for far in (None, 1e3, 1e4, 1e6):
    np.testing.assert_allclose(models[far, 0].inertia_, best, rtol=1e-6)
np.testing.assert_allclose(models[None, 1e-4].inertia_, best, rtol=1e-3)
stopped = models[1e6, 1e-4]
assert stopped.n_iter_ == 1 and stopped.inertia_ > 1.05 * best, "the behaviour has changed"
PYTHON
