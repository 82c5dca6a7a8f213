"""What runs on an Ollama server: its version and its models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import Field

from kontora_agents import ollama_errors
from kontora_agents.catalogue import catalogue
from kontora_agents.errors import ModelMisspoke, ModelTimeout
from kontora_agents.model import ModelInfo, context_length
from kontora_agents.seams import Value

if TYPE_CHECKING:
    import ollama

#: Seconds without a word after which a server that fetches a model is taken for lost.
_PULL_S = 120.0


class Pulled(Value):
    """How far a model has been fetched. Of one part, `completed` of `total` bytes are there; 0: not said."""

    status: str
    part: str = Field("", description="digest of the part that is being fetched")
    completed: int = 0
    total: int = 0


class Loaded(Value):
    """A model as its server has it in memory now."""

    gb: float = Field(description="memory that it takes, its cache included")
    on_card: float = Field(description="share of it in the memory of a graphics card, from 0 to 1")
    context: int | None = Field(None, description="tokens of prompt and answer that it is loaded for")

    def in_words(self) -> str:
        """The same for a person."""
        place = {0.0: "none of it", 1.0: "all of it"}.get(self.on_card, f"{self.on_card:.0%} of it")
        tokens = f", for {self.context:,} tokens" if self.context else ""
        return f"{self.gb:g} GB, {place} on a graphics card{tokens}"


class ModelServer:
    """An Ollama server, asked by code that is not asynchronous. Every method raises `ModelError`."""

    def __init__(self, url: str, *, seconds: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._seconds = seconds

    def version(self) -> str:
        """Return the version of the server."""
        import httpx

        with self._explained(), httpx.Client(trust_env=False, timeout=self._timeout()) as client:
            answer = client.get(f"{self.url}/api/version")
            version = answer.json().get("version") if answer.status_code == 200 else None
        if not version:
            raise ModelMisspoke(f"What answers at {self.url} is not an Ollama server.")
        return str(version)

    def models(self) -> list[ModelInfo]:
        """Return the installed models, with what each can do."""
        with self._explained(), self._client() as client:
            listed = client.list().models
            return [self._described(client, entry) for entry in listed if entry.model]

    def digest(self, name: str) -> str:
        """Return the digest of an installed model; empty if it is not installed."""
        with self._explained(), self._client() as client:
            listed = client.list().models
        wanted = name if ":" in name else f"{name}:latest"
        return next((entry.digest or "" for entry in listed if entry.model in (name, wanted)), "")

    def loaded(self, name: str) -> Loaded | None:
        """Return how a model is loaded; None if it is not."""
        with self._explained(), self._client() as client:
            running = client.ps().models
        wanted = name if ":" in name else f"{name}:latest"
        for entry in running:
            if (entry.model or entry.name) in (name, wanted) and entry.size:
                share = min(1.0, int(entry.size_vram or 0) / int(entry.size))
                return Loaded(gb=round(entry.size / 1e9, 1), on_card=round(share, 2), context=entry.context_length)
        return None

    def licence_text(self, name: str) -> str:
        """Return the licence that an installed model carries; empty if it carries none."""
        with self._explained(name), self._client() as client:
            return client.show(name).license or ""

    def pull(self, name: str) -> Iterator[Pulled]:
        """Fetch a model, and say how far that is. What was fetched before a failure is not fetched again."""
        with self._explained(name), self._client(loading=True) as client:
            for step in client.pull(name, stream=True):
                yield Pulled(
                    status=step.status or "",
                    part=step.digest or "",
                    completed=step.completed or 0,
                    total=step.total or 0,
                )

    @staticmethod
    def _described(client: ollama.Client, entry: Any) -> ModelInfo:
        shown = client.show(entry.model)
        return ModelInfo(
            name=entry.model,
            size=int(entry.size or 0),
            digest=entry.digest or "",
            parameter_size=(entry.details.parameter_size if entry.details else None) or "",
            capabilities=list(shown.capabilities or ()),
            context_length=context_length(shown.modelinfo or {}),
            licence=catalogue().recognise(shown.license or "").licence,
        )

    def _client(self, *, loading: bool = False) -> ollama.Client:
        import ollama  # takes most of a second to import

        seconds = _PULL_S if loading else self._seconds
        return ollama.Client(host=self.url, timeout=self._timeout(seconds), trust_env=False)

    def _timeout(self, seconds: float | None = None) -> Any:
        import httpx

        return httpx.Timeout(seconds or self._seconds, connect=min(5.0, self._seconds))

    @contextmanager
    def _explained(self, model: str = "") -> Iterator[None]:
        """Turn what httpx and ollama raise into our errors."""
        import httpx
        import ollama
        import pydantic

        try:
            yield
        except httpx.TimeoutException as error:
            raise ModelTimeout(f"The model server at {self.url} did not answer in time.", detail=repr(error)) from None
        except (ConnectionError, httpx.TransportError) as error:
            raise ollama_errors.unreachable(self.url, repr(error)) from None
        except ollama.ResponseError as error:
            raise ollama_errors.explain(error.status_code, json.dumps({"error": error.error}).encode(), model) from None
        except (ValueError, AttributeError, pydantic.ValidationError) as error:
            raise ModelMisspoke(f"What answers at {self.url} is not an Ollama server.", detail=repr(error)) from None
