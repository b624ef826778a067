"""Services: things that start and stop, in a tree; the application that serves one; the workers that share its ports.

`Service` is what programs subclass, `ServerService`, `ClientService` and `TimerService` are the usual ones. An
`Application` serves a tree in this process, a `WorkerPool` keeps several processes that do.
"""

from weft.services.application import Application
from weft.services.backoff import Backoff
from weft.services.client import ClientService
from weft.services.description import Node
from weft.services.lifecycle import State
from weft.services.pool import WorkerPool
from weft.services.server import ServerService
from weft.services.service import DRAIN_S, START_TIMEOUT_S, STOP_TIMEOUT_S, Service
from weft.services.timer import TimerService

__all__ = [
    "DRAIN_S",
    "START_TIMEOUT_S",
    "STOP_TIMEOUT_S",
    "Application",
    "Backoff",
    "ClientService",
    "Node",
    "ServerService",
    "Service",
    "State",
    "TimerService",
    "WorkerPool",
]
