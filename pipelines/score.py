"""Assign new data by the published model of an output, and remove old scores.

Rows that this model has scored already are not scored again.
"""

import sys

from pydantic import Field, field_validator

import dgmm
from dgmm.run import (
    Configuration,
    collect_metrics,
    configuration_for,
    dump_resolved,
    score,
    validation_error,
)
from pipelines import execution
from pipelines.execution import Observer, Outcome

_OWN = ("input", "output", "cluster")


class Settings(execution.PruningSettings):
    """What to score, by which model, and how many scores to keep."""

    model: str = Field(
        min_length=1,
        description="The output whose published model is applied, or one run of it; in an object "
        "store, reached by run.output.storage_options.",
    )

    @field_validator("run")
    @classmethod
    def _remove_model(cls, run: Configuration) -> Configuration:
        if found := sorted(run.model_fields_set - {*_OWN}):
            raise validation_error(
                f"found {', '.join(found)}, expected none: they are those of the model"
            )
        return run


def job(settings: Settings, observer: Observer) -> Outcome:
    """Score, publish and prune."""
    wanted = settings.run.output
    found = dgmm.open_result(settings.model, wanted.storage_options)
    written, path = dump_resolved(settings.run), settings.run.input.path
    own = {name: written[name] for name in _OWN}
    configuration = configuration_for(found, path, wanted.path, sections=own)
    scored = score(found, configuration, observer)
    gone = settings.prune(wanted.path)
    facts = collect_metrics(scored.path, wanted.storage_options)
    if scored.already_complete:
        return Outcome((f"already complete: {scored.path}",), is_new=False, facts=facts)
    lines = (f"{scored.sentence}; {gone} old scores removed", scored.path)
    return Outcome(lines, facts=facts)


main = execution.Command("score", job, Settings, program="score-published")


if __name__ == "__main__":
    sys.exit(main())
