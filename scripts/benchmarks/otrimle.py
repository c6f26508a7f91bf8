"""How much it matters that ``noise="otrimle"`` finds the density of noise on a sample of the rows.

    python scripts/benchmarks/otrimle.py

The density is tuned on 16,384 of a million rows, for several seeds. Beside it all rows are fitted
with each density of a grid about these, and the criterion is computed from all of them: how much
smaller could it have been, and how far are weights and means from those of its minimum? 5 % of the
rows are noise, uniform in a box, and one of them in a thousand is ten times as far out.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

import dgmm

Array = NDArray[np.float64]

NOISE, FAR = 0.05, 1e-3
GRID = np.arange(-2.0, 2.01, 0.5)
"""Log densities, relative to the mean of those that were tuned."""


def draw(n_rows: int, n_components: int, n_features: int, heavy: float | None, seed: int) -> Array:
    """Planted clusters, Gaussian or of Student's t, and noise among them."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-1, 1, (n_components, n_features)) * 6 * np.sqrt(n_components)
    shape = (n_rows, n_features)
    deviations = rng.normal(size=shape) if heavy is None else rng.standard_t(heavy, shape)
    rows: Array = centres[rng.integers(0, n_components, n_rows)] + deviations
    is_noise = np.flatnonzero(rng.random(n_rows) < NOISE)
    size = 2 * np.abs(centres).max()
    rows[is_noise] = rng.uniform(-size, size, (len(is_noise), n_features))
    rows[is_noise[: int(FAR * len(is_noise))]] *= 10
    return rows


def discrepancy(mixture: dgmm.GaussianMixture, rows: Array) -> float:
    """The criterion, over all rows."""
    weights = mixture.weights_
    return float(weights @ mixture.goodness_of_fit(rows).discrepancy / weights.sum())


def largest_shift(mixture: dgmm.GaussianMixture, other: dgmm.GaussianMixture, n: int) -> float:
    """Of weights and means, in standard errors of those of the other."""
    order = [int(np.argmin(((mixture.means_ - m) ** 2).sum(axis=1))) for m in other.means_]
    w = other.weights_
    of_weights = (mixture.weights_[order] - w) / np.sqrt(w * (1 - w) / n)
    variances = np.diagonal(other.covariances_, axis1=1, axis2=2)
    of_means = (mixture.means_[order] - other.means_) / np.sqrt(variances / (n * w)[:, None])
    return float(max(np.abs(of_weights).max(), np.abs(of_means).max()))


def main() -> None:
    """Print a line for each kind of data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    n = arguments.rows
    print(
        "| K | d | clusters | tuned | spread | criterion | least | noise | at least | shift, se |"
    )
    print("|---" * 10 + "|")
    for n_components, n_features, heavy in ((3, 2, None), (3, 2, 4.0), (6, 8, None), (6, 8, 8.0)):
        rows = draw(n, n_components, n_features, heavy, seed=0)
        tuned = [
            dgmm.GaussianMixture(n_components, noise="otrimle", random_state=seed).fit(rows)
            for seed in range(arguments.seeds)
        ]
        densities = np.array([mixture.noise_log_density_ for mixture in tuned])
        fixed = []
        for log_density in densities.mean() + GRID:
            mixture = dgmm.GaussianMixture(
                n_components, noise=float(log_density), means_init=tuned[0].means_
            )
            fixed.append(mixture.fit(rows))
        best = min(fixed, key=lambda mixture: discrepancy(mixture, rows))
        found = [discrepancy(mixture, rows) for mixture in tuned]
        shifts = [largest_shift(mixture, best, n) for mixture in tuned]
        cells = (
            n_components,
            n_features,
            "Gaussian" if heavy is None else f"t, {heavy:g}",
            f"{densities.mean():.2f}",
            f"{np.ptp(densities):.2f}",
            f"{max(found):.4f}",
            f"{discrepancy(best, rows):.4f}",
            f"{np.mean([mixture.noise_weight_ for mixture in tuned]):.4f}",
            f"{best.noise_weight_:.4f}",
            f"{max(shifts):.1f}",
        )
        print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
