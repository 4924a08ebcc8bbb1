"""`sae-metricsd query`, and QUERY sql by hand: what one may see is answered, and hostile SQL gets nothing else and breaks nothing."""
import csv
import io
import itertools
import json
import os
import pty
import random
import select
import sqlite3
import subprocess
import unittest
from pathlib import Path

from harness import DAEMON, Daemon, wait_until
from users import ANA, JOE, Reader, ask, connect, let_in, needs_two_users
from wire import ACK, FINISH, FLUSH, LOG, OPENED, QUERY, REPLY
import workload

import tap

OK, FAILED, USAGE, NO_DATABASE = 0, 1, 2, 3
EVENT = 8
DONE, TOO_LARGE, TOO_LONG, TOO_MANY, MISTAKEN = 0, 3, 5, 12, 35
SECRET = "xylophone"


def query(daemon, sql, *arguments, db=True, **more):
    place = ("--db", daemon.database) if db else ("--socket", daemon.socket)
    return subprocess.run([DAEMON, "query", *arguments, *place, "--", sql], env=daemon.environment(), check=False,
                          **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})


def answered(daemon, sql, **more):
    out = query(daemon, sql, "--json", **more)
    assert (out.returncode, out.stderr) == (OK, b""), out.stderr
    return json.loads(out.stdout)


def train(daemon, uid, run, **fields):
    """A run of that user's whose id, name, config, keys, texts and numbers are all its own."""
    wire = connect(daemon, uid)
    answer = wire.open(run, name=f"{run} name", config=json.dumps({"word": run}), **fields)
    assert answer[0] == OPENED, answer
    for step in range(3):
        wire.step(step + 1, step, scalars=(0.5 + uid,))
    wire.send(LOG, 4, 2, 1.7e9, 1.0, [[f"{run}/key", f"{run} text"], [f"{run}/value", 0.25]])
    wire.send(EVENT, 5, 2, 1.7e9, "note", f"{run} event")
    wire.send(FINISH, 6, 0, None, 1.7e9, None)
    wire.send(FLUSH, 6)
    while (answer := wire.until(ACK)) != [ACK, 6]:
        assert answer is not None
    wire.__exit__()


def children(pid):
    """Processes that the daemon has begun and not yet buried."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry.name))
            except (OSError, IndexError):
                pass
    return found


class Questions(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.__exit__)
        self.daemon.start()

    def trained(self, run="query001", steps=120):
        handle = workload.begin(self.daemon.socket, run, project="clip")
        for step in range(steps):
            workload.log_step(handle, run, 0, step)
        handle.finish(timeout=60)

    def test_every_view_is_as_sqlite_has_it_from_a_file_and_from_a_daemon(self):
        self.trained()
        connection = sqlite3.connect(f"file:{self.daemon.database}?mode=ro", uri=True)
        self.addCleanup(connection.close)
        views = [name for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")]
        self.assertGreater(len(views), 12)
        for view, db in itertools.product(views, (True, False)):
            with self.subTest(view=view, db=db):
                cursor = connection.execute(f"SELECT * FROM {view}")
                got = answered(self.daemon, f"SELECT * FROM {view}", db=db)
                self.assertEqual([column[0] for column in cursor.description], got["columns"])
                expected = [[value.hex() if isinstance(value, bytes) else value for value in row] for row in cursor]
                self.assertEqual(expected, got["rows"])

    def test_what_is_computed_of_them_is_as_sqlite_computes_it(self):
        self.trained()
        connection = sqlite3.connect(f"file:{self.daemon.database}?mode=ro", uri=True)
        self.addCleanup(connection.close)
        for sql in ("SELECT count(*), avg(l0), max(step) FROM steps WHERE run = 'query001' AND step >= 50 AND step < 100",
                    "SELECT step, l0 FROM steps WHERE run = 'query001' ORDER BY step DESC LIMIT 5",
                    "SELECT step, l0 FROM steps WHERE run = 'query001' AND step IN (3, 77, 5) ORDER BY step",
                    "SELECT step FROM steps WHERE step = '7' AND run = 'query001'",
                    "SELECT id FROM runs WHERE id = 'QUERY001' COLLATE nocase",
                    "SELECT w.window, count(*) FROM windows w JOIN steps s ON s.run = w.run AND s.step BETWEEN w.step_first AND w.step_last GROUP BY 1",
                    "WITH t AS (SELECT key, count(*) AS n FROM history GROUP BY key) SELECT * FROM t ORDER BY n DESC, key LIMIT 9",
                    "SELECT r.id, j.value FROM runs r, json_each(r.thresholds) j",
                    "SELECT step, l0 - lag(l0) OVER (ORDER BY step) FROM steps WHERE run = 'query001' ORDER BY l0 LIMIT 9",
                    "SELECT run, step FROM steps UNION SELECT run, step FROM windows, (SELECT 1 AS step) ORDER BY 1, 2 LIMIT 3",
                    "SELECT coalesce(s.step, -1) FROM windows w LEFT JOIN steps s ON s.run = w.run AND s.step = w.step_close ORDER BY 1"):
            for db in True, False:
                with self.subTest(sql=sql, db=db):
                    self.assertEqual([list(row) for row in connection.execute(sql)], answered(self.daemon, sql, db=db)["rows"])

    def test_each_form_is_what_it_says(self):
        self.trained(steps=12)
        sql = "SELECT step, 'a,\"b' AS word, NULL AS void, 1 AS step, 9e999 AS big FROM steps ORDER BY step LIMIT 2"
        for db in True, False:
            self.assertEqual(["step", "word", "void", "step_2", "big"], answered(self.daemon, sql, db=db)["columns"])
            self.assertEqual([0, 'a,"b', None, 1, "Infinity"], answered(self.daemon, sql, db=db)["rows"][0])
            lines = query(self.daemon, sql, "--jsonl", db=db).stdout.splitlines()
            self.assertEqual({"step": 1, "word": 'a,"b', "void": None, "step_2": 1, "big": "Infinity"}, json.loads(lines[1]))
            text = query(self.daemon, sql, "--csv", db=db).stdout.decode()
            self.assertEqual([["step", "word", "void", "step_2", "big"], ["0", 'a,"b', "", "1", "Infinity"], ["1", 'a,"b', "", "1", "Infinity"]],
                             list(csv.reader(io.StringIO(text, newline=""))))
            table = query(self.daemon, sql, db=db).stdout.decode().splitlines()
            self.assertEqual(["step", "word", "void", "step_2", "big"], table[0].split())
            self.assertEqual(["0", 'a,"b', "-", "1", "Infinity"], table[1].split())

    def test_what_is_computed_of_nothing_is_the_same_from_a_file_and_from_a_daemon(self):
        for sql in ("SELECT 'a' || char(0) || 'b' AS a, char(0) AS b, x'' AS c, '' AS d, x'00ff' AS e", "SELECT -0.0, 5e-324, 9007199254740993, 1.0, 1e15, 0.1 + 0.2",
                    "SELECT 1 AS \"\", 2 AS \"a\u202e\"", "SELECT NULL WHERE 0"):
            for form in "--json", "--jsonl", "--csv":
                with self.subTest(sql=sql, form=form):
                    of_file, of_daemon = (query(self.daemon, sql, form, db=db) for db in (True, False))
                    self.assertEqual((OK, b""), (of_file.returncode, of_file.stderr))
                    self.assertEqual(of_file.stdout, of_daemon.stdout, of_daemon.stderr)

    def test_sql_comes_from_stdin_and_an_answer_goes_into_a_file(self):
        self.trained(steps=12)
        path = self.daemon.directory / "answer.csv"
        out = query(self.daemon, "-", "--csv", "--output", str(path), input=b"-- all of it\nSELECT count(*) AS n\nFROM steps; -- done\n")
        self.assertEqual((OK, b""), (out.returncode, out.stdout), out.stderr)
        self.assertEqual(b"n\r\n12\r\n", path.read_bytes())
        self.assertEqual(FAILED, query(self.daemon, "SELECT nonsense FROM steps", "--csv", "--output", str(path)).returncode)
        self.assertEqual(b"n\r\n12\r\n", path.read_bytes())

    def test_a_terminal_gets_nothing_that_it_would_obey_or_that_turns_a_line_around(self):
        for form in "--csv", "--jsonl", "--json", "--color=never":
            master, slave = pty.openpty()
            sql = "SELECT char(27) || '[31m' AS a, 'b' || char(155, 8238, 8206, 65279, 127, 0) || 'ü' AS \"c\u202e\", char(13, 10, 10, 9) AS e"
            out = query(self.daemon, sql, form, stdout=slave)
            os.close(slave)
            self.assertEqual(OK, out.returncode, out.stderr)
            shown = os.read(master, 65536).decode()
            os.close(master)
            self.assertIn("ü" if form != "--color=never" else "b", shown)
            self.assertEqual(set(), {char for char in shown if char not in "\r\n" and not char.isprintable()}, shown)

    def test_only_one_select_is_answered_and_everything_else_is_refused_in_words(self):
        self.trained(steps=12)
        for sql, words in (
                ("", "there is no statement"), ("-- nothing", "there is no statement"), ("/* nothing", "there is no statement"),
                ("SELECT 1; SELECT 2", "one statement at a time"), ("SELECT 1; nonsense", "one statement at a time"),
                ("EXPLAIN SELECT 1", "anything but SELECT"), ("EXPLAIN QUERY PLAN SELECT 1", "anything but SELECT"),
                ("INSERT INTO runs (id) VALUES ('x')", ""), ("DELETE FROM steps", ""), ("UPDATE runs SET id = 'x'", ""), ("DROP TABLE runs", ""),
                ("CREATE TABLE x (y)", ""), ("CREATE TEMP TABLE x (y)", ""), ("CREATE VIEW x AS SELECT 1", ""), ("ALTER TABLE runs RENAME TO x", ""),
                ("CREATE VIRTUAL TABLE x USING kept", ""), ("CREATE VIRTUAL TABLE steps_data USING kept", ""), ("ATTACH 'x.db' AS x", ""),
                ("DETACH main", ""), ("VACUUM INTO '/tmp/x'", ""), ("PRAGMA user_version", "PRAGMA"), ("PRAGMA database_list", "PRAGMA"),
                ("PRAGMA writable_schema = 1", ""), ("REINDEX", ""), ("ANALYZE", ""), ("BEGIN", ""), ("COMMIT", ""), ("SAVEPOINT x", ""),
                ("SELECT * FROM pragma_database_list", "not permitted"), ("SELECT * FROM pragma_table_info('runs')", "not permitted"),
                ("SELECT count(*) FROM pragma_database_list", "not permitted"), ("SELECT * FROM sqlite_schema", "not permitted"),
                ("SELECT * FROM sqlite_master", "not permitted"), ("SELECT * FROM sqlite_temp_master", "not permitted"),
                ("SELECT count(*) FROM sqlite_temp_schema", "not permitted"), ("SELECT * FROM main.sqlite_schema", "not permitted"),
                ("SELECT * FROM sqlite_dbpage", ""), ("SELECT * FROM dbstat", ""), ("SELECT * FROM sqlite_stmt", ""), ("SELECT * FROM kept", "no such table"),
                ("SELECT * FROM bytecode('SELECT 1')", ""), ("SELECT * FROM fts3tokenize('x')", ""), ("SELECT * FROM runs_data", "no such table"),
                ("SELECT * FROM keys_data", "no such table"), ("SELECT * FROM meta", "no such table"), ("SELECT * FROM main.steps_data", "no such table"),
                ("SELECT load_extension('x')", "load_extension"), ("SELECT randomblob(9)", "randomblob"), ("SELECT zeroblob(9)", "zeroblob"),
                ("SELECT writefile('/tmp/x', 'y')", "writefile"), ("SELECT readfile('/etc/passwd')", "readfile"), ("SELECT fts3_tokenizer('x')", "fts3_tokenizer"),
                ("SELECT rtreecheck('x')", "rtreecheck"), ("SELECT sqlite_compileoption_get(1)", "sqlite_compileoption_get"),
                ("SELECT ?", "too many SQL variables"), ("SELECT :x", "too many SQL variables"), ("SELECT l00 FROM steps", "no such column: l00"),
                ("SELECT abs(-9223372036854775808)", "integer overflow"), ("SELECT 1 FROM nope", "; there are acknowledged ")):
            for db in True, False:
                with self.subTest(sql=sql, db=db):
                    out = query(self.daemon, sql, db=db)
                    self.assertEqual((FAILED, b""), (out.returncode, out.stdout))
                    self.assertIn(words if sql or db else "which SQL?", out.stderr.decode())
        self.assertEqual([(12,)], self.daemon.rows("SELECT count(*) FROM steps"))

    def test_what_is_no_text_is_no_sql(self):
        with Reader(self.daemon, os.getuid()) as reader:
            for sql in "SELECT 1\0", "\0", "SELECT '\0'":
                reader.wire.send(QUERY, 7, "sql", {"sql": sql})
                answer = reader.wire.until(REPLY)
                self.assertTrue(answer is None or answer[2] == MISTAKEN, answer)
                reader.wire.__exit__()
                reader.wire = connect(self.daemon, os.getuid())
                reader.wire.hello(role=2)
        for sql in b"SELECT 1 \xff", b"\xc3", b"SELECT '\xed\xa0\x80'":
            for db in True, False:
                out = query(self.daemon, "-", db=db, input=sql)
                self.assertEqual(FAILED, out.returncode, sql)
        long = "SELECT 1 " + "/* x */" * 9362
        self.assertEqual([[1]], answered(self.daemon, "-", db=False, input=long[:65536].encode() if len(long) <= 65536 else b"SELECT 1")["rows"])
        out = query(self.daemon, "-", db=False, input=b"SELECT 1 --" + b"x" * 65536)
        self.assertEqual(USAGE, out.returncode)
        self.assertIn(b"longer than 64 KiB", out.stderr)

    def test_what_would_take_all_time_memory_or_disk_is_ended_in_words(self):
        self.trained(steps=12)
        giants = "SELECT " + ", ".join(f"printf('%.*c', 4000000, '{chr(97 + i)}')" for i in range(26))
        bombs = (
            ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c", (TOO_LONG,)),
            ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c ORDER BY -x", (TOO_LONG, TOO_LARGE)),
            ("WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x + 1 FROM c) SELECT max(x) FROM c", (TOO_LONG, TOO_LARGE)),
            ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c", (TOO_LARGE, TOO_LONG)),
            ("WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c) SELECT length(x) FROM c", (MISTAKEN, TOO_LARGE)),
            ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT group_concat(x) FROM c", (MISTAKEN, TOO_LARGE, TOO_LONG)),
            ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT json_group_array(x) FROM c", (MISTAKEN, TOO_LARGE, TOO_LONG)),
            ("SELECT printf('%.*c', 2000000000, 'x')", (MISTAKEN, TOO_LARGE, TOO_LONG)), ("SELECT length(printf('%2000000000d', 1))", None),
            (giants, (TOO_LARGE, TOO_LONG)), (giants.replace("SELECT ", "SELECT length(").replace(", printf", ") + length(printf", 25) + ")", None),
            ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100) SELECT max(length(printf('%.*c', 4000000, 'x') || x)) FROM c", None),
            ("SELECT printf('%.*c', 4000000, 'a') LIKE '" + "%a" * 120 + "b'", None), ("SELECT printf('%.*c', 4000000, 'a') GLOB '" + "*a" * 120 + "b'", None),
            ("SELECT instr(printf('%.*c', 4000000, 'a'), printf('%.*c', 2000000, 'a') || 'b')", (TOO_LONG, DONE)),
            ("SELECT length(replace(printf('%.*c', 4000000, 'a'), printf('%.*c', 1900000, 'a') || 'b', 'c'))", (TOO_LONG, DONE)),
            ("SELECT length(trim(printf('%.*c', 2000000, 'a'), printf('%.*c', 2000000, 'b') || 'a'))", None),
            ("SELECT length(replace(printf('%.*c', 4000000, 'a'), 'a', printf('%.*c', 4000000, 'a')))", (MISTAKEN, TOO_LARGE)),
            ("SELECT " + "(" * 2000 + "1" + ")" * 2000, (MISTAKEN,)), ("SELECT 1" + " UNION SELECT 1" * 2000, (MISTAKEN,)),
            ("SELECT " + "+".join(["1"] * 5000), (MISTAKEN,)), ("SELECT " + ", ".join(["1"] * 2000), (MISTAKEN,)),
            ("SELECT * FROM " + ", ".join(f"steps s{i}" for i in range(64)), None), ("SELECT json('" + "[" * 30000 + "]" * 30000 + "')", (MISTAKEN,)),
            ("SELECT count(*) FROM " + ", ".join(f"steps s{i}" for i in range(9)), (TOO_LONG,)))
        with Reader(self.daemon, os.getuid()) as reader:
            for sql, codes in bombs:
                with self.subTest(sql=sql[:120]):
                    may_take_all_time = codes is None or TOO_LONG in codes
                    time_ends_it = codes is not None and TOO_LONG in codes and TOO_LARGE not in codes
                    timeout_ms = 200 if time_ends_it else 1000 if may_take_all_time else 20000
                    code, words, document = reader.ask("sql", sql=sql, timeout_ms=timeout_ms)
                    self.assertIn(code, codes or (DONE, TOO_LARGE, TOO_LONG, MISTAKEN), words)
                    self.assertEqual(code == DONE, document is not None)
                    self.assertTrue(document or words)
            self.assertEqual([[12]], reader.ask("sql", sql="SELECT count(*) FROM steps")[2]["rows"])
        self.assertEqual([], children(self.daemon.process.pid))
        self.assertEqual([], [name for name in os.listdir(self.daemon.directory) if "etilqs" in name])

    def test_an_answer_is_whole_or_it_is_refused(self):
        rows = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT {}) SELECT x, printf('%.*c', 1000, 'x') FROM c"
        with Reader(self.daemon, os.getuid()) as reader:
            self.assertEqual(16000, len(reader.ask("sql", sql=rows.format(16000), timeout_ms=20000)[2]["rows"]))
            code, words, _ = reader.ask("sql", sql=rows.format(17000), timeout_ms=20000)
            self.assertEqual(TOO_LARGE, code)
            self.assertIn("larger than 16 MiB", words)
        self.assertEqual(17000, len(answered(self.daemon, rows.format(17000))["rows"]), "a file has no such bound")

    def test_status_and_training_go_on_beside_a_question_and_nobody_waits_in_vain(self):
        self.trained(steps=12)
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        with Reader(self.daemon, os.getuid()) as first, Reader(self.daemon, os.getuid()) as second, Reader(self.daemon, os.getuid()) as third:
            first.wire.send(QUERY, 7, "sql", {"sql": endless, "timeout_ms": 60000})
            wait_until(lambda: children(self.daemon.process.pid), "it to be asked")
            second.wire.send(QUERY, 7, "sql", {"sql": "SELECT 2"})
            self.trained("beside01", 60)
            self.assertEqual({"beside01", "query001"}, {run["id"] for run in self.daemon.status()["runs"]})
            self.assertEqual(TOO_MANY, third.ask("sql", sql="SELECT 3")[0])
            first.wire.__exit__()
            self.assertEqual(DONE, second.wire.until(REPLY)[2], "it had its turn when the first reader went")
            self.assertEqual(DONE, third.ask("sql", sql="SELECT 3")[0])
        wait_until(lambda: not children(self.daemon.process.pid), "all of them to be gone")

    def test_a_daemon_that_ends_ends_its_questions(self):
        with Reader(self.daemon, os.getuid()) as reader:
            endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
            reader.wire.send(QUERY, 7, "sql", {"sql": endless, "timeout_ms": 60000})
            reader.wire.send(QUERY, 8, "sql", {"sql": endless, "timeout_ms": 60000})
            wait_until(lambda: children(self.daemon.process.pid), "it to be asked")
            pid, = children(self.daemon.process.pid)
            self.daemon.stop()
            wait_until(lambda: not Path(f"/proc/{pid}").exists(), "it to be gone")

    def test_who_asks_for_too_long_is_told(self):
        code, words, _ = ask(self.daemon, os.getuid(), "sql", sql="SELECT 1", timeout_ms=60001)
        self.assertEqual(MISTAKEN, code)
        self.assertIn("at most 60 s", words)
        out = query(self.daemon, "SELECT 1", "--timeout", "soon")
        self.assertEqual(USAGE, out.returncode)
        for arguments, words in ((("--json", "--csv"), b"one of --json"), (("SELECT 2",), b"one SQL, in quotes")):
            out = query(self.daemon, "SELECT 1", *arguments)
            self.assertEqual(USAGE, out.returncode)
            self.assertIn(words, out.stderr)

    def test_without_a_database_or_a_daemon_there_is_no_answer(self):
        for place in ("--db", "nowhere.db"), ("--socket", "/nowhere/socket"):
            out = subprocess.run([DAEMON, "query", "SELECT 1", *place], env=self.daemon.environment(), capture_output=True, check=False)
            self.assertEqual((NO_DATABASE, b""), (out.returncode, out.stdout))
            self.assertTrue(out.stderr)

    def test_garbage_is_refused_and_nothing_breaks(self):
        self.trained(steps=12)
        random.seed(7)
        words = ("SELECT", "FROM", "WHERE", "steps", "runs", "history", "run", "step", "*", "(", ")", ",", "'x", "'", "\"", "--", "/*", "*/", ";", "1", "-9223372036854775808",
                 "1e999", "NULL", "WITH RECURSIVE", "c(x) AS", "UNION ALL", "ORDER BY", "LIMIT", "GROUP BY 1", "json_each", "abs(", "OVER (", "LIKE", "GLOB",
                 "x'00'", "[", "`", "CASE WHEN", "END", "CAST(", "AS BLOB)", "IN (SELECT", "EXISTS (", "@", "#", "$a", "\u202e", "é", "\t", "\n", "COLLATE nocase",
                 "NATURAL JOIN", "USING (run)", "->>", "printf('%n%s')", "main.", "temp.", "VALUES (1)")
        with Reader(self.daemon, os.getuid()) as reader:
            for _ in range(60):
                sql = " ".join(random.choices(words, k=random.randint(1, 14)))
                sql = ("SELECT " if random.random() < 0.7 else "") + sql
                code, said, document = reader.ask("sql", sql=sql, timeout_ms=500)
                self.assertIn(code, (DONE, TOO_LARGE, TOO_LONG, MISTAKEN), (sql, said))
                self.assertEqual(code == DONE, document is not None)
        self.assertEqual([(12,)], self.daemon.rows("SELECT count(*) FROM steps"))


@needs_two_users
class Private(unittest.TestCase):
    """What another user keeps to himself is nowhere in any answer, by whatever road."""

    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.__exit__)
        let_in(self.daemon.start())
        train(self.daemon, ANA, SECRET, private=True)
        train(self.daemon, ANA, "public01")
        train(self.daemon, JOE, "joes0001", private=True)

    def views(self):
        return [name for name, in self.daemon.rows("SELECT name FROM sqlite_schema WHERE type = 'view'")]

    def test_no_view_has_a_row_of_another_users_private_run(self):
        hers = ask(self.daemon, ANA, "sql", sql="SELECT id FROM runs ORDER BY id")[2]["rows"]
        self.assertEqual([["public01"], [SECRET]], hers)
        with Reader(self.daemon, JOE) as joe:
            for view in self.views():
                code, words, document = joe.ask("sql", sql=f"SELECT * FROM {view}")
                self.assertEqual(DONE, code, words)
                self.assertNotIn(SECRET, json.dumps(document), view)
                own = "id" if view in ("runs", "removed_runs") else "run"
                wheres = (f"{own} = '{SECRET}'", f"{own} >= '{SECRET}' AND {own} <= '{SECRET}'", f"{own} IS '{SECRET}'", f"{own} LIKE 'xylo%'", f"{own} IN ('{SECRET}')")
                counts = ", ".join(f"(SELECT count(*) FROM {view} WHERE {where})" for where in wheres)
                self.assertEqual([[0] * len(wheres)], joe.ask("sql", sql=f"SELECT {counts}")[2]["rows"], view)
            self.assertEqual([["joes0001"], ["public01"]], joe.ask("sql", sql="SELECT id FROM runs ORDER BY id")[2]["rows"])
            self.assertEqual([[6]], joe.ask("sql", sql="SELECT count(*) FROM steps")[2]["rows"])

    def test_nothing_that_is_asked_is_evaluated_on_a_row_that_is_not_shown(self):
        """An error, or how long it takes, would tell of it: integer overflow is raised where the secret is met."""
        trap = "abs(CASE WHEN {} THEN -9223372036854775807 - 1 ELSE 1 END)"
        with Reader(self.daemon, JOE) as joe:
            for sql in (f"SELECT 1 FROM runs WHERE {trap.format(f'id = {SECRET!r}')}",
                        f"SELECT 1 FROM runs WHERE {trap.format(f'instr(config, {SECRET!r}) > 0')}",
                        f"SELECT 1 FROM history WHERE {trap.format(f'instr(key, {SECRET!r}) > 0')} AND run = 'public01'",
                        f"SELECT 1 FROM history WHERE {trap.format(f'instr(text, {SECRET!r}) > 0')}",
                        f"SELECT 1 FROM events WHERE {trap.format(f'instr(text, {SECRET!r}) > 0')}",
                        f"SELECT 1 FROM steps WHERE {trap.format(f'mse_loss = {0.5 + ANA} AND run = {SECRET!r}')}",
                        f"SELECT 1 FROM steps s JOIN runs r ON r.id = s.run WHERE {trap.format(f's.run || r.name LIKE {chr(39)}%xylo%{chr(39)}')}",
                        f"SELECT max({trap.format(f'run = {SECRET!r}')}) FROM streams",
                        f"SELECT count(*) FILTER (WHERE {trap.format(f'id = {SECRET!r}')}) FROM runs",
                        f"SELECT 1 FROM runs ORDER BY {trap.format(f'id = {SECRET!r}')}",
                        f"SELECT 1 FROM runs GROUP BY {trap.format(f'id = {SECRET!r}')}"):
                code, words, _ = joe.ask("sql", sql=sql)
                self.assertEqual((DONE, ""), (code, words or ""), sql)
            code, words, _ = joe.ask("sql", sql=f"SELECT 1 FROM runs WHERE {trap.format('id = ' + repr('public01'))}")
            self.assertEqual((MISTAKEN, "integer overflow"), (code, words), "the trap works")

    def test_no_trick_of_names_leads_to_one(self):
        tricks = ("WITH runs_data AS (SELECT * FROM runs) SELECT * FROM runs_data", "WITH steps AS (SELECT * FROM main.steps) SELECT * FROM steps",
                  "SELECT * FROM (SELECT * FROM runs) AS history", "SELECT * FROM temp.runs", "SELECT * FROM main.runs", "SELECT * FROM kept.runs",
                  "SELECT * FROM runs_about", "SELECT * FROM temp.sqlite_master", "SELECT * FROM runs, keys_data", "SELECT rowid, * FROM runs",
                  "SELECT * FROM runs WHERE rowid BETWEEN -9 AND 99", "SELECT * FROM runs NOT INDEXED", "SELECT * FROM runs LEFT JOIN events USING (id)",
                  "SELECT r.*, s.* FROM runs r LEFT JOIN steps s ON 1 OR s.run = r.id", "SELECT * FROM runs WHERE 1 OR private", "SELECT * FROM runs WHERE NOT private OR private",
                  "SELECT (SELECT group_concat(id) FROM runs)", "SELECT * FROM runs /* ", "SELECT * FROM runs WHERE id = '' OR 1=1 --", "SELECT quote(config) FROM runs",
                  "SELECT group_concat(json_object('a', r.config)) FROM runs r", "SELECT key FROM history UNION SELECT name FROM runs", "SELECT * FROM runs_data r",
                  "SELECT name, uid, config FROM runs EXCEPT SELECT '', 0, ''", "SELECT * FROM steps WHERE run > ''", "SELECT * FROM steps WHERE run >= x'00'",
                  "SELECT * FROM steps WHERE run = (SELECT 'xylo' || 'phone')", "SELECT * FROM history WHERE run IN (SELECT 'xylo' || 'phone' UNION SELECT 'x')",
                  "SELECT * FROM removed_runs", "SELECT * FROM json_each((SELECT json_group_array(config) FROM runs))")
        with Reader(self.daemon, JOE) as joe:
            for sql in tricks:
                code, words, document = joe.ask("sql", sql=sql)
                self.assertIn(code, (DONE, MISTAKEN), (sql, words))
                self.assertNotIn(SECRET, json.dumps(document) + (words or ""), sql)

    def test_a_removed_private_run_is_remembered_for_its_own_user_alone(self):
        self.daemon.stop()
        connection = sqlite3.connect(self.daemon.database)
        connection.execute("INSERT INTO removed_runs_data SELECT n + 100, 'gone' || id, name, project, user, uid, private, state, step, started, last_seen, 1, 'x', 1 FROM runs_data")
        connection.commit()
        connection.close()
        let_in(self.daemon.start())
        sql = "SELECT id FROM removed_runs ORDER BY id"
        self.assertEqual([["gonejoes0001"], ["gonepublic01"]], ask(self.daemon, JOE, "sql", sql=sql)[2]["rows"])
        self.assertEqual([["gonepublic01"], ["gone" + SECRET]], ask(self.daemon, ANA, "sql", sql=sql)[2]["rows"])

    def test_who_goes_away_while_he_waits_may_ask_again_at_once(self):
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        with Reader(self.daemon, ANA) as hers:
            hers.wire.send(QUERY, 7, "sql", {"sql": endless, "timeout_ms": 60000})
            wait_until(lambda: children(self.daemon.process.pid), "hers to be asked")
            for _ in range(6):
                with Reader(self.daemon, JOE) as joe:
                    joe.wire.send(QUERY, 7, "sql", {"sql": "SELECT 1"})
            with Reader(self.daemon, JOE) as joe:
                def waits():
                    """Hers is never over: only what is refused is answered."""
                    joe.wire.send(QUERY, 7, "sql", {"sql": "SELECT 4"})
                    return not select.select([joe.wire.socket], [], [], 0.2)[0] or joe.wire.until(REPLY)[2] != TOO_MANY
                wait_until(waits, "those who went away to be forgotten")
                hers.wire.__exit__()
                self.assertEqual(DONE, joe.wire.until(REPLY)[2])

    def test_users_have_turns(self):
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        with Reader(self.daemon, ANA) as first, Reader(self.daemon, ANA) as second, Reader(self.daemon, JOE) as joe:
            first.wire.send(QUERY, 7, "sql", {"sql": endless, "timeout_ms": 1000})
            second.wire.send(QUERY, 7, "sql", {"sql": endless, "timeout_ms": 60000})
            wait_until(lambda: children(self.daemon.process.pid), "hers to be asked")
            self.assertEqual(DONE, joe.ask("sql", sql="SELECT 1", timeout_ms=60000)[0])
            second.wire.socket.setblocking(False)
            with self.assertRaises(BlockingIOError, msg="his turn was before her second"):
                second.wire.socket.recv(1)


if __name__ == "__main__":
    tap.main()
