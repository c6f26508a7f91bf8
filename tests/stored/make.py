"""Store small results, checkpoints and states of this build of dgmm, and their numbers beside them.

    python -m tests.stored.make NAME

From the root of a checkout; writes ``tests/stored/NAME.tar.xz`` and ``NAME.json``.
"""

import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from dgmm import GaussianMixture, open_result
from dgmm.errors import HeldBackError
from dgmm.run import configuration_for, load, load_as, run, score
from pipelines import online, stability
from tests.stored.inputs import INPUTS, MODIFIED, N_ROWS, clumps, write_inputs, write_stream
from tests.stored.reading import (
    digests,
    numbers_of_continued,
    numbers_of_estimator,
    numbers_of_result,
)

HERE = Path(__file__).parent
MOMENTS = {
    "starts": ("starts", "PassStarted", 1),
    "relocated": ("relocated", "PassStarted", 1),
    "sample": ("sample", "PassStarted", 1),
    "fit": ("fit", "PassStarted", 2),
    "assign": ("assign", "BlocksDone", 0),
    "score": ("assign", "BlocksDone", 0),
    "study": ("profile", "PassStarted", 2),
}
"""When a process is killed: stage, kind of event, and how many such came before in the stage."""


def unwatched(event):
    del event


def publish_nights():
    """Three runs, each from the one before; the last is held back."""
    run(load("night.yaml"))
    for night in (2, 3):
        overrides = [f"input.path=package://{INPUTS}/night{night}.npy", "output.report=false"]
        with suppress(HeldBackError):
            run(load("night.yaml", overrides))
    for page in Path("nights").rglob("*.html"):  # pictures are most of it, and nothing reads them
        page.write_text(re.sub(r"(?<=data:image/png;base64,)[^\"']*", "", page.read_text()))


def score_night(output, observer=unwatched):
    result = open_result("nights")
    path, settings = f"package://{INPUTS}/night4.npy", ["cluster={kind: threads, threads: 1}"]
    return score(result, configuration_for(result, path, output, settings), observer)


def follow_stream():
    """An exact fit, and rows that are folded in."""
    settings = load_as(online.Settings, "online.yaml")
    for n_rows in (300, 400):
        write_stream(n_rows)
        online.job(settings, unwatched)


def study_stability(n_subsets, observer=unwatched):
    settings = load_as(stability.Settings, "stability.yaml", [f"n_subsets={n_subsets}"])
    stability.job(settings, observer)


def store_estimators():
    """One that was fitted, one that has taken in more rows; what the first would draw next."""
    frame = pd.DataFrame(clumps(8), columns=["u", "v"])
    random = np.random.RandomState(3)
    fitted = GaussianMixture(3, random_state=random, n_init=2).fit(frame)
    fitted.to_zarr("fitted.zarr")
    partly = GaussianMixture(2, covariance_type="tied", random_state=0, learning_decay=0.8)
    partly.partial_fit(clumps(9)).partial_fit(clumps(10), sample_weight=np.full(N_ROWS, 2.0))
    partly.to_zarr("partly.zarr")
    return random.randint(1 << 30, size=3).tolist()


class Killer:
    """An observer that kills its process at some event of a stage."""

    def __init__(self, stage, kind, n_before):
        self._stage, self._kind, self._left = stage, kind, n_before
        self._now = None

    def __call__(self, event):
        self._now = getattr(event, "stage", self._now)
        if (self._now, type(event).__name__) != (self._stage, self._kind):
            return
        if self._left == 0:
            kill_this_process()
        self._left -= 1


def kill_this_process():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_before_states_are_kept():
    """As the profile is on the disk, and nothing else."""
    replace = Path.replace

    def replace_or_die(path, target):
        if Path(target).name == "states":
            kill_this_process()
        return replace(path, target)

    Path.replace = replace_or_die


def be_killed(moment):
    output = f"interrupted/{moment}"
    killer = Killer(*MOMENTS[moment]) if moment in MOMENTS else unwatched
    match moment:
        case "study":
            study_stability(4, killer)
        case "score":
            score_night(output, killer)
        case _:
            if moment == "profile":
                kill_before_states_are_kept()
            run(load("interrupted.yaml", [f"output.path={output}"]), killer)


def interrupt(moment):
    """Let a process of its own be killed."""
    process = multiprocessing.get_context("spawn").Process(target=be_killed, args=(moment,))
    process.start()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        sys.exit(f"{moment}: expected a process that is killed, found exit code {process.exitcode}")


def expected():
    """The numbers of all that is stored, as this build reads them."""
    paths = [*sorted(map(str, Path("nights/runs").iterdir())), "nights", "grid", "scores", "stream"]
    run(load("interrupted.yaml", ["output.path=clean"]))
    clean = open_result("clean")
    (study,) = Path("study/stability").glob("*.zarr")
    mixtures = ("fitted.zarr", "partly.zarr", "stream/online/latest.zarr")
    rows = np.load(f"{INPUTS}/night4.npy")
    return {
        "results": {path: numbers_of_result(open_result(path)) for path in paths},
        "estimators": {
            path: {
                "stored": numbers_of_estimator(GaussianMixture.from_zarr(path), rows),
                "continued": numbers_of_continued(GaussianMixture.from_zarr(path), rows),
            }
            for path in mixtures
        },
        "uninterrupted": {**numbers_of_result(clean), "digests": digests(clean.path)},
        "study": {"path": str(study), "digests": digests(study)},
    }


def make():
    """Fill the current directory; the numbers of what is in it."""
    write_inputs()
    publish_nights()
    run(load("grid.yaml"))
    score_night("scores")
    follow_stream()
    study_stability(3)
    drawn_next = store_estimators()
    for moment in ("profile", *MOMENTS):
        interrupt(moment)
    numbers = {**expected(), "drawn_next": drawn_next}
    shutil.rmtree("clean")
    for path in (*Path().rglob(".owner.json"), *Path().rglob("*.png")):  # hosts, and pictures
        path.unlink()
    return numbers


def plain(member):
    """A member of an archive that says nothing of who made it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = MODIFIED
    return member


def main(name):
    archive = HERE / f"{name}.tar.xz"
    with tempfile.TemporaryDirectory(prefix="stored-") as folder:
        os.chdir(folder)
        sys.path.insert(0, folder)  # where package:// looks, in other processes too
        numbers = make()
        with tarfile.open(archive, "w:xz", preset=9) as file:
            for path in sorted(Path().iterdir()):
                file.add(path, filter=plain)
        os.chdir(HERE)
    (HERE / f"{name}.json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
