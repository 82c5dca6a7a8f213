"""AutoGen lets a team work. It is imported when the first team works, not before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from autogen_agentchat.teams import BaseGroupChat, RoundRobinGroupChat, SelectorGroupChat, Swarm

from kontora_agents.autogen_runner import ask_again
from kontora_agents.grounding import Ungrounded, check
from kontora_agents.limits import LimitReached
from kontora_agents.seams import ModelAnswer, TurnLeft
from kontora_agents.speaker import Speakers, purpose
from kontora_agents.team import PERSON, Chooser, Said, Team, TeamOutcome
from kontora_agents.team_ending import Ending
from kontora_agents.team_seats import PersonSeat, Seat


class TeamAtWork:
    """One team's work on one task."""

    def __init__(self, team: Team, task: str, evidence: Callable[[], list[str]]) -> None:
        self._team, self._task, self._evidence = team, task, evidence
        purposes = {member.name: purpose(member) for member in team.members}
        if team.person is not None:
            purposes[PERSON] = "a person of the company, who may take days to answer"
        swarm = team.pattern == "swarm"
        self._seats = {
            one.name: Seat(one, {to: why for to, why in purposes.items() if swarm and to != one.name})
            for one in team.members
        }
        self._person = PersonSeat(team.person) if team.person is not None else None
        self._choosing = Choosing(team.chooser, Speakers(team.members, task)) if team.chooser is not None else None
        self._ending = Ending(team)

    async def run(self) -> TeamOutcome:
        """Let the team work; see `AgentRunner.run_team`."""
        ungrounded: list[Ungrounded] = []
        talk = asyncio.ensure_future(self._talk())
        try:
            await asyncio.shield(talk)
            ungrounded = await self._founded()
        except LimitReached:
            self._ending.ended = "limit"
            self._keep_last_words()
            ungrounded = self._unfounded()
        finally:
            await self._leave(talk)
        return self._outcome(ungrounded)

    async def _leave(self, talk: asyncio.Future[None]) -> None:
        """Let nothing go on: the call under way is waited for, nothing else is asked or made."""
        for seat in self._seats.values():
            seat.client.stopped = seat.client.stopped or TurnLeft("the team is being stopped")
            await seat.toolbox.finish()
        with suppress(Exception):
            await talk

    async def _talk(self) -> None:
        """The conversation. Typed errors are taken from beside AutoGen, which turns them into text."""
        try:
            async for _ in self._chat().run_stream(task=self._task):
                pass
        except Exception:
            if not self._stopped():
                raise
        if stopped := self._stopped():
            raise stopped[0]

    def _stopped(self) -> list[Exception]:
        seats = [seat.client.stopped for seat in self._seats.values()]
        others = [one.stopped for one in (self._person, self._choosing) if one is not None]
        return [error for error in (*seats, *others) if error is not None]

    def _chat(self) -> BaseGroupChat:
        seats, ending = list(self._seats.values()), self._ending
        if self._team.pattern == "swarm":
            person = [self._person] if self._person is not None else []
            return Swarm([*seats, *person], termination_condition=ending)
        if self._choosing is None:
            return RoundRobinGroupChat([*seats], termination_condition=ending)
        choosing = self._choosing

        async def pick(_: object) -> str:
            return await choosing.pick(ending.transcript)

        return SelectorGroupChat([*seats], seats[0].client, termination_condition=ending, selector_func=pick)

    # --- the result ----------------------------------------------------------------------------------------------

    def _keep_last_words(self) -> None:
        """What the member said that was speaking when the limit was reached."""
        for seat in self._seats.values():
            if isinstance(seat.client.stopped, LimitReached):
                self._add(seat, seat.client.text)

    def _add(self, seat: Seat, text: str) -> None:
        if text:
            self._ending.transcript.append(Said(who=seat.name, text=text))

    async def _founded(self) -> list[Ungrounded]:
        """Check the figures of the result; who said it is asked once to say it again."""
        ungrounded = self._unfounded()
        seat = self._author
        if ungrounded and len(seat.client.answers) < seat.member.agent.limits.turns:
            async for _ in seat.run_stream(task=ask_again(ungrounded)):
                pass
            if seat.client.stopped is not None:
                raise seat.client.stopped
            self._add(seat, seat.client.text)
            ungrounded = self._unfounded()
        return ungrounded

    @property
    def _author(self) -> Seat:
        return self._seats[self._ending.result().who]

    def _unfounded(self) -> list[Ungrounded]:
        agent = self._author.member.agent
        if agent.grounding == "off":
            return []
        return check(self._ending.result().text, [agent.instructions, *self._evidence()], agent.derivations)

    def _outcome(self, ungrounded: list[Ungrounded]) -> TeamOutcome:
        author, result = self._author, self._ending.result()
        chosen = self._choosing.answers if self._choosing is not None else []
        answers = [*chosen, *(answer for seat in self._seats.values() for answer in seat.client.answers)]
        said = [answer.model for answer in author.client.answers if answer.model]
        return TeamOutcome(
            text=result.text,
            agent=result.who,
            transcript=self._ending.transcript,
            turns=len(answers),
            tool_calls=sum(seat.toolbox.made for seat in self._seats.values()),
            prompt_tokens=sum(answer.prompt_tokens for answer in answers),
            completion_tokens=sum(answer.completion_tokens for answer in answers),
            model=next(iter(said), author.member.model_name),
            rehearsal=any(answer.rehearsal for answer in answers),
            ended=self._ending.ended or "answered",
            ungrounded=ungrounded,
        )


class Choosing:
    """Asks the model that picks who speaks next. `stopped` holds what ended it."""

    def __init__(self, chooser: Chooser, speakers: Speakers) -> None:
        self._chooser, self._speakers = chooser, speakers
        self._heard = self._choices = 0
        self.answers: list[ModelAnswer] = []
        self.stopped: Exception | None = None

    async def pick(self, transcript: list[Said]) -> str:
        """Who speaks next. With one candidate nobody is asked."""
        new, self._heard = transcript[self._heard :], len(transcript)
        try:
            name, by_model = self._speakers.choose(await self._answer(new))
            self._chooser.chosen(self._choices, name, "model" if by_model else "order")
        except Exception as error:
            self.stopped = error
            raise
        self._choices += 1
        return name

    async def _answer(self, new: list[Said]) -> str:
        if len(self._speakers.candidates) == 1:
            return ""
        request = self._speakers.question(self._chooser.model_name, new)
        answer = await self._chooser.seams.ask(len(self.answers), request, self._chooser.model.answer)
        self.answers.append(answer)
        return answer.text
