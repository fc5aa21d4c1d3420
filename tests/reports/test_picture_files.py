"""Figures, sheets and the note as files: what the report shows, and nothing of an earlier report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from heatmark.reports.rendering.document import Crop, Document, Sheet
from heatmark.reports.rendering.figure import Figure
from heatmark.reports.rendering.note import note
from heatmark.reports.rendering.picture_files import sheet_pixels, write_figures, write_sheets


def crop(value: int) -> Crop:
    _, jpeg = cv2.imencode(".jpg", np.full((360, 270, 3), value, np.uint8))
    return Crop(jpeg.tobytes(), "3.1 px")


def test_a_sheet_is_a_grid_of_its_crops() -> None:
    sheet = Sheet(("Ground truth", "IPR β 10"), ((crop(0), crop(80)), (crop(160), crop(240))), "")
    pixels = sheet_pixels(sheet)
    height, width = pixels.shape[:2]
    # 26 of titles, then twice 240 of crop and 18 of text; twice 180 of crop and 6 of margin.
    assert (height, width) == (26 + 2 * 258, 2 * 186)
    middles = [[int(pixels[26 + 120 + 258 * row, 93 + 186 * column, 0]) for column in (0, 1)] for row in (0, 1)]
    assert np.allclose(middles, [[0, 80], [160, 240]], atol=3)


def test_files_of_an_earlier_report_go(tmp_path: Path) -> None:
    parts = [Figure("<svg/>", "", "", "Fig. 1"), Figure("", "", "", "Fig. 2", "not run")]
    parts.append(Figure("<svg/>", "", "", "Fig. 4, a/b <c>"))
    (tmp_path / "05-old.svg").write_text("old")
    (tmp_path / "notes.txt").write_text("not ours")
    write_figures(tmp_path, parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["01-Fig.-1.svg", "03-Fig.-4-a-b-c.svg", "notes.txt"]
    write_sheets(tmp_path / "predictions", [])
    assert not (tmp_path / "predictions").exists()


def test_the_note_is_the_summary_and_the_verdict_and_no_markup(document: Document) -> None:
    text = note(document)
    assert text.startswith("5 of 5 trials finished.") and "\n- " in text
    assert all(
        sentence.split(",")[0].split("(")[0] in text.replace("\\", "")
        for words in document.section("Verdict").words
        for sentence in words.sentences
    )
    named = replace(document, summary=("On my_people with sbl-r18-w16.",))
    assert r"On my\_people with sbl-r18-w16." in note(named)
