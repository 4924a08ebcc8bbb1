"""`sae-metricsd backup`, and the daemon's own: copies of a database that is in use, and what is left when one fails."""
import os
import re
import resource
import signal
import subprocess
import sqlite3
import unittest

from harness import DAEMON, Daemon, query_database, wait_until
import workload

import tap

OK, FAILED, USAGE, NO_DATABASE = 0, 1, 2, 3
COPY_NAME = re.compile(r"metrics-\d{8}T\d{6}Z\.db")
FILLER_MIB = 192  # so that a copy takes a moment


def backup(daemon, *arguments, **more):
    return subprocess.run([DAEMON, "backup", "--db", daemon.database, *arguments], env=daemon.environment(),
                          capture_output=True, text=True, check=False, **more)


def trained(daemon, run, steps=60):
    handle = workload.begin(daemon.socket, run)
    for step in range(steps):
        workload.log_step(handle, run, 0, step)
    handle.finish(timeout=60)


def fatten(daemon):
    """A database that is long to copy; the daemon is stopped for it."""
    running = daemon.process is not None
    if running:
        daemon.stop()
    connection = sqlite3.connect(daemon.database)
    with connection:
        connection.execute("CREATE TABLE filler (bytes BLOB)")
        connection.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                           "INSERT INTO filler SELECT randomblob(1048576) FROM n", (FILLER_MIB,))
    connection.close()
    if running:
        daemon.start()


def names(folder):
    return sorted(os.listdir(folder))


class Checked(unittest.TestCase):
    def check_copy(self, path):
        """A whole database, and one file; returns the steps of each run."""
        self.assertEqual(b"\1\1", path.read_bytes()[18:20], "its header asks for a write-ahead log")
        self.assertEqual([("ok",)], query_database(path, "PRAGMA integrity_check"))
        runs = query_database(path, "SELECT run, count(*), min(step), max(step) FROM steps GROUP BY run")
        for run, count, first, last in runs:
            self.assertEqual((0, count - 1), (first, last), f"steps of {run} are missing")
        return {run: count for run, count, _, _ in runs}


class Backup(Checked):
    def test_copies_of_a_busy_database_are_whole_and_commits_go_on_meanwhile(self):
        with Daemon() as daemon:
            trained(daemon, "first001", 5)
            fatten(daemon)
            handle = workload.begin(daemon.socket, "busy0001")
            step = flushed = 0
            seen = []
            for number in range(3):
                copy = daemon.directory / f"copy{number}.db"
                process = subprocess.Popen([DAEMON, "backup", "--db", daemon.database, copy], env=daemon.environment(),
                                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                while process.poll() is None:
                    workload.log_step(handle, "busy0001", 0, step)
                    step += 1
                    handle.flush(60)
                    self.assertEqual(handle.stats.messages, handle.stats.acked)
                    flushed += process.poll() is None
                said = process.stdout.read()
                process.stdout.close()
                self.assertEqual(OK, process.returncode, said)
                seen.append(self.check_copy(copy).get("busy0001", 0))
                self.assertRegex(said, rf"^wrote {copy} \(19\d MiB, [12] runs?, newest step 20\d\d-.*Z\)$")
            print(f"# {step} steps, {flushed} of them on disk while a copy of {FILLER_MIB} MiB was under way; copies have {seen}")
            self.assertGreater(flushed, 3 * 3, "commits waited for the copy")
            self.assertEqual(sorted(seen), seen)
            self.assertGreater(seen[-1], seen[0])
            handle.finish(timeout=60)
            self.assertEqual((0, handle.stats.messages), (handle.stats.dropped, handle.stats.acked))
            self.assertEqual(step, daemon.rows("SELECT count(*) FROM steps WHERE run = 'busy0001'")[0][0])
            self.assertNotIn("warning", daemon.words())

    def test_what_a_killed_daemon_left_in_its_log_is_copied(self):
        with Daemon() as daemon:
            trained(daemon, "killed01")
            daemon.kill()
            self.assertGreater((daemon.directory / "metrics.db-wal").stat().st_size, 0)
            out = backup(daemon, daemon.directory / "copy.db")
            self.assertEqual((OK, ""), (out.returncode, out.stderr))
            self.assertEqual({"killed01": 60}, self.check_copy(daemon.directory / "copy.db"))
            self.assertEqual(60, query_database(daemon.directory / "copy.db", "SELECT step + 1 FROM runs")[0][0])

    def test_a_folder_gets_a_copy_named_after_the_time_and_status_reads_it(self):
        with Daemon() as daemon:
            trained(daemon, "named001")
            folder = daemon.directory / "copies"
            for to in (f"{folder}/", folder):  # made, and there
                for name in names(folder) if folder.exists() else []:
                    (folder / name).unlink()
                out = backup(daemon, to)
                self.assertEqual((OK, ""), (out.returncode, out.stderr))
                name, = names(folder)
                self.assertRegex(name, f"^{COPY_NAME.pattern}$")
                self.assertRegex(out.stdout, rf"^wrote {folder}/{name} \(\d+ KiB, 1 run, newest step ")
            out = subprocess.run([DAEMON, "status", "--db", folder, "-o", "ID,STATE", "--no-headings"],
                                 env=daemon.environment(), capture_output=True, text=True, check=False)
            self.assertEqual("named001  finished\n", out.stdout)

    def test_the_copy_of_a_database_is_one_to_go_on_with(self):
        with Daemon() as daemon:
            trained(daemon, "goes0001")
            self.assertEqual(OK, backup(daemon, daemon.directory / "copy.db").returncode)
            daemon.stop()
            daemon.database = daemon.directory / "copy.db"
            daemon.start()
            trained(daemon, "goes0002")
            self.assertEqual([("goes0001", 60), ("goes0002", 60)], daemon.rows("SELECT run, count(*) FROM steps GROUP BY run"))

    def test_an_older_database_is_copied_before_it_is_brought_up_to_date(self):
        with Daemon() as daemon:
            trained(daemon, "older001")
            daemon.stop()
            connection = sqlite3.connect(daemon.database)
            connection.execute("PRAGMA user_version = 1")
            connection.close()
            out = backup(daemon, daemon.directory / "copy.db")
            self.assertEqual((OK, ""), (out.returncode, out.stderr))
            self.assertEqual([(1,)], query_database(daemon.directory / "copy.db", "PRAGMA user_version"))

    def test_errors_are_said_and_leave_nothing(self):
        with Daemon() as daemon:
            trained(daemon, "errors01")
            here = daemon.directory
            (here / "link.db").symlink_to(daemon.database)
            (here / "there.db").write_bytes(b"somebody's")
            before = names(here)
            for arguments, status, words in (
                    ([daemon.database, "--force"], FAILED, "is the database itself, or belongs to it"),
                    ([here / "link.db", "--force"], FAILED, "is the database itself, or belongs to it"),
                    ([f"{daemon.database}-wal", "--force"], FAILED, "is the database itself, or belongs to it"),
                    ([here / "there.db"], FAILED, "there.db: File exists (--force replaces it)"),
                    ([here / "none" / "copy.db"], FAILED, "none/copy.db: No such file or directory"),
                    ([f"{daemon.database}/"], FAILED, "metrics.db/"),
                    ([], USAGE, "where to? FILE or DIR"),
                    ([here / "a.db", here / "b.db"], USAGE, "one FILE or DIR; what is "),
                    (["--fast", here / "a.db"], USAGE, "there is no option --fast"),
                    (["--db", here / "none.db", here / "a.db"], NO_DATABASE, "none.db: No such file or directory"),
                    (["--db", here / "there.db", here / "a.db"], NO_DATABASE, "it is not a database of sae-metricsd")):
                out = backup(daemon, *arguments)
                self.assertEqual((status, ""), (out.returncode, out.stdout), arguments)
                self.assertIn(words, out.stderr)
                self.assertEqual(before, names(here), arguments)
            self.assertEqual(b"somebody's", (here / "there.db").read_bytes())
            out = backup(daemon, here / "there.db", "--force")
            self.assertEqual(OK, out.returncode, out.stderr)
            self.check_copy(here / "there.db")
            trained(daemon, "errors02")
            self.assertEqual([("ok",)], daemon.rows("PRAGMA integrity_check"))

    def test_without_room_it_says_so_and_leaves_nothing(self):
        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        with Daemon() as daemon:
            trained(daemon, "noroom01", 200)
            (daemon.directory / "out").mkdir()
            out = backup(daemon, daemon.directory / "out" / "copy.db", preexec_fn=little_room)
            self.assertEqual((FAILED, ""), (out.returncode, out.stdout))
            self.assertRegex(out.stderr, r"cannot write .*/copy.db.partial-\d+: (File too large|No space left on device)")
            self.assertEqual([], names(daemon.directory / "out"))

    def test_interrupted_it_leaves_nothing(self):
        with Daemon() as daemon:
            fatten(daemon)
            folder = daemon.directory / "out"
            folder.mkdir()
            for number in (signal.SIGINT, signal.SIGTERM):
                process = subprocess.Popen([DAEMON, "backup", "--db", daemon.database, folder / "copy.db"],
                                           env=daemon.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                wait_until(lambda: names(folder) or process.poll() is not None, "the copy to begin")
                process.send_signal(number)
                said, words = process.communicate()
                self.assertEqual((-number, ""), (process.returncode, said), words)
                self.assertIn("stopped: nothing was copied", words)
                self.assertEqual([], names(folder))


class Serve(Checked):
    def test_the_daemon_makes_copies_and_keeps_the_newest(self):
        daemon = Daemon()
        folder = daemon.directory / "copies"
        daemon.arguments += ["--backup-every", "1s", "--backup-to", folder, "--backup-keep", "2"]
        with daemon:
            trained(daemon, "copied01")
            others = ["metrics.db", "metrics-old.db", "my-metrics-20200101T000000Z.db"]
            wait_until(folder.exists, "the folder")
            for name in others:
                (folder / name).write_bytes(b"somebody's")
            seen = set()

            def copies():
                found = [name for name in names(folder) if COPY_NAME.fullmatch(name)]
                seen.update(found)
                return found

            wait_until(lambda: len(copies()) >= 0 and len(seen) >= 5, "five copies")
            wait_until(lambda: len(copies()) <= 2, "the older ones to be removed")
            for name in others:
                self.assertEqual(b"somebody's", (folder / name).read_bytes())
            self.assertEqual(OK, daemon.stop())
            self.assertEqual({"copied01": 60}, self.check_copy(folder / copies()[-1]))
            self.assertEqual([], [name for name in names(folder) if "partial" in name])
            self.assertRegex(daemon.words(), r"backup: wrote .*/metrics-\d{8}T\d{6}Z.db \(\d+ KiB, \d runs\)")
            self.assertIsNone(daemon.status().get("trouble"))

    def test_a_copy_that_is_young_enough_is_not_made_again_after_a_restart(self):
        daemon = Daemon()
        folder = daemon.directory / "copies"
        daemon.arguments += ["--backup-every", "1h", "--backup-to", folder]
        with daemon:
            wait_until(lambda: folder.exists() and any(COPY_NAME.fullmatch(name) for name in names(folder)), "the first copy")
            first = names(folder)
            daemon.stop()
            daemon.start()
            self.assertGreater(daemon.status()["daemon"]["backup_age_s"], 0, "of the copy that was there at the start")
            trained(daemon, "young001", 5)
            daemon.stop()
            self.assertEqual(first, names(folder))
            self.assertEqual(1, daemon.words().count("backup: wrote"))

    def test_copies_that_fail_are_trouble_until_one_succeeds(self):
        daemon = Daemon()
        folder = daemon.directory / "copies"
        daemon.arguments += ["--backup-every", "1s", "--backup-to", folder]
        with daemon:
            wait_until(lambda: folder.exists() and names(folder), "the first copy")
            folder.rename(daemon.directory / "away")
            wait_until(lambda: daemon.status()["daemon"]["trouble"], "the trouble to be shown")
            self.assertRegex(daemon.status()["daemon"]["trouble"], "no backup is made: cannot write .*: No such file or directory")
            self.assertEqual(10, subprocess.run([DAEMON, "status", "--check"], env=daemon.environment(),
                                                capture_output=True, check=False).returncode)
            trained(daemon, "trouble1")
            folder.mkdir()
            wait_until(lambda: not daemon.status()["daemon"]["trouble"], "the trouble to be over")
            self.assertEqual(OK, daemon.stop())

    def test_the_end_does_not_wait_for_a_copy_and_leaves_none_half_done(self):
        daemon = Daemon()
        with daemon:
            trained(daemon, "ending01", 5)
            fatten(daemon)
            daemon.stop()
            folder = daemon.directory / "copies"
            daemon.arguments += ["--backup-every", "1h", "--backup-to", folder]
            daemon.start(wait=False)
            wait_until(lambda: folder.exists() and names(folder), "the copy to begin")
            self.assertEqual(OK, daemon.stop())
            self.assertEqual([], [name for name in names(folder) if "partial" in name])

    def test_wrong_usage(self):
        daemon = Daemon()
        try:
            together = "--backup-every TIME and --backup-to DIR, go together"
            for arguments in (["--backup-every", "1h"], ["--backup-to", "x"], ["--backup-keep", "3"]):
                out = subprocess.run([DAEMON, "serve", "--db", daemon.database, "--socket", daemon.socket, *arguments],
                                     env=daemon.environment(), capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual((FAILED, ""), (out.returncode, out.stdout), arguments)
                self.assertIn(f"{arguments[0]}: `every` and `to` of [backup], as {together}", out.stderr)
            for arguments, words in ((["--backup-to", "x", "--backup-every", "often"], "expected a time from 1s to 400d"),
                                     (["--backup-to", "x", "--backup-every", "500ms"], "expected a time from 1s to 400d"),
                                     (["--backup-to", "x", "--backup-every", "1h", "--backup-keep", "0"], "from 1 to 10000"),
                                     (["--backup-to", "x", "--backup-every", "1h", "--backup-keep", "2x"], "from 1 to 10000")):
                out = subprocess.run([DAEMON, "serve", "--db", daemon.database, "--socket", daemon.socket, *arguments],
                                     env=daemon.environment(), capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual((USAGE, ""), (out.returncode, out.stdout), arguments)
                self.assertIn(words, out.stderr)
            (daemon.directory / "file").write_bytes(b"")
            out = subprocess.run([DAEMON, "serve", "--db", daemon.database, "--socket", daemon.socket, "--backup-every", "1h",
                                  "--backup-to", daemon.directory / "file"],
                                 env=daemon.environment(), capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(FAILED, out.returncode)
            self.assertIn(f"backups cannot be made in {daemon.directory}/file: Not a directory", out.stderr)
        finally:
            daemon.__exit__()


if __name__ == "__main__":
    tap.main()
