"""A pool is deaf when it takes nothing that is due; a pool that is busy, or slow to start, is not."""

from __future__ import annotations

from kontora_worker.ears import Ears


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def claims(*numbers: int) -> frozenset[tuple[str, int]]:
    return frozenset((f"run_{number}", 1) for number in numbers)


def yes() -> bool:
    return True


def test_a_pool_that_takes_nothing_that_is_due_is_deaf() -> None:
    clock = Clock()
    ears = Ears(30, 2, clock)
    clock.now = 29
    assert not ears.deaf(claims(), yes)
    clock.now = 31
    assert not ears.deaf(claims(), lambda: False)
    assert ears.deaf(claims(), yes)


def test_a_pool_with_a_long_queue_is_not_deaf_while_it_takes_one_run_after_the_other() -> None:
    clock = Clock()
    ears = Ears(30, 2, clock)
    for second in range(300):
        clock.now = second
        held = claims(second // 20)  # one hand free at every look, and everything is long due
        assert not ears.deaf(held, yes)


def test_a_pool_whose_one_run_never_ends_is_deaf_if_its_other_hand_takes_nothing() -> None:
    clock = Clock()
    ears = Ears(30, 2, clock)
    ears.deaf(claims(1), yes)
    clock.now = 31
    assert ears.deaf(claims(1), yes)
    assert not Ears(30, 1, clock).deaf(claims(1), yes)


def test_a_pool_that_is_slow_to_start_is_given_longer_each_time() -> None:
    clock = Clock()
    ears = Ears(30, 2, clock)
    started_anew = []
    for second in range(1000):
        clock.now = second
        if ears.deaf(claims(), yes):
            started_anew.append(second)
            ears.started()
    assert started_anew == [30, 90, 210, 450, 930]
    ears.deaf(claims(7), yes)
    clock.now += 30
    assert ears.deaf(claims(), yes)
