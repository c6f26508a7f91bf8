"""Two weeks of nightly runs, with a birth, a death and a bad night."""

import importlib
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts" / "simulate"


@pytest.fixture
def two_weeks(monkeypatch, tmp_path):
    """Runs two weeks; every night is run again there, at once and at last: no file may change."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = importlib.import_module("fourteen_nights")

    def played(corruption, n_rows=8_000, nights=range(1, 15), data="drop", n_init=2, **of_world):
        world = script.World(seed=0, **of_world)
        upstream = script.Upstream(tmp_path / "data", world, data, n_rows, corruption)
        keys = {
            "n_components": "4:7",
            "types": "full",
            "sample_size": n_rows // 2,
            "n_init": n_init,
            "partition_size": 1 << 16,
            "cold": False,
        }
        rows = script.run_nights(tmp_path, upstream, keys, nights)
        return {row.night: row for row in rows}

    return played


def published(nights):
    return [row for row in nights.values() if row.night != 11]


def assert_labels_keep_their_meaning(nights, purity):
    meaning = {}
    for row in published(nights):
        assert row.purity > purity
        for label, component in row.meaning.items():
            assert meaning.setdefault(label, component) == component
    assert len(set(meaning.values())) == len(meaning) == 6


def assert_the_bad_night_stays_out(nights):
    assert [row.night for row in nights.values() if not row.is_published] == [11]
    assert (nights[11].verdict, nights[11].exit_code) == ("broken", 65)
    assert nights[11].reasons
    before = max(night for night in nights if night < 11)
    assert nights[12].origin == nights[11].origin == nights[before].name
    for row in published(nights):
        assert row.exit_code == 0
        assert row.verdict != "broken"


def assert_birth_and_death_are_told(nights, births, deaths):
    for row in published(nights):
        assert any("appeared" in reason for reason in row.reasons) == (row.night in births)
        assert any("vanished" in reason for reason in row.reasons) == (row.night in deaths)
        if row.night in (*births, *deaths):
            assert row.verdict == "changed"


def test_noise_shuffles_each_column_by_itself(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    nights = importlib.import_module("nights")
    rows = np.arange(60.0).reshape(20, 3)
    found = nights.corrupt(rows, "noise")
    assert np.array_equal(np.sort(found, axis=0), rows)
    assert not np.array_equal(np.diff(found, axis=1), np.diff(rows, axis=1))


@pytest.mark.slow
def test_birth_death_and_damage_in_some_nights_of_two_weeks(two_weeks):
    nights = two_weeks("zeroed", n_rows=2_000, nights=(4, 5, 9, 11, 12), n_init=1, apart=8.0)
    assert_labels_keep_their_meaning(nights, purity=0.99)
    assert_the_bad_night_stays_out(nights)
    assert_birth_and_death_are_told(nights, births=[5], deaths=[9])


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("corruption", ["units", "zeroed", "shuffled", "repeated", "noise"])
@pytest.mark.parametrize(("apart", "purity"), [(7.0, 0.99), (2.5, 0.92)])
def test_two_weeks_whatever_befalls_the_bad_night(two_weeks, corruption, apart, purity):
    nights = two_weeks(corruption, apart=apart)
    assert_labels_keep_their_meaning(nights, purity)
    assert_the_bad_night_stays_out(nights)
    assert_birth_and_death_are_told(nights, births=[5], deaths=[9])


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_in_a_window_of_three_nights_the_dead_are_gone_when_the_window_has_passed(two_weeks):
    nights = two_weeks("units", data="window")
    assert_labels_keep_their_meaning(nights, 0.99)
    assert_the_bad_night_stays_out(nights)
    assert_birth_and_death_are_told(nights, births=[5], deaths=[12])
