"""The sweep file: every mistake gets one line with the file, the key and the nearest valid name, and exit code 2."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from heatmark.foundation.errors import InputError
from heatmark.pipeline.plan import make_plan
from heatmark.pipeline.plan_view import batch_script
from heatmark.pipeline.site import load_site
from heatmark.pipeline.sweep import load_sweep
from heatmark.workloads.run_folder.sweep_record import SweepRecord, sweep_file

GOOD: dict[str, Any] = {
    "name": "test",
    "grid": {"method": ["detection", "ipr", "bcir"], "beta": [1, 10], "backbone": "sbl-r50", "dataset": "drawn"},
    "train": {"epochs": 14},
    "data": {"drawn": {"synthetic": {"people_train": 10, "people_val": 4}}},
}


def changed(key: str, value: Any) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(yaml.safe_dump(GOOD))
    *parents, last = key.split(".")
    place = content
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return content


def planned(content: Any, folder: Path, changes: list[str] | None = None) -> Any:
    path = folder / "sweep.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return make_plan(load_sweep(path, changes), folder / "runs", path)


def test_the_grid_is_expanded_and_same_experiments_collapse(tmp_path: Path) -> None:
    plan = planned(changed("grid.seed", [0, 1]), tmp_path)
    labels = [trial.label for trial in plan.trials]
    # Two betas mean nothing to detection: 3 methods x 2 betas x 2 seeds are 10 experiments.
    assert len(labels) == len(set(labels)) == 10 and plan.collapsed == 2
    assert labels[:2] == ["Detection sbl-r50 drawn seed 0", "IPR β 1 sbl-r50 drawn seed 0"]


def test_the_quality_that_time_is_measured_to_is_kept_with_the_sweep(tmp_path: Path) -> None:
    plan = planned(changed("report.targets", {"drawn": 0.6}), tmp_path)
    plan.write()
    kept = SweepRecord.read(sweep_file(plan.folder))
    assert kept is not None and kept.targets == {"drawn": 0.6}


@pytest.mark.parametrize(
    ("targets", "why"),
    [
        ({"drwan": 0.6}, r"report\.targets\.drwan: not in grid\.dataset.*drawn"),
        ({"drawn": 60}, r"report\.targets\.drawn: 60: a fraction between 0 and 1"),
    ],
)
def test_a_target_is_a_fraction_on_a_data_set_of_the_grid(tmp_path: Path, targets: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        planned(changed("report.targets", targets), tmp_path)


def test_any_field_of_train_or_of_a_method_is_an_axis(tmp_path: Path) -> None:
    plan = planned(changed("grid.lr", [1e-3, 1e-4]), tmp_path)
    assert sorted({trial.train.lr for trial in plan.trials}) == [1e-4, 1e-3]
    plan = planned(changed("grid.t_o", [0, 7]), tmp_path)
    assert sorted(getattr(trial.method, "t_o", -1) for trial in plan.trials) == [-1, -1, -1, 0, 0, 7, 7]


def test_trials_of_one_sweep_have_labels_that_tell_them_apart(tmp_path: Path) -> None:
    plan = planned(changed("grid.lr", [1e-3, 1e-4]), tmp_path)
    assert len(set(plan.labels.values())) == len(plan.trials) == 10
    assert "Detection sbl-r50 drawn seed 0, train.lr 0.0001" in plan.labels.values()
    assert next(iter(planned(GOOD, tmp_path).labels.values())) == "Detection sbl-r50 drawn seed 0"


def test_a_method_may_carry_its_own_fields(tmp_path: Path) -> None:
    plan = planned(changed("grid.method", ["bcir", {"name": "bcir", "target_center": "rounded"}]), tmp_path)
    assert len(plan.trials) == 4
    assert {trial.method.t_o for trial in plan.trials} == {12}


def test_settings_override_the_file(tmp_path: Path) -> None:
    plan = planned(GOOD, tmp_path, ["train.epochs=3", "grid.beta=[5]", "cluster.ranks=2"])
    assert {trial.train.epochs for trial in plan.trials} == {3}
    assert len(plan.trials) == 3


def test_the_crop_is_the_formats_where_the_file_does_not_say(tmp_path: Path) -> None:
    (trial, *_) = planned(GOOD, tmp_path).trials
    assert (trial.data.input_size, trial.data.scale, trial.data.rotation) == ((192, 256), 0.3, 40)
    (trial, *_) = planned(changed("data.drawn.scale", 0.1), tmp_path).trials
    assert (trial.data.input_size, trial.data.scale, trial.data.rotation) == ((192, 256), 0.1, 40)


def test_a_drawn_data_set_is_of_another_format_by_one_line(tmp_path: Path) -> None:
    prints = set()
    for name in ("coco", "mpii", "lspet", "rhd"):
        (trial, *_) = planned(changed("data.drawn.format", name), tmp_path).trials
        assert trial.data.format == name and name in trial.data.fingerprint
        prints.add(trial.data.fingerprint)
    assert len(prints) == 4


MISTAKES: list[tuple[Any, str]] = [
    (changed("trian", {}), "trian: unknown key; did you mean 'train'?"),
    (changed("train.epoch", 3), "train.epoch: unknown key; did you mean 'epochs'?"),
    (changed("data.drawn.synthetic.people_tain", 3), "people_tain: unknown key; did you mean 'people_train'?"),
    (changed("cluster.rank", 2), "cluster.rank: unknown key; did you mean 'ranks'?"),
    (changed("train.epochs", "ten"), 'train.epochs: "ten": Input should be a valid integer'),
    (changed("train.epochs", 2.5), "train.epochs: 2.5: Input should be a valid integer"),
    (changed("train.epochs", -1), "train.epochs: -1: Input should be greater than or equal to 0"),
    (changed("train.lr", True), "train.lr: true: Input should be a valid number"),
    (changed("grid.beta", [0]), "beta: 0: Input should be greater than 0"),
    (changed("grid.beta", [-10]), "beta: -10: Input should be greater than 0"),
    (changed("grid.beta", ["ten"]), 'beta: "ten": Input should be a valid number'),
    (changed("grid.betas", [1]), "grid.betas: unknown axis; did you mean 'beta'?"),
    (changed("grid.beta", []), "grid.beta: no value"),
    (changed("grid.method", ["detektion"]), "grid.method: 'detektion' is no method; did you mean 'detection'?"),
    (changed("grid.method", [{"name": "bcir", "sigm": 2}]), "sigm: unknown key; did you mean 'sigma'?"),
    (changed("grid.backbone", ["resnet50"]), "grid.backbone: unknown backbone 'resnet50'; did you mean 'sbl-r50'?"),
    (changed("grid.backbone", ["sbl-r49"]), "did you mean 'sbl-r"),
    (changed("grid.dataset", ["drwan"]), "grid.dataset: 'drwan' is not described under data; did you mean 'drawn'?"),
    (changed("grid.dataset", [["drawn"]]), "grid.dataset: ['drawn'] is not described under data"),
    (changed("grid.seed", [0.5]), "grid.seed: 0.5: must be an integer"),
    (changed("grid.seed", [2**64]), "grid.seed: 18446744073709551616: must be an integer from 0 to 2**63 - 1"),
    (changed("grid.beta", [float("inf")]), "beta: Infinity: Input should be a finite number"),
    (changed("train.lr", float("nan")), "train.lr: NaN: Input should be a finite number"),
    (changed("cluster.hang_s", float("inf")), "cluster.hang_s: Infinity: Input should be a finite number"),
    (changed("name", "../escape"), 'name: "../escape": String should match pattern'),
    (changed("data.drawn.root", "/x"), "data.drawn: give either root"),
    (
        changed("data.drawn.bbox_source", "det"),
        "data.drawn.detections: give the file of the boxes with bbox_source det",
    ),
    (changed("data.drawn.detections", "a.json"), "data.drawn.detections: give the file of the boxes with bbox_source"),
    (changed("data.drawn.bbox_source", "mmpose"), "bbox_source: coco has no mmpose boxes; valid: gt, det"),
    (changed("train.depth", True), "train.depth: drawn is coco, whose joints are not in 3D; use it with rhd"),
    (changed("data.drawn.format", "voc"), "data.drawn.format: \"voc\": unknown format 'voc'; did you mean 'coco'?"),
    (changed("data.drawn.input_size", [100, 128]), "both sides must be positive multiples of 32"),
    (changed("cluster.ranks", 3), "cannot be shared equally by 3 ranks"),
    (changed("data.drawn", {"root": "/no/such/folder"}), "/no/such/folder"),
    ({key: value for key, value in GOOD.items() if key != "grid"}, "grid: missing"),
    ("name: [unclosed", "not valid YAML"),
    (yaml.safe_dump(GOOD) + "train: {epochs: 7}\n", "the key 'train' is given twice"),
    ("2020-01-01: 5", "a key is no text"),
    ("name: &loop [*loop]", "a part holds itself"),
    ("- a list", "must hold the keys name, grid"),
    ("", "must hold the keys name, grid"),
    (
        changed("cluster", {"executor": "slurm", "timeout_min": 5}),
        "cluster.signal_s: 300: must be less than timeout_min, which is 5 min",
    ),
]


@pytest.mark.parametrize(("content", "message"), MISTAKES, ids=[message[:40] for _, message in MISTAKES])
def test_a_mistake_is_named_with_its_place(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        planned(content, tmp_path)
    assert message in str(caught.value)
    assert "sweep.yaml" in str(caught.value) or "/no/such/folder" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_power_of_ten_is_a_number(tmp_path: Path) -> None:
    (trial, *_) = planned(GOOD, tmp_path, ["train.lr=1e-3"]).trials
    assert trial.train.lr == 0.001
    merged = yaml.safe_dump(GOOD) + "cluster: {<<: {ranks: 2}, ranks: 1, hang_s: 3E2}\n"
    (trial, *_) = planned(merged, tmp_path).trials
    assert trial.runtime.hang_s == 300


@pytest.mark.parametrize(
    ("metric", "mode", "message"),
    [
        ("gtbox/PA", "max", "tune.metric: 'gtbox/PA' is not measured on drawn; for example 'gtbox/AP'"),
        ("AP", "max", "tune.metric: 'AP' is not measured on drawn"),
        ("detbox/AP", "max", "tune.metric: 'detbox/AP' is not measured on drawn"),
        ("gtbox/PCKh@0.5", "max", "tune.metric: 'gtbox/PCKh@0.5' is not measured on drawn"),
        ("gtbox/EPE", "max", "set mode: min"),
        ("gtbox/AP50", "min", "set mode: max"),
    ],
)
def test_asha_needs_a_metric_of_the_data_and_its_direction(
    metric: str, mode: str, message: str, tmp_path: Path
) -> None:
    asha = ["tune.scheduler=asha", f"tune.mode={mode}", f"tune.metric={metric}"]
    with pytest.raises(InputError, match=re.escape(message)):
        planned(GOOD, tmp_path, asha)
    planned(GOOD, tmp_path, [*asha, "tune.scheduler=fifo"])


@pytest.mark.parametrize(
    ("format", "metric"),
    [("coco", "AP75"), ("coco", "AR"), ("mpii", "PCKh@0.5/head"), ("lspet", "PCK@0.2"), ("rhd", "PCK@0.2")],
)
def test_asha_takes_any_metric_of_the_data(format: str, metric: str, tmp_path: Path) -> None:
    planned(changed("data.drawn.format", format), tmp_path, ["tune.scheduler=asha", f"tune.metric=gtbox/{metric}"])


@pytest.mark.parametrize("change", ["train.epochs", "=3", "name.x=3", "grid.beta=[1,", "name=@x"])
def test_a_setting_that_cannot_be_applied_is_named(change: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--set"):
        planned(GOOD, tmp_path, [change])


def test_ready_sweep_files_are_valid() -> None:
    sweeps = sorted((Path(__file__).resolve().parents[2] / "sweeps").glob("*.yaml"))
    assert {path.stem for path in sweeps} >= {"demo", "coco_real"}
    for path in sweeps:
        load_sweep(path)


def test_grids_follow_one_another_and_equal_cells_are_run_once(tmp_path: Path) -> None:
    place = {"backbone": "sbl-r18-w8", "dataset": "drawn"}
    first, second = {"method": ["detection", "bcir"], "seed": [0, 1]}, {"method": ["detection", "ipr"], "seed": 1}
    plan = planned(changed("grid", [first | place, second | place]), tmp_path)
    found = [(trial.method.name, trial.seed) for trial in plan.trials]
    assert found == [("detection", 0), ("bcir", 0), ("detection", 1), ("bcir", 1), ("ipr", 1)]
    assert plan.collapsed == 1
    with pytest.raises(InputError, match=r"grid\.backbone: missing"):
        planned(changed("grid", [first | place, second]), tmp_path)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "sweeps").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_ready_sweep_file_is_valid_and_named_after_its_file(path: Path) -> None:
    assert load_sweep(path).name == path.stem


def test_a_site_file_takes_any_option_of_sbatch_and_its_mistakes_are_the_plans(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("extra: {nice: 100, exclusive: true, mail-type: FAIL}")
    slurm = ["cluster.executor=slurm", f"cluster.site={path}"]
    plan = planned(GOOD, tmp_path, slurm)
    assert load_site(plan.sweep.cluster).extra == {"nice": 100, "exclusive": True, "mail-type": "FAIL"}
    for content, message in (("partitoin: x", "did you mean 'partition'?"), ("- x", "should be an object")):
        path.write_text(content)
        with pytest.raises(InputError, match=re.escape(message)):
            batch_script(plan)
