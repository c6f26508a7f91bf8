"""Who proposes steps, by the data and the options."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.engine import stages
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.proposals.step_proposals import StepProposals
from dgmm.engine.search.prospects import Prospects
from dgmm.mixture.initialization.initial_parameters import InitialParameters
from tests.engine.test_stages import profile_of, rules_for

OPTIONS = FitOptions((("full", 2),))


@pytest.fixture(scope="module")
def profile():
    rows = np.random.default_rng(0).normal(size=(240, 2))
    return profile_of(rows, FitOptions((("full", 1),)))


def proposals_for(profile, n_rows=240, n_sampled=240, options=OPTIONS, *, births=True, **rules):
    some = replace(profile, n_rows=n_rows, sample=profile.sample[:n_sampled])
    all_rules = replace(rules_for(profile), **rules)
    sample = stages.search_rows(some, all_rules)
    prospects = Prospects(options, n_rows, 2)
    return StepProposals.for_rows(sample, some, options, all_rules, prospects, with_births=births)


@pytest.mark.parametrize(("n_sampled", "guides"), [(240, False), (61, False), (60, True)])
def test_a_sample_guides_where_it_is_a_quarter_of_the_rows_or_less(profile, n_sampled, guides):
    assert (proposals_for(profile, 240, n_sampled).surrogate is not None) is guides
    assert proposals_for(profile, 240, n_sampled, accelerate=False).surrogate is None


def test_components_are_born_where_nobody_counts_on_their_places(profile):
    given = replace(OPTIONS, given=InitialParameters(means=np.zeros((2, 2))))
    assert proposals_for(profile).births is not None
    assert proposals_for(profile, births=False).births is None
    assert proposals_for(profile, options=given).births is None
    assert proposals_for(profile, accelerate=False).births is None
