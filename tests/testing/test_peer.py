import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft import testing
from weft.errors import InvalidStateError, MessageTooLongError
from weft.protocols import LineProtocol
from weft.testing import Peer

from .witness import BufferWitness, Echo, Witness


def test_a_protocol_answers_its_peer():
    peer = Peer(Echo())

    peer.send(b"hello")

    assert peer.take() == b"hello"
    assert peer.take() == b""


def test_bytes_come_in_fragments_of_the_chosen_sizes():
    protocol = Witness()

    Peer(protocol, fragments=[1, 3]).send(b"abcdefg")

    assert protocol.calls == ["made", b"a", b"bcd", b"e", b"fg"]


@given(data=st.binary(max_size=2000), seed=st.integers(0, 1000))
def test_fragments_change_nothing_in_what_comes(data, seed):
    protocol = Echo()
    peer = Peer(protocol, fragments=random.Random(seed))

    peer.send(data)

    assert protocol.data == data
    assert peer.take() == data


def test_the_same_seed_gives_the_same_fragments():
    def fragments(seed):
        protocol = Witness()
        Peer(protocol, fragments=random.Random(seed)).send(bytes(100_000))
        return [len(call) for call in protocol.calls[1:]]

    assert fragments(1) == fragments(1)
    assert fragments(1) != fragments(2)


def test_the_end_of_the_stream_closes_a_protocol_that_does_not_stay_open():
    protocol = Witness()
    peer = Peer(protocol)

    peer.send(b"x")
    peer.end()

    assert protocol.calls == ["made", b"x", "eof", "lost"]
    assert peer.is_closed


def test_a_protocol_may_answer_after_its_peer_has_ended():
    protocol = Witness(keeps_open=True)
    peer = Peer(protocol)

    peer.end()
    protocol.transport.write(b"late")
    protocol.transport.close()

    assert peer.take() == b"late"
    assert protocol.calls == ["made", "eof", "lost"]


def test_a_half_close_is_seen_and_bytes_still_come_in():
    protocol = Witness()
    peer = Peer(protocol)

    protocol.transport.write_eof()
    peer.send(b"still")

    assert peer.has_ended
    assert not peer.is_closed
    assert protocol.data == b"still"
    with pytest.raises(RuntimeError, match="after write_eof"):
        protocol.transport.write(b"x")


def test_a_lost_connection_is_told_once_with_its_error():
    protocol = Witness()
    peer = Peer(protocol)

    peer.lose(OSError("cable cut"))
    peer.lose()

    assert protocol.calls == ["made", OSError]
    with pytest.raises(InvalidStateError, match="cannot send"):
        peer.send(b"x")


def test_without_an_error_a_lost_connection_is_a_reset():
    protocol = Witness()

    Peer(protocol).lose()

    assert protocol.calls == ["made", ConnectionResetError]


def test_a_protocol_that_pauses_reading_gets_its_bytes_later_and_the_end_behind_them():
    protocol = Witness()
    peer = Peer(protocol)

    protocol.transport.pause_reading()
    peer.send(b"one")
    peer.end()
    before = list(protocol.calls)
    protocol.transport.resume_reading()
    peer.take()

    assert before == ["made"]
    assert protocol.calls == ["made", b"one", "eof", "lost"]


def test_a_stalled_peer_makes_a_protocol_pause_above_its_high_watermark():
    protocol = Witness()
    peer = Peer(protocol)
    protocol.transport.set_write_buffer_limits(high=10)

    peer.stall()
    protocol.transport.write(b"x" * 10)
    protocol.transport.write(b"y")
    taken = peer.take()
    waiting = protocol.transport.get_write_buffer_size()
    peer.resume()

    assert (taken, waiting) == (b"", 11)
    assert protocol.calls == ["made", "pause", "resume"]
    assert peer.take() == b"x" * 10 + b"y"


def test_what_waits_for_a_stalled_peer_comes_before_the_close():
    protocol = Witness()
    peer = Peer(protocol)

    peer.stall()
    protocol.transport.write(b"last words")
    protocol.transport.close()
    was_closed = peer.is_closed
    peer.resume()

    assert not was_closed
    assert peer.is_closed
    assert peer.take() == b"last words"


def test_what_comes_after_a_protocol_has_closed_is_dropped():
    class Brief(Witness):
        def data_received(self, data):
            super().data_received(data)
            self.transport.close()

    protocol = Brief()
    peer = Peer(protocol, fragments=1)

    peer.send(b"ab")

    assert protocol.calls == ["made", b"a", "lost"]


def test_what_a_protocol_raises_comes_out_of_the_call_that_led_to_it():
    class Strict(LineProtocol):
        max_length = 5

        def line_received(self, line):
            raise ZeroDivisionError(line)

        def refused(self, error):
            raise error

    with pytest.raises(ZeroDivisionError):
        Peer(Strict()).send(b"x\r\n")
    with pytest.raises(MessageTooLongError):
        Peer(Strict()).send(b"x" * 20)


def test_a_buffered_protocol_is_filled_no_further_than_its_buffer():
    protocol = BufferWitness(4)

    Peer(protocol).send(b"abcdefghij")

    assert protocol.counts == [4, 4, 2]
    assert protocol.data == b"abcdefghij"


def test_the_watermarks_are_those_of_weft_s_streams(loop):
    left, right = testing.connect_pair(loop, Witness(), Witness())
    peer = Peer(Witness())

    assert peer.transport.get_write_buffer_limits() == left.get_write_buffer_limits()
    left.abort()
    right.abort()


def test_extra_info_is_what_the_peer_is_made_with():
    peer = Peer(Witness(), sockname="here")

    assert peer.transport.get_extra_info("sockname") == "here"
    assert peer.transport.get_extra_info("peername") == "peer"
    assert isinstance(peer.transport, asyncio.Transport)


@pytest.mark.parametrize("fragments", [0, [], [1, 0]])
def test_a_fragment_has_at_least_a_byte(fragments):
    with pytest.raises(ValueError, match="at least 1"):
        Peer(Witness(), fragments=fragments)
