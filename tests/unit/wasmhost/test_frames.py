import asyncio

import pytest

from faasweb.wasmhost.frames import (
    BrokenFrames,
    Data,
    Decoder,
    End,
    Frame,
    Head,
    LogLine,
    decode,
    decode_stream,
    encode,
)

FRAMES: list[Frame] = [
    Head(200, [("content-type", "text/plain"), ("x-bytes", "\xff")]),
    Data(b"Hello"),
    Data(b""),
    End("ok", None, 1.5, 1.0, None, "r1", 3, "baked", [LogLine(1, "stdout", "línea")], 2),
]
ANSWER = b"".join(encode(frame) for frame in FRAMES)


def test_frames_survive_the_wire():
    assert list(decode(ANSWER)) == FRAMES


def test_frames_may_arrive_cut_anywhere():
    decoder = Decoder()
    frames = [frame for byte in ANSWER for frame in decoder.feed(bytes([byte]))]
    decoder.finish()
    assert frames == FRAMES


def test_a_stream_of_pieces_gives_the_same_frames():
    async def pieces():
        for start in range(0, len(ANSWER), 7):
            yield ANSWER[start : start + 7]

    async def collect():
        return [frame async for frame in decode_stream(pieces())]

    assert asyncio.run(collect()) == FRAMES


@pytest.mark.parametrize("cut", [1, 6, len(ANSWER) - 1])
def test_a_cut_answer_is_broken(cut):
    with pytest.raises(BrokenFrames):
        list(decode(ANSWER[:cut]))


@pytest.mark.parametrize(
    "answer",
    [b"", b"X\0\0\0\0", b"H\0\0\0\x02{}", b"E\0\0\0\x01x", b"D\xff\xff\xff\xff", ANSWER + encode(Data(b"late"))],
)
def test_what_is_not_frames_is_refused(answer):
    with pytest.raises(BrokenFrames):
        list(decode(answer))


def test_an_end_of_a_later_version_with_more_keys_is_read():
    payload = b'{"outcome":"ok","added_later":1}'
    assert list(decode(b"E" + len(payload).to_bytes(4, "big") + payload)) == [End("ok")]
