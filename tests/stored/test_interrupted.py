"""What an earlier build was interrupted in goes on, or is refused in one clear line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from dgmm import open_result
from tests.stored.expected import EXPECTED, NIGHT_4, ON_THREADS, dgmm, files
from tests.stored.reading import digest, digests

pytestmark = pytest.mark.usefixtures("stored")

RESUMED, REFUSED = "resumed", "refused"
FATES = {  # of a run that was killed there: what becomes of it, what it goes on with, what is next
    # The profile has another field since, and so begins anew, and with it all that was built on it.
    "profile": (REFUSED, None, "profile"),
    "starts": (REFUSED, None, "profile"),
    "relocated": (REFUSED, None, "profile"),
    "sample": (REFUSED, None, "profile"),
    "fit": (REFUSED, None, "profile"),
    "assign": (REFUSED, None, "profile"),
}
SIMILAR = {"starts", "relocated", "sample"}  # to others of them
EXIT_CODES_OF_A_REFUSAL = {0, 65, 73, 75}  # with 0 it has begun anew


@pytest.mark.parametrize(
    ("moment", "fate", "stages"),
    [
        pytest.param(m, f, s, marks=pytest.mark.slow if m in SIMILAR else ())
        for m, (f, *s) in FATES.items()
    ],
)
def test_a_run_goes_on_or_is_refused_in_one_line(moment, fate, stages, uninterrupted):
    output = f"interrupted/{moment}"
    arguments = ("run", "interrupted.yaml", "--set", f"output.path={output}")
    done = dgmm(*arguments, "--log-format", "json")
    assert fate_of(done, stages) == fate
    if done.exit_code:
        assert not Path(output, "latest.json").exists()
        assert dgmm(*arguments, "--fresh").exit_code == 0
    found, before = open_result(output), EXPECTED["uninterrupted"]
    if done.exit_code or computes_as_before(uninterrupted):
        assert digests(found.path) == uninterrupted
    else:  # another processor, other libraries, or other arithmetic in this build
        assert digest(found.assignments["labels"][...]) == before["assignments"]["labels"]
        assert min(each.bic for each in found.sweep.results) < min(before["bic"]) + 1e-3
    assert not Path(output, "attempts").exists()


def fate_of(done, stages):
    """Whether a run went on with these stages, or said in one line why not; never neither or both.

    All that may be said of a run that goes on is that it does so with other versions of libraries.
    """
    records = [json.loads(line) for line in done.stderr.splitlines()]
    lines = [record["message"] for record in records if record["level"] in ("warning", "error")]
    reasons = [line for line in lines if not line.startswith("this run began with")]
    first = {}
    for record in records:
        first.setdefault(record.get("event"), record.get("stage"))
    found = [first.get("resumed"), first.get("stage_started")]
    assert done.exit_code or found == stages
    has_resumed = done.exit_code == 0 and found[0] is not None
    assert has_resumed != (len(reasons) == 1), (found, lines)
    if has_resumed:
        assert reasons == []
        return RESUMED
    assert done.exit_code in EXIT_CODES_OF_A_REFUSAL
    assert re.search(r"attempts/|interrupted run", reasons[0])
    assert re.search(r"another version of dgmm|this version of dgmm|Put the input back", reasons[0])
    assert not re.search(r"\w+Error\(", reasons[0])
    return REFUSED


def computes_as_before(uninterrupted):
    """Whether this build computes here the bits that the earlier one has computed."""
    before = EXPECTED["uninterrupted"]["digests"]
    common = before.keys() & uninterrupted.keys()
    return {"models/full-3/means", "record/mean"} <= common and all(
        uninterrupted[name] == before[name] for name in common
    )


@pytest.mark.parametrize(
    ("output", "arguments"),
    [
        ("interrupted/assign", ("run", "interrupted.yaml", "--set", "output.path=")),
        ("interrupted/score", ("score", "nights", NIGHT_4, *ON_THREADS, "--output", "")),
    ],
)
def test_written_assignments_are_kept_or_refused_in_one_line(output, arguments):
    before = written(output)
    assert len(before) > 0
    done = dgmm(*arguments[:-1], arguments[-1] + output)
    assert done.exit_code == 0
    are_kept = before.items() <= written(output).items()
    lines = [line for line in done.stderr.splitlines() if " WARNING " in line]
    reasons = [line for line in lines if "this run began with" not in line]
    assert len(reasons) in ((0, 1) if are_kept else (1,)), lines


def written(output):
    """The chunks of labels."""
    return {path: facts for path, facts in files(output).items() if "labels/c/" in str(path)}


def test_an_interrupted_score_ends_in_the_same_assignments():
    done = dgmm("score", "nights", NIGHT_4, *ON_THREADS, "--output", "interrupted/score", "--quiet")
    assert done.exit_code == 0
    assert re.fullmatch(
        r".* was computed by others, and starts again: another version.*\n", done.stderr
    )
    found, whole = (open_result(place).assignments for place in ("interrupted/score", "scores"))
    np.testing.assert_array_equal(found["labels"][...], whole["labels"][...])
    np.testing.assert_allclose(found["log_density"][...], whole["log_density"][...], rtol=1e-12)
