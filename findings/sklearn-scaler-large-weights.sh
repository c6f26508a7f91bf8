#!/bin/sh
# scikit-learn's StandardScaler does not scale at all where weights are areas in square metres.
#
# Expected: weights count only by their ratios. scale_ is the weighted standard deviation, whether
#   cells are weighted by square kilometres or by square metres.
# Found: with areas in km2, temperature has a scale of 10.2. With the same areas in m2 scale_ is 1 for
#   every feature, although var_ is right. A feature counts as constant if its variance is below
#   (n * mean * 2.2e-16)^2, a bound for the error of rounding, and the sum of the weights takes the
#   place of the n rows. No warning. The documentation says that features without variance get a scale of
#   1, and of weights only that they are "individual weights for each sample".
# Versions: scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1.
# Why it matters: cells of a grid are weighted by their area, and areas come in m2. Features then keep
#   their units: pressure in Pa decides every cluster.
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
from sklearn.preprocessing import StandardScaler

print(*(f"{name} {version(name)}" for name in ("scikit-learn", "numpy", "scipy")))
random = np.random.default_rng(0)
latitude = np.repeat(np.radians(np.arange(-89.5, 90)), 360)
temperature = 288 - 30 * np.sin(latitude) ** 2 + random.normal(0, 5, latitude.size)
salinity = random.normal(35, 1, latitude.size)
X = np.column_stack([temperature, salinity])
area = 111e3**2 * np.cos(latitude)
scales = {}
for name, weights in (("none", None), ("km2", area / 1e6), ("m2", area)):
    scaler = StandardScaler().fit(X, sample_weight=weights)
    scales[name] = scaler.scale_
    print(f"weights {name:4}: variances {scaler.var_.round(3)} scales {scaler.scale_.round(3)}")
mean = np.average(X, axis=0, weights=area)
right = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=area))
np.testing.assert_allclose(scales["km2"], right)
np.testing.assert_allclose(scaler.var_, right**2)
assert scales["m2"].tolist() == [1, 1], "the behaviour has changed"
PYTHON
