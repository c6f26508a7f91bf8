"""The report of a run: one HTML file with pictures in it, without scripts, for people."""

from dgmm.report.publication import publish_report, write_report

__all__ = ["publish_report", "write_report"]
