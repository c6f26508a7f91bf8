"""scikit-learn."""

import warnings

import numpy as np
import sklearn
from problem import answer, load
from sklearn.mixture import GaussianMixture


def main() -> None:
    """Time its estimator from the given start."""
    problem, n_iterations = load()

    def fit(n: int) -> None:
        estimator = GaussianMixture(
            len(problem["weights"]),
            covariance_type=problem["covariance_type"],
            weights_init=problem["weights"],
            means_init=problem["means"],
            precisions_init=np.linalg.inv(problem["covariances"]),
            init_params="random_from_data",
            tol=0.0,
            max_iter=n,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged: that is what is asked for
            estimator.fit(problem["rows"])

    answer(sklearn.__version__, fit, n_iterations)


if __name__ == "__main__":
    main()
