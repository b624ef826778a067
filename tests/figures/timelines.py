"""Any timeline that keeps the contract, for Hypothesis."""

from hypothesis import strategies as st

from weft.record.timeline import Activity, Outcome, Phase, Slice, Task, Thread, Timeline


@st.composite
def timelines(draw):
    unit = draw(st.sampled_from([1, 1_000, 10**9]))
    names = st.text(max_size=12)
    threads, slices, tasks = [], [], []
    number = draw(st.integers(0, 30))
    for index in range(draw(st.integers(0, 14))):
        now = begin = draw(st.integers(0, 50)) * unit
        for gap, length in draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 90)), max_size=12)):
            task = draw(st.none() | st.integers(0, 40))
            first = now + gap * unit
            now = first + length * unit
            slices.append(Slice(index, first, now, task, draw(st.booleans()), draw(names)))
        threads.append(Thread(draw(names), begin, now))
    for index in range(number):
        now = begin = draw(st.integers(0, 400)) * unit
        phases = []
        for length in draw(st.lists(st.integers(0, 90), max_size=5)):
            phases.append(Phase(now, now + length * unit, draw(st.sampled_from(Activity)), draw(names)))
            now += length * unit
        kind = draw(st.sampled_from(["", "fetch", "<b>"]))
        tasks.append(Task(index, draw(names), begin, now, draw(st.sampled_from(Outcome)), None, phases, kind))
    ends = [part.end_ns for part in (*threads, *tasks)]
    return Timeline(threads, tasks, slices, max(ends, default=0), notes=draw(st.lists(names, max_size=2)))
