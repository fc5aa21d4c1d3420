"""What is known of a kind of cluster before there is one: what a sweep file may ask of it, and how it is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from heatmark.foundation.errors import InputError
from heatmark.foundation.registry import LAST

if TYPE_CHECKING:
    from heatmark.pipeline.cluster_section import ClusterSection
    from heatmark.pipeline.submit import Cluster
    from heatmark.workloads.run_folder.folder import RunFolder


class ClusterKind(ABC):
    """One value of `cluster.executor`. A sweep is planned with what stands here: nothing heavy is imported for it.

    name: that value. order: kinds are listed in ascending order. poll_s: seconds between two looks at all jobs, where
    the sweep file does not say. most_nodes: of one trial; None without a limit.
    warns: a job is warned `cluster.signal_s` before its time limit. has_site: a site file holds for it.
    elsewhere: jobs run on other machines, whose variables a path of theirs may have.
    sender: the program that takes what `preview` shows.
    """

    name: ClassVar[str]
    order: ClassVar[int] = LAST
    poll_s: ClassVar[float] = 1.0
    most_nodes: ClassVar[int | None] = None
    warns: ClassVar[bool] = False
    has_site: ClassVar[bool] = False
    elsewhere: ClassVar[bool] = False
    sender: ClassVar[str] = ""

    @abstractmethod
    def make(self, settings: ClusterSection, sweep: Path) -> Cluster:
        """The cluster for a sweep, whose folder is given. Raises InputError where it cannot be used from here."""

    def make_packed(self, settings: ClusterSection, sweep: Path, supplies: bool) -> Cluster:
        """The same where `cluster.trials_per_job` says that a job holds several trials.

        supplies: whether jobs are sent for trials that wait. Raises InputError where the kind cannot.
        """
        raise InputError(
            f"cluster.trials_per_job: {settings.trials_per_job}: executor {self.name} has one trial a job; leave it out"
        )

    def threads_per_rank(self, settings: ClusterSection) -> int:
        """Torch threads where the sweep file does not say: a rank has cores of its own."""
        return settings.cpus_per_rank

    def preview(self, settings: ClusterSection, sweep: Path, trials: int) -> str | None:
        """What would be sent for so many trials; None where that is nothing to look at.

        Raises InputError for settings that cannot be used.
        """
        return None

    def account(
        self, settings: ClusterSection, sweep: Path, folders: Sequence[RunFolder], log: Callable[[str], None]
    ) -> int:
        """Write down in the run folders what the trials cost; returns of how many trials the cluster kept account."""
        return 0
