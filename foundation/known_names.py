"""Which texts a field takes, told to editors in its JSON schema; the field's own validator is the judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema


class KnownNames:
    """Stands in a field's Annotated. Asked for when a schema is written, so that plug-ins count.

    names: what may be written. prefixes: what other valid names begin with, where a name is made up of parts.
    """

    def __init__(self, names: Callable[[], Iterable[str]], prefixes: Callable[[], Iterable[str]] = tuple) -> None:
        self.names, self.prefixes = names, prefixes

    def json_schema(self) -> dict[str, Any]:
        """Of a text that is one of the names."""
        listed = {"type": "string", "enum": list(self.names())}
        prefixes = "|".join(map(re.escape, self.prefixes()))
        return {"anyOf": [listed, {"type": "string", "pattern": f"^({prefixes})"}]} if prefixes else listed

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.json_schema()
