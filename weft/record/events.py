"""What a record says: its kind, and what its number, value and name mean then.

A record is (time, kind, thread, number, value, name). Times are nanoseconds since the recorder was made; `thread`
counts the threads from 0 in the order in which they were first seen. docs/recording-format.md is the same, for files.
"""

from __future__ import annotations

RUN_BEGIN = 1
RUN_END = 2
WAIT_BEGIN = 3
WAIT_END = 4
CALL_BEGIN = 5
CALL_END = 6
STEP_BEGIN = 7
STEP_END = 8
TASK_MADE = 9
TASK_WOKEN = 10
TASK_WAITING = 11
TASK_FINISHED = 12
TIMER_MADE = 13
TIMER_FIRED = 14
CHANNEL_OPENED = 15
DATA_BEGIN = 16
DATA_END = 17
DATA_SENT = 18
CHANNEL_CLOSED = 19
JOB_BEGIN = 20
JOB_END = 21
CPU_USED = 22

MEANINGS = {
    RUN_BEGIN: ("run_begin", "a loop begins to run in this thread"),
    RUN_END: ("run_end", "it stops"),
    WAIT_BEGIN: ("wait_begin", "it begins to wait for events; value: at most so many ns, -1 for no limit"),
    WAIT_END: ("wait_end", "the wait is over; value: how many events came"),
    CALL_BEGIN: ("call_begin", "a callback of no task begins; value: a timer's lateness in ns; name: its own"),
    CALL_END: ("call_end", "it returned or raised"),
    STEP_BEGIN: ("step_begin", "a step of task `number` begins"),
    STEP_END: ("step_end", "that step is over"),
    TASK_MADE: ("task_made", "task `number` was made by task `value` (0: by none); name: what it runs"),
    TASK_WOKEN: ("task_woken", "task `number` can go on, by the doing of task `value` (0: of none)"),
    TASK_WAITING: ("task_waiting", "task `number` waits, for task `value` if that is not 0; name: where"),
    TASK_FINISHED: ("task_finished", "task `number` is over; value: 0 returned, 1 raised, 2 cancelled; name: its"),
    TIMER_MADE: ("timer_made", "timer `number` was set; value: its moment on the loop's clock, in ns"),
    TIMER_FIRED: ("timer_fired", "its moment came"),
    CHANNEL_OPENED: ("channel_opened", "connection `number` was made; name: its protocol and the peer"),
    DATA_BEGIN: ("data_begin", "`value` bytes came in on connection `number`, and its protocol is called"),
    DATA_END: ("data_end", "the protocol returned"),
    DATA_SENT: ("data_sent", "the system took `value` bytes of connection `number`"),
    CHANNEL_CLOSED: ("channel_closed", "connection `number` ended; value: 1 for an error; name: as when opened"),
    JOB_BEGIN: ("job_begin", "a function begins in a thread of an executor, for task `value`; name: the function"),
    JOB_END: ("job_end", "it returned or raised"),
    CPU_USED: ("cpu_used", "in the `number` microseconds up to now this thread computed for `value` ns"),
}
"""kind -> (its name, what it says)."""

RETURNED = 0
RAISED = 1
CANCELLED = 2
