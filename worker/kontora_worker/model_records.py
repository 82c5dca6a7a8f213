"""What was found out about models here: probes and benches, kept as JSON in the data folder."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TypeVar

from kontora_agents.catalogue import catalogue
from kontora_agents.errors import ModelError
from kontora_agents.model import ModelInfo
from kontora_agents.model_server import ModelServer
from kontora_agents.trials import Bench, Probe
from pydantic import BaseModel, TypeAdapter, ValidationError

log = logging.getLogger("kontora.models")

T = TypeVar("T", bound=BaseModel)


class ModelRecords:
    """The files `models/probes.json` and `models/benches.json` of a data folder."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "models"

    def probes(self) -> list[Probe]:
        """Every probe, the latest last. One of each server and model is kept."""
        return self._read("probes", Probe)

    def benches(self) -> list[Bench]:
        """Every bench, the latest last."""
        return self._read("benches", Bench)

    def keep_probe(self, probe: Probe) -> None:
        """Keep a probe; an earlier one of the same model goes."""
        others = [one for one in self.probes() if (one.url, one.model) != (probe.url, probe.model)]
        self._write("probes", [*others, probe])

    def keep_bench(self, bench: Bench) -> None:
        """Keep a bench beside all earlier ones."""
        self._write("benches", [*self.benches(), bench])

    def own_scores(self) -> dict[str, float]:
        """Per cent of the exercises done right here, by id of the catalogue: the latest bench of each model."""
        found = ((catalogue().find(bench.model), bench) for bench in self.benches())
        return {model.id: bench.percent for model, bench in found if model}

    def correct(self, url: str, info: ModelInfo) -> ModelInfo:
        """What a server says about a model, put right by what a probe of the same weights found."""
        probe = next((one for one in self.probes() if one.url == url and _same(one.model, info.name)), None)
        if probe is None or probe.digest != (info.digest or _digest(url, info.name)):
            return info
        others = [word for word in info.capabilities if word != "tools"]
        return info.model_copy(update={"capabilities": [*others, "tools"] if probe.calls_tools else others})

    def _read(self, name: str, kind: type[T]) -> list[T]:
        file = self._folder / f"{name}.json"
        if not file.is_file():
            return []
        try:
            return TypeAdapter(list[kind]).validate_json(file.read_bytes())  # type: ignore[valid-type]
        except (OSError, ValidationError) as error:
            log.warning("%s is not used: it cannot be read (%s)", file, type(error).__name__)
            return []

    def _write(self, name: str, records: list[T]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f".{name}.{os.getpid()}"
        documents = [record.model_dump(mode="json") for record in records]
        part.write_text(json.dumps(documents, ensure_ascii=False, indent=1), encoding="utf-8")
        part.replace(self._folder / f"{name}.json")


def _same(one: str, other: str) -> bool:
    return one.removesuffix(":latest") == other.removesuffix(":latest")


def _digest(url: str, name: str) -> str:
    try:
        return ModelServer(url).digest(name)
    except ModelError:
        return ""
