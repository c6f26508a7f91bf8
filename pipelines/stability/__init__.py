"""Fit random subsets of the data, and recommend a number of components.

The criterion of every candidate is computed in many random subsets of blocks, as oceanographers
choose the number of profile classes (Maze et al. 2017, Prog. Oceanogr. 151; Jones et al. 2019,
J. Geophys. Res. Oceans 124). Shown are its mean and spread for each K, how well labels from
different subsets agree on rows that none of them saw, and a recommendation.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

import dgmm
from dgmm.errors import MissingExtraError
from dgmm.run import (
    Configuration,
    InputHandle,
    dump_resolved,
    open_input,
    validation_error,
    write_lock,
)
from pipelines import execution
from pipelines.execution import Observer, Outcome
from pipelines.stability.drawing import draw
from pipelines.stability.fits import fit_subsets, make_axes
from pipelines.stability.recommendation import recommend
from pipelines.stability.store import FORMAT, FitStore, read_study, write_study
from pipelines.stability.subsets import Design, design
from pipelines.stability.table import table
from pipelines.stability.values import Study


class Settings(execution.Settings):
    """Number and size of the subsets, and what is held out."""

    n_subsets: int = Field(default=20, ge=2, le=1_000, description="Random subsets of blocks.")
    subset_blocks: int | None = Field(
        default=None,
        ge=1,
        description="Blocks of each; null takes a quarter of those that are not held out.",
    )
    held_out_blocks: int = Field(
        default=1, ge=1, description="Blocks that no subset has, on whose rows labels are compared."
    )
    held_out_rows: int = Field(
        default=2_000, ge=10, le=100_000, description="Rows of those blocks, at most."
    )

    @field_validator("run")
    @classmethod
    def _check_run(cls, run: Configuration) -> Configuration:
        if "://" in run.output.path:
            raise validation_error(f"found output.path {run.output.path}, expected a directory")
        if run.model.inference != "em":
            text = f"found model.inference {run.model.inference}, expected em: "
            raise validation_error(text + "subsets are compared by their numbers of components")
        return run


def job(settings: Settings, observer: Observer) -> Outcome:
    """Fit the subsets that are not fitted yet, and compare them."""
    run = settings.run
    opened = open_input(run)
    plan = design(
        opened.n_blocks,
        settings.n_subsets,
        settings.subset_blocks,
        settings.held_out_blocks,
        run.model.seed,
    )
    name = _name(settings, opened)
    folder = Path(run.output.path) / "stability"
    path, store = folder / f"{name}.zarr", FitStore(folder / f".{name}")
    is_new = not path.exists()
    if is_new:
        with write_lock(folder):
            fits = fit_subsets(opened, run, plan, settings.held_out_rows, store, observer)
            if not path.exists():
                _write(path, Study.from_fits(fits), plan, run, opened)
            store.remove()
    lines = (*_describe(path, run), str(path) if is_new else f"already complete: {path}")
    return Outcome(lines, is_new=is_new, facts=_facts(path))


main = execution.Command("stability", job, Settings)


def _write(path: Path, study: Study, plan: Design, run: Configuration, opened: InputHandle) -> None:
    """Write the study, its recommendation and its origin."""
    verdict = recommend(study, make_axes(run), run.model.criterion)
    facts = {
        **asdict(verdict),
        "criterion": run.model.criterion,
        "configuration": dump_resolved(run),
        "fingerprint": opened.fingerprint,
        "input": opened.description,
        "versions": {"dgmm": dgmm.__version__},
    }
    write_study(path, study, plan, make_axes(run), facts)


def _facts(path: Path) -> dict[str, Any]:
    """What a program asks of a study."""
    study, attributes = read_study(path)
    verdict = {name: attributes[name] for name in ("covariance_type", "least", "simplest")}
    return {
        "study": path.stem,
        "components": attributes["recommended"],
        **verdict,
        "n_subsets": len(study.criterion),
    }


def _describe(path: Path, run: Configuration) -> list[str]:
    """The study as lines, and as a figure beside it if it can be drawn."""
    study, attributes = read_study(path)
    axes, criterion = make_axes(run), run.model.criterion
    lines = [*table(study, axes, criterion), *attributes["sentences"]]
    figure = path.with_suffix(".png")
    if not figure.exists():
        try:
            draw(figure, study, axes, criterion)
        except MissingExtraError as error:
            lines.append(f"no figure: {error}")
    return lines


def _name(settings: Settings, opened: InputHandle) -> str:
    """The name of a study, the same for the same data wherever it is computed."""
    run = dump_resolved(settings.run)
    facts = {
        "format": FORMAT,
        "fingerprint": opened.fingerprint,
        **{key: run[key] for key in ("input", "prepare", "model")},
        **settings.model_dump(mode="json", exclude={"run", "skipped_exit_code"}),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
