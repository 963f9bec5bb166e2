"""The interval timer: limits one inside the other."""

import gc
import signal
import threading
import time

import pytest

from eventkit.outcomes import Interrupted
from eventkit_lambda._alarm import Alarm
from eventkit_lambda._loop import run_at_once

pytestmark = pytest.mark.usefixtures("functions")

LONG = 60.0


def block() -> None:
    time.sleep(LONG)


def test_a_limit_interrupts_a_call_that_blocks() -> None:
    alarm = Alarm()
    alarm.arm(0.02)

    with pytest.raises(Interrupted):
        block()

    alarm.disarm()


def test_a_limit_that_was_taken_back_does_not_ring() -> None:
    alarm = Alarm()
    alarm.arm(0.02)
    alarm.disarm()
    end = time.monotonic() + 0.05

    time.sleep(0.05)

    assert time.monotonic() >= end


def test_a_timer_that_is_left_over_is_set_again_for_a_later_limit() -> None:
    alarm = Alarm()
    alarm.arm(0.02)
    alarm.disarm()
    alarm.arm(0.06)
    began = time.monotonic()

    with pytest.raises(Interrupted):
        block()

    alarm.disarm()
    assert 0.04 < time.monotonic() - began < 1


def test_a_shorter_limit_comes_first_and_the_longer_one_after_it() -> None:
    alarm = Alarm()
    alarm.arm(0.1)

    with pytest.raises(TimeoutError, match=r"the handler took more than 0\.02 s"):
        run_at_once(alarm.call(block, 0.02))
    with pytest.raises(Interrupted):
        block()

    alarm.disarm()


def test_a_call_that_outlasts_the_whole_is_an_interruption_of_the_whole() -> None:
    alarm = Alarm()
    alarm.arm(0.02)

    with pytest.raises(Interrupted):
        run_at_once(alarm.call(block, LONG))

    alarm.disarm()


def test_a_call_in_time_gives_its_value() -> None:
    assert run_at_once(Alarm().call(lambda: 42, LONG)) == 42
    assert run_at_once(Alarm().call(lambda: 42, None)) == 42


def test_it_rings_again_for_code_that_caught_it() -> None:
    alarm = Alarm()
    alarm.arm(0.02)
    rang = 0

    for _ in range(2):
        with pytest.raises(Interrupted):
            block()
        rang += 1

    alarm.disarm()
    assert rang == 2


def test_a_limit_is_never_left_behind_however_close_it_rings() -> None:
    alarm = Alarm()
    interrupted = 0

    for step in range(400):
        try:
            alarm.arm(step % 40 * 50e-6)  # from long before its end to long after
            try:
                sum(range(20_000))
            finally:
                alarm.disarm()
        except Interrupted:
            interrupted += 1

    assert 0 < interrupted < 400
    time.sleep(0.15)  # a limit left behind would ring here


def test_another_alarm_may_take_the_timer_and_give_it_back() -> None:
    one, two = Alarm(), Alarm()
    one.arm(LONG)
    one.disarm()

    for alarm in (two, one, two):
        alarm.arm(0.02)
        with pytest.raises(Interrupted):
            block()
        alarm.disarm()


def test_on_another_thread_nothing_is_cut_off() -> None:
    former = signal.getsignal(signal.SIGALRM)
    found: list[object] = []

    def elsewhere() -> None:
        alarm = Alarm()
        alarm.arm(0.001)
        time.sleep(0.02)
        alarm.disarm()
        found.append(alarm.works)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert found == [False]
    assert signal.getsignal(signal.SIGALRM) is former


class Finalised:
    """Takes its time to go, in a method where Python only prints an exception."""

    def __del__(self) -> None:
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass


def test_a_limit_that_passes_in_a_finaliser_interrupts_what_comes_after_it() -> None:
    alarm = Alarm()
    finalised = [Finalised()]

    def work() -> None:
        finalised.clear()
        block()

    alarm.arm(0.02)

    with pytest.raises(Interrupted):
        work()

    alarm.disarm()


def test_a_limit_that_passes_in_a_callback_of_the_collector_interrupts_what_comes_after_it() -> None:
    alarm = Alarm()

    def linger(_phase: str, _info: dict[str, int]) -> None:
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass

    def work() -> None:
        gc.collect()
        block()

    gc.callbacks.append(linger)
    alarm.arm(0.02)
    try:
        with pytest.raises(Interrupted):
            work()
    finally:
        gc.callbacks.remove(linger)

    alarm.disarm()
