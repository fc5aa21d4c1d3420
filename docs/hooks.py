"""mkdocs' hook: the pages of the reference, written from the code (pipeline/manual/)."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from heatmark.pipeline.manual import PAGES


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them to those that lie in docs/."""
    for path, write in PAGES.items():
        files.append(File.generated(config, path, content=write()))
    return files
