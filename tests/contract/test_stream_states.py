"""A stream between a channel and a poller that the test moves by hand: exact calls, exact watermarks, every state."""

import contextvars
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weft
from weft.core import _os
from weft.transports import lifecycle
from weft.transports.stream import Stream

from .fakes import FakeChannel, FakeClock, FakePoller, Witness


class Bench:
    """A loop on a fake clock and poller, with one stream on a fake channel."""

    def __init__(self, is_edge_triggered: bool) -> None:
        self.clock = FakeClock()
        self.poller = FakePoller(self.clock, is_edge_triggered)
        self.reported: list[dict[str, Any]] = []
        self.loop = weft.Loop(poller=self.poller, clock=self.clock)
        self.loop.set_exception_handler(lambda loop, context: self.reported.append(context))
        self.channel = FakeChannel()
        self.witness = Witness()
        self.stream = Stream(self.loop, self.channel, self.witness, contextvars.copy_context())

    def turn(self, *calls: Any) -> None:
        """Turn the loop once, with these calls ready."""
        for call in calls:
            self.loop.call_soon(call)
        self.loop.stop()
        self.loop.run_forever()

    def tell(self, events: int) -> None:
        """Turn the loop once, with this event of the channel's."""
        self.poller.coming.append((self.channel.fd, events))
        self.turn()


@pytest.fixture(params=[True, False], ids=["edge", "level"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(request.param)
    yield bench
    bench.stream.abort()
    bench.turn()
    bench.loop.close()
    assert bench.reported == []


def test_writes_made_within_one_callback_leave_together_when_it_returns(bench):
    bench.stream.start()
    sizes = []

    def write_three_times():
        for piece in (b"one ", b"two ", b"three"):
            bench.stream.write(piece)
        sizes.append((len(bench.channel.calls), bench.stream.get_write_buffer_size()))

    bench.turn(write_three_times, lambda: bench.stream.write(b"!"))

    assert sizes == [(0, 13)]
    assert bench.channel.calls == [("send", 1), ("send", 1)]
    assert bench.channel.sent == b"one two three!"


def test_writes_made_within_data_received_leave_together_when_the_event_is_over(bench):
    class Answers(Witness):
        def data_received(self, data):
            bench.stream.write(data)
            bench.stream.write(data)

    bench.stream.set_protocol(Answers())
    bench.stream.start()
    bench.channel.incoming = [b"ab"]

    bench.tell(_os.READ)

    assert bench.channel.calls == [("send", 1)]
    assert bench.channel.sent == b"abab"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_data_received_wrote_before_an_exit_leaves_when_the_loop_runs_on(bench, error):
    class Leaves(Witness):
        def data_received(self, data):
            bench.stream.write(data)
            raise error("leaving")

    bench.stream.set_protocol(Leaves())
    bench.stream.start()
    bench.channel.incoming = [b"ab"]

    with pytest.raises(error, match="leaving"):
        bench.tell(_os.READ)
    bench.turn()
    bench.turn(lambda: bench.stream.write(b"later"))

    assert bench.channel.calls == [("send", 1), ("send", 1)]
    assert bench.channel.sent == b"ablater"


def test_each_data_received_of_an_event_has_what_it_wrote_leave_before_the_next(bench):
    class Answers(Witness):
        def data_received(self, data):
            sent_before.append(len(bench.channel.sent))
            bench.stream.write(b"<")
            bench.stream.write(b">")

    sent_before: list[int] = []
    bench.stream.set_protocol(Answers())
    bench.stream.start()
    bench.channel.incoming = [b"a" * 16384, b"b"]

    bench.tell(_os.READ)

    assert sent_before == [0, 2]
    assert bench.channel.sent == b"<><>"


def test_a_write_outside_of_the_loop_leaves_at_once(bench):
    bench.stream.start()

    bench.stream.write(b"now")

    assert bench.channel.sent == b"now"


def test_a_large_write_does_not_wait_for_the_callback_s_end(bench):
    bench.stream.start()
    sent = []

    def write_much():
        bench.stream.write(bytes(65535))
        sent.append(len(bench.channel.sent))
        bench.stream.write(b"x")
        sent.append(len(bench.channel.sent))

    bench.turn(write_much)

    assert sent == [0, 65536]


def test_many_pieces_go_in_calls_of_at_most_64(bench):
    bench.stream.start()

    bench.turn(lambda: bench.stream.writelines([b"x" * 300] * 200))

    assert bench.channel.sent == b"x" * 60000
    counts = [count for _, count in bench.channel.calls]
    assert max(counts) == 64
    assert counts[-1] == 1  # what is left is little: it is made one piece


def test_hundreds_of_small_pieces_leave_in_one_call(bench):
    bench.stream.start()

    bench.turn(lambda: bench.stream.writelines([b"x" * 100] * 600))

    assert bench.channel.sent == b"x" * 60000
    assert bench.channel.calls == [("send", 1)]


def test_small_pieces_beyond_the_watermark_leave_before_the_callback_s_end(bench):
    bench.stream.start()
    sent = []

    def write_much():
        bench.stream.writelines([b"x" * 100] * 700)
        sent.append(len(bench.channel.sent))

    bench.turn(write_much)

    assert 65536 <= sent[0] < 65536 + 100
    assert bench.channel.sent == b"x" * 70000


@given(
    callbacks=st.lists(st.lists(st.sampled_from([1, 2, 100, 256, 257, 5000, 16384, 40_000, 70_000]), max_size=40)),
    rooms=st.lists(st.integers(0, 30_000), max_size=30),
    is_edge_triggered=st.booleans(),
)
def test_pieces_of_any_sizes_are_sent_once_and_in_order_whatever_the_system_takes(
    callbacks, rooms, is_edge_triggered
):
    bench = Bench(is_edge_triggered)
    bench.stream.start()
    numbers = itertools.count()
    written = b""

    def write(sizes):
        nonlocal written
        for size in sizes:
            piece = bytes([next(numbers) % 251]) * size
            if size % 2:
                bench.stream.write(piece)
            else:
                bench.stream.write_pair(piece[: size // 3], piece[size // 3 :])
            written += piece

    for sizes, room in itertools.zip_longest(callbacks, rooms):
        bench.channel.room = 0 if room is None else room
        bench.turn(lambda sizes=sizes: write(sizes or []))
        bench.tell(_os.WRITE)
    assert len(bench.channel.sent) + bench.stream.get_write_buffer_size() == len(written)
    bench.channel.room = 1 << 40
    bench.tell(_os.WRITE)

    assert bench.channel.sent == written
    assert bench.stream.get_write_buffer_size() == 0
    bench.stream.abort()
    bench.turn()
    bench.loop.close()
    assert bench.reported == []


def test_streams_that_write_small_pieces_in_one_callback_keep_them_apart(bench):
    channels = [bench.channel, FakeChannel(1001), FakeChannel(1002)]
    context = contextvars.copy_context()
    streams = [bench.stream, *(Stream(bench.loop, channel, Witness(), context) for channel in channels[1:])]
    for stream in streams:
        stream.start()
    channels[1].room = 7

    def write_in_turns():
        for word in (b"warp ", b"weft ", b"loom "):
            for number, stream in enumerate(streams):
                stream.write(word)
                stream.write(b"%d " % number)

    bench.turn(write_in_turns)
    bench.turn(lambda: [stream.writelines([b"next ", b"one"]) for stream in streams])
    channels[1].room = 1000
    bench.poller.coming.append((1001, _os.WRITE))
    bench.turn()

    for number, channel in enumerate(channels):
        assert channel.sent == b"warp %d weft %d loom %d next one" % (number, number, number)
    for stream in streams[1:]:
        stream.abort()


def test_small_pieces_that_were_not_sent_when_a_stream_ends_reach_no_other_stream(bench):
    other = FakeChannel(1001)
    stream = Stream(bench.loop, other, Witness(), contextvars.copy_context())
    bench.stream.start()
    bench.channel.room = 0
    stream.start()

    def write_and_abort():
        bench.stream.writelines([b"lost ", b"for ", b"ever"])
        bench.stream.abort()
        stream.writelines([b"kept ", b"here"])

    bench.turn(write_and_abort)

    assert (bench.channel.sent, other.sent) == (b"", b"kept here")
    stream.abort()


def test_a_pair_written_to_a_stream_that_ended_is_dropped_as_one_write_is(bench):
    bench.stream.start()
    bench.stream.write_eof()

    with pytest.raises(RuntimeError, match="after write_eof"):
        bench.stream.write_pair(b"too ", b"late")
    bench.stream.abort()
    bench.turn(lambda: bench.stream.write_pair(b"too ", b"late"))

    assert bench.channel.sent == b""


@pytest.mark.parametrize("room", [0, 1, 2, 3, 4, 5, 6, 7, 8])
def test_a_partial_send_goes_on_where_it_stopped(bench, room):
    bench.stream.start()
    bench.channel.room = room

    bench.turn(lambda: bench.stream.writelines([b"abc", b"de", b"fgh"]))
    left = bench.stream.get_write_buffer_size()
    bench.channel.room = 100
    bench.tell(_os.WRITE)

    assert left == 8 - room
    assert bench.channel.sent == b"abcdefgh"
    assert bench.stream.get_write_buffer_size() == 0


def test_while_the_system_takes_no_more_nothing_is_offered_to_it(bench):
    bench.stream.start()
    bench.channel.room = 1
    bench.turn(lambda: bench.stream.write(b"abc"))
    before = len(bench.channel.calls)

    bench.turn(lambda: bench.stream.write(b"def"))

    assert len(bench.channel.calls) == before
    assert bench.poller.interest[bench.channel.fd] & _os.WRITE


def test_a_level_triggered_poller_is_asked_for_writability_only_while_output_waits():
    bench = Bench(is_edge_triggered=False)
    bench.stream.start()
    seen = [bench.poller.interest[bench.channel.fd]]
    bench.channel.room = 1

    bench.turn(lambda: bench.stream.write(b"abc"))
    seen.append(bench.poller.interest[bench.channel.fd])
    bench.channel.room = 100
    bench.tell(_os.WRITE)
    seen.append(bench.poller.interest[bench.channel.fd])

    assert [bool(interest & _os.WRITE) for interest in seen] == [False, True, False]
    assert all(interest & _os.READ for interest in seen)
    bench.stream.abort()
    bench.turn()
    bench.loop.close()


@pytest.mark.parametrize("excess", [0, 1])
def test_the_protocol_is_paused_above_the_high_watermark_and_not_at_it(bench, excess):
    bench.stream.start()
    bench.stream.set_write_buffer_limits(high=100, low=20)
    bench.channel.room = 0

    bench.turn(lambda: bench.stream.write(bytes(100 + excess)))

    assert ("pause" in bench.witness.calls) == bool(excess)


@pytest.mark.parametrize("excess", [0, 1])
def test_a_write_while_blocked_pauses_above_the_high_watermark_and_not_at_it(bench, excess):
    bench.stream.start()
    bench.stream.set_write_buffer_limits(high=100, low=20)
    bench.channel.room = 0
    bench.turn(lambda: bench.stream.write(b"x"))

    bench.turn(lambda: bench.stream.write(bytes(99 + excess)))

    assert ("pause" in bench.witness.calls) == bool(excess)


@pytest.mark.parametrize("left", [21, 20])
def test_the_protocol_is_resumed_at_the_low_watermark_and_not_above_it(bench, left):
    bench.stream.start()
    bench.stream.set_write_buffer_limits(high=100, low=20)
    bench.channel.room = 0
    bench.turn(lambda: bench.stream.write(bytes(200)))

    bench.channel.room = 200 - left
    bench.tell(_os.WRITE)

    assert bench.stream.get_write_buffer_size() == left
    assert ("resume" in bench.witness.calls) == (left == 20)


def test_pause_and_resume_come_in_turns(bench):
    bench.stream.start()
    bench.stream.set_write_buffer_limits(high=10, low=5)
    for _ in range(3):
        bench.channel.room = 0
        bench.turn(lambda: bench.stream.write(bytes(11)), lambda: bench.stream.write(bytes(11)))
        bench.channel.room = 1000
        bench.tell(_os.WRITE)

    assert bench.witness.calls == ["made"] + ["pause", "resume"] * 3


def test_one_busy_channel_is_read_eight_times_an_event_and_then_in_the_next_turn(bench):
    bench.stream.start()
    bench.channel.incoming = [bytes(1 << 24)]
    sizes = []

    bench.poller.coming.append((bench.channel.fd, _os.READ))
    for _ in range(100):
        bench.turn()
        sizes.append(len(bench.witness.data))

    assert 0 < sizes[0] < 3 << 20, "one event was read without bound"
    assert len(bench.witness.data) == 1 << 24, "what the first event left was lost"
    assert max(b - a for a, b in itertools.pairwise(sizes)) < 3 << 20


def test_an_error_that_comes_with_readiness_to_write_is_told_to_the_protocol(bench):
    bench.stream.start()
    bench.channel.room = 0
    bench.turn(lambda: bench.stream.write(b"abc"))
    bench.channel.room = -1

    bench.tell(_os.WRITE | _os.ERROR | _os.HANGUP)
    bench.turn()

    assert isinstance(bench.witness.error, ConnectionResetError)
    assert bench.channel.is_closed


def test_what_came_before_the_connection_broke_is_read_although_nothing_can_be_sent_any_more(bench):
    bench.stream.start()
    bench.channel.room = 0
    bench.turn(lambda: bench.stream.write(b"abc"))
    bench.channel.room = -1
    bench.channel.incoming = [b"the answer", ConnectionResetError("the peer is gone")]

    bench.tell(_os.READ | _os.WRITE | _os.ERROR | _os.HANGUP)
    bench.turn()

    assert bytes(bench.witness.data) == b"the answer"
    assert bench.witness.calls == ["made", "data", "lost"]
    assert isinstance(bench.witness.error, ConnectionResetError)


def test_what_was_written_in_the_callback_that_aborts_is_taken_by_the_system_as_far_as_it_goes(bench):
    bench.stream.start()
    bench.channel.room = 4

    def write_and_abort():
        bench.stream.write(b"good")
        bench.stream.write(b"bye")
        bench.stream.abort()

    bench.turn(write_and_abort)
    bench.turn()

    assert bench.channel.sent == b"good"
    assert bench.witness.calls == ["made", "lost"]
    assert bench.witness.error is None


def test_what_was_written_before_the_protocol_raised_is_sent(bench):
    bench.stream.start()

    def refuse(data):
        bench.stream.write(b"400 that is no request")
        raise ValueError("mine")

    bench.witness.data_received = refuse
    bench.stream.set_protocol(bench.witness)
    bench.channel.incoming = [b"nonsense"]
    bench.tell(_os.READ)
    bench.turn()

    assert bench.channel.sent == b"400 that is no request"
    assert isinstance(bench.witness.error, ValueError)
    assert [report.pop("exception") for report in bench.reported] == [bench.witness.error]
    bench.reported.clear()


def test_the_protocol_is_resumed_before_a_closing_stream_ends(bench):
    bench.stream.start()
    bench.channel.room = 0
    bench.turn(lambda: bench.stream.write(bytes(100_000)))
    bench.stream.close()
    bench.channel.room = 1 << 20
    bench.tell(_os.WRITE)
    bench.turn()

    assert bench.witness.calls == ["made", "pause", "resume", "lost"]
    assert len(bench.channel.sent) == 100_000


def test_what_could_not_be_sent_on_closing_is_reported_to_the_protocol(bench):
    bench.stream.start()
    bench.channel.room = 0

    def write_and_close():
        bench.stream.write(b"abc")
        bench.stream.close()

    bench.turn(write_and_close)
    bench.channel.room = -1
    bench.tell(_os.WRITE | _os.ERROR)
    bench.turn()

    assert isinstance(bench.witness.error, ConnectionResetError)


def test_the_channel_is_closed_after_connection_lost_was_told(bench):
    bench.stream.start()
    closed = []
    bench.witness.connection_lost = lambda error: closed.append(bench.channel.is_closed)

    bench.turn(bench.stream.close)
    bench.turn()

    assert closed == [False]
    assert bench.channel.is_closed
    assert bench.channel.fd not in bench.poller.sources


def test_a_poller_that_refuses_the_descriptor_leaves_no_channel_open(bench):
    def refuse(fd, source, events):
        raise OSError(28, "no watch left")

    bench.poller.add = refuse

    with pytest.raises(OSError, match="no watch left"):
        bench.stream.start()

    assert bench.channel.is_closed
    assert bench.witness.calls == []


# -- every transition of the table

LEADING_TO: dict[int, list[int]] = {
    lifecycle.CONNECTING: [],
    lifecycle.OPEN: [lifecycle.CONNECTED],
    lifecycle.READ_CLOSED: [lifecycle.CONNECTED, lifecycle.PEER_ENDED],
    lifecycle.WRITE_CLOSED: [lifecycle.CONNECTED, lifecycle.WRITE_ENDED],
    lifecycle.BOTH_CLOSED: [lifecycle.CONNECTED, lifecycle.PEER_ENDED, lifecycle.WRITE_ENDED],
    lifecycle.CLOSING: [lifecycle.CONNECTED, lifecycle.CLOSE_ASKED],
}


def bring_about(bench: Bench, event: int) -> None:
    """Do to a stream what the event says."""
    if event == lifecycle.CONNECTED:
        bench.stream.start()
    elif event == lifecycle.PEER_ENDED:
        bench.channel.incoming = [b""]
        bench.tell(_os.READ | _os.PEER_CLOSED)
    elif event == lifecycle.WRITE_ENDED:
        bench.stream.write_eof()
    elif event == lifecycle.CLOSE_ASKED:
        bench.stream.close()
    elif event == lifecycle.FLUSHED:
        bench.channel.room = 1000
        bench.tell(_os.WRITE)
    elif event == lifecycle.LOST:
        bench.stream.abort()


@pytest.mark.parametrize(
    ("state", "event"),
    lifecycle.TRANSITIONS,
    ids=[f"{lifecycle.STATES[state][0]}, {lifecycle.EVENTS[event]}" for state, event in lifecycle.TRANSITIONS],
)
def test_every_transition_of_the_table_happens_as_the_table_says(bench, state, event):
    bench.witness.keeps_open = True
    has_output = lifecycle.CLOSING in (state, lifecycle.TRANSITIONS[state, event])
    for step in LEADING_TO[state]:
        bring_about(bench, step)
        if step == lifecycle.CONNECTED and has_output:
            bench.channel.room = 0
            bench.stream.write(b"waits")
    before = bench.stream.state

    bring_about(bench, event)
    after = bench.stream.state
    bench.stream.abort()
    bench.turn()

    assert before == state
    assert after == lifecycle.TRANSITIONS[state, event]
    assert bench.stream.state == lifecycle.CLOSED
    assert bench.witness.calls.count("lost") == 1


def test_half_closing_tells_the_channel_once_all_is_sent(bench):
    bench.stream.start()
    bench.channel.room = 0
    bench.turn(lambda: bench.stream.write(b"abc"))

    bench.stream.write_eof()
    before = bench.channel.is_shut_down
    bench.channel.room = 100
    bench.tell(_os.WRITE)

    assert not before
    assert bench.channel.is_shut_down
    assert bench.channel.sent == b"abc"


def test_a_protocol_can_end_its_stream_within_eof_received(bench):
    class Closes(Witness):
        def eof_received(self):
            super().eof_received()
            bench.stream.close()
            return True

    closes = Closes()
    bench.stream.set_protocol(closes)
    bench.stream.start()
    bench.channel.incoming = [b""]

    bench.tell(_os.READ)
    bench.turn()

    assert closes.calls == ["made", "eof", "lost"]
