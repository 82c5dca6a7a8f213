"""Questions of a team to a person: each waits like an approval, and the comment of the yes is the answer."""

from __future__ import annotations

from kontora_agents.seams import TurnLeft

from kontora_workflows.definition import TeamStep
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.signals import Stop, Wait
from kontora_workflows.ledger.approvals import Request
from kontora_workflows.ledger.chain import Entry, digest
from kontora_workflows.ledger.entries import LeaseLost

#: What stands in the place of a tool where a person is asked for words.
QUESTION = "person.answer"
_HEADLINE = 120


class Questions:
    """What a team asks a person, one question after another."""

    def __init__(self, step: TeamStep, journal: Journal) -> None:
        self._step, self._journal = step, journal
        self.stopped: Stop | LeaseLost | None = None
        #: What the person said, word for word.
        self.answers: list[str] = []

    async def ask(self, number: int, who: str, question: str) -> str:
        """Return what the person says to a question, or that they do not. Raises `TurnLeft` until then."""
        key = f"{self._step.id}/_person/q{number}"
        arguments = {"question": question, "asked_by": who}
        try:
            decided = self._journal.recorded("approval.decided", key)
            if decided is None:
                self._put(key, arguments)
                raise Wait("approval")
            return self._said(decided)
        except (Stop, LeaseLost) as stop:
            self.stopped = stop
            raise TurnLeft(str(stop)) from stop

    def _said(self, decided: Entry) -> str:
        """The answer. Raises `StepFailed` if it was erased."""
        decision, comment = decided.data["decision"], self._journal.comment(decided)
        if comment:
            self.answers.append(comment)
        if decision == "expired":
            return "Nobody answered in time."
        word = "Yes" if decision == "approved" else "No"
        return comment if comment and decision == "approved" else f"{word}. {comment}".strip()

    def _put(self, key: str, arguments: dict[str, str]) -> None:
        if self._journal.recorded("approval.requested", key) is not None:
            return
        person = self._step.team.person
        assert person is not None
        told = person.instructions or ""
        request = Request(
            key=key,
            title=_headline(arguments["question"]),
            tool=QUESTION,
            instance="person",
            arguments=arguments,
            arguments_hash=digest(arguments),
            untrusted=False,
            expires_in_ms=int(person.expires_after.total_seconds() * 1000),
            instructions=told if isinstance(told, str) else told.get("en") or next(iter(told.values())),
        )
        self._journal.ledger.approvals.request(self._journal.head, self._journal.run.root_id, request)


def _headline(question: str) -> str:
    """The beginning of a question; the whole of it is among the arguments."""
    line = " ".join(question.split())
    return (line if len(line) <= _HEADLINE else f"{line[:_HEADLINE]}…") or "A question without words"
