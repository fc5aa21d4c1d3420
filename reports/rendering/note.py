"""Summary, answers in short and verdict as a few lines of Markdown: the note on a sweep's page in MLflow."""

from __future__ import annotations

import re

from heatmark.reports.rendering.document import Document

# The section that the note repeats.
VERDICT = "Verdict"


def note(document: Document) -> str:
    """Summary, answers and verdict in Markdown, names with markup shown literally."""
    lines = [f"**{_plain(document.stamp)}**"] if document.stamp else []
    lines.append(_plain(" ".join(document.summary)))
    for answers in (block for section in document.sections for block in section.answers):
        lines += [f"**{_plain(answers.about)}**"] if answers.about else []
        lines.append("\n".join(f"- {_plain(question)} {_plain(answer)}" for question, answer in answers.rows))
    sentences = [sentence for words in document.section(VERDICT).words for sentence in words.sentences]
    if sentences:
        lines.append(f"**{VERDICT}**")
        lines.append("\n".join(f"- {_plain(sentence)}" for sentence in sentences))
    return "\n\n".join(line for line in lines if line) + "\n"


def _plain(text: str) -> str:
    """Names of data sets and settings are shown as they are, not read as Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text)
