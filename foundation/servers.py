"""Addresses of servers as they may be shown: a password or a user's name in one is nobody else's."""

from __future__ import annotations

from urllib.parse import urlsplit

SERVERS = ("http", "https")


def is_server(uri: str) -> bool:
    """Whether a browser can open it."""
    return urlsplit(uri).scheme in SERVERS


def without_user(address: str) -> str:
    """The address without user and password, for which a browser asks itself."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
