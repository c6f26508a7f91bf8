"""What every way to fit begins with: the profile of the data, and the rows as they are fitted."""

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dgmm.engine import passes
from dgmm.engine.events import PROFILE, Observer, Resumed, ignore
from dgmm.engine.execution import Execution, LocalExecution
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.fit_progress import FitProgress, SaveProgress, discard_progress
from dgmm.engine.passes import PassRunner
from dgmm.engine.profile import Profile
from dgmm.engine.profiling.fill_values import find_fill_values
from dgmm.engine.profiling.label_checks import check_labels
from dgmm.engine.profiling.profile_checks import validate_profile
from dgmm.engine.profiling.profile_spec import ProfileSpec
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.identifiers import find_identifiers
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.regularization import Regularization, constant_features
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec

if TYPE_CHECKING:  # it needs Dask, which rows in memory do without
    from dgmm.engine.dataset import Dataset
    from dgmm.engine.in_memory import InMemoryRows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """A fit whose data have been read once.

    Attributes
    ----------
    runner : PassRunner
        For passes over the same data.
    progress : FitProgress
        With the profile of the data as they are.
    transform : FeatureTransform, or None
        Of these for the fit.
    profile : Profile
        Of the transformed rows.
    rules : EMOptions
    centred : CentredScatter
    """

    runner: PassRunner
    progress: FitProgress
    transform: FeatureTransform | None
    profile: Profile
    rules: EMOptions
    centred: CentredScatter


def prepare(
    dataset: "Dataset | InMemoryRows",
    options: FitOptions,
    execution: Execution | None = None,
    observer: Observer = ignore,
    progress: FitProgress | None = None,
    save: SaveProgress = discard_progress,
) -> Preparation:
    """Profile the data, unless an interrupted fit has, and transform the profile.

    Parameters are those of :func:`dgmm.engine.fit.fit`, and so are the errors.
    """
    runner = PassRunner(dataset, execution or LocalExecution(), observer)
    if progress is None:
        progress = FitProgress(profile_data(runner, options), PROFILE, 1, ())
        save(progress)
    else:
        observer(Resumed(progress.stage, progress.n_passes))
    runner = replace(runner, checksums=progress.profile.checksums)
    transform = _fit_transform(progress.profile, options.prepare.fit(progress.profile.sample))
    profile = progress.profile.transform(transform)
    centred = replace(profile.centred_scatter, transform=transform)
    return Preparation(runner, progress, transform, profile, rules_for(options, profile), centred)


def profile_data(runner: PassRunner, options: FitOptions) -> Profile:
    """Profile the data in the first pass and check that they can be fitted."""
    dataset, names = runner.dataset, runner.dataset.feature_names
    sample_rows = options.sample_size(dataset.n_rows, dataset.n_features)
    n_classes = options.max_components
    spec = ProfileSpec(options.seed, sample_rows / dataset.n_rows, n_classes=n_classes)
    functions = options.prepare.functions
    if functions is not None and not functions.are_known:
        functions = functions.fit(passes.profile(runner, spec).sample)  # a read more
    profiled = passes.profile(runner, replace(spec, functions=functions))
    profile = validate_profile(profiled, names, n_classes)
    counts = [n_components for _, n_components in options.models]
    check_labels(profile.labelled, counts, options.earlier)
    constant = constant_features(profile.covariance, profile.mean)
    if constant.any():
        found = [name for name, c in zip(names, constant, strict=True) if c]
        logger.warning("Constant features add nothing and should be left out: %s.", found)
    for name, why in find_identifiers(profile.rising, profile.sample, names).items():
        logger.warning("Feature %r looks like an identifier: %s. Leave it out?", name, why)
    extremes = (profile.minimum, profile.maximum)
    for name, value in find_fill_values(*extremes, profile.sample, names).items():
        text = "Feature %r has values of %g, far from all others: if they are missing, store NaN."
        logger.warning(text, name, value)
    return profile


def _fit_transform(profile: Profile, rule: FeatureTransformSpec) -> FeatureTransform | None:
    if not rule.is_needed:
        return None
    transform = FeatureTransform.fit(rule, profile.mean, profile.covariance)
    if isinstance(rule.pca, int) and transform.n_axes < rule.pca:
        logger.warning(
            "The data vary in %d directions only; so many principal components are fitted, not %d.",
            transform.n_axes,
            rule.pca,
        )
    return transform


def rules_for(options: FitOptions, profile: Profile) -> EMOptions:
    """The rules of a fit to data of this profile, in the coordinates that are fitted."""
    regularization = Regularization.for_data(profile.covariance, profile.mean, options.reg_covar)
    return EMOptions(
        options.tol,
        options.max_iter,
        regularization,
        profile.covariance,
        options.allow_degenerate,
        options.accelerate and not options.has_prior,
        0 if options.fixed is None else options.fixed.n_components,
    )
