"""Messages of readers, server and makers: JSON, one in a packet, with the descriptor of a batch or none."""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from typing import Any

# A packet holds the rows of a batch: more than any batch has.
LARGEST = 1 << 17


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(to: socket.socket, message: dict[str, Any], descriptor: int | None = None) -> None:
    """Raises OSError: the other end is gone, its queue is full, or the message too large."""
    ancillary = []
    if descriptor is not None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]).tobytes())]
    content = json.dumps(message, separators=(",", ":")).encode()
    to.sendmsg([content], ancillary, socket.MSG_NOSIGNAL)


def receive(origin: socket.socket) -> tuple[dict[str, Any], int | None]:
    """A message and its descriptor, which the caller closes. Raises EOFError once the other end is gone."""
    room = socket.CMSG_SPACE(array.array("i").itemsize)
    content, ancillary, flags, _ = origin.recvmsg(LARGEST, room, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    if not content or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        for descriptor in descriptors:
            os.close(descriptor)
        raise EOFError("the other end is gone") if not content else OSError("a message is too large")
    message: dict[str, Any] = json.loads(content)
    return message, descriptors[0] if descriptors else None


def is_own_user(peer: socket.socket) -> bool:
    """Whether a process of this user is at the other end: the name of a socket has no permissions."""
    given = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", given)
    return bool(user == os.geteuid())
