"""The view of a sweep that is stored with its experiment: the columns people compare, and a few charts.

MLflow's Share button writes a view as a tag of the experiment, `mlflow.sharedViewState.<key>`, and opens it by
`viewStateShareKey=<key>`; MLflow 3.17 lists those with a name under Views. A view holds the state of the page as its
front end keeps it. What an older or newer front end does not know, it leaves out.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from heatmark.pipeline.mlflow_links import VIEW, headline_key, is_error, val_key
from heatmark.workloads.spec import TrialSpec

TAG: Final = f"mlflow.sharedViewState.{VIEW}"
NAME: Final = "What heatmark compares"
# Of the tags of a trial's run.
TAGS: Final = ("method", "beta", "backbone", "dataset", "seed")
EPOCHS_TO_80, HOURS, IMAGES, LOSS = "epochs_to_80", "hours", "samples_seen", "train/loss"
OVER_EPOCHS, OVER_IMAGES, OVER_HOURS = "Over epochs", "Over images seen", "Over hours"
# As many runs are drawn as a chart's colours tell apart.
MOST_DRAWN: Final = 30
# What MLflow sorts other charts into, by the beginnings of their metrics' names; folded up.
OTHER_SECTIONS: Final = ("train", "Model metrics", "System metrics")
# Older servers refuse longer tags of experiments.
LONGEST_TAG: Final = 5000


def view_of(specs: Sequence[TrialSpec]) -> dict[str, Any]:
    """The state of the page for a sweep of these trials, sorted by the headline metric of the first."""
    headlines = list(dict.fromkeys(headline_key(spec) for spec in specs))
    errors = [key for key in dict.fromkeys(val_key(spec, "EPE") for spec in specs) if key not in headlines]
    sections = list(dict.fromkeys(key.rpartition("/")[0] for key in (*headlines, *errors)))
    columns = [f"tags.`{name}`" for name in TAGS]
    columns += [f"metrics.`{name}`" for name in (*headlines, *errors, EPOCHS_TO_80, HOURS)]
    return {
        "searchFilter": "",
        "orderByKey": f"metrics.`{headlines[0]}`",
        "orderByAsc": is_error(headlines[0]),
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
        "runsHiddenMode": "SHOW_ALL" if len(specs) <= MOST_DRAWN else "FIRST_20_RUNS",
        "compareRunCharts": list(_charts(headlines, errors)),
        "compareRunSections": [
            *(_section(name, shown=True) for name in (OVER_EPOCHS, OVER_IMAGES, OVER_HOURS)),
            *(_section(name, shown=False) for name in (*sections, *OTHER_SECTIONS)),
        ],
        # Else MLflow would sort the sections by their names, and the chosen ones after others.
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
    }


def _charts(headlines: Sequence[str], errors: Sequence[str]) -> Iterator[dict[str, Any]]:
    """MLflow titles each by its metric: what it is drawn over, its section says."""
    yield from (_line(OVER_EPOCHS, key) for key in (*headlines, *errors, LOSS))
    yield from (_line(OVER_IMAGES, key, IMAGES) for key in (*headlines, *errors))
    yield from (_line(OVER_HOURS, key, HOURS) for key in headlines)


def _line(section: str, metric: str, over: str | None = None) -> dict[str, Any]:
    """A chart as the front end keeps it. over: the metric of its horizontal axis; None for epochs."""
    return {
        "type": "LINE",
        "uuid": f"{VIEW}/{section}/{metric}",
        "metricSectionId": f"{VIEW}/{section}",
        "deleted": False,
        "isGenerated": False,
        "runsCountToCompare": MOST_DRAWN,
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "xAxisKey": "metric" if over else "step",
        "selectedXAxisMetricKey": over or "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": True,
    }


def _section(name: str, shown: bool) -> dict[str, Any]:
    return {
        "uuid": f"{VIEW}/{name}",
        "name": name,
        "display": shown,
        "isReordered": True,
        "deleted": False,
        "isGenerated": False,
    }


def as_tag(state: dict[str, Any], created_ms: int) -> str:
    """A view as MLflow stores it under TAG. created_ms: of the experiment, so that the same view is the same text."""
    text = json.dumps(state, separators=(",", ":"))
    packed = f"deflate;{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}"
    return json.dumps({"name": NAME, "createdAt": created_ms, "updatedAt": created_ms, "state": packed})


def store_view(client: Any, experiment: str, created_ms: int, specs: Sequence[TrialSpec]) -> None:
    """client: MlflowClient. Nothing where there are no trials, or so many data sets that no tag would hold them."""
    if not specs:
        return
    tag = as_tag(view_of(specs), created_ms)
    if len(tag) <= LONGEST_TAG:
        client.set_experiment_tag(experiment, TAG, tag)
