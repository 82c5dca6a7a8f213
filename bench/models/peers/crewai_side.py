"""CrewAI: a crew of one agent with one task, over its model classes for Ollama or OpenAI; both speak `/v1`.

`python -m bench.models.peers.crewai_side` in an environment made from `crewai.txt`.
"""

import os
from importlib.metadata import version

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TRACING_ENABLED": "false"}

from crewai import LLM, Agent, Crew, Task  # it looks at the environment when it is imported
from crewai.tools import tool

from bench.models.peers.tools import tools_of
from bench.models.side import Order, serve


def _model(order: Order) -> LLM:
    if order.protocol == "ollama":
        return LLM(model=f"ollama/{order.model}", base_url=order.server, stream=order.stream)
    return LLM(model=f"openai/{order.model}", base_url=f"{order.server}/v1", api_key="placeholder", stream=order.stream)


def _run(order: Order) -> str:
    clerk = Agent(
        role="Clerk",
        goal=order.instructions,
        backstory="You work in the back office.",
        llm=_model(order),
        tools=[tool(function.__name__)(function) for function in tools_of(order)],
        max_iter=order.steps,
    )
    task = Task(description=order.task, expected_output="One sentence with the id and the number.", agent=clerk)
    return str(Crew(agents=[clerk], tasks=[task]).kickoff().raw)


if __name__ == "__main__":
    serve(
        _run,
        {name: version(name) for name in ("crewai", "openai")}
        | {"settings": "max_iter=12; telemetry off; ollama means LLM('ollama/...') on /v1"},
    )
