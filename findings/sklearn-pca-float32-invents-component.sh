#!/bin/sh
# scikit-learn's PCA of float32 noise finds one component with 99.9 % of the variance.
#
# Expected: PCA takes the mean away, so two independent columns of variance 1 around 300 (kelvin) have two
#   components of variance 1 each, in float32 as in float64, with more rows the better.
# Found: with two million rows of float32 the first component has a variance of 3485, along the direction
#   of the mean; the same numbers as float64 give 1 and 1. The means are summed in float32 and come out
#   as 297.1. The default solver for tables with many rows, "covariance_eigh", does not centre the data but
#   subtracts the product of the means afterwards, which makes much more of that error than
#   svd_solver="full" does (18). IncrementalPCA is right, and so is PCA of data that were centred before.
# Versions: scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1. The digits depend on the BLAS of the machine.
# Why it matters: PCA to the components with 99 % of the variance is the usual step before clusters are
#   looked for in big data. Here that keeps one column of two, without a warning.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA

print(*(f"{name} {version(name)}" for name in ("scikit-learn", "numpy", "scipy")))
random = np.random.default_rng(0)
single = (random.standard_normal((2_000_000, 2)) + 300).astype("f4")
double = single.astype("f8")
models = {
    "float64": PCA().fit(double),
    "float32": PCA().fit(single),
    "float32, full": PCA(svd_solver="full").fit(single),
    "float32, incremental": IncrementalPCA(batch_size=10_000).fit(single),
    "float32, centred": PCA().fit(single - double.mean(axis=0).astype("f4")),
}
for name, model in models.items():
    print(f"{name:20} variances {model.explained_variance_}, mean {model.mean_}")
np.testing.assert_allclose(models["float64"].explained_variance_, 1, rtol=0.01)
np.testing.assert_allclose(models["float32, centred"].explained_variance_, 1, rtol=0.01)
kept = PCA(n_components=0.99).fit(single).n_components_, PCA(n_components=0.99).fit(double).n_components_
print("components with 99 % of the variance: float32", kept[0], "float64", kept[1])
assert models["float32"].explained_variance_[0] > 100, "the behaviour has changed"
assert kept == (1, 2), "the behaviour has changed"
PYTHON
