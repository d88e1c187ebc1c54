"""What of a guest's answer goes out when its run ends well, or not."""

import socket

import pytest

from faasweb.wasmhost.frame_sink import FrameSink
from faasweb.wasmhost.frames import Data, Decoder, End, Frame, Head


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def frames_of(pair) -> list[Frame]:
    ours, theirs = pair
    ours.close()
    content = b"".join(iter(lambda: theirs.recv(65536), b""))
    _head, _, chunks = content.partition(b"\r\n\r\n")
    decoder = Decoder()
    found: list[Frame] = []
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        piece, chunks = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        found += decoder.feed(piece)
    return found


def test_an_answer_goes_out_whole(pair):
    sink = FrameSink(pair[0])
    sink.head(200, [("x-a", b"1")])
    sink.body(b"hello")
    sink.end(End("ok", None))
    assert frames_of(pair) == [Head(200, [("x-a", "1")]), Data(b"hello"), End("ok", None)]


@pytest.mark.parametrize("outcome", ["trap", "error", "timeout"])
def test_an_answer_is_taken_back_when_the_run_fails_before_any_of_it_is_sent(pair, outcome):
    sink = FrameSink(pair[0])
    sink.head(200, [])
    sink.body(b"half of i")
    sink.end(End(outcome, "It failed."))
    assert frames_of(pair) == [End(outcome, "It failed.")]


def test_what_is_sent_already_stays(pair):
    sink = FrameSink(pair[0])
    sink.head(200, [])
    sink.body(b"first")
    sink.flush()
    sink.body(b"second")
    sink.end(End("trap", "It failed."))
    assert frames_of(pair) == [Head(200, []), Data(b"first"), Data(b"second"), End("trap", "It failed.")]


def test_the_empty_500_of_a_handler_that_failed_is_an_answer(pair):
    sink = FrameSink(pair[0])
    sink.head(500, [])
    sink.end(End("error", "ValueError: no"))
    assert frames_of(pair) == [Head(500, []), End("error", "ValueError: no")]
