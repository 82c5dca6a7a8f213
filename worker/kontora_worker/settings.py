"""Every setting: where it is read from, what it means. The only place that reads the environment.

Order: environment (`KONTORA_…`), then `kontora.toml`, then the default. KONTORA_HOME names the data folder (`.kontora`
here); KONTORA_CONFIG the file of settings (`kontora.toml` here, else in the data folder).
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from kontora_agents.catalogue.policy import LicencePolicy
from kontora_connectors import ConnectorError, DataClass, Zone
from kontora_connectors.letter import ascii_address
from kontora_connectors.smtp import Security, SmtpConfig
from kontora_workflows.engine.ports import QUEUE
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,60}$")]


class SettingsInvalid(Exception):
    """A setting is wrong; the message says which, where it was read and what would be right."""


class ModelSettings(BaseModel):
    """One model of `[models.NAME]`.

    `ollama` and `openai` say how its server is asked: by Ollama's protocol, or as vLLM, LM Studio, llama.cpp and hosted
    services are. `rehearsal` plays scripts (not a language model).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: Literal["ollama", "openai", "rehearsal"] = "ollama"
    url: str = Field("http://127.0.0.1:11434", description="where the server listens; openai: up to and with `/v1`")
    key: SecretStr | None = Field(None, description="openai: bearer token, as a reference: env:NAME or file:/path")
    writes: bool = Field(False, description="openai: tools are told in the prompt, for servers that take none")
    zone: Zone | None = Field(
        None, description="local, private or external; if left out, by its address (and `:cloud` of its name)"
    )
    may_hold: DataClass | None = Field(
        None,
        description="highest class it may be given; if left out: local personal, private confidential, external public",
    )
    may_hold_approved: DataClass | None = Field(
        None,
        description="highest class it may be given in a question whose exact text a person approved (`escalation` of "
        "an agent); if left out: as `may_hold`",
    )
    name: str = Field("", description="name of the model; empty: the first installed one that can call tools")
    keep_alive: str = Field("", description="ollama: how long it stays loaded after a question, e.g. `30m` or `-1`")
    warm: bool = Field(False, description="ollama: loaded when a worker starts, so that nobody waits for it")
    limit: int | None = Field(None, ge=1, description="questions to its server at once, on all machines together")
    queue: QueueName = Field(QUEUE, description="where runs go whose next step asks it; see `queues`")
    script: str = Field("", description="rehearsal only: which script of a workflow, e.g. `adversarial`")


class InstanceSettings(BaseModel):
    """One connector of `[connectors.NAME]`; further keys belong to its kind."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    limit: int | None = Field(None, ge=1, description="calls at once, on all machines together")
    queue: QueueName = Field(QUEUE, description="where runs go whose next step calls it; see `queues`")


class WebhookSettings(BaseModel):
    """Where alerts are posted, in the form of Standard Webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = Field(description="http:// or https://; a reference (env:NAME, file:/path) if it holds a token")
    secret: SecretStr = Field(description="a reference: env:NAME or file:/path; `whsec_` and base64, or any text")


class MailSettings(BaseModel):
    """Who gets alerts by mail, and through which server; as in a connector of kind `smtp`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(0, ge=0, le=65535, description="0: 587 with starttls, 465 with tls, 25 without")
    security: Security = Field("starttls", description="starttls, tls or none; there is no way back to an open line")
    ca_file: Path | None = Field(None, description="certificates to trust instead of the system's, as PEM")
    user: str = ""
    password: SecretStr | None = Field(None, description="a reference: env:NAME or file:/path")
    sender: str = Field(description="the address mails come from: `Kontora <kontora@acme.example>`")
    recipients: list[str] = Field(min_length=1, description="who is told")

    def connector(self, password: SecretStr | None) -> SmtpConfig:
        """The same as settings of a connector that may write to nobody else. Raises `ValidationError`."""
        given = self.model_dump(exclude={"recipients", "password"})
        return SmtpConfig(**given, password=password, allowed_recipients=self.recipients, timeout_s=10)

    @model_validator(mode="after")
    def _fits_the_connector(self) -> Self:
        try:
            self.connector(self.password)
            for recipient in self.recipients:
                ascii_address(recipient)
        except ValidationError as error:  # whose own text has many lines, and speaks of another section
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        except ConnectorError as error:
            raise ValueError(error.message) from None
        return self


class AlertSettings(BaseModel):
    """Who is told that a run of a schedule failed or never came, besides the log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook: WebhookSettings | None = None
    mail: MailSettings | None = None


class Settings(BaseModel):
    """What this installation is set up to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(description="the data folder; `.kontora` here if left out")
    file: Path = Field(description="the file of settings, whether it is there or not")
    database_url: SecretStr = Field(
        description="SQLAlchemy URL of the ledger; `ledger.db` in the data folder if left out"
    )
    broker_url: SecretStr | None = Field(None, description="redis:// URL; none: Celery's filesystem transport")
    workflows: Path = Field(
        description="folder of your own workflow files; `workflows` beside kontora.toml if left out"
    )
    timezone: str = Field("UTC", description="IANA zone of `today` for runs that no schedule starts")
    host: str = Field("127.0.0.1", description="where the API listens; other than loopback needs a token")
    port: int = Field(8765, ge=0, le=65535, description="where the API listens; 0 takes a free one")
    api_token: SecretStr | None = Field(None, description="bearer token that REST asks for")
    tokens: dict[str, str] = Field(
        default_factory=dict, description="name of a person → reference to that person's bearer token"
    )
    lease_s: float = Field(30.0, gt=0, description="how long a run stays a worker's without a heartbeat")
    sweep_s: float = Field(1.0, gt=0, description="pause between two sweeps")
    queues: tuple[QueueName, ...] = Field(
        (), description="the queues that workers here serve, comma-separated in the environment; all if left out"
    )
    deaf_s: float = Field(
        30.0, gt=0, description="a pool that takes none of the runs that have been due for so long is started anew"
    )
    external_models: bool = Field(False, description="whether models outside of the house may be asked at all")
    connectors: dict[str, InstanceSettings] = Field(default_factory=dict)
    roles: dict[str, str] = Field(default_factory=dict)
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    licences: LicencePolicy = LicencePolicy()
    alerts: AlertSettings = AlertSettings()
    #: Where each value came from, for `kontora config show`.
    origin: dict[str, str] = Field(default_factory=dict)

    @field_validator("queues", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @property
    def all_queues(self) -> tuple[str, ...]:
        """Every queue that something here names."""
        named = [model.queue for model in self.models.values()] + [one.queue for one in self.connectors.values()]
        return tuple(dict.fromkeys([QUEUE, *named, *self.queues]))


#: Settings that an environment variable `KONTORA_<NAME>` goes before.
FROM_ENVIRONMENT = (
    "database_url",
    "broker_url",
    "workflows",
    "timezone",
    "host",
    "port",
    "api_token",
    "lease_s",
    "sweep_s",
    "deaf_s",
    "queues",
)


def load_settings(home: str | None = None) -> Settings:
    """Read settings. `home` overrides KONTORA_HOME. Raises `SettingsInvalid`."""
    folder, file = _places(home)
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if file.is_file():
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsInvalid(
                f"{file} cannot be read: {error}. Mend it, or write a new one: kontora init."
            ) from None
        origin = dict.fromkeys(values, str(file))
    for name in FROM_ENVIRONMENT:
        variable = f"KONTORA_{name.upper()}"
        if os.environ.get(variable):
            values[name], origin[name] = os.environ[variable], variable
    values |= {"home": folder, "file": file}
    origin |= {"home": "--home" if home else "KONTORA_HOME" if os.environ.get("KONTORA_HOME") else "default"}
    values.setdefault("database_url", f"sqlite:///{folder / 'ledger.db'}")
    values.setdefault("workflows", file.parent / "workflows")
    try:
        return Settings(**values, origin=origin)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        where = origin.get(str(first["loc"][0]), str(file))
        raise SettingsInvalid(
            f"The setting {name!r} ({where}) is wrong: {first['msg']}. `kontora config show` lists them all."
        ) from None


def _places(home: str | None) -> tuple[Path, Path]:
    """The data folder and the file of settings."""
    chosen, here = home or os.environ.get("KONTORA_HOME"), Path.cwd()
    folder = Path(chosen).absolute() if chosen else here / ".kontora"
    if os.environ.get("KONTORA_CONFIG"):
        return folder, Path(os.environ["KONTORA_CONFIG"]).absolute()
    beside = here / "kontora.toml"
    return folder, beside if beside.is_file() and not chosen else folder / "kontora.toml"


def for_child(settings: Settings) -> dict[str, str]:
    """The environment in which a process of ours reads the same settings."""
    return {**os.environ, "KONTORA_HOME": str(settings.home), "KONTORA_CONFIG": str(settings.file)}


def read_secret(reference: str) -> str:
    """Follow `env:NAME` or `file:/path`; any other text is returned as it is. Raises `SettingsInvalid`."""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        value = os.environ.get(rest)
        if value is None:
            raise SettingsInvalid(f"The secret {reference!r} is not there: set the environment variable {rest}.")
        return value
    if kind == "file" and rest.startswith("/"):
        try:
            return Path(rest).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsInvalid(f"The secret {reference!r} cannot be read: {error.strerror}.") from None
    return reference
