"""Configurations gone wrong, each from a seed: damaged bytes, bent structure, wrong values."""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgmm.run.config.yaml import read_mapping

_ROOT = Path(__file__).parents[2]
_OF_PIPELINES = {path.stem for path in (_ROOT / "pipelines").iterdir()}  # which have other keys
BASES = tuple(
    path.read_text()
    for path in sorted((_ROOT / "configs").glob("*.yaml"))
    if path.stem not in _OF_PIPELINES
)

_TOKENS = [
    *(": ", "- ", "? ", "{", "}", "[", "]", ",", "#", "'", '"', "|", ">", "&a ", "*a", "!x ", "%"),
    *("\n", "\r\n", "\r", "\t", "  ", "---\n", "...\n", "<<: ", "\\", "\x00", "\x1b[31m", "\x7f"),
    *("${HOME}", "${NOT_SET_ANYWHERE}", "${NOT_SET_ANYWHERE:-7}", "${", "$$", "~", "null", "yes"),
    *(
        "1e999",
        ".inf",
        ".nan",
        "-1",
        "0",
        "9" * 500,
        "0x1f",
        "2026-01-31",
        "1:5",
        "5:1",
        "é",
        "日本",
    ),
]
_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2.5, 1e999, float("nan"), 10**30, -(10**400), "", " ", "x"),
    *("1:3", "3:1", "0:2", "1:1000000000", "64MiB", "-1GiB", "full", "local", "threads", "bic"),
    *(
        [],
        {},
        [[]],
        [None],
        [1, 2, 2],
        ["full", 3],
        {"a": 1},
        "x" * 5000,
        "\x00",
        "a\nb",
        "\x1b[2J",
    ),
    *("/dev/null", "/", ".", "..", "~", "s3://k:s@b/x", "package://os/x", "package://sklearn"),
    *("${HOME}", "${NOT_SET_ANYWHERE}", "${A", "$$", "tcp://h:1", "tcp://h:99999999", "é日本"),
]


@dataclass(frozen=True, slots=True)
class Case:
    """What a command is given, and the exit codes that are right.

    65 is right where a path has become that of something on this machine that is no data.
    """

    content: bytes
    overrides: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0, 65, 78)


def cases(n: int) -> Iterator[Case]:
    """The first ``n`` cases; always the same."""
    kinds = (damaged, bent, chosen)
    for seed in range(n):
        yield kinds[seed % len(kinds)](random.Random(seed))


def damaged(rng: random.Random) -> Case:
    """A few bytes are lost, doubled, changed, moved or put in."""
    content = rng.choice(BASES).encode()
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(content) + 1)
        stop = min(len(content), start + rng.choice((1, 1, 2, 5, 20, 100)))
        part = content[start:stop]
        put: Callable[[], bytes] = rng.choice(
            (
                bytes,
                lambda part=part: part * rng.choice((2, 3, 50)),
                lambda part=part: bytes(byte ^ 1 << rng.randrange(8) for byte in part),
                lambda part=part: part[::-1],
                lambda part=part: rng.choice(_TOKENS).encode() + part,
                lambda part=part: rng.randbytes(3) + part,
            )
        )
        content = content[:start] + put() + content[stop:]
        if rng.random() < 0.05:
            content = content[:start]
    return Case(content)


def bent(rng: random.Random) -> Case:
    """Keys are lost, misspelt, moved or doubled, and values are others."""
    tree: Any = deepcopy(read_mapping(rng.choice(BASES)).value)
    for _ in range(rng.randint(1, 3)):
        section = rng.choice([tree, *(inner for inner in tree.values() if isinstance(inner, dict))])
        if not section:
            continue
        key = rng.choice(list(section))
        value = section.pop(key)
        action = rng.randrange(6)
        if action == 0:
            section[key[:-1] + rng.choice(("", "x", "\n", "." + key))] = value
        elif action == 1:
            rng.choice([tree, section])[rng.choice(("path", "kind", "", "<<", "1", key))] = value
        elif action == 2:
            section[key] = rng.choice(([value], {key: value}, [value, value]))
        elif action < 5:
            section[key] = rng.choice(_VALUES)
    text = json.dumps(tree)
    if rng.random() < 0.1:
        text = text.replace("{", '{"model": 1, ', 1)  # a key twice, or unknown
    overrides = (
        [f"{rng.choice(_KEYS)}={json.dumps(rng.choice(_VALUES))}"] if rng.random() < 0.3 else []
    )
    return Case(text.encode(), tuple(overrides))


_GOOD_AND_BAD: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "input.path": (("x.npy", "'5'", "${NOT_SET:-c}"), ("5", "''", "[a]", "null", "${A}")),
    "input.format": (("auto", "zarr", "npy", "parquet", "hdf5"), ("csv", "null", "[zarr]")),
    "input.variable": (("null",), ("''", "3", "{}")),  # a/b would not go with variables
    "input.variables": (("a/b", "[a, b]"), ("[]", "3", "{}")),
    "input.sample_dims": (("a", "[a, b]"), ("[]", "3", "{}")),
    "input.columns": (("a", "[a, b c]"), ("[]", "5", "''", "{}")),
    "input.weights": (("w", "null", "{path: w.npy}"), ("{}", "''", "[w]", "{name: w}")),
    "input.partition_size": (("64MiB", "1", "null", "1.5GB"), ("0", "-1", "x", "1.5", "99999PB")),
    "model.n_components": (("3", "[1, 5]", "1:4"), ("0", "1.0", "4:1", "[]", "[0]", "true", "x")),
    "model.covariance_type": (("full", "[tied, diag]"), ("[]", "Full", "1", "[full, x]")),
    "model.criterion": (("bic", "aic", "icl"), ("BIC", "null", "1")),
    "model.n_init": (("1", "7"), ("0", "-1", "1.5", "x", "10000000000")),
    "model.init_params": (("null", "kmeans", "[random, kmeans]"), ("[]", "x", "5")),
    "model.tol": (("1e-3", "1", "0.5"), ("0", "-1", ".inf", ".nan", "'1'", "true", "1e999")),
    "model.max_iter": (("0", "5"), ("-1", "1.5", "null", "10000000000")),
    "model.reg_covar": (("0", "1e-6", "null"), ("-1e-6", ".inf", "x")),
    "model.seed": (("0", "9223372036854775807"), ("-1", "9223372036854775808", "1.5")),
    "model.sample_size": (("null", "100"), ("0", "x", "1.5")),
    "model.allow_degenerate": (("true", "false"), ("yes", "1", "null")),
    "output.path": (("out", "'a b'"), ("null", "''", "1", '"\\0"')),
    "output.assignments": (("labels", "[labels, log_density]"), ("[]", "label", "1")),
    "cluster": (("{}", "{kind: threads}", "{workers: 2}"), ("{kind: x}", "{a: 1}")),
    "cluster.arithmetic": (("native", "portable", "mixed"), ("null", "fast", "3")),
    "cluster.memory_limit": (("null", "1GiB"), ("0", "x", "-1")),
    "cluster.threads": ((), ("x", "0")),
}  # fmt: skip
_KEYS = tuple(_GOOD_AND_BAD)


def chosen(rng: random.Random) -> Case:
    """Values for some keys, of which it is known whether they are right."""
    overrides, is_good = [], True
    for key in rng.sample(_KEYS, rng.randint(1, 5)):
        good, bad = _GOOD_AND_BAD[key]
        wants_good = rng.random() < 0.8 and good
        is_good = is_good and bool(wants_good)
        overrides.append(f"{key}={rng.choice(good if wants_good else bad)}")
    overrides.sort(key=lambda override: override.partition("=")[0])  # a section before its keys
    if rng.random() < 0.1:
        overrides.append(
            rng.choice(("modle.tol=1", "model.tolerance=1", "x", "=", "model..tol=1", ".="))
        )
        is_good = False
    minimal = b"input: {path: a.zarr}\noutput: {path: b}\n"
    return Case(minimal, tuple(overrides), (0,) if is_good else (78,))
