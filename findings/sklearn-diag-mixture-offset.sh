#!/bin/sh
# scikit-learn's "diag", "tied" and "spherical" mixtures fail on data far from zero; "full" does not.
#
# Expected: GaussianMixture does not depend on where zero is. With one feature "full", "diag" and
#   "spherical" are one and the same model and give the same fit; the poorer the covariance, the safer.
# Found: only "full" takes the mean away before it squares. The others compute E[x^2] - E[x]^2, so with a
#   mean of m standard deviations the variance loses m^2 times the rounding of a number:
#   float32 at 1000 (pressure in hPa): all but "full" end with "ill-defined empirical covariance";
#   float64 at 5e6 (northing in m): "diag" converges without a warning, with a variance of 0.65 for 1.01;
#   float64 at 1.7e9 (time in s): all but "full" end with the error, which advises fewer components,
#   a larger reg_covar or scaling, where subtracting one number mends it.
# Versions: scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1. The digits depend on the BLAS of the machine.
# Why it matters: float32 is kept as it is since arrays of big data come so, and "diag" is what one takes
#   for many features. Centre the data first: `X - X.mean(axis=0)` in float64.
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
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

print(*(f"{name} {version(name)}" for name in ("scikit-learn", "numpy", "scipy")))
random = np.random.default_rng(0)
centred = np.concatenate([random.normal(mean, 1, size=(5000, 1)) for mean in (-3, 3)])
others = ("diag", "tied", "spherical")


def fit(covariance_type, offset, dtype):
    """The variances of the components, or None where the fit ends with the error."""
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0)
    try:
        with warnings.catch_warnings(action="error", category=ConvergenceWarning):
            model.fit((centred + offset).astype(dtype))
    except ConvergenceWarning:
        return np.ravel(model.covariances_)
    except ValueError as error:
        assert "ill-defined empirical covariance" in str(error)
        return None
    return np.ravel(model.covariances_)


found = {}
for offset, dtype in ((0.0, "f4"), (1000.0, "f4"), (0.0, "f8"), (5e6, "f8"), (1.7e9, "f8")):
    for kind in ("full", *others):
        found[kind, offset, dtype] = variances = fit(kind, offset, dtype)
        text = "ill-defined empirical covariance" if variances is None else variances.round(3)
        print(f"{dtype} at {offset:<6g} {kind:9} {text}")
for (kind, _, dtype), variances in found.items():
    if kind == "full":
        np.testing.assert_allclose(variances, found["full", 0.0, "f8"], rtol=0.01)
for kind in others:
    np.testing.assert_allclose(found[kind, 0.0, "f4"], found[kind, 0.0, "f8"], rtol=0.01)
lost = {"f4 at 1000": (1000.0, "f4"), "f8 at 1.7e9": (1.7e9, "f8"), "f8 at 5e6": (5e6, "f8")}
for name, key in lost.items():
    for kind in others if key[0] != 5e6 else ("diag",):
        variances = found[kind, *key]
        right = variances is not None and np.allclose(variances, found[kind, 0.0, "f8"], rtol=0.02)
        assert not right, f"the behaviour has changed: {kind} is right for {name}"
PYTHON
