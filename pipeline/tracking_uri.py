"""Where MLflow keeps runs: an address that can never work is refused before anything is sent. Without MLflow itself,
whose import takes seconds.
"""

from __future__ import annotations

import re
import socket
import ssl
import tempfile
import urllib.error
import urllib.request
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from heatmark.foundation.errors import InputError
from heatmark.foundation.servers import SERVERS
from heatmark.foundation.variables import expand_variables
from heatmark.pipeline.mirror_failure import without_passwords

# Of each database the usual port, and the module that SQLAlchemy loads where the scheme names none (`mysql+pymysql`).
DATABASES = {"postgresql": (5432, "psycopg2"), "mysql": (3306, "MySQLdb"), "mssql": (1433, "pyodbc")}
MODULES = {"mysqldb": "MySQLdb", "mysqlconnector": "mysql"}
VALID = (*SERVERS, "sqlite", *DATABASES, "databricks")
INSTEAD = "give a server (http://host:5000) or a database (sqlite:////folder/mlflow.db), or leave it out"
SQLITE_HEADER = b"SQLite format 3\0"
ANSWER_S = 5.0
# A gateway's words for a server behind it that is away.
AWAY = frozenset({502, 503, 504})


def tracking_uri(text: str, where: str) -> str:
    """The URI with its environment variables filled in. where: of the text, for messages.

    Raises InputError for what no server that comes back can mend. Whether a server answers is not asked.
    """
    try:
        uri = expand_variables(text)
    except InputError as error:
        raise InputError(f"{where}: {error} (a $ that is meant as it stands is %24)") from error
    problem = _problem(uri)
    if problem:
        raise InputError(f"{where}: {without_passwords(text)!r}: {problem}")
    return uri


def _problem(uri: str) -> str | None:
    """Why MLflow can keep no runs there, and what to do; None where it can, for all that is seen from here."""
    if not uri or uri != uri.strip():
        return f"empty, or with spaces around it; {INSTEAD}"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        return f"malformed ({error}); {INSTEAD}"
    if uri == "databricks" or parts.scheme in {"databricks", *_plugins()}:
        return None
    scheme, _, driver = parts.scheme.partition("+")
    if re.match(r"[\w.-]+:\d+(/|$)", uri):
        return f"no scheme; write http://{uri}"
    if scheme in ("", "file") or len(scheme) == 1:
        return f"MLflow 3.13 and newer keep no runs in a folder of files; {INSTEAD}"
    if scheme in SERVERS and not driver:
        return _host_problem(parts)
    if scheme == "sqlite":
        return _sqlite_problem(uri, parts)
    if scheme in DATABASES:
        return _database_problem(parts, port, MODULES.get(driver, driver) or DATABASES[scheme][1])
    return f"unknown scheme {parts.scheme!r}; valid: {', '.join(VALID)}"


def _host_problem(parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    if not re.fullmatch(r"[\w.-]+|[0-9a-f:.]+(%\w+)?", host) or re.search(r"\s", parts.path):
        return f"no host in it that can be; write {parts.scheme}://host:5000"
    return "port 0; give the server's" if parts.port == 0 else None


def _database_problem(parts: SplitResult, port: int | None, module: str) -> str | None:
    if not parts.path.strip("/"):
        return f"names no database; write {parts.scheme}://user:password@host/database"
    if port == 0:
        return "port 0; give the database's"
    if find_spec(module) is None:
        return f"Python's module {module} for this database is not installed here; install it, or name another driver"
    return None


def _sqlite_problem(uri: str, parts: SplitResult) -> str | None:
    if parts.netloc or not uri.partition(":")[2].startswith("///"):
        return "malformed; write sqlite:////absolute/path/mlflow.db"
    path = Path(unquote(parts.path.removeprefix("/")))
    if str(path) in (".", ":memory:"):
        return f"names no file, and what is in memory is lost; {INSTEAD}"
    if str(path).startswith("file:"):
        return None
    try:
        return _file_problem(path)
    except OSError as error:
        return f"{path}: {error.strerror}; {INSTEAD}"


def _file_problem(path: Path) -> str | None:
    """Raises OSError where the file, or a journal beside it, cannot be written."""
    if not path.parent.is_dir():
        return f"{path.parent}: no such folder; make it, or give another"
    if path.is_dir():
        return f"{path}: a folder; give a file in it"
    with tempfile.TemporaryFile(dir=path.parent):
        pass
    if path.exists():
        with path.open("r+b") as file:
            if file.read(len(SQLITE_HEADER)) not in (b"", SQLITE_HEADER):
                return f"{path}: no SQLite database; give another file"
    return None


def _plugins() -> set[str]:
    """Schemes that installed packages add to MLflow."""
    return {entry.name for entry in entry_points(group="mlflow.tracking_store")}


def silence(uri: str) -> str | None:
    """Why nothing answers at the address of a server or a database now; None where something does, or needs not."""
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    try:
        if scheme in SERVERS:
            _ask(parts)
        elif scheme in DATABASES and parts.hostname:
            socket.create_connection((parts.hostname, parts.port or DATABASES[scheme][0]), ANSWER_S).close()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}" if error.code in AWAY else None
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    return None


def _anyones() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _ask(parts: SplitResult) -> None:
    """Any page will do, of whoever's certificate: nothing is told, and only that there is an answer is learnt."""
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    context = _anyones() if parts.scheme == "https" else None
    urllib.request.urlopen(address, timeout=ANSWER_S, context=context).close()
