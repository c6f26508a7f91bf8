"""The section of a configuration with the limits of drift."""

from typing import Annotated

from pydantic import Field

from dgmm.run.config.field_types import Section, Share

_Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)] | None


class DriftLimits(Section):
    """How much a result may differ from the one it started from; null means no limit.

    Beyond a limit the run is complete but held back: readers go on seeing the last result.
    """

    max_mean_shift: _Limit = Field(
        default=1.5,
        description="Of any component's mean, in standard deviations of the component as it was.",
    )
    max_weight_change: _Limit = Field(
        default=0.3, description="Of any component's weight, up or down."
    )
    max_vanished: _Limit = Field(
        default=0.3, description="Weight of all components that are gone, together."
    )
    max_appeared: _Limit = Field(
        default=0.3, description="Weight of all components that are new, together."
    )
    max_loss: _Limit = Field(
        default=1.0,
        description="Nats that the rows lose on average under the last model; no row loses more "
        "than 4.6.",
    )
    max_repeated: _Limit = Field(
        default=0.1,
        description="Share of sampled rows that repeat another one, beyond the share of the last "
        "result's that did.",
    )
    significance_level: Share = Field(
        default=0.01, description="Of the test that says whether the data have changed at all."
    )
    hold_back: bool = Field(
        default=True, description="Whether a result beyond a limit is kept from readers."
    )
