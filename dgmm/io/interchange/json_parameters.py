"""A mixture as JSON: every number that it takes to compute densities, with all digits."""

import json
from dataclasses import asdict
from typing import Any

from dgmm.io.interchange.whitened_mixture import check_linear
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform

FORMAT = "dgmm-parameters"
FORMAT_VERSION = 1


def dump_parameters(
    mixture: Parameters,
    transform: FeatureTransform | None,
    names: tuple[str, ...],
    labels: tuple[int, ...],
) -> str:
    """A mixture as a JSON text, of which ``float`` gives the same bits back.

    Shapes are those of :class:`dgmm.mixture.parameters.Parameters`; ``transform`` is null, or says
    how z = axes (x - mean) / scale is made of a row x, with null for the identity. ``noise``, where
    there is any, has its ``weight`` and its ``log_density``.

    Parameters
    ----------
    mixture : Parameters
    transform : FeatureTransform, or None
    names : tuple of str
        Of the input's features.
    labels : tuple of int
        What components are called.

    Raises
    ------
    OutputError
        If the transform has functions of features.
    """
    check_linear(transform)
    document: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "covariance_type": mixture.covariance_type,
        "features": list(names),
        "labels": list(labels),
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariances": mixture.covariances.tolist(),
        "precisions_cholesky": mixture.precisions_cholesky.tolist(),
        "transform": None,
    }
    if mixture.noise is not None:
        document["noise"] = asdict(mixture.noise)
    if transform is not None:
        document["transform"] = {
            "mean": transform.mean.tolist(),
            "scale": transform.scale.tolist(),
            "axes": None if transform.axes is None else transform.axes.tolist(),
        }
    return json.dumps(document, indent=1, allow_nan=False)
