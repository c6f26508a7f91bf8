"""The report of a run, which is complete with or without it."""

import logging

from dgmm.errors import MissingExtraError
from dgmm.io.storage.location import Place
from dgmm.report import publish_report

logger = logging.getLogger(__name__)


def report_on(run: Place) -> None:
    """Draw the report of a run, and say so if that fails."""
    try:
        logger.info("report: %s", publish_report(run))
    except MissingExtraError as error:
        logger.info("no report: %s", error)
    except Exception as error:  # whatever happens to a picture, the numbers are there
        logger.warning(
            "the report could not be made (%s: %s); try `dgmm report %s`",
            type(error).__name__,
            error,
            run,
            exc_info=logger.isEnabledFor(logging.DEBUG),
        )
