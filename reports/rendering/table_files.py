"""Every table of the report as files: csv and parquet with all digits, LaTeX as it is shown."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from heatmark.foundation.files import write_atomic
from heatmark.reports.rendering.table import Cell, Column, Export, Table

ESCAPES = {
    **{"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}"},
    **{"|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}", "'": r"\textquotesingle{}"},
    **{"β": r"$\beta$", "σ": r"$\sigma$", "λ": r"$\lambda$", "±": r"$\pm$", "−": r"$-$", "×": r"$\times$"},
    **{"–": "--", "²": r"\textsuperscript{2}", "³": r"\textsuperscript{3}", "…": r"\ldots{}", "\u00a0": "~"},
    **{"\N{REPLACEMENT CHARACTER}": "?", "\n": " ", "[": "{[}", "]": "{]}"},
}
SPECIAL = re.compile("|".join(map(re.escape, ESCAPES)))
KINDS = ("csv", "parquet", "tex")
PREAMBLE = "% Needs the packages booktabs, longtable and textcomp, and fontenc with the option T1.\n"


def write_exports(folder: Path, exports: Sequence[Export]) -> None:
    """name.csv, name.parquet and name.tex of every table; of an earlier report no table is left among them."""
    for name in {path.stem for path in folder.glob("*.tex")} - {export.table.name for export in exports}:
        old = [folder / f"{name}.{kind}" for kind in KINDS]
        # A file that someone put there has no brothers.
        if all(path.exists() for path in old):
            for path in old:
                path.unlink()
    for export in exports:
        csv, parquet, tex = (folder / f"{export.table.name}.{kind}" for kind in KINDS)
        write_atomic(csv, export.numbers.to_csv(index=False, lineterminator="\n"))
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(export.numbers, preserve_index=False), buffer, compression="zstd")
        write_atomic(parquet, buffer.getvalue())
        write_atomic(tex, latex(export.table))


def latex(table: Table) -> str:
    """A longtable; what stands under a number goes under it there too."""
    kinds = "".join("r" if column.numeric else "l" for column in table.columns)
    lines = [PREAMBLE + f"\\begin{{longtable}}{{{kinds}}}", f"\\caption{{{escape(table.caption)}}}\\\\", r"\toprule"]
    lines += [
        _line([_header(column) for column in table.columns]),
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
    ]
    for row in table.rows:
        lines.append(_line([_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)]))
    lines.append(r"\end{longtable}")
    below = [note for note in (table.details, *table.notes) if note]
    lines += [f"\\par\\noindent{{\\footnotesize {escape(note)}}}" for note in below]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text as LaTeX shows it literally."""
    return SPECIAL.sub(lambda match: ESCAPES[match.group()], text)


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _header(column: Column) -> str:
    return _stack([escape(column.title), *([escape(column.unit)] if column.unit else [])], column.numeric)


def _cell(cell: Cell, column: Column) -> str:
    text = escape(cell.text)
    under = [rf"{{\scriptsize {escape(line)}}}" for line in cell.under.split("\n") if line]
    return _stack([rf"\textbf{{{text}}}" if cell.best else text, *under], column.numeric)


def _stack(lines: Sequence[str], right: bool) -> str:
    if len(lines) == 1:
        return lines[0]
    stacked = r" \\ ".join(lines)
    return rf"\shortstack[{'r' if right else 'l'}]{{{stacked}}}"
