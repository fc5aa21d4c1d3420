"""The methods by the names that a sweep file calls them by, and how one is read from a file."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

from pydantic import PlainValidator, SerializeAsAny, ValidationInfo

from heatmark.foundation.registry import Registry
from heatmark.models.method import Method

MethodT = TypeVar("MethodT", bound=Method)

METHODS: Registry[type[Method]] = Registry("method", "heatmark.models.methods", "heatmark.methods")


def register(kind: type[MethodT]) -> type[MethodT]:
    """Decorator of a method's class: it is in the grid from then on, under the default of its field `name`.

    Raises TypeError for a class without `name` or `label`.
    """
    name = kind.model_fields["name"].default
    if not name:
        raise TypeError(f'{kind.__qualname__} has no name; write `name: Literal["mine"] = "mine"` into the class')
    if not getattr(kind, "label", ""):
        raise TypeError(f'{kind.__qualname__} has no label; write `label: ClassVar[str] = "Mine"` into the class')
    METHODS.add(name, kind, kind.order)
    return kind


def _read(given: Any, info: ValidationInfo) -> Method:
    """The method that the name says, with its own fields and no others."""
    if isinstance(given, Method):
        return given
    kind = METHODS.named(given.get("name") if isinstance(given, dict) else given)
    return kind.model_validate_json(json.dumps(given)) if info.mode == "json" else kind.model_validate(given)


# A union of whatever is registered when something is read.
AnyMethod = Annotated[SerializeAsAny[Method], PlainValidator(_read)]
