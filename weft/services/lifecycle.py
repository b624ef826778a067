"""A service's life: its states, what can happen in each, and where that leads.

Two rules. `stop()` is called exactly when `start()` ended well; and a service that stopped, or could not start, may
be started again.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where a service stands. The value is what the tree shows."""

    NEW = "not started"
    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    """Its run() returned; it is still to be stopped."""
    BROKEN = "broken"
    """Its run() raised; it is still to be stopped."""
    DRAINING = "draining"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "could not start"
    """Its start() raised; there is nothing to stop."""


class Event(Enum):
    """What happens to a service."""

    START_ASKED = "start asked"
    STARTED = "start() returned"
    START_FAILED = "start() raised, or took too long"
    RUN_RETURNED = "run() returned"
    RUN_RAISED = "run() raised"
    DRAIN_ASKED = "drain asked"
    STOP_ASKED = "stop asked"
    STOPPED = "stop() ended"


TRANSITIONS = {
    (State.NEW, Event.START_ASKED): State.STARTING,
    (State.STOPPED, Event.START_ASKED): State.STARTING,
    (State.FAILED, Event.START_ASKED): State.STARTING,
    (State.STARTING, Event.STARTED): State.RUNNING,
    (State.STARTING, Event.START_FAILED): State.FAILED,
    (State.RUNNING, Event.RUN_RETURNED): State.DONE,
    (State.RUNNING, Event.RUN_RAISED): State.BROKEN,
    (State.RUNNING, Event.DRAIN_ASKED): State.DRAINING,
    (State.DONE, Event.DRAIN_ASKED): State.DRAINING,
    (State.BROKEN, Event.DRAIN_ASKED): State.DRAINING,
    (State.DRAINING, Event.RUN_RETURNED): State.DRAINING,
    (State.DRAINING, Event.RUN_RAISED): State.DRAINING,
    (State.DRAINING, Event.STOP_ASKED): State.STOPPING,
    (State.RUNNING, Event.STOP_ASKED): State.STOPPING,
    (State.DONE, Event.STOP_ASKED): State.STOPPING,
    (State.BROKEN, Event.STOP_ASKED): State.STOPPING,
    (State.STOPPING, Event.STOPPED): State.STOPPED,
}
"""(state, what happens) -> the next state. What is not in the table does not happen: it is refused."""

IS_UP = frozenset({State.RUNNING, State.DONE, State.BROKEN})
"""The states of a service whose start() ended well and whose stop() was not asked for."""
