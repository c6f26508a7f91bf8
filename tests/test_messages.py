"""Errors speak the words of whoever reads them: YAML's to the command, Python's to the estimator.

Every message below the interfaces is looked at in the source, and many are provoked.
"""

import ast
import inspect
import json
import re
import warnings
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from pydantic import BaseModel

from dgmm import GaussianMixture, SweepResult, errors, open_result, sweep
from dgmm.cli import dgmm as command
from dgmm.engine import map_reduce
from dgmm.engine.execution import KilledTasksError
from dgmm.errors import DgmmError, Remedy, TemporaryError
from dgmm.estimator import arguments, remedies
from dgmm.report import findings
from dgmm.run import ingestion
from dgmm.run.config import advice
from dgmm.run.config.configuration import Configuration
from tests.bad_arrays import NOT_NUMBERS, REFUSED, X

PACKAGE = Path(errors.__file__).parent
BELOW = ("mixture", "engine", "io", "estimator")


def keys_of(section, path=()):
    """Dotted keys of a section of a configuration."""
    for name, field in section.model_fields.items():
        here = (*path, name)
        yield ".".join(here)
        kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from keys_of(kind, here)


KEYS = set(keys_of(Configuration))
STORED = {key for key in KEYS if key.startswith("drift.")}  # a verdict names the limit it met
IN_PYTHON = {
    name
    for function in (GaussianMixture.__init__, GaussianMixture.merge, sweep, open_result)
    for name in inspect.signature(function).parameters
}
FOREIGN = [
    *(key for key in KEYS - STORED if "." in key),
    *{name for key in KEYS - STORED for name in [key.split(".")[-1]] if "_" in name} - IN_PYTHON,
    "missing: drop",
]


def foreign_words(message):
    """What a user of the estimator would not know in a message."""
    commands = re.findall(r"--[a-z][a-z-]+|\bdgmm (?:run|score|plan|ingest|runs|report)\b", message)
    return commands + [
        word for word in FOREIGN if re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", message)
    ]


def messages_in(path):
    """Texts with a space in a module that are neither docstrings nor logged."""
    tree = ast.parse(path.read_text())
    aside = {
        id(constant)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and (
            isinstance(node.value, ast.Constant)
            or ast.unparse(node.value).lstrip("_").startswith("logger.")
        )
        for constant in ast.walk(node)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and " " in node.value and id(node) not in aside:
            yield node.value


def test_what_is_looked_for_is_found():
    assert foreign_words("Lower input.partition_size.") == ["input.partition_size"]
    assert foreign_words("`missing: drop` leaves them out.") == ["missing: drop"]
    assert foreign_words("Start again with `dgmm run --fresh`.") == ["dgmm run", "--fresh"]
    assert foreign_words("Raise cluster.memory_limit.") == ["cluster.memory_limit"]
    assert not foreign_words("Set a larger sample_size; n_components = 3.")
    said = [text for path in sorted(PACKAGE.rglob("*.py")) for text in messages_in(path)]
    assert any("Weights must be finite" in text for text in said)


@pytest.mark.parametrize("layer", BELOW)
def test_no_message_below_the_interfaces_has_their_words(layer):
    found = {
        (path.relative_to(PACKAGE).as_posix(), text): foreign_words(text)
        for path in (PACKAGE / layer).rglob("*.py")
        for text in messages_in(path)
    }
    assert len(found) > 20
    assert {place: words for place, words in found.items() if words} == {}


def remedies_named(*layers):
    """The remedies that errors in some layers carry."""
    return {
        Remedy[node.attr]
        for layer in layers
        for path in (PACKAGE / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Remedy"
    }


def test_every_remedy_is_asked_for_and_put_into_words():
    assert remedies_named("mixture", "engine", "io") == set(Remedy)
    tables = (advice.REMEDIES, ingestion._REMEDIES, findings._REMEDIES)
    assert set().union(*tables) == set(Remedy)
    assert set(remedies.REMEDIES) >= remedies_named("mixture", "engine")


def test_words_of_a_configuration_are_keys_and_those_of_ingest_options():
    keys = [
        key
        for text in advice.REMEDIES.values()
        for key in re.findall(r"`((?!dgmm)[a-z_.]+)[:`]", text)
    ]
    assert len(keys) > 12
    for key in keys:
        assert key in KEYS or f"input.{key}" in KEYS
    parameters = command.commands["ingest"].params
    options = {option for each in parameters for option in (*each.opts, *each.secondary_opts)}
    said = " ".join(ingestion._REMEDIES.values())
    assert set(re.findall(r"--[a-z-]+", said)) <= options


def test_words_are_added_once_and_by_the_first_that_knows_them():
    with (
        pytest.raises(DgmmError) as caught,
        errors.advise({Remedy.TRY_AGAIN: "Third."}),
        errors.advise({Remedy.TRY_AGAIN: "Second."}),
        errors.advise({Remedy.OVERWRITE: "No."}),
    ):
        raise errors.StorageError("First.", remedy=Remedy.TRY_AGAIN)
    assert str(caught.value) == "First. Second."


class LostCluster:
    """An execution whose workers are killed by whatever they take up."""

    def compute(self, make_tasks, on_done):
        on_done(0)
        raise KilledTasksError(tuple(task.key for task in make_tasks()), 4)

    def persist(self, arrays):
        return arrays


def with_nan():
    rows = X.copy()
    rows[7, 1] = np.nan
    return rows


def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GaussianMixture(2, n_init=1, max_iter=2, random_state=0).fit(X)


def write_twice(tmp_path):
    mixture = fitted()
    mixture.to_zarr(tmp_path / "m.zarr")
    mixture.to_zarr(tmp_path / "m.zarr")


PROVOKED = {
    **{
        f"fit, {kind}: {name}": lambda _, x=x, of=of: GaussianMixture(3).fit(of(x))
        for kind, of in [("numpy", np.asarray), ("dask", da.from_array)]
        for name, (x, _) in REFUSED.items()
    },
    **{
        f"fit: {name}": lambda _, x=x: GaussianMixture(3).fit(x)
        for name, x in NOT_NUMBERS.items()
        if name != "object"  # which are numbers
    },
    **{
        f"{name}={value!r}": lambda _, p={name: value}: GaussianMixture(2).set_params(**p).fit(X)
        for name, value in [
            ("n_components", 0),
            ("covariance_type", "round"),
            ("tol", -1),
            ("max_iter", -1),
            ("n_init", 0),
            ("init_params", "guess"),
            ("init_params", GaussianMixture()),
            ("reg_covar", -1),
            ("random_state", "x"),
            ("sample_size", 0),
            ("weights_init", [1.0]),
            ("weights_init", [2.0, -1.0]),
            ("means_init", [[0.0]]),
            ("precisions_init", np.zeros((2, 3, 3))),
        ]
    },
    "weights: negative": lambda _: GaussianMixture().fit(X, sample_weight=-np.ones(len(X))),
    "weights: zero": lambda _: GaussianMixture().fit(X, sample_weight=np.zeros(len(X))),
    "weights: too few": lambda _: GaussianMixture().fit(X, sample_weight=np.ones(3)),
    "weights: text": lambda _: GaussianMixture().fit(da.asarray(X), sample_weight=["a"] * len(X)),
    "predict: NaN": lambda _: fitted().predict(with_nan()),
    "predict, dask: NaN": lambda _: fitted().predict(da.from_array(with_nan())).compute(),
    "predict: features": lambda _: fitted().predict(X[:, :1]),
    "partial_fit: NaN": lambda _: fitted().partial_fit(with_nan()),
    "partial_fit, dask: NaN": lambda _: fitted().partial_fit(da.from_array(with_nan())),
    "partial_fit: overflow": lambda _: fitted().partial_fit(1e160 * X),
    "partial_fit: weights": lambda _: fitted().partial_fit(X, sample_weight=-1.0),
    "partial_fit: shape": lambda _: fitted().set_params(n_components=3).partial_fit(X),
    "partial_fit: decay": lambda _: fitted().set_params(learning_decay=2).partial_fit(X),
    "marginal": lambda _: fitted().marginal([9]),
    "condition": lambda _: fitted().condition([0], [1.0, 2.0]),
    "sample": lambda _: fitted().sample(0),
    "sweep: NaN": lambda _: sweep(with_nan(), [1, 2]),
    "sweep: none": lambda _: sweep(X, []),
    "sweep: criterion": lambda _: sweep(X, [1], criterion="best"),
    "sweep: silhouette": lambda _: sweep(X, [1], criterion="silhouette"),
    "to_zarr: twice": write_twice,
    "from_zarr: nothing": lambda path: GaussianMixture.from_zarr(path / "none"),
    "from_zarr: no run": lambda path: GaussianMixture.from_zarr(path),
    "SweepResult.from_zarr: nothing": lambda path: SweepResult.from_zarr(path / "none"),
    "open_result: no run": lambda path: open_result(path),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVOKED)
def test_the_estimator_raises_nothing_in_the_words_of_a_configuration(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((ValueError, DgmmError)) as caught:
            PROVOKED[name](tmp_path)
    assert foreign_words(str(caught.value)) == []


@pytest.mark.parametrize("makes_block", [True, False])
def test_workers_that_die_are_told_of_in_python_words(makes_block, monkeypatch):
    monkeypatch.setattr(arguments, "execution", lambda **_: LostCluster())
    if not makes_block:
        monkeypatch.setattr(map_reduce, "_find_crashing_blocks", lambda *_: None)
    with pytest.raises((errors.DataError, TemporaryError), match="Rechunk X") as caught:
        GaussianMixture(2).fit(da.from_array(X, chunks=20))
    assert foreign_words(str(caught.value)) == []


@pytest.mark.parametrize("call", ["fit", "predict", "score", "partial_fit"])
def test_nan_is_counted_and_its_first_places_are_named(call):
    mixture = fitted()
    rows = with_nan()
    rows[9] = [np.inf, 0.0, -np.inf]
    expected = (
        "The data have 3 values that are NaN or infinite; expected finite numbers. The first: "
        "row 7 column 'x1' (nan), row 9 column 'x0' (inf), row 9 column 'x2' (-inf). "
        "Remove or fill these rows. `X[np.isfinite(X).all(axis=1)]` keeps the other rows; "
        "`GaussianMixture(missing='marginalize')` counts rows with NaN by the values that they "
        "have."
    )
    with pytest.raises(errors.DataError) as caught:
        getattr(mixture, call)(rows)
    assert str(caught.value) == expected


def holed_store(path):
    array = zarr.create_array(str(path), shape=(60, 3), chunks=(20, 3), dtype="f8")
    array[:20] = 1.0
    return path


def group(path, *names):
    new = zarr.create_group(str(path))
    for name in names:
        new.create_array(name, data=X)
    return path


def npy(path, rows):
    np.save(path, rows)
    return path


def text(path, content):
    path.write_text(content)
    return path


RUN = {
    "NaN": (lambda p: npy(p / "x.npy", with_nan()), {}, "input.missing: drop"),
    "variable": (lambda p: npy(p / "x.npy", X), {"variable": "v"}, "Remove `variable`"),
    "columns": (lambda p: npy(p / "x.npy", X), {"columns": ["a"]}, "Remove `input.columns`"),
    "dims": (lambda p: npy(p / "x.npy", X), {"sample_dims": ["a"]}, "Remove `input.sample_dims`"),
    "weights": (lambda p: npy(p / "x.npy", X), {"weights": "w"}, "input.weights: {path: PLACE}"),
    "format": (lambda p: text(p / "x.dat", "1"), {}, "Set `input.format`"),
    "csv": (lambda p: text(p / "x.csv", "a\n1\n"), {}, "`dgmm ingest FILE --output STORE.zarr`"),
    "several": (lambda p: group(p / "x.zarr", "a", "b"), {}, "Set `variable` to one of them"),
    "holes": (lambda p: holed_store(p / "x.zarr"), {}, "input.missing_chunks: fill"),
}  # fmt: skip


def message_of_run(tmp_path, source, options, cluster):
    """What the command says of a run that fails."""
    configuration = {
        "input": {"path": str(source), **options},
        "model": {"n_components": 1, "covariance_type": "diag"},
        "output": {"path": str(tmp_path / "out"), "report": False},
        "cluster": cluster,
    }
    path = text(tmp_path / "run.yaml", json.dumps(configuration))
    result = CliRunner().invoke(command, ["run", str(path)], prog_name="dgmm")
    assert result.exit_code in (65, 78), result.output
    return " ".join(result.stderr.split())


@pytest.mark.parametrize("name", RUN)
def test_the_command_says_in_keys_what_to_do(name, tmp_path):
    make, options, expected = RUN[name]
    threads = {"kind": "threads", "threads": 1}
    assert expected in message_of_run(tmp_path, make(tmp_path), options, threads)


@pytest.mark.parametrize(("limit", "pause"), [("64MiB", 58), ("375MiB", 338)])
def test_too_little_memory_is_told_of_in_keys(tmp_path, limit, pause):
    """The second would fit, but for the pause, in which a run would wait for ever."""
    small = {"kind": "local", "workers": 1, "threads_per_worker": 1, "memory_limit": limit}
    message = message_of_run(tmp_path, npy(tmp_path / "x.npy", X), {}, small)
    assert f"its limit is {limit[:-3]} MiB, and Dask pauses it at {pause} MiB" in message
    assert "raise `cluster.memory_limit`" in message


def test_ingest_says_in_options_what_to_do(tmp_path):
    source = group(tmp_path / "x.zarr", "a", "b")
    arguments = ["ingest", str(source), "--output", str(tmp_path / "y.zarr")]
    result = CliRunner().invoke(command, arguments, prog_name="dgmm")
    assert result.exit_code == 78
    assert "Name one of them with --variable" in " ".join(result.stderr.split())
