"""What follows a worker's death, by how it lived."""

import pytest

from eventkit_poller.restarts import ATTEMPTS, QUICK, GiveUp, Life, Restart, after_death


def after(life: Life, failures: int = 0, drawn: float = 1.0) -> Restart | GiveUp:
    return after_death(life, failures, lambda: drawn)


def test_the_delay_grows_while_workers_die_quickly_and_has_an_end() -> None:
    crash = Life(code=1, seconds=5, polled=True)

    delays = [step.after for failures in range(9) if isinstance(step := after(crash, failures), Restart)]

    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_delay_is_drawn_so_that_workers_do_not_come_back_together() -> None:
    assert after(Life(-9, 5, polled=True), failures=3, drawn=0.25) == Restart(2.0, failures=4)


def test_a_worker_that_has_lived_begins_the_count_anew() -> None:
    assert after(Life(1, QUICK, polled=True), failures=7) == Restart(1.0, failures=1)


@pytest.mark.parametrize("polled", [True, False])
def test_wrong_configuration_is_not_tried_again(polled: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert after(Life(2, 0.1, polled=polled)) == GiveUp(2)


@pytest.mark.parametrize(("code", "whole"), [(1, 1), (3, 3), (0, 1), (-9, 1)])
def test_workers_that_never_come_to_poll_are_given_up(code: int, whole: int) -> None:
    never = Life(code, 0.1, polled=False)

    assert isinstance(after(never, ATTEMPTS - 2), Restart)
    assert after(never, ATTEMPTS - 1) == GiveUp(whole)


def test_a_worker_that_polled_is_never_given_up() -> None:
    assert isinstance(after(Life(1, 0.1, polled=True), failures=1000), Restart)
