"""What the testbed is: its settings, where its files lie, and its configuration files as pure functions.

Written for Debian 12's SLURM 22.05. Every daemon runs on this host; a node is one slurmd with a port and a name.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path

SETTINGS_FILE = "testbed.json"


class TestbedError(Exception):
    """Something the person who called can mend; the message says what."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The options of `up`, then what `up` found out about the host. Times are seconds, memory is MB."""

    nodes: int = 4
    cpus: int = 4
    memory: int = 16000
    max_array: int = 1001
    max_submit: int | None = None
    accounting: bool = True
    enforce_qos: bool = False
    grace: int = 20
    kill_wait: int = 5
    requeue_wait: int = 10
    min_job_age: int = 60
    slurmd_timeout: int = 10
    kill_over_memory: bool = False
    host: str = "localhost"
    user: str = "root"
    ports: tuple[int, ...] = ()

    @property
    def node_names(self) -> list[str]:
        return [f"node{index}" for index in range(self.nodes)]

    @property
    def daemons(self) -> list[str]:
        """In the order in which they start."""
        accounting = ["mariadbd", "slurmdbd"] if self.accounting else []
        return ["munged", *accounting, "slurmctld", *(f"slurmd-{node}" for node in self.node_names)]

    @property
    def ports_needed(self) -> int:
        return 2 + self.nodes


@dataclasses.dataclass(frozen=True)
class Layout:
    """The state folder. Short names: a Unix socket's path may have 107 characters."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / SETTINGS_FILE

    @property
    def conf(self) -> Path:
        return self.root / "etc" / "slurm.conf"

    @property
    def dbd_conf(self) -> Path:
        return self.root / "etc" / "slurmdbd.conf"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def pids(self) -> Path:
        return self.root / "pid"

    @property
    def munge(self) -> Path:
        return self.root / "munge"

    @property
    def munge_socket(self) -> Path:
        return self.munge / "socket"

    @property
    def database(self) -> Path:
        return self.root / "db"

    @property
    def database_socket(self) -> Path:
        return self.root / "db.sock"

    @property
    def controller_state(self) -> Path:
        return self.root / "ctld"

    @property
    def spool(self) -> Path:
        return self.root / "spool"


def find_layout(state: str | None) -> Layout:
    """The folder asked for, or that of the testbed SLURM_CONF points into, or the user's default one."""
    if state:
        return Layout(Path(state).absolute())
    active = Path(os.environ.get("SLURM_CONF", "/nonexistent")).absolute().parent.parent
    if (active / SETTINGS_FILE).is_file():
        return Layout(active)
    return Layout(Path(tempfile.gettempdir()) / f"heatmark-testbed-{os.getuid()}")


def with_ports(settings: Settings, ports: tuple[int, ...]) -> Settings:
    """The controller's port, the accounting daemon's, then one for each node."""
    return dataclasses.replace(settings, ports=ports)


def save_settings(layout: Layout, settings: Settings) -> None:
    layout.settings.write_text(json.dumps(dataclasses.asdict(settings), indent=1) + "\n")


def load_settings(layout: Layout) -> Settings | None:
    """None where no testbed was ever brought up."""
    if not layout.settings.is_file():
        return None
    fields = json.loads(layout.settings.read_text())
    return Settings(**{**fields, "ports": tuple(fields["ports"])})


def slurm_conf(layout: Layout, settings: Settings) -> str:
    """slurm.conf: quick to notice, quick to decide, so that a test of a fault takes seconds and not minutes."""
    controller_port, accounting_port, *_ = settings.ports
    return f"""\
ClusterName=testbed
SlurmctldHost={settings.host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={settings.user}
SlurmdUser={settings.user}
AuthType=auth/munge
# cred_expire is also how long a requeued job waits before it may start again (120 s by default).
AuthInfo=socket={layout.munge_socket},cred_expire={settings.requeue_wait}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={layout.controller_state}
SlurmdSpoolDir={layout.spool}/%n
SlurmctldPidFile={layout.pids}/slurmctld.own
SlurmdPidFile={layout.pids}/slurmd-%n.own
SlurmctldLogFile={layout.logs}/slurmctld.log
SlurmdLogFile={layout.logs}/slurmd-%n.log
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=2
JobRequeue=1
MaxArraySize={settings.max_array}
MinJobAge={settings.min_job_age}
KillWait={settings.kill_wait}
InactiveLimit=60
SlurmctldTimeout=30
SlurmdTimeout={settings.slurmd_timeout}
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,default_queue_depth=1000,bf_max_job_test=1000
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU={settings.memory // settings.cpus}
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
{_accounting_lines(layout, settings, accounting_port)}
{_node_lines(settings)}
PartitionName=normal Nodes=ALL Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime={settings.grace} State=UP
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF State=UP
"""


def _accounting_lines(layout: Layout, settings: Settings, port: int) -> str:
    lines = ["JobAcctGatherType=jobacct_gather/linux", "JobAcctGatherFrequency=task=5"]
    if settings.kill_over_memory:
        lines.append("JobAcctGatherParams=OverMemoryKill")
    if settings.accounting:
        lines += [
            "AccountingStorageType=accounting_storage/slurmdbd",
            "AccountingStorageHost=127.0.0.1",
            f"AccountingStoragePort={port}",
            f"AccountingStoragePass={layout.munge_socket}",
            f"AccountingStorageEnforce=limits{',qos' if settings.enforce_qos else ''}",
        ]
    else:
        lines.append("AccountingStorageType=accounting_storage/none")
    return "\n".join(lines)


def _node_lines(settings: Settings) -> str:
    return "\n".join(
        f"NodeName={name} NodeHostname={settings.host} NodeAddr=127.0.0.1 Port={port} "
        f"CPUs={settings.cpus} RealMemory={settings.memory} State=UNKNOWN"
        for name, port in zip(settings.node_names, settings.ports[2:], strict=True)
    )


def slurmdbd_conf(layout: Layout, settings: Settings) -> str:
    """slurmdbd.conf. The database is reached through its socket (MYSQL_UNIX_PORT), by the socket owner's name."""
    return f"""\
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={settings.ports[1]}
SlurmUser={settings.user}
AuthType=auth/munge
AuthInfo=socket={layout.munge_socket}
CommitDelay=1
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser={settings.user}
StorageLoc=slurm_acct_db
LogFile={layout.logs}/slurmdbd.log
PidFile={layout.pids}/slurmdbd.own
"""
