"""Every exception of Weft's own. Errors of the operating system keep their standard class."""


class WeftError(Exception):
    """The base of every exception that Weft defines."""


class TaskFileError(WeftError):
    """A file of tasks cannot be used: it is missing, it raises, or it holds no task."""


class UnknownModelError(WeftError, ValueError):
    """A model was asked for that Weft does not have."""


class RecordingError(WeftError):
    """A recording cannot be read: it is cut short, broken, or of an unknown version."""


class InvalidStateError(WeftError):
    """An operation does not fit the state that a transport is in."""
