"""gmmx on JAX's threads, float32."""

from importlib.metadata import version

import jax
from gmmx import EMFitter, GaussianMixtureModelJax
from problem import answer, load


def main() -> None:
    """Time its fitter from the given start."""
    problem, n_iterations = load("f4")
    rows = jax.numpy.asarray(problem["rows"])
    start = GaussianMixtureModelJax.from_squeezed(
        means=problem["means"].astype("f4"),
        covariances=problem["covariances"].astype("f4"),
        weights=problem["weights"].astype("f4"),
    )

    def fit(n: int) -> None:
        found = EMFitter(tol=-1.0, max_iter=n).fit(x=rows, gmm=start)
        jax.block_until_ready(found.gmm.weights)

    answer(version("gmmx"), fit, n_iterations, "float32")


if __name__ == "__main__":
    main()
