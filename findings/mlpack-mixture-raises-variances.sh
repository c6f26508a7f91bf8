#!/bin/sh
# mlpack gives salinity a standard deviation of 32 instead of 0.1, because pressure beside it is in pascals.
#
# Expected: EM finds the maximum likelihood. With one component that is the mean and covariance of the rows, and
#   to give pressure in Pa or hPa changes nothing for salinity.
# Found: after each step eigenvalues of a covariance below the largest divided by 1e5 are raised to that
#   value. With a deviation of 1e4 Pa this is 31.6 for every other feature, in full and in diagonal
#   covariances; in hPa it is 0.32. No warning. gmm_generate then draws salinities of -72 to 159, and
#   the mean log density of the rows is -15.0 instead of -9.7. The documentation says of this check that it ensures
#   that covariances are positive definite, which diag(1e8, 0.01) is; no_force_positive=True leaves it out.
# Versions: mlpack 4.8.0, numpy 2.4.6.
# Why it matters: features of unlike units are the rule. Clusters that differ in the small one are not
#   found, and rows with impossible values of it are no outliers.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    mlpack==4.8.0 numpy==2.4.6 pandas==3.1.1
cd "$work"
"$work/venv/bin/python" -W error - <<'PYTHON'
from importlib.metadata import version

import mlpack
import numpy as np

print(*(f"{name} {version(name)}" for name in ("mlpack", "numpy")))
random = np.random.default_rng(0)
pressure, salinity = random.normal(1e5, 1e4, 2000), random.normal(35, 0.1, 2000)
print(f"salinity: standard deviation {salinity.std():.3f}, {salinity.min():.1f} to {salinity.max():.1f}")
cases = {
    "Pa": (1, {}),
    "Pa, diagonal": (1, {"diagonal_covariance": True}),
    "hPa": (100, {}),
    "bar": (1e5, {}),
    "Pa, not forced": (1, {"no_force_positive": True}),
}
deviations, densities = {}, {}
for name, (unit, options) in cases.items():
    X = np.column_stack([pressure / unit, salinity])
    model = mlpack.gmm_train(input_=X, gaussians=1, seed=1, **options)["output_model"]
    drawn = mlpack.gmm_generate(input_model=model, samples=2000, seed=1)["output"][:, 1]
    density = mlpack.gmm_probability(input_=X, input_model=model)["output"]
    deviations[name] = drawn.std()
    densities[name] = np.log(density).mean() - np.log(unit)
    print(
        f"pressure in {name:14}: {deviations[name]:6.3f}, drawn {drawn.min():.1f} to "
        f"{drawn.max():.1f}, mean log density {densities[name]:.2f}"
    )
for name in ("bar", "Pa, not forced"):
    np.testing.assert_allclose(deviations[name], 0.1, rtol=0.1)
    np.testing.assert_allclose(densities[name], densities["bar"], atol=1e-6)
for name, floor in (("Pa", 31.6), ("Pa, diagonal", 31.6), ("hPa", 0.316)):
    np.testing.assert_allclose(
        deviations[name], floor, rtol=0.1, err_msg=f"the behaviour has changed: {name}"
    )
    assert densities[name] < densities["bar"] - 0.5
PYTHON
