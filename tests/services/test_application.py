import asyncio
import logging
import os
import signal
import socket

import pytest

from tests.services.parts import Noted, Worker
from weft import Application, Service
from weft.errors import ServiceBrokenError, ServiceStartError
from weft.services import State
from weft.services.notify import Notifier

logging.getLogger("weft.services").setLevel(logging.INFO)


def send(number):
    return lambda: os.kill(os.getpid(), number)


def test_a_signal_stops_the_application_in_good_order(run_real):
    for number in (signal.SIGTERM, signal.SIGINT):
        notes = []
        run_real(Application(Noted("root", notes)).serve(send(number)))
        assert notes == ["start root", "drain root", "stop root"]


def test_a_second_signal_cuts_what_is_under_way(run_real, caplog):
    class Stubborn(Service):
        async def drain(self):
            send(signal.SIGTERM)()
            await asyncio.get_running_loop().create_future()

    run_real(Application(Stubborn(), drain_s=600).serve(send(signal.SIGTERM)))

    assert "asked again to stop: what is under way is cut off" in caplog.text
    assert "Stubborn is cut off before it finished" in caplog.text


def test_the_deadline_of_the_draining_holds(run):
    tree = Noted("root", [], takes={"drain": 100})

    async def main():
        application = Application(tree, drain_s=7, signals=())
        await application.serve(application.stop)
        return asyncio.get_running_loop().time()

    assert run(main()) == 7


def test_without_a_deadline_draining_takes_as_long_as_it_needs(run):
    tree = Noted("root", [], takes={"drain": 10_000})

    async def main():
        application = Application(tree, drain_s=None, signals=())
        await application.serve(application.stop)
        return asyncio.get_running_loop().time()

    assert run(main()) == 10_000


def test_a_stop_during_the_start_stops_what_had_started(run):
    notes = []
    tree = Service(Noted("a", notes), Noted("b", notes, takes={"start": 20}), name="root")

    async def main():
        application = Application(tree, signals=())
        asyncio.get_running_loop().call_later(5, application.stop)
        await application.serve()

    run(main())

    assert notes == ["start a", "start b", "stop a"]


def test_a_cancelled_application_stops_its_tree(run):
    notes = []

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Application(Noted("root", notes), signals=()).serve(), 5)

    run(main())

    assert notes == ["start root", "drain root", "stop root"]


def test_a_failing_start_is_raised(run):
    with pytest.raises(ServiceStartError, match="root could not start"):
        run(Application(Noted("root", [], fails="start"), signals=()).serve())


def test_a_tree_that_breaks_is_stopped_and_raised(run):
    async def work():
        await asyncio.sleep(3)
        raise KeyError("poem")

    notes = []
    tree = Service(Noted("a", notes), Worker(work), name="root")

    with pytest.raises(ServiceBrokenError, match="root/worker broke"):
        run(Application(tree, signals=()).serve())

    assert notes == ["start a", "drain a", "stop a"]


def test_a_failing_stop_is_raised_when_all_has_stopped(run):
    tree = Service(Noted("a", [], fails="stop"), name="root")

    async def main():
        application = Application(tree, signals=())
        await application.serve(application.stop)

    with pytest.raises(ExceptionGroup, match="root did not stop in good order"):
        run(main())
    assert tree.state is State.STOPPED


def test_a_hangup_reloads_every_service_and_stops_none(run_real, caplog):
    notes = []
    tree = Service(Noted("a", notes, fails="reload"), Noted("b", notes), name="root")

    class Last(Service):
        async def reload(self):
            send(signal.SIGTERM)()

    tree.add(Last())
    run_real(Application(tree).serve(send(signal.SIGHUP)))

    assert notes[:4] == ["start a", "start b", "reload a", "reload b"]
    assert "root/a could not reload and goes on as before: RuntimeError: a does not reload" in caplog.text


def test_the_tree_is_shown_when_it_is_asked_for(run_real):
    shown = []
    application = None

    def show(node):
        shown.append(node)
        application.stop()

    application = Application(Service(Service(name="web"), name="root"), show=show)
    run_real(application.serve(send(signal.SIGUSR1)))

    assert [(node.name, node.state) for _, node in shown[0].rows()] == [
        ("root", State.RUNNING),
        ("web", State.RUNNING),
    ]


def test_the_tree_is_text(run):
    application = Application(Service(Service(Service(name="a1"), name="a"), Service(name="b"), name="root"))

    assert application.tree().splitlines() == [
        "root      Service  not started",
        "├─ a      Service  not started",
        "│  └─ a1  Service  not started",
        "└─ b      Service  not started",
    ]


def test_the_signals_are_given_back(run_real):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)]

    application = Application(Service())
    run_real(application.serve(application.stop))

    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)] == before


# -- systemd


class Manager:
    """What systemd is to a service: a datagram socket that it sends to."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        self.environment = {"NOTIFY_SOCKET": "@" + path[1:] if path.startswith("\0") else path}

    def heard(self):
        self.sock.setblocking(False)
        messages = []
        while True:
            try:
                messages.append(dict(line.split("=", 1) for line in self.sock.recv(4096).decode().splitlines()))
            except BlockingIOError:
                self.sock.close()
                return messages


@pytest.mark.parametrize("is_abstract", [False, True])
def test_systemd_hears_of_readiness_reloading_and_stopping(run, tmp_path, is_abstract):
    manager = Manager(f"\0weft-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify"))

    class Reloading(Service):
        async def reload(self):
            application.stop()

    application = Application(Reloading(name="root"), signals=(), notifier=Notifier(manager.environment))
    run(application.serve(application.reload))

    ready, reloading, again, stopping = manager.heard()
    assert (ready["READY"], ready["STATUS"], ready["MAINPID"]) == ("1", "serving root", str(os.getpid()))
    assert reloading["RELOADING"] == "1"
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert again["READY"] == "1"
    assert stopping["STOPPING"] == "1"


def test_systemd_is_shown_life_twice_within_its_time(run, tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    notifier = Notifier(manager.environment | {"WATCHDOG_USEC": "20000000"})
    application = Application(Service(name="root"), signals=(), notifier=notifier)

    async def main():
        asyncio.get_running_loop().call_later(45, application.stop)
        await application.serve()

    run(main())

    assert sum("WATCHDOG" in message for message in manager.heard()) == 5


def test_a_watchdog_for_another_process_is_not_fed():
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_s is None
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 1
    assert Notifier({"WATCHDOG_USEC": "nonsense"}).watchdog_s is None


def test_a_manager_that_is_gone_is_no_obstacle(run, tmp_path, caplog):
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    application = Application(Service(), signals=(), notifier=notifier)

    run(application.serve(application.stop))

    assert "systemd cannot be told READY=1" in caplog.text
