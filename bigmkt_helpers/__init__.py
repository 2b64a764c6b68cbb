"""Helpers of the course *Closing the information gap*: one room per subject, imported when needed."""

__version__ = "0.1.0"
