"""Every key of sweep files and site files: its type, its default, what it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic.json_schema import JsonSchemaValue

from heatmark.models.methods import METHODS
from heatmark.pipeline.manual.text import page, plain, table
from heatmark.pipeline.schema import site_schema, sweep_schema

HEAD: Final = ("Key", "Value", "Default", "What it is")
LIMITS: Final = {
    "minimum": "at least {:g}",
    "exclusiveMinimum": "above {:g}",
    "maximum": "at most {:g}",
    "exclusiveMaximum": "below {:g}",
}
KINDS: Final = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
SCHEMA_HINT = (
    "An editor completes and checks these keys in a file whose first line names the schema that "
    "`heatmark {0} schema --out {0}.schema.json` writes:\n\n"
    "    # yaml-language-server: $schema={0}.schema.json"
)


def sweep_page() -> str:
    """Of the sweep file."""
    schema = sweep_schema()
    return page(
        "The sweep file",
        "One YAML file says what is compared (`grid`), how it is trained (`train`), on what (`data`) and where it "
        "runs (`cluster`). `heatmark sweep new mine.yaml` writes one to start from. A key that is not below is an "
        "error that names the file, the key and the nearest valid one. `--set train.epochs=5` overrides a key.",
        SCHEMA_HINT.format("sweep"),
        *_sections(schema, skipped=("grid",)),
        *_grid(schema),
        *_methods(schema),
    )


def site_page() -> str:
    """Of the site file."""
    return page(
        "The site file",
        "What is the same for every sweep on a cluster. A sweep file names it (`cluster.site`), or `$HEATMARK_SITE` "
        "does; what a sweep file's section `cluster` says comes first. `slurm/site.example.yaml` is a commented one, "
        "`slurm/sites/` has some for public systems.",
        SCHEMA_HINT.format("site"),
        *_sections(site_schema()),
    )


def _sections(schema: JsonSchemaValue, skipped: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys of the file, then those of each of its sections, deeper ones after those that they are in."""
    waiting: list[tuple[str, JsonSchemaValue]] = [("", schema)]
    while waiting:
        path, section = waiting.pop(0)
        if path:
            yield f"## `{path}`"
        yield plain(section.get("description", "")) if path else ""
        yield _table(section, path)
        for key, value in section["properties"].items():
            where = f"{path}.{key}" if path else key
            if where not in skipped:
                waiting += [(f"{where}{inner}", found) for inner, found in _inside(value, schema)]


def _table(section: JsonSchemaValue, path: str) -> str:
    required = section.get("required", ())
    rows = []
    for key, value in section["properties"].items():
        default = "required" if key in required else _default(value)
        rows.append((f"`{path}.{key}`" if path else f"`{key}`", words(value), default, plain(_about(value))))
    return table(HEAD, rows)


def _about(value: JsonSchemaValue) -> str:
    return str(value.get("description", ""))


def _inside(value: JsonSchemaValue, schema: JsonSchemaValue) -> Iterator[tuple[str, JsonSchemaValue]]:
    """The sections that a key may hold, and what stands between: `.NAME` for those of any name."""
    if "$ref" in value:
        found = schema["$defs"][value["$ref"].rpartition("/")[2]]
        if "properties" in found:
            yield "", found
    for part in value.get("anyOf", ()):
        yield from _inside(part, schema)
    for part in value.get("patternProperties", {}).values():
        yield from ((f".NAME{inner}", found) for inner, found in _inside(part, schema))
    if isinstance(value.get("additionalProperties"), dict):
        named = _inside(value["additionalProperties"], schema)
        yield from ((f".NAME{inner}", found) for inner, found in named)


def words(value: JsonSchemaValue) -> str:
    """What may stand there, in words."""
    if "$ref" in value:
        return "a section"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(words(part) for part in value["anyOf"]))
    if "enum" in value or "const" in value:
        return ", ".join(f"`{json.dumps(each).strip(chr(34))}`" for each in value.get("enum", [value.get("const")]))
    kind = value.get("type")
    if kind == "null":
        return "nothing"
    if kind == "array":
        return f"a list of {len(value['prefixItems'])}" if "prefixItems" in value else f"a list: {_items(value)}"
    if kind == "object":
        named = value.get("additionalProperties")
        sections = "patternProperties" in value or (isinstance(named, dict) and "$ref" in named)
        return "sections by name" if sections else "values by name"
    limits = [text.format(value[name]) for name, text in LIMITS.items() if name in value]
    pattern = [f"that fits `{value['pattern']}`"] if "pattern" in value else []
    return ", ".join([" ".join([KINDS.get(kind or "", "anything"), *pattern]), *limits])


def _items(value: JsonSchemaValue) -> str:
    return words(value["items"]) if value.get("items") else "anything"


def _default(value: JsonSchemaValue) -> str:
    if "default" not in value:
        return "" if "$ref" not in value else "as below"
    default: Any = value["default"]
    return "none" if default is None else f"`{json.dumps(default)}`"


def _grid(schema: JsonSchemaValue) -> Iterator[str]:
    grid = schema["$defs"]["Grid"]
    yield "## `grid`"
    yield (
        "Every combination of the values is a cell; cells that are the same experiment (detection has no beta) are run "
        "once. A value or a list of values for each axis, and a list of such grids for cells that are no whole grid. "
        "The methods' own fields and every key of `train` are axes as well."
    )
    rows = []
    for axis, value in grid["properties"].items():
        having = [name for name, kind in METHODS.items() if axis in kind.model_fields]
        about = _about(value) or (f"A field of {', '.join(having)}." if having else f"As `train.{axis}`.")
        rows.append((f"`grid.{axis}`", "required" if axis in grid["required"] else "", about))
    yield table(("Axis", "", "What it is"), rows)


def _methods(schema: JsonSchemaValue) -> Iterator[str]:
    yield "## Methods"
    yield (
        "A method stands in `grid.method` by its name, or as a mapping of its name and fields: "
        "`{name: ipr+l_de, t_o: 12}`. `resolved` below means that a default depends on the number of epochs."
    )
    for name, kind in METHODS.items():
        fields = schema["$defs"][f"method.{name}"]["properties"]
        yield f"### `{name}`: {kind.label}"
        yield plain(kind.__doc__ or "")
        yield table(
            HEAD, [(f"`{key}`", words(v), _default(v), plain(_about(v))) for key, v in fields.items() if key != "name"]
        )
