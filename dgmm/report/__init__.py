"""The report of a run: one HTML file with figures and without scripts."""

from dgmm.report.publication import publish_report, write_report

__all__ = ["publish_report", "write_report"]
