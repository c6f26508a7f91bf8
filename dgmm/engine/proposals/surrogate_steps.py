"""Fewer passes over all rows: after a pass, the sample proposes a longer step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dgmm.engine.events import ignore
from dgmm.engine.execution import LocalExecution
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.passes import PassRunner, e_step
from dgmm.mixture.candidate import Status
from dgmm.mixture.em import iteration
from dgmm.mixture.em.fisher_metric import flatten, max_relative_change
from dgmm.mixture.em.iteration import EMOptions, FitState, ProposedStep
from dgmm.mixture.em.surrogate import ControlVariate
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.kernels.statistics import Moments
from dgmm.mixture.parameters import Parameters

_MOST_STEPS = 30
_TOL = 0.1  # relative to the tolerance of the fit
_LARGEST_SHARE = 0.5  # largest relative change of a weight or variance; beyond, the sample misleads


@dataclass(frozen=True, slots=True, eq=False)
class SampleSurrogate:
    """A sample that approximates all rows near a mixture at which both were evaluated.

    Attributes
    ----------
    rows : InMemoryRows
        Relative to the mean of all rows.
    centred : CentredScatter
        Of the sample.
    rules : EMOptions
        Of the fit to all rows.
    """

    rows: InMemoryRows
    centred: CentredScatter
    rules: EMOptions

    def propose_steps(
        self, states: Sequence[FitState], moments: Sequence[Moments]
    ) -> tuple[ProposedStep | None, ...]:
        """Steps to the maximum of the likelihood of all rows, as the sample estimates it.

        Parameters
        ----------
        states : sequence of FitState
            Running.
        moments : sequence of Moments
            Of all rows under their parameters.

        Returns
        -------
        tuple of ProposedStep or None
            None where no step is due, and where the sample does not represent all rows: the step is
            too long, a component has too few rows in the sample, or an earlier step lost
            likelihood.
        """
        runner = PassRunner(self.rows, LocalExecution(), ignore)
        rules = replace(
            self.rules, tol=_TOL * self.rules.tol, max_iter=_MOST_STEPS, keep_degenerate=False
        )
        ways = {
            i: FitState(state.candidate, state.parameters, search=state.search.restart())
            for i, (state, found) in enumerate(zip(states, moments, strict=True))
            if _is_due(state) and iteration.find_fallback(state, found) is None
        }
        corrections: dict[int, ControlVariate] = {}
        while running := [i for i, way in ways.items() if way.is_running]:
            mixtures = [ways[i].parameters for i in running]
            found, _ = e_step(runner, mixtures, self.centred)
            for i, mixture, of_sample in zip(running, mixtures, found, strict=True):
                if i not in corrections:
                    kind = mixture.covariance_type
                    corrections[i] = ControlVariate.from_moments(moments[i], of_sample, kind)
                corrected = corrections[i].apply(mixture, of_sample)
                if corrected is None or _is_far(states[i].parameters, mixture):
                    del ways[i]
                else:
                    ways[i] = iteration.step(ways[i], corrected, rules)
        return tuple(_surrogate_step(ways.get(i)) for i in range(len(states)))


def _is_due(state: FitState) -> bool:
    """Whether a step is proposed: after the first, second, fourth, eighth ... read of all rows.

    A sample that gives no step after one read rarely gives one after the next. Control variates
    know nothing of noise.
    """
    n_reads = len(state.trace) + 1
    return state.parameters.noise is None and state.search.may_leap and n_reads & (n_reads - 1) == 0


def _is_far(origin: Parameters, mixture: Parameters) -> bool:
    return max_relative_change(origin, flatten(mixture) - flatten(origin)) > _LARGEST_SHARE


def _surrogate_step(way: FitState | None) -> ProposedStep | None:
    if way is None or way.status is not Status.CONVERGED:
        return None
    return ProposedStep(way.parameters, way.trace[-1] - way.trace[0])
