"""Which steps are proposed after a pass over all rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from dgmm.engine.fit_options import FitOptions
from dgmm.engine.profile import Profile
from dgmm.engine.proposals.component_births import ComponentBirths
from dgmm.engine.proposals.surrogate_steps import SampleSurrogate
from dgmm.engine.search.prospects import Prospects
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.em.iteration import EMOptions, FitState, ProposedStep
from dgmm.mixture.kernels.least_likely import LeastLikelyRequest
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters

_ROWS_PER_SAMPLED = 4  # from this ratio on, the sample proposes steps


@dataclass(frozen=True, slots=True, eq=False)
class StepProposals:
    """Births where there are any, else what the sample proposes.

    A candidate that EM on a sample of all rows has settled stays where it is.

    Attributes
    ----------
    births : ComponentBirths, or None
    surrogate : SampleSurrogate, or None
    """

    births: ComponentBirths | None
    surrogate: SampleSurrogate | None

    @classmethod
    def for_rows(
        cls,
        sample: SearchRows,
        profile: Profile,
        options: FitOptions,
        rules: EMOptions,
        prospects: Prospects,
        *,
        with_births: bool,
    ) -> "StepProposals":
        """What may be proposed for the rows of a profile.

        A proposal of the sample takes up to thirty E-steps on it: a few reads of all rows must cost
        more. There are no births where components are known by their places, nor where rows lack
        values: their densities are not comparable. Nothing is proposed where parts are fixed.

        Parameters
        ----------
        sample : SearchRows
            Of these rows, relative to their mean.
        profile : Profile
        options : FitOptions
        rules : EMOptions
            Of the fit to all rows.
        prospects : Prospects
        with_births : bool
        """
        surrogate = births = None
        if options.fixed is not None:
            return cls(births, surrogate)
        n_rows = profile.n_rows
        if rules.may_accelerate and n_rows >= _ROWS_PER_SAMPLED * sample.n_rows > 0:
            surrogate = SampleSurrogate(sample.held, sample.scatter, rules)
        with_births &= options.given.is_empty and profile.labelled is None
        with_births &= not profile.lacks_values
        if with_births and rules.may_accelerate and sample.n_rows:
            births = ComponentBirths(sample, rules, n_rows, prospects)
        return cls(births, surrogate)

    def request(self, n_passes: int, mixtures: Sequence[Parameters]) -> LeastLikelyRequest | None:
        """The rows that the next pass is to keep, after so many passes of its stage."""
        return None if self.births is None else self.births.request(n_passes, mixtures)

    def propose_steps(
        self, states: Sequence[FitState], moments: Sequence[Moments]
    ) -> list[ProposedStep | None]:
        """A step of each running candidate, or None.

        Parameters
        ----------
        states : sequence of FitState
            Running.
        moments : sequence of Moments
            Of all rows under their parameters.
        """
        steps: list[ProposedStep | None] = [None] * len(states)
        if self.births is not None:
            steps = list(map(self.births.propose_step, states, moments))
        for index, state in enumerate(states):
            if steps[index] is None and state.search.is_settled:
                steps[index] = ProposedStep(state.parameters, 0.0)
        left = [index for index, step in enumerate(steps) if step is None]
        if left and self.surrogate is not None:
            proposed = self.surrogate.propose_steps(
                [states[index] for index in left], [moments[index] for index in left]
            )
            for index, step in zip(left, proposed, strict=True):
                steps[index] = step
        return steps
