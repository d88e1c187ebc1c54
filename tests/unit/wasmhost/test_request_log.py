from faasweb.wasmhost.request_log import MAX_LINE_BYTES, MAX_LINES, MAX_RETURNED_LINES, MAX_STORED_BYTES, RequestLog


def texts(lines):
    return [(line.stream, line.text) for line in lines]


def test_pieces_become_lines_at_their_newlines():
    log = RequestLog()
    log.write("stdout", b"he")
    log.write("stderr", b"oops\n")
    log.write("stdout", b"llo\nworld")
    log.close()
    assert texts(log.first) == [("stderr", "oops"), ("stdout", "hello"), ("stdout", "world")]


def test_a_long_line_is_cut():
    log = RequestLog()
    for _ in range(100):
        log.write("stdout", b"x" * 1000)
    log.write("stdout", b"\nnext\n")
    assert [len(line.text) for line in log.first] == [MAX_LINE_BYTES, 4]


def test_bytes_that_are_no_text_are_replaced():
    log = RequestLog()
    log.write("stdout", b"a\xffb\0c\r\n")
    assert log.first[0].text == "a\ufffdb\ufffdc"


def test_lines_over_the_count_are_dropped_and_a_marker_says_how_many():
    stored = []
    log = RequestLog(stored.append)
    log.write("stdout", b"line\n" * (MAX_LINES + 5))
    log.close()
    assert len(stored) == MAX_LINES + 1
    assert texts(stored[-1:]) == [("system", "... 5 lines dropped")]
    assert len(log.first) == MAX_RETURNED_LINES
    assert log.not_returned == MAX_LINES + 5 - MAX_RETURNED_LINES


def test_lines_over_the_bytes_are_dropped():
    stored = []
    log = RequestLog(stored.append)
    log.write("stdout", (b"x" * 10_000 + b"\n") * 200)
    log.close()
    assert sum(len(line.text) for line in stored[:-1]) <= MAX_STORED_BYTES + 10_000
    assert stored[-1].stream == "system"


def test_a_draft_stores_nothing():
    log = RequestLog(None)
    log.write("stdout", b"line\n" * (MAX_LINES + 5))
    log.close()
    assert log.lines == MAX_LINES + 5


def test_an_error_after_the_cap_is_still_known():
    log = RequestLog()
    log.write("stdout", b"line\n" * (MAX_LINES + 5))
    log.write("stderr", b"ValueError: late\n")
    assert list(log.last_errors) == ["ValueError: late"]
