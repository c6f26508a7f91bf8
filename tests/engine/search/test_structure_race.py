"""Structures that start from mixtures of others, and those that are not searched for."""

import numpy as np
import pytest

from dgmm.engine.search import model_search
from dgmm.engine.search.found_mixtures import FoundMixture, is_hopeless
from dgmm.engine.search.model_search import ModelSearch
from dgmm.engine.search.structure_race import race_others, single_component
from dgmm.mixture.structures import structure_of
from dgmm.registry import STRUCTURES
from tests.engine.search.test_model_search import anisotropic, found_by, polished, search_on


@pytest.mark.parametrize("kind", STRUCTURES)
def test_one_component_fits_what_a_mixture_of_one_does(kind):
    rows, _ = anisotropic(n_rows=300)
    search = search_on(rows, (kind, 1))
    covariance, regularization = rows.T @ rows / len(rows), search.rules.regularization
    found = single_component(kind, covariance, regularization)
    mixture = found_by(search)[kind, 1]
    assert found == pytest.approx(polished(search, mixture, 1), rel=1e-9)


def found(**means):
    return {
        (kind, k): FoundMixture(None, value > -5, value)
        for kind, values in means.items()
        for k, value in enumerate(values, start=1)
    }


def test_a_structure_is_hopeless_if_it_would_have_to_gain_as_much_again():
    assert not is_hopeless("diag", -4.0, found(full=[-2.0, -1.1], diag=[-4.0, -2.5]))
    assert is_hopeless("diag", -4.0, found(full=[-2.0, -0.9], diag=[-4.0, -2.5]))
    assert not is_hopeless("diag", -4.0, found(diag=[-4.0, -2.5]))


def test_only_sound_mixtures_count():
    assert not is_hopeless("diag", -4.0, found(full=[-2.0, -9.0], diag=[-9.0, -9.0]))


def test_structures_with_axes_of_their_own_are_served_by_the_search_for_full():
    rows, _ = anisotropic(n_components=3, n_rows=300, n_features=3)
    kinds = "full", "VEV", "EVV"
    search = search_on(rows, *((kind, k) for kind in kinds for k in (2, 3)))
    assert search.count({}) == 7  # three for full, one for each other, two from later structures
    assert search_on(rows, ("VEV", 3)).count({}) == 1
    assert search_on(rows, ("full", 2), ("VEV", 3)).count({}) == 4  # it has no start to take
    mixtures = found_by(search)
    alone = found_by(search_on(rows, ("VEV", 3)))["VEV", 3]
    assert polished(search, mixtures["VEV", 3]) > polished(search, alone) - 1e-3
    assert mixtures["VEV", 3].covariance_type == "VEV"


def test_on_few_rows_structures_start_from_those_searched_for_after_them_too(monkeypatch):
    rows, _ = anisotropic(n_components=2, n_rows=300, n_features=2)
    raced = []

    def race_and_note(rows, kind, others, *rest, **options):
        raced.append((kind, [mixture.covariance_type for mixture in others]))
        return race_others(rows, kind, others, *rest, **options)

    monkeypatch.setattr(model_search, "race_others", race_and_note)
    found_by(search_on(rows, *((kind, 2) for kind in ("diag", "full", "tied")), finish_all=True))
    assert raced == [
        ("diag", ["full"]),
        ("tied", ["full", "diag"]),
        ("full", ["diag", "tied"]),
        ("diag", ["tied"]),
    ]


def test_a_structure_far_behind_is_searched_for_if_all_are_finished_or_it_is_common(monkeypatch):
    rng = np.random.default_rng(0)
    narrow = rng.normal(size=(200, 2)) * [5.0, 0.01] @ [[0.6, 0.8], [-0.8, 0.6]]
    rows = np.concatenate([narrow, narrow[:100] + np.array([0.3, 0.0])])
    rows -= rows.mean(axis=0)
    tried, find = [], ModelSearch._find_in_few

    def find_and_note(search, at, kind, *rest):
        tried.append(kind)
        return find(search, at, kind, *rest)

    monkeypatch.setattr(ModelSearch, "_find_in_few", find_and_note)
    for far, finish_all in (("EII", False), ("EII", True), ("spherical", False)):
        models = [(kind, 2) for kind in ("full", far)]
        assert set(found_by(search_on(rows, *models, finish_all=finish_all))) == set(models)
    assert tried == ["full", "full", "EII", "full", "spherical"]


def test_every_structure_that_another_serves_keeps_its_freedoms():
    for kind in STRUCTURES:
        structure = structure_of(kind)
        if structure.start_type is not None:
            wider = structure_of(structure.start_type)
            assert wider.is_diagonal == structure.is_diagonal
            assert wider.n_parameters(3, 4) > structure.n_parameters(3, 4)
