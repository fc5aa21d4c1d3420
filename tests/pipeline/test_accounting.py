"""Costs from sacct's own lines: all attempts of a requeued job count, and what a bad end wasted is told."""

from __future__ import annotations

import pytest

from heatmark.pipeline.accounting import cost, parse_attempts

# Two attempts of one array element, as `sacct -X -D` of SLURM 22.05 prints them: 2 CPUs and 4 GPUs each.
SACCT = """\
31_0|PREEMPTED|2026-01-01T10:00:00|2026-01-01T10:30:00|1800|2|billing=2,cpu=2,gres/gpu=4,mem=8G,node=2
31_0|COMPLETED|2026-01-01T11:00:00|2026-01-01T12:00:00|3600|2|billing=2,cpu=2,gres/gpu=4,mem=8G,node=2
31_0|PENDING|Unknown|Unknown|0|0|
32_0|CANCELLED by 0|2026-01-01T10:00:00|2026-01-01T10:06:00|360|1|billing=1,cpu=1,node=1
"""
TEN_20 = 1767262800.0  # 2026-01-01T10:20:00Z


def test_every_attempt_counts_and_what_came_after_the_last_checkpoint_is_wasted() -> None:
    attempts = parse_attempts(SACCT)
    assert [attempt.state for attempt in attempts] == ["PREEMPTED", "COMPLETED", "CANCELLED"]
    spent = cost(attempts[:2], checkpoints=[TEN_20, TEN_20 - 300])
    assert spent["cpu_hours"] == pytest.approx(1.5 * 2) and spent["gpu_hours"] == pytest.approx(1.5 * 4)
    # 10:20 to 10:30 on 2 CPUs and 4 GPUs.
    assert spent["wasted_cpu_hours"] == pytest.approx(2 / 6) and spent["wasted_gpu_hours"] == pytest.approx(4 / 6)


def test_an_attempt_without_a_checkpoint_is_wasted_whole() -> None:
    spent = cost(parse_attempts(SACCT)[2:], checkpoints=[])
    assert spent["wasted_cpu_hours"] == spent["cpu_hours"] == pytest.approx(0.1)
