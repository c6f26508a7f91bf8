#!/bin/sh
# score_samples of scikit-learn's BayesianGaussianMixture is no log density: its integral is not 1.
#
# Expected: exp(score_samples(x)) is a density, as that of GaussianMixture is; the predictive density of
#   a Bayesian mixture is one of Student's t (Bishop 2006, section 10.2.3).
# Found: for one feature and 10 rows it integrates to 0.84, for 20 features and 100 rows to 0.36. It is the
#   exponential of the expected logarithm, which the E-step needs and which is always smaller than the
#   density. "Compute the log-likelihood of each sample", says the documentation.
# Versions: scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1.
# Why it matters: held-out scores decide between mixtures. Here one Gaussian loses 1.8 a row against
#   GaussianMixture, most of it a constant, and Student's t of the same posterior is better than both.
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
from scipy.stats import multivariate_t
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

print(*(f"{name} {version(name)}" for name in ("scikit-learn", "numpy", "scipy")))
random = np.random.default_rng(0)


def integrate(log_density, features, draws=50_000):
    """The integral of a density, by importance sampling from a wider one."""
    wide = multivariate_t(np.zeros(features), 1.5 * np.eye(features), df=10, seed=1)
    points = wide.rvs(draws).reshape(draws, features)
    return np.exp(log_density(points) - wide.logpdf(points)).mean()


def predictive(model, features):
    """The posterior predictive density of the one component."""
    freedom = model.degrees_of_freedom_[0] - features + 1
    scatter = model.covariances_[0] * model.degrees_of_freedom_[0]
    precision = model.mean_precision_[0]
    shape = scatter * (precision + 1) / (precision * freedom)
    return multivariate_t(model.means_[0], shape, df=freedom)


found = {}
for rows, features in ((10, 1), (100, 5), (100, 20), (10_000, 20)):
    X = random.normal(size=(rows, features))
    bayesian = BayesianGaussianMixture(n_components=1).fit(X)
    ways = {
        "BayesianGaussianMixture": bayesian.score_samples,
        "GaussianMixture": GaussianMixture(1).fit(X).score_samples,
        "Student's t": predictive(bayesian, features).logpdf,
    }
    new = random.normal(size=(5000, features))
    for name, log_density in ways.items():
        found[rows, features, name] = integral = integrate(log_density, features)
        mean = log_density(new).mean()
        print(f"{rows:6} x {features:2} {name:23} integral {integral:.3f} mean of new rows {mean:.3f}")
for (rows, features, name), integral in found.items():
    if name != "BayesianGaussianMixture":
        np.testing.assert_allclose(integral, 1, atol=0.05)
assert found[10, 1, "BayesianGaussianMixture"] < 0.9, "the behaviour has changed"
assert found[100, 20, "BayesianGaussianMixture"] < 0.5, "the behaviour has changed"
PYTHON
