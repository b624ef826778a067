"""Deferreds: values that arrive later, and what is done with them when they do.

    deferred = Deferred()
    deferred.add_callback(lambda poem: poem.upper()).add_errback(lambda failure: "no poem")
    deferred.callback("the wind")

In Twisted's lineage and with its semantics, under names as PEP 8 has them; `await deferred` works in any asyncio
task.
"""

from weft.deferred.alarm import is_debugging, set_debugging
from weft.deferred.combining import DeferredList, gather_results, race
from weft.deferred.cooperator import CooperativeTask, Cooperator, parallel
from weft.deferred.deferred import Deferred
from weft.deferred.failure import Failure
from weft.deferred.inline import ensure_deferred, inline_callbacks
from weft.deferred.locks import DeferredLock, DeferredQueue, DeferredSemaphore
from weft.deferred.looping import Clock, LoopingCall, defer_later
from weft.deferred.making import execute, fail, maybe_deferred, succeed
from weft.deferred.steps import Step
from weft.deferred.threads import blocking_call_from_thread, call_from_thread, defer_to_thread

__all__ = [
    "Clock",
    "CooperativeTask",
    "Cooperator",
    "Deferred",
    "DeferredList",
    "DeferredLock",
    "DeferredQueue",
    "DeferredSemaphore",
    "Failure",
    "LoopingCall",
    "Step",
    "blocking_call_from_thread",
    "call_from_thread",
    "defer_later",
    "defer_to_thread",
    "ensure_deferred",
    "execute",
    "fail",
    "gather_results",
    "inline_callbacks",
    "is_debugging",
    "maybe_deferred",
    "parallel",
    "race",
    "set_debugging",
    "succeed",
]
