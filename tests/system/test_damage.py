"""Files that are damaged, replaced, locked, or somebody else's: nothing is ever deleted, what is damaged is set aside and
said, what is not ours is left alone, and runs go on."""
import os
import random
import shutil
import sqlite3
import subprocess
import time
import unittest
from pathlib import Path

from disk_faults import log_some
from harness import DAEMON, Daemon, everything, query_database, wait_until
import workload

import tap

PAGE = 4096
STEPS = 24
ROUNDS = 400 if tap.LONG else 12


def begin(daemon, run):
    return workload.begin(daemon.socket, run, feature_sampling_window=6, wandb_log_frequency=3, dead_feature_window=8)


def train(daemon, run, first=0, end=STEPS, finish=True):
    handle = begin(daemon, run)
    log_some(handle, range(first, end))
    if finish:
        handle.finish(timeout=60)
    else:
        handle.flush(30)
    assert handle.stats.dropped == 0 and handle.stats.acked == handle.stats.messages, handle.stats
    return handle


def aside(daemon):
    """What was set aside, without -wal, -shm and -state."""
    return sorted(path for path in daemon.directory.glob("metrics.db.damaged-*")
                  if not path.name.endswith(("-wal", "-shm", "-state")))


def page_kinds(path):
    """The pages of a database by what they are: as SQLite's own dbstat says, and by its file format."""
    connection = sqlite3.connect(path)
    kinds = {"header": [1]}
    for pageno, kind, name in connection.execute("SELECT pageno, pagetype, name FROM dbstat"):
        index = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ? AND type = 'index'", (name,)).fetchone()
        auto = name.startswith("sqlite_autoindex")
        kinds.setdefault(f"{kind} of {'an index' if index or auto else 'a table'}", []).append(pageno)
    n = connection.execute("PRAGMA page_count").fetchone()[0]
    known = {page for pages in kinds.values() for page in pages}
    connection.close()
    kinds["pointer map"] = [2]
    kinds["free"] = [page for page in range(3, n + 1) if page not in known]
    return kinds


def spoil(path, pages, at=0, n=PAGE, step=1):
    """Flips bits of these pages."""
    with open(path, "r+b") as file:
        for page in pages:
            for offset in range(at, at + n, step):
                file.seek((page - 1) * PAGE + offset)
                byte = file.read(1)[0]
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte ^ 0x55]))


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A database with every kind of page in it, closed."""
        cls.template = Daemon()
        with cls.template as daemon:
            cls.template_directory = Path(str(daemon.directory) + "-template")
            train(daemon, "template")
            handle = workload.begin(daemon.socket, "longone1", config={"long": "x" * 20000})  # overflow pages
            for step in range(400):
                workload.log_step(handle, "longone1", 0, step)
            handle.finish(timeout=60)
            assert daemon.stop() == 0
            connection = sqlite3.connect(daemon.database)
            connection.execute("CREATE TABLE x (y)")
            connection.execute("INSERT INTO x VALUES (zeroblob(200000))")
            connection.execute("DROP TABLE x")
            connection.commit()
            connection.close()
            shutil.copytree(daemon.directory, cls.template_directory)
        cls.expected = everything(cls.template_directory / "metrics.db", "template")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.template_directory)

    def setUp(self):
        self.daemon = Daemon()
        shutil.copytree(self.template_directory, self.daemon.directory, dirs_exist_ok=True)
        self.addCleanup(self.daemon.__exit__)

    def begin_anew(self, what):
        """It starts, and a run can be logged and is there."""
        self.daemon.start()
        train(self.daemon, "afterward")
        self.assertEqual(list(range(STEPS)),
                         [row[0] for row in self.daemon.rows("SELECT step FROM steps WHERE run = 'afterward'")], what)
        self.assertEqual(0, self.daemon.stop(), self.daemon.words()[-2000:])

    def check_aside(self, spoiled, what):
        """Exactly one file was set aside, as it was; and it is said everywhere."""
        found = aside(self.daemon)
        self.assertEqual(1, len(found), f"{what}: {self.daemon.words()}")
        self.assertEqual(spoiled, found[0].read_bytes(), f"{what}: the damaged file was changed")
        self.assertIn(str(found[0]), self.daemon.words())
        events = self.daemon.rows("SELECT kind, text FROM events WHERE kind = 'replaced'")
        self.assertEqual(1, len(events), what)
        self.assertIn(str(found[0]), events[0][1])

    def check_refused(self, *words):
        self.daemon.start(wait=False)
        self.assertEqual(1, self.daemon.process.wait(60), self.daemon.words())
        for word in words:
            self.assertIn(word, self.daemon.words())
        self.daemon.process = None

    def test_bits_flipped_in_every_kind_of_page(self):
        """Set aside, or harmless: never a crash, never a wrong number."""
        kinds = page_kinds(self.daemon.database)
        for kind in ("header", "pointer map", "free", "leaf of a table", "internal of a table", "leaf of an index",
                     "overflow of a table"):
            self.assertIn(kind, kinds)
        verdicts = {}
        for kind, pages in kinds.items():
            for at, n, step in ((0, 16, 1), (100, 2000, 37), (0, PAGE, 1)):
                with self.subTest(kind=kind, at=at, n=n):
                    shutil.rmtree(self.daemon.directory)
                    shutil.copytree(self.template_directory, self.daemon.directory)
                    spoil(self.daemon.database, pages, at, n, step)
                    before = self.daemon.database.read_bytes()
                    self.begin_anew(kind)
                    found = aside(self.daemon)
                    verdicts.setdefault(kind, []).append("aside" if found else "goes on")
                    for path in found:
                        self.check_aside_somewhere(before, path, kind)
        for kind, said in verdicts.items():
            print(f"# {kind} ({len(kinds[kind])} pages): {', '.join(said)}")
        self.assertIn("aside", verdicts["leaf of a table"])

    def check_aside_somewhere(self, before, path, what):
        """It may have been written to before the damage was met; it is whole and still there."""
        self.assertGreaterEqual(path.stat().st_size, len(before), what)
        self.assertIn(str(path), self.daemon.words())

    def test_a_damaged_file_is_set_aside_as_it_is(self):
        spoil(self.daemon.database, range(1, 6), 100, 3900)
        spoiled = self.daemon.database.read_bytes()
        self.daemon.start()
        self.check_aside(spoiled, "damaged")
        checked = subprocess.run([DAEMON, "status", "--check"], env=self.daemon.environment(), capture_output=True, text=True,
                                 check=False)
        self.assertEqual(10, checked.returncode, checked.stdout + checked.stderr)
        self.assertIn(str(aside(self.daemon)[0]), checked.stderr)
        self.assertEqual([], self.daemon.rows("SELECT id FROM runs"))

    def test_of_what_was_set_aside_sqlite_still_reads_the_most(self):
        if shutil.which("sqlite3") is None:
            self.skipTest("there is no sqlite3 here")
        connection = sqlite3.connect(self.daemon.database)
        leaves = [row[0] for row in connection.execute(
            "SELECT pageno FROM dbstat WHERE pagetype = 'leaf' AND name IN ('history_data', 'steps_data')")]
        connection.close()
        spoil(self.daemon.database, leaves[::3], 0, 200)
        self.daemon.start()
        path = aside(self.daemon)[0]
        # (.recover finds more, but Debian 12's sqlite3 is built without what it needs.)
        dump = subprocess.run(["sqlite3", path, ".dump"], capture_output=True, text=True, errors="replace", check=False)
        self.assertGreater(dump.stdout.count("INSERT INTO"), 20)

    def test_a_file_that_was_cut_short(self):
        for size in (PAGE * 3, PAGE * 10 + 100, 100, 16):
            with self.subTest(size=size):
                os.truncate(self.daemon.database, size)
                spoiled = self.daemon.database.read_bytes()
                self.begin_anew(f"{size} bytes")
                self.check_aside(spoiled, f"{size} bytes")
                for path in aside(self.daemon):
                    path.unlink()
                shutil.copytree(self.template_directory, self.daemon.directory, dirs_exist_ok=True)

    def test_an_empty_file_is_begun(self):
        os.truncate(self.daemon.database, 0)
        self.begin_anew("empty")
        self.assertEqual([], aside(self.daemon))

    def test_zeros(self):
        self.daemon.database.write_bytes(bytes(self.daemon.database.stat().st_size))
        self.begin_anew("zeros")

    def test_bits_flipped_anywhere_never_end_it_by_a_signal(self):
        """In the closed database, at random: it goes on, sets it aside, or refuses in words."""
        seed = int(os.environ.get("SAE_METRICS_TEST_SEED", time.time()))
        chance = random.Random(seed)
        ends = {"goes on": 0, "aside": 0, "refused": 0, "run refused": 0}
        for turn in range(ROUNDS):
            shutil.rmtree(self.daemon.directory)
            shutil.copytree(self.template_directory, self.daemon.directory)
            data = bytearray(self.daemon.database.read_bytes())
            span = chance.choice((100, PAGE, len(data)))  # the header, the first page, all of it
            for _ in range(chance.choice((1, 4, 64, 2000))):
                data[chance.randrange(span)] ^= 1 << chance.randrange(8)
            self.daemon.database.write_bytes(data)
            what = f"seed {seed}, turn {turn}"
            self.daemon.start(wait=False)
            process = self.daemon.process
            wait_until(lambda: process.poll() is not None or self.daemon.socket.exists(), f"{what}: a socket, or the end")
            if process.poll() is None:
                handle = begin(self.daemon, "fuzzed01")
                log_some(handle, range(6))
                handle.flush(5)
                self.daemon.status()
                self.daemon.status("longone1")
                stored = handle.stats.acked == handle.stats.messages
                ends["aside" if aside(self.daemon) else "goes on" if stored else "run refused"] += 1
                handle.finish(timeout=0.1)
                self.assertIsNone(process.poll(), f"{what}: {self.daemon.words()[-3000:]}")
                self.assertEqual(0, self.daemon.stop(), f"{what}: {self.daemon.words()[-3000:]}")
            else:
                self.assertEqual(1, process.returncode, f"{what}: {self.daemon.words()[-3000:]}")
                ends["refused"] += 1
        print(f"# seed {seed}, {ROUNDS} rounds: {ends}")

    def hot(self):
        """The database as a kill leaves it: its newest run is in the log alone."""
        shutil.rmtree(self.daemon.directory)
        self.daemon.directory.mkdir()
        self.daemon.start()
        train(self.daemon, "hotone01")
        self.daemon.kill()
        self.wal = Path(f"{self.daemon.database}-wal")
        self.shm = Path(f"{self.daemon.database}-shm")
        self.assertGreater(self.wal.stat().st_size, PAGE)

    def test_a_log_of_another_database_changes_nothing(self):
        self.hot()
        log = self.wal.read_bytes()
        shutil.rmtree(self.daemon.directory)
        shutil.copytree(self.template_directory, self.daemon.directory)
        self.wal.write_bytes(log)
        self.begin_anew("a log of another database")
        self.assertEqual([("ok",)], query_database(aside(self.daemon)[0] if aside(self.daemon) else self.daemon.database,
                                                   "PRAGMA integrity_check"))

    def test_a_hot_log_with_flipped_bits_ends_where_they_are(self):
        self.hot()
        data = bytearray(self.wal.read_bytes())
        clean = bytes(data)
        for at in (4, 20, 40, len(data) // 2, len(data) - 5000):
            with self.subTest(at=at):
                data = bytearray(clean)
                data[at] ^= 0x10
                self.wal.write_bytes(data)
                self.begin_anew(f"a bit at {at} of the log")
                self.hot()
                clean = self.wal.read_bytes()

    def test_a_log_that_was_cut_short_or_is_nonsense(self):
        self.hot()
        clean = self.wal.read_bytes()
        for log in (clean[:len(clean) // 2], clean[:10], b"", os.urandom(len(clean))):
            with self.subTest(n=len(log)):
                self.wal.write_bytes(log)
                self.begin_anew("a log that is no log")
                self.hot()
                clean = self.wal.read_bytes()

    def test_a_stale_shm_is_made_anew(self):
        self.hot()
        for shm in (os.urandom(32768), b"", b"x" * 100):
            with self.subTest(n=len(shm)):
                self.shm.write_bytes(shm)
                self.daemon.start()
                self.assertEqual(list(range(STEPS)),
                                 [row[0] for row in self.daemon.rows("SELECT step FROM steps WHERE run = 'hotone01'")])
                self.daemon.kill()

    def test_the_state_files_of_a_run_that_goes_on(self):
        """Damaged, swapped, missing, another run's: it goes on without what cannot be believed, and says so."""
        cases = {
            "damaged": lambda a, b: spoil(a, [2], 0, 200),
            "cut short": lambda a, b: os.truncate(a, 5000),
            "missing": lambda a, b: a.unlink(),
            "another run's": lambda a, b: shutil.copy(b, a),
            "a folder": lambda a, b: (a.unlink(), a.mkdir()),
            "a dangling link": lambda a, b: (a.unlink(), a.symlink_to("/nowhere/at/all")),
        }
        for what, hurt in cases.items():
            with self.subTest(what):
                shutil.rmtree(self.daemon.directory)
                self.daemon.directory.mkdir()
                self.daemon.start()
                handles = {run: begin(self.daemon, run) for run in ("state001", "state002")}
                for handle in handles.values():
                    log_some(handle, range(10))
                    handle.flush(30)
                self.daemon.kill()
                folder = Path(f"{self.daemon.database}-state")
                for path in sorted(folder.glob("state001.*")):
                    hurt(path, folder / path.name.replace("state001", "state002"))
                self.daemon.start()
                for run, handle in handles.items():
                    log_some(handle, range(10, STEPS))
                    handle.finish(timeout=60)
                    self.assertEqual(handle.stats.messages, handle.stats.acked, what)
                    self.assertEqual(list(range(STEPS)), [row[0] for row in self.daemon.rows(
                        "SELECT step FROM steps WHERE run = ? ORDER BY step", run)])
                windows = [row[0] for row in self.daemon.rows(
                    "SELECT complete FROM windows WHERE run = 'state001' ORDER BY window")]
                self.assertEqual(1, windows[3], f"{what}: {windows}")
                if what in ("damaged", "missing"):
                    self.assertIn("run state001: what was counted", self.daemon.words())
                self.assertEqual(0, self.daemon.stop(), self.daemon.words()[-2000:])

    def test_what_is_not_ours_is_left_alone(self):
        def sqlite_of_others(path):
            sqlite3.connect(path).executescript("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").close()

        def with_id_of_others(path):
            sqlite3.connect(path).executescript("PRAGMA application_id = 77; CREATE TABLE theirs (x)").close()

        cases = {
            "text": (lambda path: path.write_text("my notes\n" * 500), ("no database of sae-metricsd", "another path")),
            "a database of others": (sqlite_of_others, ("another program's database",)),
            "with an id": (with_id_of_others, ("another program's database",)),
            "a folder": (lambda path: path.mkdir(), ("metrics.db",)),
            "a FIFO": (os.mkfifo, ("metrics.db",)),
            "a dangling link into nowhere": (lambda path: path.symlink_to("/nowhere/at/all"), ("/nowhere/at",)),
        }
        for what, (make, words) in cases.items():
            with self.subTest(what):
                shutil.rmtree(self.daemon.directory)
                self.daemon.directory.mkdir()
                make(self.daemon.database)
                before = (self.daemon.database.lstat().st_ino, self.daemon.database.read_bytes()
                          if self.daemon.database.is_file() else None)
                self.check_refused(*words)
                self.assertEqual(before[0], self.daemon.database.lstat().st_ino)
                if before[1] is not None:
                    self.assertEqual(before[1], self.daemon.database.read_bytes())
                self.assertEqual([], aside(self.daemon))

    def test_a_database_of_others_beside_our_state_is_never_moved(self):
        """That folder says that damage was ours; another program's healthy database was not."""
        self.daemon.database.unlink()
        sqlite3.connect(self.daemon.database).executescript("CREATE TABLE theirs (x)").close()
        self.check_refused("another program's database")
        self.assertEqual([], aside(self.daemon))

    def test_another_daemon_has_it(self):
        self.daemon.start()
        second = subprocess.run([DAEMON, "serve", "--socket", self.daemon.directory / "socket2", "--db", self.daemon.database],
                                env=self.daemon.environment(), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(1, second.returncode)
        self.assertIn(f"pid {self.daemon.process.pid}", second.stderr)

    def test_another_program_that_writes_is_waited_for(self):
        self.daemon.start()
        handle = begin(self.daemon, "waits001")
        log_some(handle, range(4))
        handle.flush(30)
        theirs = sqlite3.connect(self.daemon.database, isolation_level=None)
        theirs.execute("BEGIN IMMEDIATE")
        log_some(handle, range(4, STEPS))
        wait_until(lambda: self.daemon.status()["daemon"]["trouble"], "the trouble to be said")
        self.assertIn("locked", self.daemon.status()["daemon"]["trouble"])
        theirs.execute("COMMIT")
        theirs.close()
        handle.finish(timeout=60)
        self.assertEqual(handle.stats.messages, handle.stats.acked)
        wait_until(lambda: not self.daemon.status()["daemon"]["trouble"], "the trouble to be over")

    def test_another_program_that_has_it_locked_at_the_start(self):
        theirs = sqlite3.connect(self.daemon.database, isolation_level=None)
        theirs.execute("BEGIN IMMEDIATE")
        self.check_refused("locked")
        theirs.execute("COMMIT")
        theirs.close()
        self.begin_anew("unlocked again")
        self.assertEqual([], aside(self.daemon))

    def test_a_file_or_folder_that_cannot_be_written(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everything")
        self.daemon.database.chmod(0o400)
        self.check_refused("metrics.db")
        self.daemon.database.chmod(0o600)
        self.daemon.directory.chmod(0o500)
        try:
            second = subprocess.run([DAEMON, "serve", "--socket", "/tmp/nowhere", "--db", self.daemon.database],
                                    capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(1, second.returncode)
            self.assertIn("metrics.db", second.stderr)
        finally:
            self.daemon.directory.chmod(0o700)
        self.begin_anew("can be written again")

    def while_it_runs(self, hurt, what):
        """Steps before and after; the daemon lives, and the later ones are stored."""
        self.daemon.start()
        handle = begin(self.daemon, "running1")
        log_some(handle, range(8))
        handle.flush(30)
        hurt(self.daemon.database)
        for step in range(8, STEPS):
            log_some(handle, [step])
            handle.flush(0.02)
        handle.finish(timeout=60)
        self.assertEqual((0, handle.stats.messages), (handle.stats.dropped, handle.stats.acked), f"{what}: {handle.stats}")
        self.assertIsNone(self.daemon.process.poll(), self.daemon.words()[-3000:])
        steps = [row[0] for row in self.daemon.rows("SELECT step FROM steps WHERE run = 'running1' ORDER BY step")]
        self.assertEqual(list(range(steps[0], STEPS)), steps, what)
        self.assertEqual([("ok",)], self.daemon.rows("PRAGMA integrity_check"), what)
        return steps

    def test_damage_while_it_runs(self):
        def all_pages(path):
            sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            spoil(path, range(3, path.stat().st_size // PAGE), 0, PAGE, 3)

        self.while_it_runs(all_pages, "all pages damaged")
        self.assertEqual(1, len(aside(self.daemon)), self.daemon.words()[-2000:])
        self.assertIn(str(aside(self.daemon)[0]), self.daemon.status()["daemon"]["trouble"])
        self.assertIn(str(aside(self.daemon)[0]), str(self.daemon.rows("SELECT text FROM events")))
        self.assertEqual(0, self.daemon.stop())

    def test_the_file_is_cut_short_while_it_runs(self):
        def cut(path):
            sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            os.truncate(path, PAGE * 4)

        self.while_it_runs(cut, "cut short")

    def test_the_file_is_removed_while_it_runs(self):
        steps = self.while_it_runs(lambda path: path.unlink(), "removed")
        print(f"# removed: steps from {steps[0]}")

    def test_another_file_is_put_in_its_place_while_it_runs(self):
        def replace(path):
            other = path.with_name("other.db")
            shutil.copy(self.template_directory / "metrics.db", other)
            for suffix in ("-wal", "-shm"):
                Path(f"{path}{suffix}").rename(f"{path}{suffix}.moved")
            os.replace(other, path)

        self.while_it_runs(replace, "another file in its place")

    def test_another_daemons_database_in_its_place_is_left_to_that(self):
        self.daemon.start()
        handle = begin(self.daemon, "ousted01")
        log_some(handle, range(4))
        handle.flush(30)
        moved = Path(f"{self.daemon.directory}-moved")
        self.daemon.directory.rename(moved)
        self.addCleanup(shutil.rmtree, moved)
        self.daemon.directory.mkdir()
        with Daemon(self.daemon.directory) as other:
            theirs = begin(other, "theirs01")
            log_some(theirs, range(4))
            theirs.flush(30)
            epoch = other.rows("SELECT epoch FROM meta")
            log_some(handle, range(4, 8))
            wait_until(lambda: "another sae-metricsd (pid" in (moved / "log").read_text(), "it to find out")
            log_some(theirs, range(4, STEPS))
            theirs.finish(timeout=60)
            self.assertEqual(theirs.stats.messages, theirs.stats.acked)
            self.assertEqual(epoch, other.rows("SELECT epoch FROM meta"))
            self.assertEqual([("theirs01",)], other.rows("SELECT id FROM runs"))
            handle.finish(timeout=0.1)
            self.assertEqual(0, other.stop())
        self.assertEqual(0, self.daemon.stop(), (moved / "log").read_text()[-2000:])

    def test_the_log_is_spoiled_while_it_runs(self):
        def log(path):
            wal = Path(f"{path}-wal")
            frame = 24 + PAGE
            with open(wal, "r+b") as file:
                for at in range(32 + 24, wal.stat().st_size, frame):  # of a page that nobody reads again nobody would know
                    file.seek(at)
                    file.write(os.urandom(1000))
            # The daemon has in memory what it wrote; whoever asks reads the file.
            wait_until(lambda: self.daemon.status() and aside(self.daemon), "the damage to be found by who asks")

        self.while_it_runs(log, "its log is spoiled")

    def test_the_state_folder_is_removed_while_it_runs(self):
        self.while_it_runs(lambda path: shutil.rmtree(f"{path}-state"), "no state folder")


if __name__ == "__main__":
    tap.main()
