"""The posterior of a Bayesian mixture, as arrays on disk: ``posterior/``.

Names are those of the attributes of :class:`dgmm.BayesianGaussianMixture`, without underscores.
"""

from dataclasses import dataclass

import numpy as np
import zarr

from dgmm.errors import OutputError
from dgmm.io.results.sweep_arrays import (
    parameter_dimensions,
    read_parameters,
    write_feature_names,
    write_parameters,
)
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    read_attributes,
    read_small,
    write_small,
    zarr_store,
)
from dgmm.mixture.variational.posterior import VariationalPosterior
from dgmm.mixture.variational.prior import Prior
from dgmm.mixture.variational.variational_state import VariationalState


@dataclass(frozen=True, slots=True, eq=False)
class StoredPosterior:
    """The posterior of a run.

    Attributes
    ----------
    state : VariationalState
        All components that were allowed, in the coordinates of the mixtures.
    labels : tuple of int
        What each is called in the result; -1 of those that have no rows.
    """

    state: VariationalState
    labels: tuple[int, ...]


def write_posterior(run: AnyPath, stored: StoredPosterior, feature_names: tuple[str, ...]) -> None:
    """Write a posterior as a group; single numbers and text are attributes.

    Parameters
    ----------
    run : Path or StorePath
    stored : StoredPosterior
    feature_names : tuple of str
        Of the mixtures.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    group, posterior = run / "posterior", stored.state.posterior
    prior, kind = posterior.prior, posterior.mixture.covariance_type
    covariance = parameter_dimensions(kind)["covariances"]
    write_feature_names(group, feature_names, ("feature", *{"feature_2"} & {*covariance}))
    write_parameters(group, posterior.mixture)
    concentration, degrees = posterior.weight_concentration, posterior.degrees_of_freedom
    each = ("component",)
    for name, values, dimensions in (
        ("label", np.array(stored.labels), each),
        (
            "weight_concentration",
            concentration,
            each if concentration.ndim == 1 else ("beta", *each),
        ),
        ("mean_precision", posterior.mean_precision, each),
        ("degrees_of_freedom", degrees, each if degrees.ndim else ()),
        ("lower_bounds", np.array(stored.state.lower_bounds), ("iteration",)),
        ("mean_prior", prior.mean, ("feature",)),
        ("covariance_prior", prior.covariance, tuple(d for d in covariance if d != "component")),
    ):
        write_small(group / name, values, dimensions)
    attributes = {
        "covariance_type": kind,
        "weight_concentration_prior_type": prior.weights,
        "weight_concentration_prior": prior.weight_concentration,
        "mean_precision_prior": prior.mean_precision,
        "degrees_of_freedom_prior": prior.degrees_of_freedom,
        "converged": stored.state.is_converged,
    }
    zarr.create_group(zarr_store(group), attributes=attributes)


def read_posterior(run: AnyPath) -> StoredPosterior | None:
    """What `write_posterior` wrote; None if the mixtures are no Bayesian ones.

    Raises
    ------
    StorageError
        If an array is missing or damaged.
    OutputError
        If it is not what this version of dgmm writes.
    """
    group = run / "posterior"
    if not (group / ROOT_METADATA).is_file():
        return None
    found = read_attributes(group)
    try:
        kind = found["covariance_type"]
        prior = Prior(
            kind,
            found["weight_concentration_prior_type"],
            found["weight_concentration_prior"],
            found["mean_precision_prior"],
            read_small(group / "mean_prior"),
            found["degrees_of_freedom_prior"],
            read_small(group / "covariance_prior"),
        )
        is_converged = found["converged"]
        mixture = read_parameters(group, kind)
    except (KeyError, ValueError) as error:
        raise OutputError(
            f"{group} is not what this version of dgmm writes: {error!r}. "
            "Open it with the version of dgmm that wrote it."
        ) from error
    names = ("weight_concentration", "mean_precision", "degrees_of_freedom")
    concentration, precision, degrees = (read_small(group / name) for name in names)
    posterior = VariationalPosterior(prior, concentration, precision, degrees, mixture)
    bounds = tuple(read_small(group / "lower_bounds").tolist())
    labels = tuple(read_small(group / "label").tolist())
    return StoredPosterior(VariationalState(posterior, bounds, is_converged), labels)
