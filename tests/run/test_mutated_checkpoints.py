"""Whatever is left of a checkpoint, the command says what is lost, and ends in the same bits."""

import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.io.results.test_checkpoint import mutations
from tests.run.victim import configuration, digest, interrupt, write_clumps

MOMENTS = {"sample": ("sample", 1), "fit": ("fit", 1), "assign": ("assign", 0)}
LOST = "is ignored"


@dataclass(frozen=True)
class Interrupted:
    """Outputs of one run, as it was interrupted at several moments, and what has to come out."""

    folder: Path
    clean: str

    def restored(self, moment: str) -> Path:
        """The output at this moment, in its place; the directory of its checkpoint."""
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        shutil.copytree(self.folder / moment, self.folder / "out")
        (checkpoint,) = (self.folder / "out" / "attempts").iterdir()
        return checkpoint


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    folder = tmp_path_factory.mktemp("interrupted")
    data, output = folder / "x.zarr", folder / "out"
    write_clumps(data)
    text = configuration(data, output).replace("[full, diag]", "spherical")
    (folder / "run.yaml").write_text(text)
    clean = digest(run(loads(text)).path)
    for name, (stage, index) in MOMENTS.items():
        shutil.rmtree(output, ignore_errors=True)
        interrupt(text, stage, index)
        output.rename(folder / name)
    other = text.replace("tol: 1e-4", "tol: 1e-4, seed: 5").replace(str(output), f"{folder}/other")
    interrupt(other, "fit", 1)
    return Interrupted(folder, clean)


def no_file(path: Path, number: int) -> None:
    """Nothing, or nothing that can be read as a file."""
    path.unlink()
    match number % 4:
        case 0:
            path.mkdir()
        case 1:
            os.mkfifo(path)
        case 2:
            path.symlink_to(path.with_name("nowhere"))


def assert_goes_on(interrupted: Interrupted, told: str) -> str:
    """Run the command; what it said."""
    result = CliRunner().invoke(
        command, ["run", "--quiet", str(interrupted.folder / "run.yaml")], prog_name="dgmm"
    )
    assert result.exit_code == 0, (told, result.output)
    assert "Traceback" not in result.stderr, (told, result.stderr)
    path = result.stdout.splitlines()[-1]
    assert digest(path) == interrupted.clean, told
    output = interrupted.folder / "out"
    assert {p.name for p in output.iterdir()} == {"runs", "latest.json", "latest.zarr", ".lock"}
    assert [str(p) for p in (output / "runs").iterdir()] == [path], told
    return result.stderr


def survived(interrupted: Interrupted, n: int) -> Counter[str]:
    """Go on from ``n`` damaged checkpoints; how many there were of each file."""
    counts: Counter[str] = Counter()
    rng = np.random.default_rng(n)
    moments = list(MOMENTS)
    while counts.total() < n:
        moment = moments[counts.total() % len(moments)]
        checkpoint = interrupted.restored(moment)
        names = sorted(path.name for path in checkpoint.iterdir())
        name, seed = names[rng.integers(len(names))], int(rng.integers(2**31))
        content, other = ((checkpoint / names[i]).read_bytes() for i in (names.index(name), 0))
        for mutated in mutations(content, other, 1, seed):
            (checkpoint / name).write_bytes(mutated)
            told = f"{moment} {name} {seed}"
            assert f"{name} {LOST}" in assert_goes_on(interrupted, told), told
            counts[name] += 1
    return counts


def test_5_mutated_checkpoints_cost_time_and_no_bits(interrupted: Interrupted) -> None:
    assert survived(interrupted, 5).total() == 5


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_500_mutated_checkpoints_cost_time_and_no_bits(interrupted: Interrupted) -> None:
    counts = survived(interrupted, 500)
    assert min(counts[name] for name in ("profile", "states", "runs", "assignments")) > 20


@pytest.mark.parametrize("name", ["profile", "states"])
def test_what_is_no_file_is_not_waited_for(interrupted: Interrupted, name: str) -> None:
    for number in range(4):
        path = interrupted.restored("assign") / name
        no_file(path, number)
        said = assert_goes_on(interrupted, f"{name} {number}")
        assert (f"{name} {LOST}" in said) == (number in (0, 1))


@pytest.mark.parametrize(
    ("name", "source"),
    [("profile", "states"), ("states", "states"), ("states", "profile"), ("runs", "states")],
)
def test_whole_files_of_another_run_are_not_taken(
    interrupted: Interrupted, name: str, source: str
) -> None:
    path = interrupted.restored("assign") / name
    (other,) = (interrupted.folder / "other" / "attempts").glob(f"*/{source}")
    shutil.copy(other, path)
    said = assert_goes_on(interrupted, f"{source} as {name}")
    assert (f"{name} {LOST}: it holds something else" in said) == (source != name)


def test_files_of_other_moments_go_together(interrupted: Interrupted) -> None:
    for moment, other in (("fit", "sample"), ("sample", "fit"), ("assign", "sample")):
        path = interrupted.restored(moment) / "states"
        (source,) = (interrupted.folder / other / "attempts").glob("*/states")
        shutil.copy(source, path)
        assert LOST not in assert_goes_on(interrupted, f"{other} at {moment}")
