"""Errors of the library: each says in one sentence what is wrong, where, and how to mend it."""

__all__ = ["BigmktError", "ChecksumError", "InputError", "LeakError", "NotFittedError"]


class BigmktError(Exception):
    """Base class of every error that the library raises on purpose."""


class InputError(BigmktError, ValueError):
    """The data or the arguments handed in cannot be used as they are."""


class ChecksumError(BigmktError):
    """A data file does not hold the bytes it should."""


class NotFittedError(BigmktError):
    """A model was asked for an answer before ``fit``."""


class LeakError(BigmktError):
    """A feature knows something that was not known at the cutoff."""
