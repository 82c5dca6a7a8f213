"""Models: which are configured, and what their servers say."""

from __future__ import annotations

from fastapi import APIRouter

from kontora_api import configured
from kontora_api.documents import API
from kontora_api.parts import Items, TheHouse
from kontora_api.system_documents import ModelDocument

router = APIRouter(prefix=API, tags=["Models"])


@router.get("/models")
def list_models(house: TheHouse) -> Items[ModelDocument]:
    """List the configured models, whether their servers answer, and what is installed there."""
    return Items(items=configured.models(house.settings, house.model_records))
