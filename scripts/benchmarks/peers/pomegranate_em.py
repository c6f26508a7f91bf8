"""pomegranate on torch's threads, float32."""

from importlib.metadata import version

import torch
from pomegranate.distributions import Normal
from pomegranate.gmm import GeneralMixtureModel
from problem import answer, load


def main() -> None:
    """Time its mixture from the given start."""
    problem, n_iterations = load("f4")
    rows = torch.from_numpy(problem["rows"])

    def fit(n: int) -> None:
        components = [
            Normal(torch.tensor(mean, dtype=torch.float32), torch.tensor(c, dtype=torch.float32))
            for mean, c in zip(problem["means"], problem["covariances"], strict=True)
        ]
        GeneralMixtureModel(components, max_iter=n, tol=-1e30).fit(rows)

    answer(version("pomegranate"), fit, n_iterations, "float32")


if __name__ == "__main__":
    main()
