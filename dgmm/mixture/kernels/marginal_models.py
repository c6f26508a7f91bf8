"""The models of a pass for rows of a block that lack the same values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dgmm.mixture import feature_map
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centred_kernel import CentredModel
from dgmm.mixture.kernels.completion import (
    Completion,
    Features,
    Regression,
    SharedRegression,
    WhitenedRegression,
)
from dgmm.mixture.kernels.expanded_kernel import ExpandedGroup
from dgmm.mixture.kernels.packed_models import PackedModels
from dgmm.mixture.kernels.pattern_sums import PatternSums
from dgmm.mixture.kernels.statistics import SufficientStatistics
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class MarginalModels:
    """The marginals of models, and what completes their sums.

    Attributes
    ----------
    packed : PackedModels
        Of the observed features.
    completions : tuple of Completion
        Of the sums of each group, and then of each centred model; none for complete rows.
    shared : SharedRegression, or None
        Of the first group, if its models have one covariance each.
    """

    packed: PackedModels
    completions: tuple[Completion, ...]
    shared: SharedRegression | None

    @classmethod
    def of(cls, models: PackedModels, mixtures: tuple[Parameters, ...], observed: Features) -> Self:
        """The marginals of some models of a pass.

        Parameters
        ----------
        models : PackedModels
            For complete rows.
        mixtures : tuple of Parameters
            Of all models of the pass.
        observed : ndarray of int
            The features that rows have.
        """
        is_complete, features = len(observed) == len(models.origin), observed.tolist()
        groups, shared = [], None
        completions: list[Completion] = []
        for group in models.groups:
            own = [mixtures[index] for index in group.models]
            marginals = own if is_complete else [mixture.marginal(features) for mixture in own]
            if group.order == feature_map.LINEAR:
                shared = SharedRegression.of_mixtures(own, marginals, observed)
                completions.append(shared)
            elif not is_complete:
                completions.append(Regression.of_mixtures(own, observed))
            if not is_complete:
                groups.append(ExpandedGroup.pack(group.order, group.models, marginals))
        if is_complete:
            return cls(replace(models, transform=None), (), shared)
        centred = [CentredModel(e.model, e.mixture.marginal(features)) for e in models.centred]
        completions += [
            WhitenedRegression.from_mixture(e.mixture, observed) for e in models.centred
        ]
        packed = PackedModels(
            models.origin[observed], None, models.n_models, tuple(groups), tuple(centred)
        )
        return cls(packed, tuple(completions), shared)

    def accumulate(
        self,
        rows: NDArray[np.generic],
        weights: NDArray[np.generic] | None,
        loops: ModuleType,
    ) -> SufficientStatistics:
        """The completed statistics of rows of the observed features, as the models take them."""
        n_features = len(self.packed.origin)
        scatter = None if self.shared is None else np.zeros((n_features, n_features))
        found = packed_models.accumulate(self.packed, rows, weights, scatter, loops=loops)
        return self.complete(found, scatter)

    def complete_sums(self, parts: Sequence[PatternSums]) -> SufficientStatistics:
        """Statistics of all features from those of the observed ones, of each group."""
        log_likelihood, log_classification = np.zeros((2, self.packed.n_models))
        for group, part in zip(self.packed.groups, parts, strict=True):
            models = list(group.models)
            log_likelihood[models], log_classification[models] = part.scores
        sums = tuple(part.sums for part in parts)
        found = SufficientStatistics(log_likelihood, log_classification, sums)
        return self.complete(found, parts[0].scatter)

    def complete(self, found: SufficientStatistics, scatter: Array | None) -> SufficientStatistics:
        """Statistics of all features from those of the observed ones, and their scatter."""
        sums, scatters = found.sums, found.shared_scatters
        if self.shared is not None and scatter is not None:
            models = list(self.packed.groups[0].models)
            found.log_likelihood[models] += self.shared.common_terms(scatter)
            scatters = self.shared.complete_scatter(sums[0], scatter)
        if self.completions:
            completed = zip(self.completions, sums, strict=True)
            sums = tuple(completion.apply(total) for completion, total in completed)
        return SufficientStatistics(
            found.log_likelihood, found.log_classification, sums, shared_scatters=scatters
        )
