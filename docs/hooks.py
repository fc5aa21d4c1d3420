"""mkdocs' hooks: the pages of the reference, written from the code (pipeline/manual/), and a manual without network."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from heatmark.pipeline.manual import PAGES


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them to those that lie in docs/."""
    for path, write in PAGES.items():
        files.append(File.generated(config, path, content=write()))
    return files


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001 (as mkdocs calls it)
    """Every page is read without network."""
    return _from_here(output, "../" * page.url.count("/"))


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:  # noqa: ARG001
    """So is the one that stands for a page that is not there."""
    return _from_here(output_content, "/")


def _from_here(output: str, root: str) -> str:
    """What the theme would fetch from the network, for the search of pages on disk, is in assets/."""
    return output.replace("https://unpkg.com/iframe-worker/shim", f"{root}assets/search_from_disk.js")
