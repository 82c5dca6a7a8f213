"""What is promised whatever breaks, and how often each promise was put to the test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """`counted` is the count of a row that says how often the promise could have been broken; `unit` names it."""

    name: str
    words: str
    counted: str
    unit: str


#: Under the names that docs/faults.md gives them.
PROMISES = {
    one.name: one
    for one in (
        Promise("I1", "every accepted run comes to rest", "runs", "runs"),
        Promise("I2", "no write is made twice, and one that is recorded as done is there", "writes", "writes"),
        Promise("I3", "the ledger holds an intent before every call", "calls", "calls"),
        Promise("I4", "every intent has its outcome or says `unknown`, and is not repeated then", "writes", "writes"),
        Promise("I5", "nothing is accepted from a stale fence", "takeovers", "takeovers"),
        Promise("I6", "what has ended stays as it is, and every chain verifies", "runs", "runs"),
        Promise("I7", "a fire starts one run at most", "fires", "fires"),
        Promise("I8", "a cancelled run writes nothing more", "cancels", "cancelled runs"),
        Promise("I9", "attempts are bounded", "runs", "runs"),
        Promise("I10", "a run goes on within the lease and five seconds", "recovered", "takeovers, timed"),
    )
}
