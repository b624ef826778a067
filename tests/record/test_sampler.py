"""Whether a thread computed or waited, as its own CPU clock tells."""

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable

import pytest

import weft
from weft.record import SAMPLE_INTERVAL_S, Activity, Recorder, events

pytestmark = pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="this system has no CPU clocks of single threads"
)

MS = 1_000_000


def compute(ns: int) -> None:
    """Use so much CPU time, however long that takes."""
    until = time.thread_time_ns() + ns
    while time.thread_time_ns() < until:
        pass


def samplers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "weft-sampler"}


def watch(recorder: Recorder, work: Callable[[], object], name: str) -> None:
    """Run `work` in a new thread that the recorder watches, to its end."""

    def watched() -> None:
        number = recorder.enter_thread()
        work()
        recorder.leave_thread(number)

    thread = threading.Thread(target=watched, name=name)
    thread.start()
    thread.join()


def used_ns(recorder: Recorder, name: str) -> int:
    """Return how long a thread computed, by its samples."""
    recording = recorder.take()
    number = recording.threads.index(name)
    return sum(record.value for record in recording if record.kind == events.CPU_USED and record.thread == number)


def test_a_thread_that_computes_is_sampled_for_as_long_as_it_computed() -> None:
    recorder = Recorder(sample_interval_s=SAMPLE_INTERVAL_S)
    computed: list[int] = []

    def work() -> None:
        before = time.thread_time_ns()
        compute(30 * MS)
        computed.append(time.thread_time_ns() - before)

    watch(recorder, work, "busy")

    # What entering and leaving cost is counted too.
    assert computed[0] <= used_ns(recorder, "busy") <= computed[0] + 20 * MS


def test_a_thread_that_only_waits_has_hardly_any_samples() -> None:
    recorder = Recorder(sample_interval_s=SAMPLE_INTERVAL_S)
    is_over = threading.Event()
    thread = threading.Thread(target=watch, args=(recorder, is_over.wait, "idle"))
    thread.start()

    watch(recorder, lambda: compute(30 * MS), "busy")  # meanwhile
    is_over.set()
    thread.join()

    assert used_ns(recorder, "busy") >= 30 * MS
    assert used_ns(recorder, "idle") < 15 * MS


def test_blocking_is_told_from_running_in_a_real_run() -> None:
    recorder = Recorder(sample_interval_s=SAMPLE_INTERVAL_S)

    def samples_of_waker() -> int:
        recording = recorder.take()
        number = recording.threads.index("waker")
        return [(record.kind, record.thread) for record in recording].count((events.CPU_USED, number))

    def compute_until_sampled() -> None:
        # Until the sampler has come by 30 times, 1 ms or more apart, however busy the machine is.
        while samples_of_waker() < 30:
            compute(1 * MS)

    async def main() -> None:
        compute(20 * MS)
        await asyncio.sleep(0)
        watch(recorder, compute_until_sampled, "waker")  # waits for that thread's end, and computes nothing

    weft.run(main(), recorder=recorder)

    task = recorder.take().timeline().tasks[0]
    spent = dict.fromkeys(Activity, 0)
    for phase in task.phases:
        spent[phase.activity] += phase.end_ns - phase.begin_ns
    assert spent[Activity.RUNNING] >= 10 * MS
    assert spent[Activity.BLOCKING] >= 10 * MS


def test_the_samplers_thread_ends_when_no_thread_is_watched_any_more() -> None:
    before = samplers()
    recorder = Recorder(sample_interval_s=SAMPLE_INTERVAL_S)
    number = recorder.enter_thread()

    during = samplers() - before
    recorder.leave_thread(number)
    for thread in during:
        thread.join(timeout=60)

    assert len(during) == 1
    assert not during & samplers()


def test_a_recorder_without_sampling_starts_no_thread_and_tells_no_resolution() -> None:
    before = samplers()
    recorder = Recorder(sample_interval_s=None)

    number = recorder.enter_thread()
    during = samplers()
    recorder.leave_thread(number)

    assert during == before
    assert recorder.take().timeline().resolution_ns == 0


def test_the_interval_is_the_recordings_resolution() -> None:
    assert Recorder(sample_interval_s=0.005).take().timeline().resolution_ns == 5 * MS


@pytest.mark.parametrize("interval_s", [0, -0.001, float("nan"), float("inf")])
def test_an_interval_that_no_thread_can_wait_is_refused(interval_s: float) -> None:
    with pytest.raises(ValueError, match=f"more than 0 s and finite, not {interval_s}"):
        Recorder(sample_interval_s=interval_s)


def test_a_thread_that_ended_unannounced_does_not_stop_the_sampling_of_others() -> None:
    before = samplers()
    recorder = Recorder(sample_interval_s=SAMPLE_INTERVAL_S)
    thread = threading.Thread(target=recorder.enter_thread, name="gone")
    thread.start()
    thread.join()

    watch(recorder, lambda: compute(30 * MS), "busy")
    for sampler in samplers() - before:
        sampler.join(timeout=60)

    assert used_ns(recorder, "busy") >= 30 * MS
    assert samplers() <= before


def test_a_job_in_the_loops_own_thread_does_not_end_its_sampling() -> None:
    recorder = Recorder(sample_interval_s=SAMPLE_INTERVAL_S)

    class SameThread(concurrent.futures.Executor):
        def submit(self, call, /, *args, **options):  # type: ignore[no-untyped-def]
            future: concurrent.futures.Future[object] = concurrent.futures.Future()
            future.set_result(call(*args, **options))
            return future

    async def main() -> None:
        await asyncio.get_running_loop().run_in_executor(SameThread(), int)
        compute(30 * MS)

    weft.run(main(), recorder=recorder)

    assert used_ns(recorder, "MainThread") >= 30 * MS
