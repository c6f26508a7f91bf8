#!/bin/sh
# lower_bound_ of scikit-learn's BayesianGaussianMixture lies above the evidence that it is said to bound.
#
# Expected: "lower_bound_: lower bound value on the model evidence". With one component the bound of
#   variational inference is the evidence itself, which has a closed form; with more it decides how many.
# Found: for 100 rows of five features the log evidence is -751.1 and lower_bound_ -282.1. All terms that
#   do not change during one fit are left out. They depend on the number of rows and features, and on that
#   of components: the bound in full is highest for the three components of the data and falls by 5.6 to
#   seven; lower_bound_ is no lower for seven, and with the default prior, a Dirichlet process, 6 higher.
# Versions: scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1.
# Why it matters: to choose the number of components, or the structure, by the bound is what the textbook
#   says (Bishop 2006, section 10.2). Here it takes a model that is too large.
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
from scipy.special import entr, gammaln, multigammaln
from scipy.stats import multivariate_t
from sklearn.mixture import BayesianGaussianMixture

print(*(f"{name} {version(name)}" for name in ("scikit-learn", "numpy", "scipy")))


def fit(X, components, prior="dirichlet_distribution"):
    model = BayesianGaussianMixture(
        n_components=components,
        weight_concentration_prior_type=prior,
        reg_covar=0,
        tol=1e-9,
        max_iter=5000,
        n_init=3,
        random_state=0,
    )
    return model.fit(X)


def log_determinant(matrix):
    return np.linalg.slogdet(matrix)[1]


def bound(model, X):
    """Bishop (2006), equation 10.70, after the M-step."""
    rows, features = X.shape
    prior, concentration = model.weight_concentration_prior_, model.weight_concentration_
    first, degrees = model.degrees_of_freedom_prior_, model.degrees_of_freedom_
    scatter = model.covariances_ * degrees[:, None, None]
    total = entr(model.predict_proba(X)).sum() - rows * features / 2 * np.log(np.pi)
    total += gammaln(prior * len(degrees)) - gammaln(concentration.sum())
    total += (gammaln(concentration) - gammaln(prior)).sum()
    total += features / 2 * np.log(model.mean_precision_prior_ / model.mean_precision_).sum()
    total += (multigammaln(degrees / 2, features) - multigammaln(first / 2, features)).sum()
    total += len(degrees) * first / 2 * log_determinant(np.atleast_2d(model.covariance_prior_))
    return total - (degrees / 2 * log_determinant(scatter)).sum()


def log_evidence(model, X):
    """The product of the Student t densities of each row given the rows before it."""
    mean, precision = model.mean_prior_, model.mean_precision_prior_
    scatter, degrees = model.covariance_prior_.copy(), model.degrees_of_freedom_prior_
    total = 0.0
    for row in X:
        freedom = degrees - len(row) + 1
        shape = scatter * (precision + 1) / (precision * freedom)
        total += multivariate_t(mean, shape, df=freedom).logpdf(row)
        scatter += precision / (precision + 1) * np.outer(row - mean, row - mean)
        mean = (precision * mean + row) / (precision + 1)
        precision, degrees = precision + 1, degrees + 1
    return total


random = np.random.default_rng(0)
X = random.normal(size=(100, 5))
model = fit(X, 1)
evidence = log_evidence(model, X)
print(f"one component: log evidence {evidence:.3f}, lower_bound_ {model.lower_bound_:.3f}")
np.testing.assert_allclose(bound(model, X), evidence)
assert model.lower_bound_ > evidence + 400, "the behaviour has changed"
X = np.concatenate([random.normal(mean, 1, (150, 2)) for mean in (-4, 0, 4)])
models = {components: fit(X, components) for components in range(1, 8)}
full = {components: bound(model, X) for components, model in models.items()}
for components, model in models.items():
    print(f"{components}: bound {full[components]:8.1f} lower_bound_ {model.lower_bound_:8.1f}")
assert max(full, key=full.get) == 3
process = {components: fit(X, components, "dirichlet_process").lower_bound_ for components in (3, 7)}
print("lower_bound_ with a Dirichlet process:", {key: round(value, 1) for key, value in process.items()})
assert full[3] > full[7] + 4
assert models[7].lower_bound_ > models[3].lower_bound_ - 1, "the behaviour has changed"
assert process[7] > process[3] + 3, "the behaviour has changed"
PYTHON
