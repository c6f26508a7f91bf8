"""The textbook, in loops: EM for Gaussian mixtures one row and one component at a time.

McLachlan & Peel, *Finite Mixture Models* (2000), sections 2.8 and 3.2; Bishop, *Pattern
Recognition and Machine Learning* (2006), section 9.2. Slow and plain on purpose: this is what the
fast code is held against. Sample weights count a row s_i times. Wherever a mixture is asked for,
anything with the attributes of ``Mixture`` will do; nothing here imports dgmm.
"""

import math
from typing import NamedTuple

import numpy as np


class Mixture(NamedTuple):
    """Parameters in the shapes of scikit-learn."""

    covariance_type: str
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


def covariance_of(mixture, k):
    """The covariance of component k as a full d x d matrix."""
    n_features = mixture.means.shape[1]
    if mixture.covariance_type == "full":
        return mixture.covariances[k]
    if mixture.covariance_type == "tied":
        return mixture.covariances
    if mixture.covariance_type == "diag":
        return np.diag(mixture.covariances[k])
    return mixture.covariances[k] * np.eye(n_features)


def gaussian_log_density(x, mean, covariance):
    """log N(x | mean, covariance)."""
    deviation = x - mean
    squared_distance = deviation @ np.linalg.solve(covariance, deviation)
    log_determinant = np.linalg.slogdet(covariance)[1]
    return -0.5 * (len(x) * math.log(2 * math.pi) + log_determinant + squared_distance)


def joint_log_densities(x, mixture):
    """log(w_k N(x | mean_k, covariance_k)) for every k."""
    return [
        math.log(mixture.weights[k])
        + gaussian_log_density(x, mixture.means[k], covariance_of(mixture, k))
        for k in range(len(mixture.weights))
    ]


def log_sum_exp(values):
    largest = max(values)
    return largest + math.log(sum(math.exp(value - largest) for value in values))


def log_densities(X, mixture):
    """log p(x_i) for every row."""
    return np.array([log_sum_exp(joint_log_densities(x, mixture)) for x in X])


def responsibilities(X, mixture):
    """r_ik, the probability of component k given row i."""
    result = np.zeros((len(X), len(mixture.weights)))
    for i, x in enumerate(X):
        joint = joint_log_densities(x, mixture)
        total = log_sum_exp(joint)
        for k in range(len(joint)):
            result[i, k] = math.exp(joint[k] - total)
    return result


def log_likelihood(X, mixture, sample_weight=None):
    """Sum over rows of s_i log p(x_i)."""
    s = _ones_unless_given(sample_weight, len(X))
    return math.fsum(s[i] * value for i, value in enumerate(log_densities(X, mixture)))


def m_step(X, r, covariance_type, sample_weight=None, ridge=0.0):
    """The mixture that maximises the expected complete log-likelihood under responsibilities r.

    ``ridge`` is added to the diagonal of every covariance, as scikit-learn's reg_covar.
    """
    n_samples, n_features = X.shape
    n_components = r.shape[1]
    s = _ones_unless_given(sample_weight, n_samples)
    counts = np.zeros(n_components)
    means = np.zeros((n_components, n_features))
    scatters = np.zeros((n_components, n_features, n_features))
    for k in range(n_components):
        counts[k] = math.fsum(s[i] * r[i, k] for i in range(n_samples))
        for j in range(n_features):
            means[k, j] = math.fsum(s[i] * r[i, k] * X[i, j] for i in range(n_samples)) / counts[k]
        for i in range(n_samples):
            deviation = X[i] - means[k]
            scatters[k] += s[i] * r[i, k] * np.outer(deviation, deviation)
    covariances = _restricted(covariance_type, scatters, counts, ridge)
    return Mixture(covariance_type, counts / math.fsum(s), means, covariances)


def _restricted(covariance_type, scatters, counts, ridge):
    """Covariances of the given structure from one scatter matrix per component."""
    n_components, n_features = scatters.shape[:2]
    if covariance_type == "tied":
        return sum(scatters) / sum(counts) + ridge * np.eye(n_features)
    full = [scatters[k] / counts[k] + ridge * np.eye(n_features) for k in range(n_components)]
    if covariance_type == "full":
        return np.array(full)
    if covariance_type == "diag":
        return np.array([np.diag(covariance) for covariance in full])
    return np.array([np.trace(covariance) / n_features for covariance in full])


def em_step(X, mixture, sample_weight=None, ridge=0.0):
    """One E-step and one M-step."""
    r = responsibilities(X, mixture)
    return m_step(X, r, mixture.covariance_type, sample_weight, ridge)


def n_parameters(covariance_type, n_components, n_features):
    """Free parameters: proportions, means and covariances (McLachlan & Peel, section 6.8)."""
    one_matrix = n_features * (n_features + 1) // 2
    covariance_parameters = {
        "full": n_components * one_matrix,
        "tied": one_matrix,
        "diag": n_components * n_features,
        "spherical": n_components,
    }[covariance_type]
    return n_components - 1 + n_components * n_features + covariance_parameters


def _n_parameters_of(mixture):
    return n_parameters(mixture.covariance_type, *mixture.means.shape)


def bic(X, mixture, sample_weight=None):
    """-2 log L + p log n (Schwarz 1978); smaller is better; n is the sum of the weights."""
    n = math.fsum(_ones_unless_given(sample_weight, len(X)))
    return -2 * log_likelihood(X, mixture, sample_weight) + _n_parameters_of(mixture) * math.log(n)


def aic(X, mixture, sample_weight=None):
    """-2 log L + 2 p (Akaike 1974)."""
    return -2 * log_likelihood(X, mixture, sample_weight) + 2 * _n_parameters_of(mixture)


def icl(X, mixture, sample_weight=None):
    """BIC - 2 sum_i s_i log max_k r_ik (Biernacki, Celeux & Govaert 2000)."""
    s = _ones_unless_given(sample_weight, len(X))
    r = responsibilities(X, mixture)
    certainty = math.fsum(s[i] * math.log(max(r[i])) for i in range(len(X)))
    return bic(X, mixture, sample_weight) - 2 * certainty


def _ones_unless_given(sample_weight, n_samples):
    return [1.0] * n_samples if sample_weight is None else [float(s) for s in sample_weight]
