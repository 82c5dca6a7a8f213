"""What can go wrong between an agent and its model.

ModelError
├── ModelMissing       the server does not have this model
├── ModelUnsuitable    the model cannot do what the agent needs (call tools, fit the prompt)
│   └── AnswerUnusable what it says cannot be taken, also after it was put right
├── ModelNotAllowed    its licence, or this installation, does not allow the use
├── ModelUnavailable   the server does not answer, is busy or broke off                    (retryable)
├── ModelTimeout       it did not answer in time                                           (retryable)
├── ModelMisspoke      what its server sent is not an answer: not the protocol, broken off (retryable)
└── RehearsalMismatch  the rehearsal script does not fit the conversation
"""

from __future__ import annotations

from typing import ClassVar


class ModelError(Exception):
    """Something went wrong between an agent and its model. `hint` says what to type next."""

    code: ClassVar[str] = "model_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *, hint: str = "", detail: str = "") -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        self.detail = detail
        super().__init__(self.message)


class ModelMissing(ModelError):
    """The server does not have this model."""

    code = "model_missing"


class ModelUnsuitable(ModelError):
    """The model cannot do what the agent needs."""

    code = "model_unsuitable"


class AnswerUnusable(ModelUnsuitable):
    """What the model says cannot be taken as an answer."""


class ModelNotAllowed(ModelError):
    """The licence of the model, or the policy of this installation, does not allow its use."""

    code = "model_not_allowed"


class ModelUnavailable(ModelError):
    """The model server does not answer."""

    code = "model_unavailable"
    retryable = True


class ModelTimeout(ModelError):
    """The model did not answer in time."""

    code = "model_timeout"
    retryable = True


class ModelMisspoke(ModelError):
    """What the model server sent is not an answer."""

    code = "model_misspoke"
    retryable = True


class RehearsalMismatch(ModelError):
    """The rehearsal script does not fit the conversation."""

    code = "rehearsal_mismatch"
