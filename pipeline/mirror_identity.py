"""Whose runs a sweep's runs in MLflow are. Two folders of one name on one server never share a run.

The identity is a random number, written once into the sweep's folder: a driver that moves to another login node finds
it there, and a folder that is moved takes it along. A folder that is copied gets one of its own.
"""

from __future__ import annotations

import os
import pwd
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from heatmark.foundation.files import Record, read_json, write_json

FILE = "mlflow_identity.json"


@dataclass(frozen=True)
class Identity:
    """number: random. user, host, folder: who runs the sweep, and where, for people to read."""

    number: str
    user: str
    host: str
    folder: str

    @property
    def tags(self) -> dict[str, str]:
        """For every run of the sweep; MLflow's pages show `mlflow.user` in a column."""
        who = {"user": self.user, "mlflow.user": self.user}
        return {"identity": self.number, "host": self.host, "folder": self.folder, **who}


def identity_of(sweep: Path) -> Identity:
    """The identity of a sweep's folder, written down where it is new. Raises InputError for a damaged record."""
    saved = read_json(sweep / FILE)
    place: Record = {"folder": os.path.realpath(sweep), "host": socket.gethostname(), "inode": sweep.stat().st_ino}
    number = uuid.uuid4().hex if saved is None or _is_of_another(saved, place) else str(saved["number"])
    if saved != {"number": number, **place}:
        write_json(sweep / FILE, {"number": number, **place})
    return Identity(number, _user(), place["host"], place["folder"])


def _is_of_another(saved: Record, place: Record) -> bool:
    """Whether the record came here as part of a copy.

    The same inode is the same folder, renamed or seen from another host, unless two disks gave one number by chance.
    Another inode on another host is a copy: nothing tells it from a folder moved there.
    """
    if saved["host"] != place["host"]:
        return bool(saved["inode"] != place["inode"])
    return saved["folder"] != place["folder"] and _is_still_there(saved, place["folder"])


def _is_still_there(saved: Record, copy: str) -> bool:
    """Whether the folder that the record names still holds it, and is not this very folder by another path."""
    original = Path(saved["folder"])
    try:
        record = read_json(original / FILE)
        return record is not None and record["number"] == saved["number"] and not original.samefile(copy)
    except NotADirectoryError:
        return False
    except OSError:
        return True  # somebody else's, who lets nobody look


def _user() -> str:
    """The account's name, whatever the environment says; in a container it may have none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
