"""Errors of means where values are missing at random, by three ways to deal with it.

Run as ``python -m scripts.benchmarks.missing_bias``. Values of all features but the first are
missing with a probability that rises with the first one, which is always there.
"""

import argparse

import numpy as np
from scipy.optimize import brentq, linear_sum_assignment

from dgmm import GaussianMixture

N_COMPONENTS, D = 3, 4
MEANS = np.array([[0.0, 0.0, 0.0, 0.0], [3.0, 2.5, 0.0, -2.0], [1.0, -2.5, 2.5, 2.0]])
WEIGHTS = np.array([0.5, 0.3, 0.2])


def make_rows(n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of three correlated components of unit variances."""
    labels = rng.choice(N_COMPONENTS, n_rows, p=WEIGHTS)
    correlations = np.array([0.6, -0.3, 0.5])
    covariances = [np.full((D, D), c / (1 if c > 0 else D)) for c in correlations]
    roots = [np.linalg.cholesky(c + np.diag(1 - np.diagonal(c))) for c in covariances]
    noise = rng.standard_normal((n_rows, D))
    return MEANS[labels] + np.einsum("nij,nj->ni", np.array(roots)[labels], noise)


def lose_values(rows: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """The rows with this share of the values of all features but the first missing."""
    z = (rows[:, 0] - rows[:, 0].mean()) / rows[:, 0].std()

    def mean_probability(shift: float) -> float:
        return float((1 / (1 + np.exp(-(1.5 * z + shift)))).mean()) - share

    probability = 1 / (1 + np.exp(-(1.5 * z + brentq(mean_probability, -20, 20))))
    found = rows.copy()
    found[:, 1:][rng.random((len(rows), D - 1)) < probability[:, None]] = np.nan
    return found


def error_of(means: np.ndarray) -> float:
    """Root mean square error of means, components matched to the true ones."""
    distances = ((means[:, None] - MEANS[None]) ** 2).sum(axis=2)
    own, true = linear_sum_assignment(distances)
    return float(np.sqrt(distances[own, true].mean() / D))


def fit(rows: np.ndarray, missing: str = "error") -> float:
    """The error of a mixture of these rows."""
    mixture = GaussianMixture(N_COMPONENTS, random_state=0, missing=missing).fit(rows)
    return error_of(np.asarray(mixture.means_))


def main() -> None:
    """Print a line for each share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print("missing  all values  marginalize  complete rows (share)  mean imputation")
    for share in (0.1, 0.3, 0.5):
        errors, kept = [], []
        for seed in range(arguments.repeats):
            rng = np.random.default_rng(seed)
            rows = make_rows(arguments.rows, rng)
            lacking = lose_values(rows, share, rng)
            complete = lacking[np.isfinite(lacking).all(axis=1)]
            filled = np.where(np.isnan(lacking), np.nanmean(lacking, axis=0), lacking)
            kept.append(len(complete) / len(rows))
            errors.append([fit(rows), fit(lacking, "marginalize"), fit(complete), fit(filled)])
        every, ours, whole, mean = np.sqrt((np.array(errors) ** 2).mean(axis=0))
        print(
            f"{share:7.0%}  {every:10.3f}  {ours:11.3f}  {whole:13.3f} ({np.mean(kept):.0%})"
            f"{'':4}  {mean:14.3f}"
        )


if __name__ == "__main__":
    main()
