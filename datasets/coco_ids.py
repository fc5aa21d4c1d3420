"""Ids of COCO-style files that are text: hashes and names, which become numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

Record = dict[str, Any]

# Where an id that was text is kept, for predictions that are written with it.
TEXT_ID: Final = "text id"
# Of each list the key that annotations mean its records by.
MEANT_BY: Final = {"images": "image_id", "categories": "category_id"}


def number_texts(content: Record) -> tuple[str, ...]:
    """Ids that are text become numbers above all others, in the order of the alphabet; of annotations as they come.

    Returns a line for each kind.
    """
    done: Counter[str] = Counter()
    for key, name in MEANT_BY.items():
        texts = {record["id"] for record in _records(content[key]) if isinstance(record.get("id"), str)}
        if not texts:
            continue
        first = _first_free(content[key])
        number_of = {text: first + place for place, text in enumerate(sorted(texts))}
        for record in _records(content[key]):
            if isinstance(record.get("id"), str):
                record |= {TEXT_ID: record["id"], "id": number_of[record["id"]]}
        for annotation in _records(content["annotations"]):
            if isinstance(annotation.get(name), str):
                annotation[name] = number_of.get(annotation[name], annotation[name])
        done[f"ids of {key} are text; they are numbered in the order of the alphabet"] += len(texts)
    named = [each for each in _records(content["annotations"]) if isinstance(each.get("id"), str)]
    first = _first_free(content["annotations"]) if named else 0
    for place, annotation in enumerate(named):
        annotation["id"] = first + place
    if named:
        done["ids of annotations are text; they are numbered as they come"] += len(named)
    return tuple(f"{count} {what}" for what, count in done.items())


def numbers_of_texts(records: list[Record]) -> dict[str, int]:
    """The number that each id became which was text."""
    return {record[TEXT_ID]: record["id"] for record in records if TEXT_ID in record}


def _records(items: list[Any]) -> Iterator[Record]:
    return (item for item in items if isinstance(item, dict))


def _first_free(items: list[Any]) -> int:
    return max((each["id"] for each in _records(items) if type(each.get("id")) is int), default=0) + 1
