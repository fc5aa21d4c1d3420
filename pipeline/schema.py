"""The JSON schemas of sweep files and site files, from which editors complete keys and check values."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from heatmark.models.backbones import BACKBONE_NAMES
from heatmark.models.methods import METHODS
from heatmark.pipeline.site import Site
from heatmark.pipeline.sweep import DataSection, SweepFile, axes
from heatmark.workloads.spec import TrainSpec

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# What a data section may leave to its format, by leaving it out or by null (DataSection).
USUAL_OF_FORMAT: Final = ("input_size", "scale", "rotation", "half_body", "shift")


class _WithoutTitles(GenerateJsonSchema):
    """A title that only repeats the key says nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def sweep_schema() -> JsonSchemaValue:
    """Of a sweep file: every method, backbone, format and executor that is installed here, plug-ins among them."""
    schema = SweepFile.model_json_schema(schema_generator=_WithoutTitles)
    definitions = schema["$defs"]
    for name, kind in METHODS.items():
        definitions[f"method.{name}"] = _method_schema(kind.model_json_schema(schema_generator=_WithoutTitles), name)
    grid = {
        "type": "object",
        "properties": {axis: _values(_axis_schema(axis, definitions)) for axis in axes()},
        "required": ["method", "backbone", "dataset"],
        "additionalProperties": False,
    }
    definitions["Grid"] = grid
    place = schema["properties"]["grid"]
    del place["items"], place["type"]
    place["anyOf"] = [_ref("Grid"), {"type": "array", "items": _ref("Grid"), "minItems": 1}]
    schema["properties"]["data"]["additionalProperties"] = False
    for section in schema["properties"].values():
        if "$ref" in section:
            section.pop("default", None)  # each of its keys says its own
    _shorter_data(definitions[DataSection.__name__]["properties"])
    return {"$schema": DIALECT, "title": "A sweep file of heatmark", **_titled(schema)}


def site_schema() -> JsonSchemaValue:
    """Of a site file."""
    schema = Site.model_json_schema(schema_generator=_WithoutTitles)
    return {"$schema": DIALECT, "title": "A site file of heatmark", **_titled(schema)}


def schema_text(schema: JsonSchemaValue) -> str:
    """As it is written to a file."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _titled(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {key: value for key, value in schema.items() if key != "title"}


def _ref(*place: str) -> JsonSchemaValue:
    return {"$ref": "/".join(["#/$defs", *(part.replace("~", "~0").replace("/", "~1") for part in place)])}


def _method_schema(schema: JsonSchemaValue, name: str) -> JsonSchemaValue:
    """A method as a mapping: its name, and those of its fields that are not as usual."""
    del schema["title"]
    return schema | {"required": ["name"], "description": schema.get("description", name)}


def _axis_schema(axis: str, definitions: dict[str, JsonSchemaValue]) -> JsonSchemaValue:
    """Of one value of an axis of the grid."""
    if axis == "method":
        names = {"type": "string", "enum": list(METHODS)}
        return {
            "description": "How heatmaps are learned and read.",
            **_any([names, *(_ref(f"method.{name}") for name in METHODS)]),
        }
    if axis == "backbone":
        return {"description": "The network.", **BACKBONE_NAMES.json_schema()}
    if axis == "dataset":
        return {"description": "A name of the section `data`.", "type": "string"}
    if axis == "seed":
        return {"description": "Of weights and order of people.", "type": "integer", "minimum": 0}
    if axis in TrainSpec.model_fields:
        return _ref(TrainSpec.__name__, "properties", axis)
    return _any(_fields(axis, definitions))


def _fields(axis: str, definitions: dict[str, JsonSchemaValue]) -> list[JsonSchemaValue]:
    """Of a field that methods have: where it is described, once for all methods that take the same values."""
    told: dict[str, JsonSchemaValue] = {}
    for name in METHODS:
        field = definitions[f"method.{name}"]["properties"].get(axis)
        if field is not None:
            values = {key: value for key, value in field.items() if key not in ("default", "description")}
            told.setdefault(json.dumps(values), _ref(f"method.{name}", "properties", axis))
    return list(told.values())


def _any(schemas: list[JsonSchemaValue]) -> JsonSchemaValue:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _values(one: JsonSchemaValue) -> JsonSchemaValue:
    """One value of an axis, or a list of them."""
    described = {"description": one["description"]} if "description" in one else {}
    one = {key: value for key, value in one.items() if key != "description"}
    return described | {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _shorter_data(keys: dict[str, JsonSchemaValue]) -> None:
    """What a data section takes beyond the types of its fields: null for the format's own, a list of boxes."""
    for name in USUAL_OF_FORMAT:
        stated = keys[name]
        described = {"description": f"{stated.pop('description')} As the format usually has it where it is left out."}
        stated.pop("default")
        keys[name] = described | {"anyOf": [stated, {"type": "null"}]}
    boxes = keys["bbox_source"]
    boxes["anyOf"] = [{"type": boxes.pop("type")}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
