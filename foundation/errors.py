"""The error a person can mend: every message says what was wrong, where, and what to do."""

from __future__ import annotations


class InputError(ValueError):
    """A mistake in what the user gave: a config, an annotation, an image, a checkpoint. Exit code 2."""
