"""What runs on an Ollama server: its version and its models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kontora_agents import ollama_errors
from kontora_agents.errors import ModelMisspoke, ModelTimeout
from kontora_agents.model import ModelInfo, context_length

if TYPE_CHECKING:
    import ollama


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
        )

    def _client(self) -> ollama.Client:
        import ollama  # takes most of a second to import

        return ollama.Client(host=self.url, timeout=self._timeout(), trust_env=False)

    def _timeout(self) -> Any:
        import httpx

        return httpx.Timeout(self._seconds, connect=min(5.0, self._seconds))

    @contextmanager
    def _explained(self) -> Iterator[None]:
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
            raise ollama_errors.explain(error.status_code, error.error.encode(), "") from None
        except (ValueError, AttributeError, pydantic.ValidationError) as error:
            raise ModelMisspoke(f"What answers at {self.url} is not an Ollama server.", detail=repr(error)) from None
