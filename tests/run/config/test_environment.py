"""Environment variables in a configuration: used, and never stored or shown."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgmm.errors import ConfigurationError
from dgmm.run.config.configuration import Configuration, Input, Output, dump_resolved, loads
from dgmm.run.config.environment import EnvExpander, EnvString, escape
from dgmm.run.config.yaml import MAX_DEPTH
from dgmm.run.identity import identity
from dgmm.run.redaction import Redactor

MINIMAL = "input: {path: data.zarr}\noutput: {path: results}\n"
SECRET = "correct horse battery staple"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    values = {"DAY": "20260131", "FOUR": "4", "WORD": "four", "EMPTY": "", "KEY": SECRET}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NOWHERE", raising=False)


def changed(*overrides):
    return loads(MINIMAL, overrides)


def message(*overrides):
    with pytest.raises(ConfigurationError) as caught:
        changed(*overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${DAY}", "20260131"),
        ("${DAY}/${WORD}.zarr", "20260131/four.zarr"),
        ("${NOWHERE:-here}", "here"),
        ("${EMPTY:-here}", "here"),
        ("x${EMPTY}", "x"),
        ("${NOWHERE:-}x", "x"),
        ("${DAY:-here}", "20260131"),
        ("$$", "$"),
        ("$${DAY}", "${DAY}"),
        ("$DAY", "$DAY"),
        ("a$", "a$"),
        ("$(DAY)", "$(DAY)"),
    ],
)
def test_text_is_expanded(written, expected):
    assert changed(f"input.path={written}").input.path == expected


def test_values_are_never_syntax(monkeypatch):
    monkeypatch.setenv("BRACES", "{kind: threads} # ${DAY} &a *a")
    assert changed("output.path=${BRACES}").output.path == "{kind: threads} # ${DAY} &a *a"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.seed=${FOUR}", {"seed": 4}),
        ("model.seed='${FOUR}'", {"seed": 4}),
        ("model.n_components=${FOUR}", {"n_components": (4,)}),
        ("model.n_components=[1, '${FOUR}']", {"n_components": (1, 4)}),
        ("model.n_components=2:${FOUR}", {"n_components": (2, 3, 4)}),
        ("model.tol=1e-${FOUR}", {"tol": 1e-4}),
        ("model.allow_degenerate=${NOWHERE:-true}", {"allow_degenerate": True}),
        ("model.covariance_type=['${NOWHERE:-full}', tied]", {"covariance_type": ("full", "tied")}),
    ],
)
def test_numbers_are_read_where_numbers_are_expected(override, expected):
    (key, value), *_ = expected.items()
    found = getattr(changed(override).model, key)
    assert found == value
    assert type(found) is type(value)


def test_the_kind_of_cluster_may_be_a_variable():
    assert changed("cluster={kind: '${NOWHERE:-threads}', threads: '${FOUR}'}").cluster.threads == 4


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("input.path=${NOWHERE}/x", "input.path: the environment variable NOWHERE is not set;"),
        ("model.seed=${NOWHERE}", "model.seed: the environment variable NOWHERE is not set;"),
        ("model.init_params=[kmeans, '${NOWHERE}']", "model.init_params.1: the environment variab"),
        ("input.path=${", "expected ${NAME} or ${NAME:-default}; $$ stands for a $"),
        ("input.path=${DAY", "input.path: found ${, expected"),
        ("input.path=${1}", "input.path: found ${, expected"),
        ("input.path=${DAY-x}", "input.path: found ${, expected"),
        ("input.path=${NOWHERE:-${DAY}}", "input.path: found ${, expected"),
        ("model.seed=${WORD}", 'model.seed: found "${WORD}", expected an integer'),
        ("model.seed=-${FOUR}", 'model.seed: found "-${FOUR}", expected greater than or equal'),
        ("model.criterion=${KEY}", "model.criterion: found \"${KEY}\", expected 'bic'"),
        ("input.path=${EMPTY}", 'input.path: found "${EMPTY}", expected text that is not empty'),
        ("cluster.kind=${KEY}", 'cluster.kind: found "${KEY}", expected one of'),
        ("cluster=${KEY}", 'cluster: found "${KEY}", expected keys with values'),
        ("cluster=['${KEY}']", 'cluster: found ["${KEY}"], expected keys with values'),
        ("output.path=data.zarr/${KEY}", "found output.path in input.path"),
    ],
)
def test_what_cannot_be_used_is_named_as_it_is_written(override, expected):
    found = message(override)
    assert expected in found
    assert "\n" not in found
    assert SECRET not in found


def test_all_unset_variables_are_told_with_other_mistakes():
    found = message("input.path=${NOWHERE}", "model.seed=${NOWHERE}", "model.tol=0")
    assert len(found.splitlines()) == 1 + 3


def test_what_is_resolved_is_what_was_written():
    written = {
        "input": {"path": "${DAY}/x$$y"},
        "model": {"n_components": [1, "${FOUR}"], "seed": "${FOUR}"},
        "output": {"path": "${KEY}/${NOWHERE:-here}"},
        "cluster": {"kind": "threads", "threads": "${FOUR}"},
    }
    configuration = loads(json.dumps(written))
    stored = dump_resolved(configuration)
    for section, keys in written.items():
        assert stored[section].items() >= keys.items()
    assert loads(json.dumps(stored)) == configuration
    assert SECRET not in json.dumps(stored)


def test_what_is_resolved_reads_back_where_python_wrote_dollars():
    configuration = Configuration(input=Input(path="a$$b${c}$"), output=Output(path="${X"))
    assert loads(json.dumps(dump_resolved(configuration))).input == configuration.input


@given(st.text(alphabet="a${}:-$"))
def test_escaped_text_expands_to_itself(text):
    assert EnvExpander({}).expand(escape(text)) == text


@pytest.mark.parametrize(
    "url", ["s3://user:SECRET@bucket/x", "s3://user:SEC/R@ET@b/x", "s3://T@b/x"]
)
@pytest.mark.parametrize("key", ["input.path", "output.path"])
def test_credentials_in_urls_are_refused_and_not_told(url, key):
    with pytest.raises(ConfigurationError, match=f"{key}: .* names a user") as refused:
        changed(f"{key}={url}")
    assert "SEC" not in str(refused.value)
    assert "ET@" not in str(refused.value)


def test_runs_are_told_apart_by_what_variables_stand_for(monkeypatch):
    overrides = ("input.path=${DAY}.zarr", "model.seed=${FOUR}", "output.path=${KEY}")
    first = identity(changed(*overrides))
    assert first == identity(changed("input.path=20260131.zarr", "model.seed=4"))
    monkeypatch.setenv("DAY", "20260201")
    assert identity(changed(*overrides)) != first
    monkeypatch.setenv("DAY", "20260131")
    monkeypatch.setenv("FOUR", "5")
    assert identity(changed(*overrides)) != first


@pytest.mark.parametrize(
    "value", [SECRET, 'with "quotes"', "it's quoted", "two\nlines", "back\\slash", "héhé 日本"]
)
def test_a_concealed_value_is_told_by_its_name(value):
    redactor = Redactor.from_environment(["A"], {"A": value})
    for spelled in (value, repr(value), json.dumps(value), " ".join(value.split())):
        told = redactor(f"found {spelled} here")
        assert re.fullmatch(r"found ['\"]?\$\{A\}['\"]? here", told)
    for inner in ("{}", "'{}' \"", "{} '\""):
        once = repr(ValueError(inner.format(value)))
        assert redactor(repr(once)).count("${A}") == 1


def test_longer_values_are_concealed_before_what_they_contain():
    redactor = Redactor.from_environment(["A", "B"], {"A": "secret", "B": "secret-and-more"})
    assert redactor("secret-and-more, secret") == "${B}, ${A}"


def test_common_words_are_not_concealed():
    assert Redactor.from_environment(["A", "B"], {"A": "data"})("no data") == "no data"


def test_a_key_of_many_levels_is_refused():
    key = ".".join("x" * (MAX_DEPTH + 1))
    assert f"found a key of {MAX_DEPTH + 1} levels" in message(
        f"input.{'x.' * 20000}x=1", f"{key}=1"
    )


def test_only_what_variables_gave_is_expanded():
    expander = EnvExpander({"A": "1"})
    values = expander.expand({"a": ["${A}", "$$", "b", 3]})
    assert values == {"a": ["1", "$", "b", 3]}
    assert [type(value) for value in values["a"]] == [EnvString, str, str, int]
    assert expander.paths == {("a", 0), ("a", 1)}
    assert expander.names == {"A"}
