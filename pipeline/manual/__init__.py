"""The pages of the manual that are written from the code whenever it is built: what is in the code is in the manual."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from heatmark.pipeline.manual.commands import commands_page
from heatmark.pipeline.manual.keys import site_page, sweep_page
from heatmark.pipeline.manual.metrics import metrics_page
from heatmark.pipeline.manual.paper import paper_page
from heatmark.pipeline.manual.report import report_page
from heatmark.pipeline.manual.run_folder import run_folder_page
from heatmark.pipeline.manual.skeletons import skeletons_page

# By the path in docs/.
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/sweep-file.md": sweep_page,
    "reference/site-file.md": site_page,
    "reference/commands.md": commands_page,
    "reference/metrics.md": metrics_page,
    "reference/skeletons.md": skeletons_page,
    "reference/run-folder.md": run_folder_page,
    "reference/report.md": report_page,
    "reference/paper.md": paper_page,
}
