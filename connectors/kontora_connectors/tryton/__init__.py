"""Tryton: what customers owe, read from its database."""

from kontora_connectors.tryton.connector import Tryton, TrytonConfig

__all__ = ["Tryton", "TrytonConfig"]
