"""Tests that take too long for every change: `.ci/full` runs them, as it runs those marked full."""

LONG: dict[str, str] = {}
"""By file and name, with or without a case in brackets: what stays in `.ci/run` of their kind."""
