import asyncio

import pytest

from tests.services.parts import Noted, Worker
from weft import Service
from weft.errors import ServiceBrokenError, ServiceStartError, ServiceStateError, ServiceStopError
from weft.services import State
from weft.services.lifecycle import TRANSITIONS, Event


def without(notes, *hooks):
    return [note for note in notes if note.split()[0] not in hooks]


async def forever():
    await asyncio.get_running_loop().create_future()


# -- order


def test_a_service_starts_before_its_children_and_stops_after_them(run):
    notes = []
    tree = Noted("root", notes, Noted("a", notes, Noted("a1", notes), Noted("a2", notes)), Noted("b", notes))

    async def main():
        async with tree:
            notes.append("body")

    run(main())

    assert without(notes, "drain") == [
        "start root", "start a", "start a1", "start a2", "start b", "body",
        "stop b", "stop a2", "stop a1", "stop a", "stop root",
    ]  # fmt: skip


def test_everything_drains_at_once_before_anything_stops(run):
    notes = []
    slow = {"drain": 3}
    tree = Noted("root", notes, Noted("a", notes, takes=slow), Noted("b", notes, takes=slow))

    async def main():
        await tree.start_tree()
        began = asyncio.get_running_loop().time()
        await tree.stop_tree(10)
        return asyncio.get_running_loop().time() - began

    assert run(main()) == 3
    assert notes[3:] == ["drain root", "drain a", "drain b", "stop b", "stop a", "stop root"]


def test_a_child_that_a_start_adds_is_started_with_the_others(run):
    notes = []

    class Growing(Noted):
        async def start(self):
            await super().start()
            self.add(Noted("late", notes))

    async def main():
        async with Growing("root", notes):
            pass

    run(main())

    assert without(notes, "drain") == ["start root", "start late", "stop late", "stop root"]


def test_a_tree_that_stopped_can_be_started_again(run):
    notes = []
    tree = Service(Noted("a", notes), name="root")

    async def main():
        for _ in range(2):
            async with tree:
                assert tree.state is State.RUNNING

    run(main())

    assert notes == ["start a", "drain a", "stop a"] * 2
    assert tree.state is State.STOPPED


def test_a_service_that_is_added_to_a_running_one_is_started_by_hand(run):
    notes = []
    tree = Service(name="root")

    async def main():
        async with tree:
            child = tree.add(Noted("late", notes))
            assert child.state is State.NEW
            await child.start_tree()
            assert child.path == "root/late"

    run(main())

    assert notes == ["start late", "drain late", "stop late"]


def test_stopping_twice_or_before_the_start_does_nothing(run):
    notes = []
    tree = Noted("root", notes)

    async def main():
        await tree.stop_tree()
        await tree.start_tree()
        await tree.stop_tree()
        await tree.stop_tree()

    run(main())

    assert notes == ["start root", "drain root", "stop root"]


# -- what fails


def test_a_failing_start_stops_what_had_started_and_raises_its_cause_with_the_name(run):
    notes = []
    cause = ConnectionRefusedError("no database")
    failing = Noted("db", notes, Noted("below", notes), fails="start", error=cause)
    tree = Noted("root", notes, Noted("a", notes), failing, Noted("b", notes))

    with pytest.raises(
        ServiceStartError, match=r"root/db could not start: ConnectionRefusedError: no data"
    ) as caught:
        run(tree.start_tree())

    assert caught.value.__cause__ is cause
    assert caught.value.service == "root/db"
    assert notes == ["start root", "start a", "start db", "stop a", "stop root"]
    assert [service.state for service in tree.walk()] == [
        State.STOPPED, State.STOPPED, State.FAILED, State.NEW, State.NEW,
    ]  # fmt: skip


def test_what_cannot_be_stopped_while_a_start_is_unwound_is_logged(run, caplog):
    notes = []
    tree = Service(Noted("a", notes, fails="stop"), Noted("b", notes, fails="start"), name="root")

    with pytest.raises(ServiceStartError, match="root/b could not start"):
        run(tree.start_tree())

    assert "root/a could not stop: RuntimeError: a does not stop, while the start was unwound" in caplog.text


def test_a_start_that_takes_too_long_fails(run):
    notes = []
    tree = Noted("root", notes, takes={"start": 100})
    tree.start_timeout_s = 5

    with pytest.raises(ServiceStartError, match=r"root could not start: TimeoutError: it took longer than 5 s"):
        run(tree.start_tree())

    assert tree.state is State.FAILED


def test_a_timeout_of_the_services_own_is_not_taken_for_the_bound(run):
    tree = Noted("root", [], fails="start", error=TimeoutError("the database sleeps"))

    with pytest.raises(ServiceStartError, match="TimeoutError: the database sleeps"):
        run(tree.start_tree())


def test_a_start_that_is_cancelled_stops_what_had_started(run):
    notes = []
    tree = Service(Noted("a", notes), Noted("b", notes, takes={"start": 100}), name="root")

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tree.start_tree(), 5)

    run(main())

    assert notes == ["start a", "start b", "stop a"]


def test_a_failing_stop_does_not_keep_the_others_from_stopping(run):
    notes = []
    tree = Service(Noted("a", notes, fails="stop"), Noted("b", notes), Noted("c", notes, fails="drain"), name="root")

    async def main():
        await tree.start_tree()
        with pytest.raises(ExceptionGroup, match="root did not stop in good order") as caught:
            await tree.stop_tree()
        return caught.value.exceptions

    failures = run(main())

    assert [failure.service for failure in failures] == ["root/c", "root/a"]
    assert all(isinstance(failure, ServiceStopError) and failure.__cause__ is not None for failure in failures)
    assert notes[-3:] == ["stop c", "stop b", "stop a"]
    assert {service.state for service in tree.walk()} == {State.STOPPED}


def test_a_stop_that_takes_too_long_is_given_up(run):
    slow = Noted("slow", [], takes={"stop": 100})
    slow.stop_timeout_s = 5
    tree = Service(slow, name="root")

    async def main():
        await tree.start_tree()
        with pytest.raises(ExceptionGroup) as caught:
            await tree.stop_tree()
        assert "root/slow could not stop: TimeoutError: it took longer than 5 s" in str(caught.value.exceptions[0])

    run(main())


def test_what_has_not_drained_in_time_is_cut_and_said_so(run, caplog):
    notes = []
    tree = Service(Noted("slow", notes, takes={"drain": 100}), Noted("quick", notes), name="root")

    async def main():
        await tree.start_tree()
        await tree.stop_tree(7)
        return asyncio.get_running_loop().time()

    assert run(main()) == 7
    assert "root/slow is cut off before it finished" in caplog.text
    assert "root/quick" not in caplog.text
    assert notes[-2:] == ["stop quick", "stop slow"]


def test_a_cut_ends_the_draining_at_once(run):
    tree = Noted("root", [], takes={"drain": 100})

    async def main():
        await tree.start_tree()
        asyncio.get_running_loop().call_later(2, tree.cut)
        await tree.stop_tree(50)
        return asyncio.get_running_loop().time()

    assert run(main()) == 2


def test_a_stop_that_is_cancelled_stops_everything_nevertheless(run):
    notes = []
    tree = Service(Noted("a", notes, takes={"drain": 100}), Noted("b", notes, takes={"stop": 3}), name="root")

    async def main():
        await tree.start_tree()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tree.stop_tree(50), 1)

    run(main())

    assert notes[-2:] == ["stop b", "stop a"]
    assert tree.state is State.STOPPED


# -- run()


def test_a_run_works_as_a_task_from_the_start_to_the_stop(run):
    notes = []

    async def work():
        notes.append(asyncio.current_task().get_name())
        try:
            await forever()
        finally:
            notes.append("ended")

    async def main():
        async with Service(Worker(work), name="root"):
            await asyncio.sleep(1)

    run(main())

    assert notes == ["root/worker", "ended"]


def test_a_run_that_returns_is_done_and_is_stopped_with_the_others(run):
    async def work():
        pass

    tree = Service(Worker(work), name="root")

    async def main():
        async with tree:
            await asyncio.sleep(1)
            assert tree.children[0].state is State.DONE

    run(main())

    assert tree.children[0].state is State.STOPPED


def test_a_run_that_raises_ends_the_wait_for_its_tree(run, caplog):
    async def work():
        await asyncio.sleep(3)
        raise KeyError("poem")

    tree = Service(Worker(work), name="root")

    async def main():
        with pytest.raises(ServiceBrokenError, match=r"root/worker broke: KeyError: 'poem'") as caught:
            async with tree:
                await tree.wait()
        assert isinstance(caught.value.__cause__, KeyError)
        assert asyncio.get_running_loop().time() == 3

    run(main())

    assert "root/worker broke" in caplog.text
    assert tree.children[0].state is State.STOPPED


def test_what_broke_is_raised_in_the_end_where_nobody_waited_for_it(run):
    async def work():
        raise KeyError("poem")

    async def main():
        with pytest.raises(ExceptionGroup, match="2 services of root broke"):
            async with Service(Worker(work, "a"), Worker(work, "b"), name="root"):
                await asyncio.sleep(1)

    run(main())


def test_a_wait_returns_when_the_tree_has_stopped(run):
    tree = Service(name="root")

    async def main():
        await tree.start_tree()
        waiting = asyncio.create_task(tree.wait())
        await asyncio.sleep(1)
        assert not waiting.done()
        await tree.stop_tree()
        await waiting

    run(main())


def test_what_a_run_raises_while_it_is_stopped_is_a_failing_stop(run):
    async def work():
        try:
            await forever()
        finally:
            raise OSError("cannot save")

    tree = Service(Worker(work), name="root")

    async def main():
        await tree.start_tree()
        await asyncio.sleep(0)
        with pytest.raises(ExceptionGroup) as caught:
            await tree.stop_tree()
        assert str(caught.value.exceptions[0]) == "root/worker could not stop: OSError: cannot save"

    run(main())


def test_a_run_that_waits_for_something_cancelled_breaks(run):
    async def work():
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    tree = Service(Worker(work), name="root")

    async def main():
        with pytest.raises(ServiceBrokenError, match="root/worker broke: CancelledError"):
            async with tree:
                await tree.wait()

    run(main())


# -- misuse


def test_a_service_cannot_be_started_twice(run):
    tree = Service(name="root")

    async def main():
        async with tree:
            with pytest.raises(ServiceStateError, match="root is running, so this cannot be: start asked"):
                await tree.start_tree()
            assert tree.state is State.RUNNING

    run(main())


def test_a_service_stands_in_one_tree_only():
    child = Service(name="child")
    root = Service(child, name="root")

    with pytest.raises(ServiceStateError, match="root/child stands in a tree already"):
        Service(child)
    with pytest.raises(ServiceStateError, match="root stands in a tree already"):
        child.add(root)


def test_siblings_of_one_name_get_numbers():
    root = Service(Service(name="web"), Service(name="web"), Service(name="web"))

    assert [child.name for child in root.children] == ["web", "web-2", "web-3"]


def test_a_service_has_its_class_for_a_name():
    class Database(Service):
        pass

    assert Database().name == "Database"


# -- the table


def test_every_state_is_reached_and_every_event_leads_somewhere():
    assert {state for state, _ in TRANSITIONS} | {State.STOPPED} == set(State)
    assert set(TRANSITIONS.values()) | {State.NEW} == set(State)
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_from_every_state_there_is_a_way_to_the_end():
    for begin in State:
        reached, added = {begin}, True
        while added:
            more = {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
            reached |= more
            added = bool(more)
        assert reached & {State.STOPPED, State.FAILED}, begin
