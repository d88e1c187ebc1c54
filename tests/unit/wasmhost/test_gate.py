import threading
import time

from faasweb.wasmhost.gate import Gate


def test_a_function_takes_its_own_places_only():
    gate = Gate(3)
    assert gate.enter("a", 1, 0)
    assert not gate.enter("a", 1, 0.01)
    assert gate.enter("b", 1, 0)


def test_the_process_has_places_for_all_functions_together():
    gate = Gate(2)
    assert gate.enter("a", 5, 0)
    assert gate.enter("b", 5, 0)
    assert not gate.enter("c", 5, 0.01)
    gate.leave("a")
    assert gate.enter("c", 5, 0)
    assert gate.total == 2


def test_a_place_that_gets_free_is_taken_by_who_waits():
    gate = Gate(1)
    gate.enter("a", 1, 0)
    threading.Timer(0.05, gate.leave, ["a"]).start()
    started = time.monotonic()
    assert gate.enter("a", 1, 1.0)
    assert time.monotonic() - started < 10


def test_it_says_when_somebody_is_inside():
    changes = []
    gate = Gate(2, changes.append)
    gate.enter("a", 2, 0)
    gate.enter("a", 2, 0)
    gate.leave("a")
    gate.leave("a")
    assert changes == [True, False]
