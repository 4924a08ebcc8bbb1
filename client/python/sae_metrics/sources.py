"""Where `open` reads: a file, or what the program `sae-metricsd` hands out. Both give rows of a view, in order, one at a time."""

import json
import os
import sqlite3
import stat
import subprocess
import urllib.parse
import warnings

from .autostart import find_program
from .columns import NOT_FINITE, import_numpy
from .errors import Error

ORDER = {
    "steps": "step, attempt",
    "history": "step, attempt",
    "windows": "attempt, window",
    "deaths": "attempt, window, feature, what",
}
REACHES = {"steps": "step", "history": "step", "windows": "step_last"}
# What stands is what no later attempt began at or before; a death stands with its window.
STANDS = " AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.run = ?1 AND a.attempt > t.attempt AND a.step_first <= t.%s)"
STANDS_WITH_WINDOW = " AND (t.attempt, t.window) IN (SELECT t.attempt, t.window FROM windows t WHERE t.run = ?1%s)" % (
    STANDS % REACHES["windows"]
)
ABOUT = ("attempt", "window", "step_last", "complete", "n_tokens")

# As sae-metricsd(8) has it: a whole id, a whole name, the beginning or the end of an id, any part of either.
MATCHES = (
    "id = :part",
    "name = :part",
    "substr(id, 1, length(:part)) = :part OR substr(id, -length(:part)) = :part",
    "instr(id, :part) > 0 OR instr(coalesce(name, ''), :part) > 0",
)


SHARED, SYSTEM = "/var/tmp", "/var/lib/sae-metricsd"


def is_own(folder):
    """Where all may make folders this one may be somebody else's, who then chooses what is found in it."""
    try:
        about = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and not about.st_mode & 0o077


def find_database():
    """The user's, the user's on this machine's disk, or the host's; None: none can be read, but a daemon may."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    shared = os.path.join(SHARED, "sae-metricsd-%d" % os.geteuid())
    for folder in (os.path.join(state, "sae-metricsd"), shared, SYSTEM):
        path = os.path.join(folder, "metrics.db")
        if os.path.exists(path) and (folder != shared or is_own(folder)):
            return path if os.access(path, os.R_OK) else None
    return None


def quote(name):
    return '"%s"' % name.replace('"', '""')


def asked(columns):
    """Each once; none: all that there are."""
    if isinstance(columns, str):
        raise TypeError("columns is a list of names, as [%r], and no text" % columns)
    return list(dict.fromkeys(columns or ()))


def pick(names, columns):
    """Checks what was asked for against what there is."""
    for name in columns:
        if name not in names:
            raise KeyError("no column %r; there are %s" % (name, ", ".join(names)))
    return columns or names


def restored(table, names, rows):
    """Numbers that are NULL for not being finite, as what they were; the column that says so stands last."""
    value = names.index("value") if table == "history" and "value" in names else None
    for row in rows:
        told = row[-1]
        row = row[:-1]
        if told is None or (table == "history" and (value is None or told not in NOT_FINITE)):
            yield row
            continue
        row = list(row)
        if table == "history":
            row[value] = NOT_FINITE[told]
        else:
            for name, word in json.loads(told).items():
                if name in names and row[names.index(name)] is None:
                    row[names.index(name)] = NOT_FINITE.get(word)
        yield row


class File:
    def __init__(self, path):
        self._path = os.fspath(path)
        with self._opened() as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = 'steps'").fetchone():
                raise Error("%s is not a database of sae-metricsd" % self._path)

    def __str__(self):
        return self._path

    def _opened(self):
        return _Connection(self._path)

    def _names(self, connection, table):
        return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]

    def _find(self, connection, part):
        for match in MATCHES:
            ids = [found for (found,) in connection.execute("SELECT id FROM runs WHERE " + match, {"part": str(part)})]
            if len(ids) > 1:
                raise LookupError("%d runs fit %r: %s" % (len(ids), part, ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")))
            if ids:
                return ids[0]
        raise LookupError("no run fits %r" % (part,))

    def runs(self, columns):
        with self._opened() as connection:
            names = pick(self._names(connection, "runs"), asked(columns))
            return names, connection.execute("SELECT %s FROM runs ORDER BY started, id" % ", ".join(map(quote, names))).fetchall()

    def rows(self, table, run, columns, all_attempts):
        with self._opened() as connection:
            all_names = self._names(connection, table)
            if not all_names:
                raise LookupError("%s is of a version that kept no %s" % (self._path, table))
            names = pick(all_names, asked(columns))
        return names, self._rows(table, run, names, all_attempts)

    def _rows(self, table, run, names, all_attempts):
        teller = {"steps": "non_finite", "history": "kind"}.get(table, "NULL")
        with self._opened() as connection:
            id = self._find(connection, run)
            stands = "" if all_attempts else STANDS % REACHES[table] if table in REACHES else STANDS_WITH_WINDOW
            rows = connection.execute(
                "SELECT %s, %s FROM %s t WHERE run = ?1%s ORDER BY %s"
                % (", ".join(map(quote, names)), teller, table, stands, ORDER[table]),
                (id,),
            )
            yield from restored(table, names, rows)

    def feature_counts(self, run):
        numpy = import_numpy()
        with self._opened() as connection:
            id = self._find(connection, run)
            if not self._names(connection, "feature_counts"):
                raise LookupError("%s is of a version that kept no counts of features" % self._path)
            rows = connection.execute(
                "SELECT counts, last_fired, totals, %s FROM feature_counts WHERE run = ? ORDER BY part" % ", ".join(ABOUT), (id,)
            ).fetchall()
        if not rows:
            raise LookupError("no window of %s has closed, so there are no counts of its features" % id)
        counts, last, totals = (
            numpy.frombuffer(b"".join(blobs), kind) for blobs, kind in zip(list(zip(*rows))[:3], ("<u4", "<i4", "<u8"))
        )
        return counts, last, totals, dict(zip(ABOUT, rows[0][3:]))


class _Connection:
    """For as long as it is read, and no longer: an old state that is held keeps the daemon's log from shrinking."""

    def __init__(self, path):
        self._path = path = os.path.abspath(path)
        try:
            try:
                self._connection = self._connect(path, "mode=ro")
            except sqlite3.OperationalError:
                # Where the folder cannot be written there is no memory to share with a writer; there is no writer either. With a
                # -journal beside it what is in the file is half of a change.
                if os.access(os.path.dirname(path), os.W_OK, effective_ids=True) or os.path.exists(path + "-journal"):
                    raise
                self._connection = self._connect(path, "immutable=1")
                if os.path.exists(path + "-wal") and os.path.getsize(path + "-wal") > 0:
                    warnings.warn("the folder cannot be written, so what is in its -wal is not shown: %s" % path, stacklevel=4)
        except (OSError, sqlite3.Error) as problem:
            raise Error("%s cannot be read: %s" % (path, problem)) from problem

    @staticmethod
    def _connect(path, how):
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError("it is no file")
        connection = sqlite3.connect("file:%s?%s" % (urllib.parse.quote(path), how), uri=True, timeout=10)
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def __enter__(self):
        return self._connection

    def __exit__(self, _kind, problem, _trace):
        self._connection.close()
        if isinstance(problem, sqlite3.Error):
            raise Error("%s cannot be read: %s" % (self._path, problem)) from problem


class WrongUsage(Error):
    """Of the program."""


class Program:
    """The daemon, asked by the program: it knows where daemons are and how they are spoken to."""

    def __init__(self, socket):
        self._socket = socket
        self._program = find_program()
        if self._program is None:
            raise Error("no database can be read, and the program sae-metricsd, which would ask its daemon, is not on PATH")

    def __str__(self):
        return "the daemon behind %s" % self._socket if self._socket else "its daemon"

    def _place(self):
        return ["--socket", os.fspath(self._socket)] if self._socket else []

    def _lines(self, *arguments):
        command = [self._program, arguments[0], "--jsonl", *self._place(), *arguments[1:]]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            for line in process.stdout:
                yield json.loads(line)
            words = process.stderr.read()
        self._check(process.returncode, words)

    def _check(self, status, words):
        words = words.decode("utf-8", "replace").strip()
        if status == 4:
            raise LookupError(words.split(": ", 1)[-1])
        if status == 2:
            raise WrongUsage(words)
        if status != 0:
            raise Error(words or "%s ended with %d" % (self._program, status))

    def _names(self, table):
        """Without a row of it."""
        command = [self._program, "query", "--json", *self._place(), "--", "SELECT * FROM %s LIMIT 0" % table]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._check(done.returncode, done.stderr)
        return json.loads(done.stdout)["columns"]

    def _table(self, table, lines, names):
        lines = iter(lines)
        first = next(lines, None)
        if first is None:
            return names or self._names(table), iter(())
        names = names or list(first)
        return names, (_plain(table, line, names) for line in _chain(first, lines))

    def runs(self, columns):
        columns = asked(columns)
        names = columns and pick(self._names("runs"), columns)
        select = "SELECT %s FROM runs ORDER BY started, id" % (", ".join(map(quote, names)) if names else "*")
        return self._table("runs", self._lines("query", "--timeout", "1m", "--", select), names)

    def rows(self, table, run, columns, all_attempts):
        names = asked(columns)
        if any(not isinstance(name, str) or "," in name for name in names):
            pick(self._names(table), names)
        more = ["--columns", ",".join(names)] if names else []
        more += ["--all-attempts"] if all_attempts else []
        try:
            return self._table(table, self._lines("export", "--" + table, *more, "--", str(run)), names)
        except WrongUsage:  # whoever asks for what there is says what there is
            pick(self._names(table), names)
            raise

    def feature_counts(self, run):
        numpy = import_numpy()
        wanted = ("count", "last_fired", "total") + ABOUT
        rows = [[line[name] for name in wanted] for line in self._lines("export", "--features", "--", str(run))]
        if not rows:
            raise LookupError("no window of %s has closed, so there are no counts of its features" % run)
        counts, last, totals = ([row[at] or 0 for row in rows] for at in range(3))
        return (numpy.array(counts, "<u4"), numpy.array(last, "<i4"), numpy.array(totals, "<u8"), dict(zip(ABOUT, rows[0][3:])))


def _chain(first, others):
    yield first
    yield from others


TIMES = ("time",)
WORDS = ("run", "text", "kind", "key")


def _plain(table, line, names):
    """As the views have it: words that stand for numbers, and times. Of a run all is finite, and a name may be any word."""
    row = []
    for name in names:
        value = line[name]
        if table != "runs" and isinstance(value, str) and value in NOT_FINITE and name not in WORDS:
            value = NOT_FINITE[value]
        elif name in TIMES and isinstance(value, str):
            value = _seconds(value)
        row.append(value)
    return row


def _seconds(text):
    from datetime import datetime, timezone

    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
