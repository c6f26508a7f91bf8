#!/bin/sh
# scipy's multivariate_normal calls pressure in Pa beside humidity in kg/kg singular, or ignores the humidity.
#
# Expected: the density of a normal with a diagonal covariance is the product of normal densities, in any units.
# Found: with standard deviations of 1e4 Pa and 1e-3 kg/kg the constructor ends with an error: "the input matrix
#   must be symmetric positive definite". With allow_singular=True, which is the usual answer to that
#   error, the humidity is left out without a word: all humidities have the same density, and the log density
#   of a row with the mean humidity is wrong by 6. An eigenvalue counts as zero below 2.2e-10 of the
#   largest: the square of a ratio of 1.5e-5 between standard deviations. Cholesky factors have no
#   such bound: Covariance.from_cholesky and from_diagonal give the product.
# Versions: scipy 1.17.1, numpy 2.4.6.
# Why it matters: mixtures are written, and checked, by multivariate_normal(mean, cov, allow_singular=True).
#   Features in their usual units are then dropped from some components and not from others, and
#   responsibilities compare densities of one feature with densities of two: here the label of a row changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
cd "$work"
"$work/venv/bin/python" -W error - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from scipy.stats import Covariance, multivariate_normal, norm

print(*(f"{name} {version(name)}" for name in ("scipy", "numpy")))
mean, deviations = np.array([1e5, 0.005]), np.array([1e4, 1e-3])
covariance = np.diag(deviations**2)
rows = np.array([[1e5, 0.005], [1e5, 0.008], [1.1e5, 0.005]])
expected = norm(mean, deviations).logpdf(rows).sum(axis=1)
try:
    multivariate_normal(mean, covariance)
except np.linalg.LinAlgError as error:
    refusal = str(error)
print("the default:           ", refusal)
ways = {
    "allow_singular=True": multivariate_normal(mean, covariance, allow_singular=True),
    "from_diagonal": multivariate_normal(mean, Covariance.from_diagonal(deviations**2)),
    "from_cholesky": multivariate_normal(mean, Covariance.from_cholesky(np.diag(deviations))),
}
print("product of two normals:", expected.round(3))
found = {name: normal.logpdf(rows) for name, normal in ways.items()}
for name, values in found.items():
    print(f"{name + ':':23}", values.round(3))
np.testing.assert_allclose(found["from_cholesky"], expected, rtol=1e-12)
np.testing.assert_allclose(found["from_diagonal"], expected, rtol=1e-12)
only_pressure = norm(mean[0], deviations[0]).logpdf(rows[:, 0])
np.testing.assert_allclose(found["allow_singular=True"], only_pressure, rtol=1e-12)

# a wide component, which loses the humidity, and a narrow one, which does not
wide, narrow = np.array([1e4, 1e-3]), np.array([40.0, 1e-3])
row = np.array([1e5 + 180, 0.005])
odds = {
    "allow_singular=True": multivariate_normal(mean, np.diag(wide**2), True).logpdf(row)
    - multivariate_normal(mean, np.diag(narrow**2), True).logpdf(row),
    "products": norm(mean, wide).logpdf(row).sum() - norm(mean, narrow).logpdf(row).sum(),
}
print("log odds of the wide component:", {name: round(float(x), 2) for name, x in odds.items()})
assert odds["allow_singular=True"] < 0 < odds["products"], "the behaviour has changed"
PYTHON
