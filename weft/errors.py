"""Every exception of Weft's own. Errors of the operating system keep their standard class."""

from typing import Any


class WeftError(Exception):
    """The base of every exception that Weft defines."""


class TaskFileError(WeftError):
    """A file of tasks cannot be used: it is missing, it raises, or it holds no task."""


class UnknownModelError(WeftError, ValueError):
    """A model was asked for that Weft does not have."""


class RecordingError(WeftError):
    """A recording cannot be read: it is cut short, broken, or of an unknown version."""


class NotDrawableError(WeftError, TypeError):
    """A picture was asked for of something that Weft does not draw."""


class PictureFormatError(WeftError, ValueError):
    """A picture was to be saved in a format that Weft does not write."""


class InvalidStateError(WeftError):
    """An operation does not fit the state that a transport is in."""


class ProtocolError(WeftError, ValueError):
    """A message breaks the rules of its protocol: one that came in, or one that was to be sent."""


class MalformedMessageError(ProtocolError):
    """What came in cannot be a message of this protocol, or what was to be sent cannot be written as one."""


class MessageTooLongError(ProtocolError):
    """A message is longer than is allowed; `limit_bytes` is how long it may be."""

    def __init__(self, message: str, limit_bytes: int) -> None:
        super().__init__(message)
        self.limit_bytes = limit_bytes


class IncompleteMessageError(ProtocolError):
    """The stream ended in the middle of a message."""


class ProxyHeaderError(ProtocolError):
    """A connection did not begin with a valid header of the PROXY protocol."""


class BacklogFullError(WeftError):
    """Bytes went on coming after a protocol paused reading, and more of them wait than may."""


class DeferredError(WeftError):
    """A Deferred was used in a way that cannot work."""


class AlreadyCalledError(DeferredError):
    """A Deferred was given a second result; it takes one."""


class NotFiredError(DeferredError):
    """A Deferred was asked for its result before it had one."""


class NotCallableError(DeferredError, TypeError):
    """Something that cannot be called was added as a callback or an errback."""


class FailureValueError(DeferredError, TypeError):
    """A failure was to be made of something that is no exception."""


class WaitingCycleError(DeferredError, RecursionError):
    """Deferreds wait for each other in a circle: none of them will ever have a result."""


class NotDrivableError(DeferredError, TypeError):
    """Something that is no generator or coroutine was to be run as one, or it waited for something unknown."""


class FirstError(DeferredError):
    """The first of several Deferreds failed: `failure` is its failure, `index` its place among them."""

    def __init__(self, failure: Any, index: int) -> None:
        super().__init__(f"Deferred number {index} failed: {failure.message()}")
        self.failure = failure
        self.index = index


class AllFailedError(DeferredError):
    """All of several Deferreds failed: `failures` are theirs, in order."""

    def __init__(self, failures: list[Any]) -> None:
        super().__init__(f"all {len(failures)} failed: {'; '.join(each.message() for each in failures)}")
        self.failures = failures


class NotAcquiredError(DeferredError):
    """A lock or semaphore was released that nobody held."""


class QueueOverflowError(DeferredError):
    """A queue has as many values as it may keep."""


class QueueUnderflowError(DeferredError):
    """As many wait for a queue's values as may."""


class LoopingCallError(DeferredError):
    """A looping call was started twice, or stopped while it did not run."""


class CooperationError(DeferredError):
    """A cooperative task cannot do that: it has ended, or is not paused."""


class TaskStoppedError(CooperationError):
    """A cooperative task was stopped."""


class BlockedLoopError(WeftError, RuntimeError):
    """A loop's own thread was to wait for what only the loop can do."""


class EndpointError(WeftError):
    """An endpoint cannot do what was asked of it, as it was described."""


class EndpointStringError(EndpointError, ValueError):
    """A string describes no endpoint; `string` is the whole of it, `part` what is wrong in it."""

    def __init__(self, string: str, part: str, message: str) -> None:
        super().__init__(message)
        self.string = string
        self.part = part


class ProcessExitError(WeftError):
    """The child process behind a connection failed; `returncode` is as `subprocess` has it, -9 for signal 9."""

    def __init__(self, message: str, returncode: int) -> None:
        super().__init__(message)
        self.returncode = returncode


class ServiceError(WeftError):
    """A service did not do what was asked; `service` is its path in the tree."""

    def __init__(self, message: str, service: str = "") -> None:
        super().__init__(message)
        self.service = service


class ServiceStateError(ServiceError):
    """What was asked of a service does not fit where it stands."""


class ServiceStartError(ServiceError):
    """A service could not start; the cause is what its start() raised. What had started before was stopped."""


class ServiceStopError(ServiceError):
    """A service could not stop in good order; the cause is what its drain(), run() or stop() raised."""


class ServiceBrokenError(ServiceError):
    """A service's run() raised while it should have worked; the cause is what it raised."""


class ApplicationError(WeftError):
    """An application cannot be served as it was asked to."""


class StuckError(WeftError, RuntimeError):
    """A loop on a manual clock waits for what will never happen, or turns without end."""


class LeakError(WeftError, AssertionError):
    """A test left something behind; `leaks` says what, and where it was made."""

    def __init__(self, message: str, leaks: tuple[str, ...]) -> None:
        super().__init__(message)
        self.leaks = leaks


class TwistedError(WeftError, ImportError):
    """Twisted, which Weft's reactor needs, is not installed, or is too old."""
