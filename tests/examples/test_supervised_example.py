import json
import os
import signal
import socket

import pytest
from running import LOCAL, TIMEOUT_S, Program, Talk, ended, example, is_alive, weft


def serve_station(start, where, workers):
    program = start(
        weft("serve", "examples.supervised.station:service", "--workers", workers), env={"STATION_LISTEN": where}
    )
    program.wait_for("station:service is served")
    return program


@pytest.fixture
def station(start) -> Program:
    return serve_station(start, LOCAL, 1)


@pytest.fixture
def watch(start):
    """Start a watcher of an endpoint."""

    def watch(where, *options):
        return start(example("supervised/watcher.py", *options), env={"STATION": where})

    return watch


READING = r"^load \d+\.\d\d \(reading \d+ of process (\d+)\)"


def test_a_station_reports_to_all_who_watch(station):
    talks = [Talk(station.address()) for _ in range(5)]

    heard = [[json.loads(talk.hear()) for _ in range(2)] for talk in talks]

    for first, second in heard:
        assert set(first) == {"pid", "number", "load"}
        assert second["number"] == first["number"] + 1
        assert second["pid"] == first["pid"] != station.process.pid
    for talk in talks:
        talk.__exit__()


def test_a_killed_station_is_replaced_and_its_watcher_has_the_next_one(station, watch):
    watcher = watch(station.where())
    first = int(watcher.wait_for(READING)[1])

    os.kill(first, signal.SIGKILL)

    watcher.wait_for_next("^lost the station")
    watcher.wait_for_next("^connected")
    second = int(watcher.wait_for_next(READING)[1])
    assert second != first
    assert not is_alive(first)
    watcher.interrupt()
    assert watcher.wait_ended() == 0
    station.interrupt()
    assert station.wait_ended() == 0


def test_new_workers_take_over_when_asked_to(station, watch):
    watcher = watch(station.where())
    first = int(watcher.wait_for(READING)[1])

    station.process.send_signal(signal.SIGHUP)

    watcher.wait_for_next("^lost the station")
    assert int(watcher.wait_for_next(READING)[1]) != first


def test_a_station_that_hangs_is_given_up_for_another(start, watch):
    station = serve_station(start, LOCAL, 2)
    watcher = watch(station.where(), "--silence", 3)
    hanging = int(watcher.wait_for(READING)[1])
    os.kill(hanging, signal.SIGSTOP)
    try:
        watcher.wait_for_next("^nothing was heard for 3 s")
        watcher.wait_for_next("^lost the station")
        while int(watcher.wait_for_next(READING)[1]) == hanging:
            pass  # what it had sent before it was stopped
    finally:
        os.kill(hanging, signal.SIGCONT)


def test_a_watcher_may_begin_before_the_station_and_outlive_it(start, watch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    watcher = watch(f"tcp:127.0.0.1:{port}")
    watcher.wait_for("Connect call failed.*it connects again in")

    for _ in range(2):
        station = serve_station(start, f"tcp:{port}:interface=127.0.0.1", 1)
        watcher.wait_for_next(READING)
        station.interrupt()
        watcher.wait_for_next("^lost the station")
        assert station.wait_ended() == 0


def test_a_watcher_that_dies_is_replaced_too(start, station):
    watcher = start(weft("serve", "examples.supervised.watcher:service"), env={"STATION": station.where()})
    first = int(watcher.wait_for(r"worker 1 \(process (\d+)\) is ready")[1])
    watcher.wait_for(READING)
    station.wait_for("watches")

    os.kill(first, signal.SIGKILL)

    watcher.wait_for_next(READING)
    station.wait_for_next("watches")


def test_a_station_that_says_something_else_is_none(watch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_S)
        watcher = watch("tcp:{}:{}".format(*listener.getsockname()))
        for said, shown in [
            (b'{"load": "high"}\n', "^this is no station: it says {'load': 'high'}"),
            (b"HTTP/1.1 400\n", "is not JSON"),
        ]:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(said)
                watcher.wait_for_next(shown)
                watcher.wait_for_next("^lost the station")


def test_a_place_that_is_none_is_refused_at_the_start(watch):
    code, output, errors = ended(example("supervised/watcher.py"), env={"STATION": "tcp:localhost"})

    assert (code, output) == (1, "")
    assert errors.startswith("watcher.py: watcher could not start: 'tcp:localhost': port is missing")
