"""heatmark: which way of turning a heatmap into a joint is better, for this backbone, data set and budget."""

from __future__ import annotations

import contextlib
import errno
import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from heatmark.foundation.command import print_in_any_locale
from heatmark.foundation.errors import InputError
from heatmark.foundation.plug_ins import blame
from heatmark.pipeline import (
    cli_data,
    cli_evaluate,
    cli_export,
    cli_files,
    cli_new,
    cli_predict,
    cli_records,
    cli_score,
    cli_site,
    cli_skeleton,
)
from heatmark.pipeline.cli_formats import SynthHelp
from heatmark.pipeline.json_output import JsonOption, stdout_for_json
from heatmark.pipeline.keypoint_options import SkeletonOption, chosen_settings

# 2: the user's mistake, with one line that says what, where and what to do. 1: ours, with a stack trace.
EXIT_USERS, EXIT_INTERRUPTED = 2, 130
# What the system may refuse that a person can mend.
MENDED_BY = {
    errno.EACCES: "give a folder that you may use, or get the right to this one",
    errno.EPERM: "give a folder that you may use, or get the right to this one",
    errno.ENOTDIR: "a file stands where a folder should be; give another folder",
    errno.EEXIST: "a file stands where a folder should be; give another folder",
    errno.EROFS: "give a folder that can be written",
    errno.ENOSPC: "make room on this disk, or give a folder on another",
    errno.EDQUOT: "make room in your quota, or give another folder",
}

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
sweep_app = typer.Typer(no_args_is_help=True, help="Begin, plan, run, follow and cancel a sweep.")
data_app = typer.Typer(no_args_is_help=True, help="Draw, check and show data sets.")
app.add_typer(sweep_app, name="sweep")
site_app = typer.Typer(no_args_is_help=True, help="Check what a SLURM cluster does before a sweep is sent to it.")
app.add_typer(data_app, name="data")
app.add_typer(site_app, name="site")
cli_data.register(data_app)
cli_skeleton.register(data_app)
cli_score.register(app)
cli_evaluate.register(app)
cli_predict.register(app)
cli_export.register(app)
cli_new.register(app)
cli_site.register(site_app)
cli_files.register(sweep_app, site_app)
records_app = typer.Typer(no_args_is_help=True, help="Keep finished trials as small files, and restore them.")
app.add_typer(records_app, name="records")
cli_records.register(records_app)

SweepArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A sweep file, such as sweeps/demo.yaml.")]
PlaceArgument = Annotated[Path, typer.Argument(metavar="FILE_OR_DIR", help="A sweep file, or the sweep's folder.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override the sweep file: train.epochs=5.")
]
OutOption = Annotated[Path, typer.Option("--out", help="The folder of all sweeps.")]


def _console() -> Console:
    """What is printed is meant as it stands: a folder may be named `[bold]`."""
    return Console(highlight=False, markup=False, emoji=False)


def _plan(file: Path, changes: list[str] | None, out: Path, strict: bool = False) -> Any:
    from heatmark.pipeline.plan import make_plan
    from heatmark.pipeline.sweep import load_sweep

    return make_plan(load_sweep(file, [*(changes or []), *(["cluster.strict=true"] if strict else [])]), out, file)


@sweep_app.command("plan")
def sweep_plan(
    file: SweepArgument,
    changes: SetOption = None,
    out: OutOption = Path("runs"),
    measure: Annotated[
        bool, typer.Option("--measure", help="Estimate hours from about a minute of training on this machine.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the trials of a sweep and what they cost. Nothing is sent."""
    from heatmark.pipeline.measured_pace import measure_paces
    from heatmark.pipeline.plan_view import plan_as_json, print_plan

    plan = _plan(file, changes, out)
    measured = measure_paces(plan, plan.unfinished(), partial(print, file=sys.stderr)) if measure else None
    if as_json:
        print(json.dumps(plan_as_json(plan, measured)))
    else:
        print_plan(plan, _console(), measured)


@sweep_app.command("run")
def sweep_run(
    file: SweepArgument,
    changes: SetOption = None,
    out: OutOption = Path("runs"),
    strict: Annotated[bool, typer.Option("--strict", help="Absent or unreadable images are errors.")] = False,
) -> None:
    """Run a sweep to its report. Run it again to resume: finished trials stay, live jobs are adopted."""
    from heatmark.pipeline.driver import run_sweep
    from heatmark.pipeline.interrupt import interrupt_on_terminate

    interrupt_on_terminate()
    try:
        code = run_sweep(_plan(file, changes, out, strict), _console())
    except KeyboardInterrupt:
        print("interrupted; jobs that run go on, the same command adopts them", file=sys.stderr)
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


@sweep_app.command("driver-options")
def sweep_driver_options(
    file: SweepArgument,
    changes: SetOption = None,
    out: OutOption = Path("runs"),  # noqa: ARG001 (takes what run takes)
    strict: Annotated[bool, typer.Option("--strict", help="As for run.")] = False,  # noqa: ARG001
) -> None:
    """Print sbatch's options for the driver's own job, for slurm/sweep.sh; nothing where its job is as it should be."""
    from heatmark.pipeline.driver_job import as_shell_words, driver_options
    from heatmark.pipeline.sweep import load_sweep

    print(as_shell_words(driver_options(load_sweep(file, changes))))


@sweep_app.command("status")
def sweep_status(
    place: PlaceArgument,
    out: OutOption = Path("runs"),
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again and again until all trials have ended.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The state of every trial, from the run folders: what needs attention first, and the sums."""
    from heatmark.pipeline.status_view import print_status, watch_status

    if not watch:
        print_status(_sweep_folder(place, out), as_json, _console())
        return
    if as_json:
        raise InputError("sweep status: --watch is for people, --json is printed once; leave one out")
    with contextlib.suppress(KeyboardInterrupt):  # it is only looked at
        watch_status(_sweep_folder(place, out), _console())


@sweep_app.command("cancel")
def sweep_cancel(place: PlaceArgument, out: OutOption = Path("runs")) -> None:
    """Cancel every unfinished trial; running ones save their state first. `sweep run` takes them up again."""
    from heatmark.pipeline.driver import cancel_sweep

    console = _console()
    count = cancel_sweep(_sweep_folder(place, out), partial(console.print, soft_wrap=True))
    console.print(f"cancelled {count} trials")


def _sweep_folder(place: Path, out: Path) -> Path:
    """The folder of a sweep, given itself or the sweep file."""
    if place.is_file():
        from heatmark.pipeline.sweep import load_sweep

        place = out / load_sweep(place).name
    if not (place / "sweep.json").is_file():
        raise InputError(f"{place}: no sweep here (no sweep.json); start one with: heatmark sweep run FILE")
    return place.absolute()


@app.command("train")
def train(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.json", help="The spec.json in a run folder.")],
) -> None:
    """Run one trial in this process group: what a job executes."""
    from heatmark.workloads.job import run_trial
    from heatmark.workloads.run_folder.spec_file import read_spec

    read_spec(spec)  # a job writes down why it failed, beside its spec: not where there is none
    raise typer.Exit(run_trial(spec.absolute()))


@app.command("report")
def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="A sweep's folder, such as runs/demo, or several.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write; else the sweep's folder, of several runs/A+B+C."),
    ] = None,
) -> None:
    """Build report.pdf and report.html from the run folders of a sweep, or of several together, each trial once."""
    from heatmark.reports.build import build_joint_report

    unread: list[str] = []
    for path in build_joint_report(folders, out, unread.append):
        print(f"wrote {path}")
    if unread:
        raise InputError("\n".join(["the report is without what cannot be read:", *unread]))


@app.command("ui")
def ui(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A sweep's folder, such as runs/demo.")],
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 5000,
    opened: Annotated[bool, typer.Option("--open", help="Open them in a browser, too.")] = False,
    ray: Annotated[
        bool, typer.Option("--ray", help="Instead: open Ray's dashboard of a sweep that runs here, with its token.")
    ] = False,
) -> None:
    """Start MLflow's pages for a sweep, on loopback, and print the addresses of what people compare."""
    from heatmark.pipeline.pages import show_pages
    from heatmark.pipeline.ray_page import show_ray

    if ray:
        show_ray(_sweep_folder(folder, folder.parent))
        return
    show_pages(_sweep_folder(folder, folder.parent), port, opened)


@app.command("decode")
def decode(
    folder: Annotated[
        Path | None, typer.Argument(metavar="RUN_DIR", help="A trial's folder: its newest weights on its val split.")
    ] = None,
    heatmaps: Annotated[
        Path | None, typer.Option(help="Instead: a .npy file of heatmaps, N x K x rows x columns.")
    ] = None,
    decoders: Annotated[str, typer.Option(help="Comma-separated: argmax, quarter, dark, udp, soft, bcir.")] = "argmax",
    beta: Annotated[str, typer.Option(help="Comma-separated, for soft and bcir.")] = "10",
    as_json: JsonOption = False,
) -> None:
    """Read one set of heatmaps by many decoders: a trial's (AP, EPE, time), or anyone's (joints in heatmap pixels)."""
    if (folder is None) == (heatmaps is None):
        raise InputError("decode: give either a trial's folder or --heatmaps FILE.npy")
    if folder is not None:
        _decode_run(folder, decoders.split(","), beta.split(","), as_json)
        return
    from heatmark.workloads.decode import decode_file

    assert heatmaps is not None
    found = decode_file(heatmaps, decoders.split(","), beta.split(","), partial(print, file=sys.stderr))
    if as_json:
        print(json.dumps(found, allow_nan=False))
        return
    for name, joints in found.items():
        for sample, rows in enumerate(joints):
            for joint, (x, y) in enumerate(rows):
                print(f"{name}\tsample {sample}\tjoint {joint}\t{x:.3f}\t{y:.3f}")


def _decode_run(folder: Path, decoders: list[str], betas: list[str], as_json: bool) -> None:
    from heatmark.workloads.decode_run import decode_run

    found = decode_run(folder, decoders, betas, partial(print, file=sys.stderr))
    if as_json:
        print(json.dumps(found, allow_nan=False))
        return
    metrics = _decoding_columns(list(next(iter(found.values()))))
    table = Table("decoder", *metrics)
    for name, row in found.items():
        table.add_row(name, *("-" if row[metric] is None else f"{row[metric]:.4f}" for metric in metrics))
    _console().print(table)


def _decoding_columns(metrics: list[str]) -> list[str]:
    """What a table of decoders shows: every format's headline, the errors, and the time."""
    from heatmark.datasets.formats import FORMATS

    shown = {"AR", "EPE", "EPE mm", "ms_per_crop", *(each.headline for each in FORMATS.values())}
    # The source of the boxes stands before a metric, a part of the joints behind it.
    return [name for name in metrics if name.partition("box/")[2] in shown or name in shown]


@app.command("analyze")
def analyze(
    name: Annotated[str, typer.Argument(metavar="NAME", help="bias, gradients, localization, robustness, heatmaps.")],
    run: Annotated[Path | None, typer.Option("--run", help="For heatmaps: the folder of a trained trial.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder for figures and csv files.")] = Path("runs/analysis"),
) -> None:
    """Verify the paper's analysis or disturb ideal maps, both untrained, or describe a trained net's heatmaps."""
    from heatmark.pipeline.analyses import OF_A_TRIAL, UNTRAINED

    if name not in {*UNTRAINED, *OF_A_TRIAL}:
        raise InputError(f"analyze {name}: unknown analysis; valid: {', '.join([*UNTRAINED, *OF_A_TRIAL])}")
    if (name in OF_A_TRIAL) != (run is not None):
        raise InputError("analyze: --run RUN_DIR goes with heatmaps, and heatmaps needs it")

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {out}: no folder that can be written ({error.strerror}); give another") from error
    log = partial(print, file=sys.stderr)
    for path in UNTRAINED[name](out) if run is None else OF_A_TRIAL[name](out, run, log):
        print(f"wrote {path}")


@app.command("models")
def models(
    names: Annotated[list[str] | None, typer.Argument(metavar="BACKBONE", help="None: the published nets.")] = None,
    joints: Annotated[int, typer.Option(min=1, help="17 for COCO, 16 for MPII, 21 for a hand.")] = 17,
    input_size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of a crop in pixels.")] = "192x256",
    method: Annotated[str, typer.Option(help="Whose maps and layers are counted too.")] = "detection",
    as_json: JsonOption = False,
) -> None:
    """List backbones: parameters, true multiply-adds, and the GFLOPs that papers print."""
    from heatmark.pipeline.models_view import costs, print_costs

    found = costs(names or [], joints, input_size, method)
    if as_json:
        print(json.dumps(found))
    else:
        print_costs(found, _console())


@app.command("bench")
def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help="loader, decode, step, eval, stream, or sweep.")],
    rounds: Annotated[int, typer.Option(min=1, help="How often every way is timed.")] = 5,
    coco: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For stream: a folder of COCO's layout instead of drawn people.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Race ways of doing one thing against each other on this machine: speeds, and ratios to the first way."""
    from heatmark.pipeline.bench_view import print_race, run_race

    with stdout_for_json():
        found = run_race(name, rounds, coco)
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        print_race(found, _console())


@data_app.command("synth", cls=SynthHelp)
def data_synth(
    root: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write; it must not hold anything else.")],
    format: Annotated[str | None, typer.Option(help="One of those below; the first where none is given.")] = None,
    people_train: Annotated[int, typer.Option(min=1, help="Annotated people in the training split.")] = 2000,
    people_val: Annotated[int, typer.Option(min=1, help="Annotated people in the validation split.")] = 300,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    skeleton: SkeletonOption = None,
) -> None:
    """Draw a data set in a native format, the same for the same seed; in `keypoints` of any skeleton."""
    from heatmark.datasets.formats import USUAL_FORMAT, make_recipe
    from heatmark.datasets.synthetic.recipe import write_tree

    settings = chosen_settings(skeleton=skeleton)
    usual = USUAL_FORMAT if settings is None else "keypoints"
    recipe = make_recipe(format or usual, people_train, people_val, seed, settings)
    write_tree(root, recipe)
    print(f"{root}: {people_train} people to train on, {people_val} to validate, {recipe.fingerprint()}")


def main() -> None:
    """The entry point: a user's mistake, a plug-in's too, is one line and exit code 2, never a stack trace."""
    print_in_any_locale()
    try:
        app(prog_name="heatmark")  # completion goes by it, also under `python -m`
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_USERS)
    except OSError as error:
        if error.errno not in MENDED_BY:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror}; {MENDED_BY[error.errno]}", file=sys.stderr)
        sys.exit(EXIT_USERS)
    except Exception as error:
        if (at := blame(error)) is None:
            raise
        print(f"error: {at}: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(EXIT_USERS)


if __name__ == "__main__":
    main()
