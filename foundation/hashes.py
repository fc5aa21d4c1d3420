"""SHA-256 of texts and files: the identity of what is compared, sent or kept."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(content: str | bytes) -> str:
    """In hex digits."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def file_sha256(path: Path) -> str:
    """Of a file of any size, in hex digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
