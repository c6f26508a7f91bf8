"""Add the new rows of growing data to a mixture, and fit all rows again when it is needed.

New rows are added by stepwise EM, with one read of them. All rows are fitted exactly on the first
call, every few calls, and when new rows are less likely than usual.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

import dgmm
from dgmm import GaussianMixture
from dgmm.errors import InputChangedError, TemporaryError
from dgmm.run import Blocks, Configuration, open_input, run, validation_error, write_lock
from pipelines import execution
from pipelines.execution import Observer, Outcome
from pipelines.online.refit_rule import (
    Limits,
    OnlineStatistics,
    UpdateResult,
    reason_to_refit,
    update_log_densities,
)
from pipelines.online.state import Store, StoredState

_N_CHECKED_ROWS = 4096  # the last rows seen, whose checksum shows that data have only grown


class Settings(execution.Settings):
    """What to follow, and when to refit."""

    refit_every: int = Field(
        default=7, ge=1, description="Every so many calls with new rows refit all rows."
    )
    tolerance: float = Field(
        default=0.05,
        ge=0,
        allow_inf_nan=False,
        description="All rows are refitted when the mean log density of new ones, before they "
        "are added, is lower than usual by more than this, in nats, and more than chance.",
    )
    learning_decay: float | None = Field(
        default=None,
        gt=0.5,
        le=1,
        description="The exponent of the steps: with 1 all rows count alike, with less those seen "
        "lately count more; null is 0.7.",
    )

    @field_validator("run")
    @classmethod
    def _check_run(cls, run: Configuration) -> Configuration:
        if "://" in run.output.path:
            raise validation_error(f"found output.path {run.output.path}, expected a directory")
        if run.prepare.scale != "none" or run.prepare.pca is not None:
            raise validation_error("found prepare, expected none: rows are added as they are")
        if run.input.missing == "marginalize":
            text = (
                "found input.missing marginalize, expected drop or error: updates take whole rows"
            )
            raise validation_error(text)
        return run

    @property
    def limits(self) -> Limits:
        """When to refit."""
        return Limits(self.refit_every, self.tolerance)


def job(settings: Settings, observer: Observer) -> Outcome:
    """Update the mixture of earlier calls, or fit all rows again."""
    store = Store(Path(settings.run.output.path) / "online")
    with write_lock(store.folder):
        state = store.load()
        opened = open_input(settings.run)
        if state is not None and state.statistics.fingerprint == opened.fingerprint:
            return _skip(store)
        n_rows, update = opened.n_rows, None
        with opened.on_cluster(observer) as blocks:
            if state is not None:
                _check_grown(state.statistics, n_rows, blocks)
                if n_rows == state.statistics.n_rows:
                    return _skip(store)
                update = _update(state, settings.learning_decay, blocks)
            checksum = blocks.checksum(max(0, n_rows - _N_CHECKED_ROWS), n_rows)
        n_new = n_rows if state is None else n_rows - state.statistics.n_rows
        following, line = _follow(state, update, n_rows, settings, observer)
        seen = replace(
            following.statistics, n_rows=n_rows, checksum=checksum, fingerprint=opened.fingerprint
        )
        store.save(StoredState(following.mixture, seen))
    lines = (f"{n_new:,} new rows{_format_outcome(update)}", line, str(store.latest))
    return Outcome(lines, facts=_facts(StoredState(following.mixture, seen), n_new))


main = execution.Command("online", job, Settings)


def _facts(state: StoredState, n_new: int) -> dict[str, Any]:
    """What a program asks of the state: the last exact run, and what was seen since."""
    mixture, seen = state.mixture, state.statistics
    # after a fit to all rows because the new ones are unlike the old there are none yet
    latest = seen.log_densities[-1] if seen.log_densities else mixture.lower_bound_
    return {
        "run_id": Path(seen.run).stem,
        "rows": seen.n_rows,
        "new_rows": n_new,
        "components": mixture.n_components,
        "log_likelihood_per_row": latest,
        "folded_since": seen.n_folds,
    }


def _skip(store: Store) -> Outcome:
    return Outcome((f"nothing new: {store.latest}",), is_new=False)


def _check_grown(statistics: OnlineStatistics, n_rows: int, blocks: Blocks) -> None:
    """Refuse an input whose first rows are not those that the mixture has seen."""
    first, last = max(0, statistics.n_rows - _N_CHECKED_ROWS), statistics.n_rows
    if n_rows < last:
        found = f"The input has {n_rows:,} rows, and had {last:,}"
    elif blocks.checksum(first, last) != statistics.checksum:
        found = f"Rows {first} to {last - 1} are not what they were"
    else:
        return
    raise InputChangedError(
        f"{found}; expected data that grow at their end. Put back what was there, or remove the "
        "directory `online` of the output to start again."
    )


def _update(state: StoredState, learning_decay: float | None, blocks: Blocks) -> UpdateResult:
    """Update the mixture, in place, with new rows."""
    mixture = state.mixture.set_params(learning_decay=learning_decay)
    before, n_steps = mixture.n_samples_seen_, mixture.n_steps_
    blocks.update(mixture, state.statistics.n_rows)
    weight = mixture.n_samples_seen_ - before
    counts = mixture.n_steps_ > n_steps
    log_density = mixture.predictive_score_ if counts else None
    is_collapsed = mixture.status_ == "degenerate"
    return UpdateResult(weight, mixture.n_features_in_, log_density, is_collapsed)


def _follow(
    state: StoredState | None,
    update: UpdateResult | None,
    n_rows: int,
    settings: Settings,
    observer: Observer,
) -> tuple[StoredState, str]:
    """The new state without the facts about the rows, and a sentence about it."""
    if state is None or update is None:
        mixture, path = _refit(settings, n_rows, observer)
        statistics = OnlineStatistics(log_densities=(mixture.lower_bound_,), run=path)
        return StoredState(mixture, statistics), f"fitted to all {n_rows:,} rows: {path}"
    log_densities = update_log_densities(update, state.statistics, settings.limits)
    reason = reason_to_refit(update, state.statistics, settings.limits)
    if reason is None:
        n_folds = state.statistics.n_folds + 1
        statistics = replace(state.statistics, n_folds=n_folds, log_densities=log_densities)
        return StoredState(
            state.mixture, statistics
        ), f"added by stepwise EM, {n_folds} since the exact fit"
    mixture, path = _refit(settings, n_rows, observer)
    statistics = OnlineStatistics(log_densities=log_densities, run=path)
    line = f"refitted to all {n_rows:,} rows ({reason}): {path}"
    return StoredState(mixture, statistics), line


def _refit(settings: Settings, n_rows: int, observer: Observer) -> tuple[GaussianMixture, str]:
    """The mixture that a run selects, and the path of the run."""
    finished = run(settings.run, observer)
    found = dgmm.open_result(finished.path).attributes["n_samples"]
    if found != n_rows:
        raise TemporaryError(
            f"The input grew from {n_rows:,} to {found:,} rows while it was read. Run the same "
            "command again."
        )
    return GaussianMixture.from_zarr(finished.path), finished.path


def _format_outcome(update: UpdateResult | None) -> str:
    if update is None or update.log_density is None:
        return ""
    return f", mean log density {update.log_density:.6g} before they were added"
