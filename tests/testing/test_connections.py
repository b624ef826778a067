import asyncio
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.testing import Link, ManualLoop, connect_pair, open_pair

from .witness import BufferWitness, Echo, Witness


def test_what_one_writes_the_other_gets(loop):
    witness = Witness()
    left, right = connect_pair(loop, witness, Echo())

    left.write(b"hello")
    loop.run_until_idle()
    right.close()
    loop.run_until_idle()

    assert witness.calls == ["made", b"hello", "eof", "lost"]


def test_a_link_gives_fragments_of_the_chosen_sizes(loop):
    witness = Witness()
    left, right = connect_pair(loop, Witness(), witness, Link(fragments=[1, 4]))

    left.write(b"abcdefgh")
    left.close()
    loop.run_until_idle()

    assert witness.calls == ["made", b"a", b"bcde", b"f", b"gh", "eof", "lost"]
    assert right.is_closing()


def test_after_the_last_of_an_iterator_s_fragments_everything_comes_at_once(loop):
    witness = Witness()
    left, _ = connect_pair(loop, Witness(), witness, Link(fragments=iter([2, 1])))

    left.write(b"abcdefgh")
    left.close()
    loop.run_until_idle()

    assert witness.calls[1:4] == [b"ab", b"c", b"defgh"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    pieces=st.lists(st.binary(max_size=300), max_size=20),
    seed=st.integers(0, 1 << 30),
    capacity=st.integers(1, 500),
    latency_s=st.sampled_from([0.0, 0.5]),
)
def test_whatever_the_link_all_bytes_come_in_order(loop: ManualLoop, pieces, seed, capacity, latency_s):
    witness, back = Witness(), Witness()
    link = Link(fragments=random.Random(seed), capacity=capacity, latency_s=latency_s)
    left, right = connect_pair(loop, back, witness, link)

    for piece in pieces:
        left.write(piece)
    left.write_eof()
    loop.advance(100_000)
    right.close()
    loop.advance(10)

    assert witness.data == b"".join(pieces)
    assert witness.others == ["made", "eof", "lost"]
    assert back.calls[-1] == "lost"


def test_a_full_link_makes_writes_wait_and_the_protocol_pause(loop):
    writer, reader = Witness(), Witness()
    left, right = connect_pair(loop, writer, reader, Link(capacity=100))
    left.set_write_buffer_limits(high=50)
    right.pause_reading()

    left.write(b"x" * 500)
    loop.run_until_idle()
    waiting = left.get_write_buffer_size()
    held = list(writer.calls)
    right.resume_reading()
    loop.run_until_idle()
    left.close()
    loop.run_until_idle()

    assert waiting == 400  # of 500, 100 are on their way
    assert held == ["made", "pause"]
    assert writer.calls == ["made", "pause", "resume", "lost"]
    assert reader.data == b"x" * 500


def test_drain_waits_for_a_slow_reader(loop):
    async def main():
        (_, writer), (reader, other) = await open_pair(Link(capacity=1000))
        writer.write(bytes(200_000))
        draining = asyncio.create_task(writer.drain())
        await loop.idle()
        held_back = not draining.done()
        count = len(await reader.readexactly(200_000))
        await draining
        for each in (writer, other):
            each.close()
            await each.wait_closed()
        return held_back, count

    assert loop.run_until_complete(main()) == (True, 200_000)


def test_latency_is_on_the_loop_s_clock(loop):
    witness = Witness()
    left, right = connect_pair(loop, witness, Echo(), Link(latency_s=0.25))

    left.write(b"ping")
    loop.advance(0.25)
    before = list(witness.calls)
    loop.advance(0.25)
    left.close()
    loop.advance(1)

    assert before == ["made"]
    assert witness.calls == ["made", b"ping", "lost"]
    assert right.is_closing()


def test_both_directions_may_differ(loop):
    witness = Witness()
    left, right = connect_pair(loop, witness, Echo(), there=Link(latency_s=1), back=Link(fragments=1))

    left.write(b"abc")
    loop.advance(1)
    left.close()
    loop.advance(1)

    assert witness.calls == ["made", b"a", b"b", b"c", "lost"]
    assert right.is_closing()


def test_half_close_leaves_the_other_direction_open(loop):
    client, server = Witness(keeps_open=True), Witness(keeps_open=True)
    left, right = connect_pair(loop, client, server)

    left.write(b"question")
    left.write_eof()
    loop.run_until_idle()
    right.write(b"answer")
    right.close()
    loop.run_until_idle()
    left.close()
    loop.run_until_idle()

    assert server.calls == ["made", b"question", "eof", "lost"]
    assert client.calls == ["made", b"answer", "eof", "lost"]


def test_a_reset_is_told_to_both_behind_what_has_landed(loop):
    ours, theirs = Witness(), Witness()
    left, _ = connect_pair(loop, ours, theirs, Link(fragments=[3, 2], reset_at=4))

    left.write(b"abcdefgh")
    loop.run_until_idle()

    assert theirs.calls == ["made", b"abc", b"d", ConnectionResetError]
    assert ours.calls == ["made", ConnectionResetError]


def test_a_stream_can_be_cut_short(loop):
    ours, theirs = Witness(), Witness()
    left, _ = connect_pair(loop, ours, theirs, Link(end_at=5))

    left.write(b"0123456789")
    loop.run_until_idle()

    assert theirs.calls == ["made", b"01234", "eof", "lost"]
    assert ours.others == ["made", "eof", "lost"]


def test_a_connection_can_be_reset_at_any_time(loop):
    ours, theirs = Witness(), Witness()
    pair = connect_pair(loop, ours, theirs, Link(latency_s=10))

    pair.left.write(b"lost on the way")
    loop.advance(5)
    pair.reset()
    loop.run_until_idle()

    assert ours.calls == ["made", ConnectionResetError]
    assert theirs.calls == ["made", ConnectionResetError]


def test_silence_holds_everything_back_until_it_is_over(loop):
    theirs = Witness()
    pair = connect_pair(loop, Witness(), theirs)

    pair.hold()
    pair.left.write(b"x")
    loop.advance(3600)
    before = list(theirs.calls)
    pair.release()
    pair.close()
    loop.run_until_idle()

    assert before == ["made"]
    assert b"x" not in before


def test_a_writer_whose_peer_has_gone_is_told(loop):
    ours = Witness()
    left, right = connect_pair(loop, ours, Witness(), Link(capacity=10))
    right.pause_reading()

    left.write(b"x" * 100)
    loop.run_until_idle()
    right.abort()
    loop.run_until_idle()

    assert len(ours.calls) == 2
    assert issubclass(ours.calls[1], ConnectionError)


def test_a_peer_that_closes_without_reading_everything_resets_the_connection(loop):
    ours = Witness()
    left, right = connect_pair(loop, ours, Witness())
    right.pause_reading()

    left.write(b"never read")
    loop.run_until_idle()
    right.abort()
    loop.run_until_idle()

    assert ours.calls == ["made", ConnectionResetError]


def test_closing_sends_what_was_accepted_however_narrow_the_link(loop):
    theirs = Witness()
    left, _ = connect_pair(loop, Witness(), theirs, Link(capacity=7, fragments=3, latency_s=0.1))

    left.write(b"x" * 1000)
    left.close()
    loop.advance(100)

    assert theirs.data == b"x" * 1000
    assert theirs.others == ["made", "eof", "lost"]


def test_a_buffered_protocol_reads_from_memory(loop):
    theirs = BufferWitness(8)
    left, right = connect_pair(loop, Witness(), theirs)

    left.write(b"0123456789abcdefghij")
    loop.run_until_idle()
    left.close()
    loop.run_until_idle()

    assert theirs.data == b"0123456789abcdefghij"
    assert max(theirs.counts) == 8
    assert right.is_closing()


def test_both_ends_have_names(loop):
    left, right = connect_pair(loop, Witness(), Witness())

    assert left.get_extra_info("sockname") == right.get_extra_info("peername") == "left"
    assert left.get_extra_info("peername") == right.get_extra_info("sockname") == "right"
    assert left.get_extra_info("socket") is None
    left.abort()
    right.abort()


def test_tls_runs_over_memory(loop):
    import ssl

    import trustme

    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("memory.test").configure_cert(serving)
    asking = ssl.create_default_context()
    authority.configure_trust(asking)

    async def main():
        link = Link(fragments=random.Random(7), latency_s=0.05)
        client, server = Witness(), Echo()
        left, right = connect_pair(loop, asyncio.Protocol(), asyncio.Protocol(), link)
        left_secured, _ = await asyncio.gather(
            loop.start_tls(left, client, asking, server_hostname="memory.test"),
            begin_serving(right, server),
        )
        left_secured.write(b"secret")
        while client.data != b"secret":
            await asyncio.sleep(1)
        left_secured.close()
        await loop.elapse(60)
        return server.others

    async def begin_serving(transport, protocol):
        protocol.transport = await loop.start_tls(transport, protocol, serving, server_side=True)

    assert loop.run_until_complete(main())[-1] == "lost"


@pytest.mark.parametrize(
    "bad", [{"capacity": 0}, {"fragments": 0}, {"fragments": [3, -1]}, {"latency_s": -1}], ids=lambda bad: str(bad)
)
def test_an_impossible_link_is_refused(bad):
    with pytest.raises(ValueError, match=r"less than 0|at least 1"):
        Link(**bad)


def test_two_runs_with_one_seed_are_the_same():
    from weft.testing import clean_loop

    def run(seed):
        with clean_loop(ManualLoop) as loop:
            witness = Witness()
            link = Link(fragments=random.Random(seed), capacity=900, latency_s=0.01)
            left, right = connect_pair(loop, witness, Echo(), link)
            left.write(bytes(range(256)) * 20)
            loop.advance(60)
            left.close()
            loop.advance(1)
            right.abort()
            return witness.calls

    assert run(3) == run(3)
    assert run(3) != run(4)
