"""Fit tonight's data, starting from last night's model; publish the result if it is similar.

Fit from the last result, compare with it, publish or hold back, score other data, report, and
remove old runs. Every step finds out by itself whether it has been done, so that the same command
again does what is left, or nothing.
"""

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import Field, field_validator, model_validator

import dgmm
from dgmm.errors import InputChangedError, TemporaryError
from dgmm.run import (
    Configuration,
    RunResult,
    ScoreResult,
    Section,
    collect_metrics,
    configuration_for,
    dump_resolved,
    run,
    score,
    validation_error,
    write_metrics,
)
from pipelines import execution
from pipelines.execution import Observer, Outcome

_logger = logging.getLogger("dgmm.pipelines.nightly")


class Other(Section):
    """Data that every published model is applied to."""

    path: str = Field(min_length=1, description="Of the data, in the format of run.input.")
    output: str = Field(min_length=1, description="Where its scores are kept.")


class Settings(execution.PruningSettings):
    """What to fit every night, what to score with it, and how many results to keep."""

    score: Sequence[Other] = Field(
        default=(), description="Other data to score by the published model, such as an archive."
    )

    metrics: str | None = Field(
        default=None,
        min_length=1,
        description="A file for the textfile collector of a node exporter: what the night found.",
    )

    @field_validator("run")
    @classmethod
    def _check_start(cls, run: Configuration) -> Configuration:
        if run.model.start_from is None:
            raise validation_error(
                "found no model.start_from, expected the path of a result: output.path"
            )
        return run

    @model_validator(mode="after")
    def _check_paths_differ(self) -> Self:
        outputs = [os.path.normpath(path) for path in _outputs(self)]
        if len(set(outputs)) < len(outputs):
            raise validation_error(
                "found an output twice, expected one for runs and one for each score"
            )
        return self


@dataclass(frozen=True, slots=True)
class Night:
    """The results of a night.

    Attributes
    ----------
    run : RunResult
    verdict : str or None
        Of the comparison with the result that it started from; None on the first night.
    reasons : tuple of str
        For the verdict, as sentences.
    scores : tuple of ScoreResult
        Of the other data, in their order.
    n_removed : int
        Old runs that are gone.
    """

    run: RunResult
    verdict: str | None
    reasons: tuple[str, ...]
    scores: tuple[ScoreResult, ...]
    n_removed: int

    @property
    def is_new(self) -> bool:
        """Whether anything was fitted or scored."""
        known = [self.run.already_complete, *(done.already_complete for done in self.scores)]
        return not all(known)


def nightly(settings: Settings, observer: Observer = lambda _: None) -> Night:
    """Do the remaining steps of a night.

    Parameters
    ----------
    settings : Settings
    observer : callable, optional
        Told of every pass.

    Raises
    ------
    HeldBackError
        If the result is too far from the last one; nothing is scored or removed then.
    TemporaryError
        If another process writes to an output, the input changes meanwhile, or a cluster is lost.
    DgmmError
        As a run does.
    """
    finished = _refit(settings.run, observer)
    if settings.metrics is not None:
        write_metrics(finished.path, settings.metrics, settings.run.output.storage_options)
    drift = dgmm.open_result(finished.path, settings.run.output.storage_options).drift
    scores = tuple(_score_other(settings.run, other, observer) for other in settings.score)
    return Night(
        finished,
        None if drift is None else drift.verdict.value,
        () if drift is None else drift.reasons,
        scores,
        settings.prune(*_outputs(settings)),
    )


def _refit(configuration: Configuration, observer: Observer) -> RunResult:
    """Fit tonight's data.

    What an interrupted night has left of other data is given up: they will not come back.
    """
    try:
        return run(configuration, observer)
    except InputChangedError as error:
        _logger.warning("an interrupted night is abandoned and a new one started: %s", error)
    try:
        return run(configuration, observer, fresh=True)
    except InputChangedError as error:
        raise TemporaryError(
            f"{configuration.input.path} changes while it is read. Run again when it is complete. "
            f"{error}"
        ) from error


def _score_other(configuration: Configuration, other: Other, observer: Observer) -> ScoreResult:
    """Assign other data by the published model."""
    output = configuration.output
    published = dgmm.open_result(output.path, output.storage_options)
    own = {"cluster": dump_resolved(configuration)["cluster"]}
    wanted = configuration_for(published, other.path, other.output, sections=own)
    return score(published, wanted, observer)


def _outputs(settings: Settings) -> tuple[str, ...]:
    return (settings.run.output.path, *(other.output for other in settings.score))


def job(settings: Settings, observer: Observer) -> Outcome:
    """Run one night."""
    night = nightly(settings, observer)
    facts = collect_metrics(night.run.path, settings.run.output.storage_options)
    return Outcome(tuple(_lines(night)), is_new=night.is_new, facts=facts)


def _lines(night: Night) -> list[str]:
    best = night.run.sweep.selected
    lines = [
        f"{best.candidate.name} after {night.run.sweep.n_passes} passes; "
        f"{night.verdict or 'nothing to compare with'}",
        *night.reasons,
    ]
    if night.run.already_complete:
        lines = ["nothing new"]
    lines += [
        f"scored {done.sentence}: {done.path}" for done in night.scores if not done.already_complete
    ]
    if night.n_removed:
        lines.append(f"{night.n_removed} old runs removed")
    return [*lines, night.run.path]


main = execution.Command("nightly", job, Settings)


if __name__ == "__main__":
    sys.exit(main())
