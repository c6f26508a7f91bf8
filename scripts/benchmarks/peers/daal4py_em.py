"""Intel's daal4py, full covariances only."""

from importlib.metadata import version

import daal4py
import numpy as np
from problem import answer, load


def main() -> None:
    """Time ``em_gmm`` from the given start."""
    problem, n_iterations = load()
    weights = np.ascontiguousarray(problem["weights"][None, :])
    covariances = [np.ascontiguousarray(c) for c in problem["covariances"]]

    def fit(n: int) -> None:
        algorithm = daal4py.em_gmm(weights.size, maxIterations=n, accuracyThreshold=0.0)
        algorithm.compute(problem["rows"], weights, problem["means"], covariances)

    answer(version("daal4py"), fit, n_iterations)


if __name__ == "__main__":
    main()
