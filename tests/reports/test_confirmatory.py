"""The study's claims on made-up sweeps whose truth is known: hard and easy people by their labelled joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heatmark.models.methods import METHODS
from heatmark.reports.comparing.claims import Finding
from heatmark.reports.comparing.confirmatory import confirm, main
from heatmark.reports.comparing.study import Study
from heatmark.reports.reading.collect import collect
from tests.made_up import finish, made_epoch, made_spec, planned, planned_sweep
from tests.reports.recorded import Arrays, made_up_people, with_errors, with_kinds, write_records

PEOPLE = made_up_people(240, "lspet")
HARD_N = np.asarray(PEOPLE["labelled_joints"]) <= 10
SCALES = {"detection": (4.0, 8.0), "ipr": (4.6, 7.0), "bcir": (3.6, 7.0)}
# Epochs to 80 % of the lowest final value, 0.4: detection and BCIR after 4 of 20, IPR after 14.
ARRIVALS = {"detection": 4, "ipr": 14, "bcir": 4}


def with_hard(easy: float, hard: float, seed: int) -> Arrays:
    """Errors of one scale for easy people and of another for hard ones, no two seeds quite alike."""
    columns = with_errors(PEOPLE, easy * (1 + 0.01 * (seed - 2)), seed=seed, oks=False)
    error_NK = np.array(columns["error"])
    error_NK[HARD_N] *= np.float32(hard / easy)
    return with_kinds({**columns, "error": error_NK})


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the paper has it, five seeds of each method."""
    folder = tmp_path_factory.mktemp("study")
    specs = []
    for name, (easy, hard) in SCALES.items():
        for seed in range(5):
            method = METHODS[name]().resolved(20)
            spec = made_spec(method, seed, data={"format": "lspet"}, train={"epochs": 20})
            run = planned(folder / spec.signature, spec)
            for epoch in range(20):
                value = 0.5 if epoch + 1 >= ARRIVALS[name] + seed % 2 else 0.1 + 0.01 * epoch
                run.append_epoch(made_epoch(epoch, {"gtbox/PCK@0.2": value, "gtbox/EPE": easy}))
            finish(run, {"gtbox/PCK@0.2": 0.5, "gtbox/EPE": easy}, epochs=20)
            write_records(run.path, with_hard(easy, hard, seed), epoch=19, data_format="lspet")
            specs.append(spec)
    planned_sweep(folder, specs)
    return folder


@pytest.fixture(scope="module")
def findings(sweep: Path) -> tuple[Finding, ...]:
    return confirm(Study(collect(sweep)))


def test_a_study_that_is_made_as_the_paper_has_it_supports_its_claims_and_contradicts_the_other(
    findings: tuple[Finding, ...],
) -> None:
    told = {(finding.hypothesis, finding.claim): str(finding.outcome) for finding in findings}
    assert told == {
        ("H1", "IPR β 10 has the lower EPE on hard people"): "supported",
        ("H1", "BCIR β 10 has the lower EPE on hard people"): "supported",
        ("H1", "IPR β 10 has the higher EPE on easy people"): "supported",
        ("H2", "IPR β 10 needs more epochs than Detection to the same PCK@0.2"): "supported",
        ("H3", "BCIR β 10 is above IPR β 10 in PCK@0.2"): "supported",
        ("H3", "BCIR β 10 is at least Detection in PCK@0.2"): "supported",
        ("H4", "IPR β 10 needs more epochs than BCIR β 10 to the same PCK@0.2"): "supported",
        # The made-up share of a map within two pixels falls with the scale of the errors.
        ("H5", "IPR β 10 has the higher A(2) of the softmax than Detection"): "contradicted",
    }


def test_hard_and_easy_people_are_those_with_few_and_many_labelled_joints(findings: tuple[Finding, ...]) -> None:
    """EPE of the hard by hand: the mean over their labelled joints and the seeds, IPR's less detection's."""
    hard, _, easy, *_ = findings
    assert hard.evidence.endswith(f"{HARD_N.sum()} people")
    assert easy.evidence.endswith(f"{(~HARD_N).sum()} people")
    for finding, members_N, place in ((hard, HARD_N, 1), (easy, ~HARD_N, 0)):
        means = {}
        for name in ("ipr", "detection"):
            errors = [with_hard(*SCALES[name], seed)["error"][members_N] for seed in range(5)]
            means[name] = np.mean([np.nanmean(each) for each in errors])
        change = means["ipr"] - means["detection"]
        assert (change < 0) == (place == 1)
        assert finding.evidence.replace("\N{MINUS SIGN}", "-").startswith(f"{change:+.2f} px against Detection")


def test_the_findings_are_printed_and_written(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(sweep, tmp_path / "findings.csv")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "|  | The paper's claim | Measured | p (Holm) | Outcome |"
    assert len(lines) == 2 + 8
    frame = pd.read_csv(tmp_path / "findings.csv")
    assert list(frame["hypothesis"]) == ["H1", "H1", "H1", "H2", "H3", "H3", "H4", "H5"]
    assert (frame["p_holm"].dropna() >= frame["p"].dropna()).all()
