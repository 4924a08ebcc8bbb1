"""Each write, sync, open, ... of the daemon's fails in turn, once or for a while, in every way there is: what was acked is
stored, the daemon lives, the trainer does not notice, and the rows are those of a run where nothing fails."""
import errno
import os
import shutil
import threading
import time
import unittest

from disk_faults import (FaultyDaemon, MAP, NAMES, OPEN, READ, RENAME, RESERVE, SYNC, TRUNCATE, WRITE, cannot, oracle, train)
from harness import everything, wait_until

import tap

STRIDE = 1 if tap.LONG else 17  # of the calls; a prime, so that all kinds of calls have their turn
HELD_S = 0.3


class DiskFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.expected = oracle()

    def setUp(self):
        cannot(self)

    def check_run(self, daemon, run, stats, what):
        self.assertEqual((0, stats.messages), (stats.dropped, stats.acked), f"{what}: {stats}")
        self.assertIsNone(daemon.process.poll(), f"{what}: the daemon ended:\n{daemon.words()[-3000:]}")
        got = everything(daemon.database, run)
        for part, rows in self.expected.items():
            self.assertEqual(rows, got[part], f"{what}: {part}")

    def check_database(self, daemon, what):
        self.assertEqual([("ok",)], daemon.rows("PRAGMA integrity_check"), what)
        self.assertEqual([], [name for name in os.listdir(daemon.data) if "damaged" in name], what)

    def sweep(self, kinds, number, lasting=False, torn=False, after=None):
        """The N-th such call fails, for every N there is. `after`: that one fails first."""
        what = f"{NAMES[kinds]} {errno.errorcode[number]}{' torn' if torn else ''}{' for a while' if lasting else ''}"
        begun, rounds, hits, at, slowest = time.monotonic(), 0, 0, 1, 0.0
        with FaultyDaemon() as daemon:
            fault, first = daemon.faults
            while True:
                run = f"{NAMES[kinds]}{at}"
                if after:
                    first.arm(*after)
                fault.arm(kinds, at, number, lasting, torn)

                def heal(fault=fault):
                    if lasting and fault.fired:
                        time.sleep(HELD_S)
                        fault.clear()

                started = time.monotonic()
                stats = self.train_healing(daemon, run, heal)
                slowest = max(slowest, time.monotonic() - started)
                fired = fault.fired
                fault.clear()
                first.clear()
                self.check_run(daemon, run, stats, f"{what}, call {at}")
                rounds += 1
                hits += fired > 0
                if rounds % 16 == 0:
                    self.check_database(daemon, f"{what}, call {at}")
                if not fired:
                    break
                at += STRIDE
            self.check_database(daemon, what)
            self.assertEqual(0, daemon.stop(), daemon.words()[-3000:])
        print(f"# {what}: {hits} of {rounds} rounds hit, through call {at}, {time.monotonic() - begun:.1f} s, "
              f"slowest round {slowest:.2f} s", flush=True)
        return hits

    def train_healing(self, daemon, run, heal):
        """A fault that lasts is cleared by a flush that waits in vain, or while the end is waited for."""
        over = threading.Event()

        def watch():
            while not over.wait(0.02):
                heal()

        healer = threading.Thread(target=watch)
        healer.start()
        try:
            return train(daemon, run)
        finally:
            over.set()
            healer.join()

    def test_a_write_that_finds_no_room(self):
        self.assertGreater(self.sweep(WRITE, errno.ENOSPC), 0)
        self.sweep(WRITE, errno.ENOSPC, torn=True)
        self.sweep(WRITE, errno.EDQUOT)
        self.sweep(WRITE, errno.EFBIG)

    def test_writes_that_find_no_room_for_a_while(self):
        self.assertGreater(self.sweep(WRITE, errno.ENOSPC, lasting=True), 0)
        self.sweep(WRITE, errno.EDQUOT, lasting=True, torn=True)

    def test_a_write_that_fails(self):
        self.assertGreater(self.sweep(WRITE, errno.EIO), 0)
        self.sweep(WRITE, errno.EIO, torn=True)

    def test_writes_that_fail_for_a_while(self):
        self.assertGreater(self.sweep(WRITE, errno.EIO, lasting=True), 0)

    def test_room_that_cannot_be_reserved(self):
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            self.assertGreater(self.sweep(RESERVE, number), 0)
        self.sweep(RESERVE, errno.ENOSPC, lasting=True)

    def test_a_sync_that_fails(self):
        for number in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
            self.assertGreater(self.sweep(SYNC, number), 0)

    def test_syncs_that_fail_for_a_while(self):
        self.assertGreater(self.sweep(SYNC, errno.EIO, lasting=True), 0)

    def test_files_that_cannot_be_opened(self):
        for number in (errno.EMFILE, errno.ENOSPC, errno.EIO):
            self.assertGreater(self.sweep(OPEN, number), 0)
        self.sweep(OPEN, errno.EMFILE, lasting=True)

    def test_a_file_that_cannot_be_cut_short_or_mapped(self):
        self.sweep(TRUNCATE, errno.EIO)
        self.sweep(TRUNCATE, errno.ENOSPC)
        self.sweep(MAP, errno.ENOMEM)

    def test_a_read_that_fails(self):
        self.sweep(READ, errno.EIO)

    def test_what_fails_while_the_database_is_opened_anew(self):
        """A sync fails, so it is closed and opened again; and during that the next thing fails."""
        for kinds, number in ((OPEN, errno.EMFILE), (OPEN, errno.EIO), (WRITE, errno.ENOSPC), (WRITE, errno.EIO),
                              (MAP, errno.ENOMEM), (TRUNCATE, errno.EIO), (SYNC, errno.EIO), (READ, errno.EIO)):
            self.sweep(kinds, number, after=(SYNC, 5, errno.EIO))


class Starts(unittest.TestCase):
    """The disk fails while the daemon starts, on what a kill has left behind."""

    def setUp(self):
        cannot(self)

    def sweep(self, kinds, number):
        expected, at, refused, rounds = None, 1, 0, 0
        with FaultyDaemon() as daemon:
            fault = daemon.faults[0]
            stats = train(daemon, "started1")
            self.assertEqual(stats.messages, stats.acked)
            expected = everything(daemon.database, "started1")
            daemon.kill()
            left = daemon.directory / "left"
            shutil.copytree(daemon.data, left)
            while True:
                # The same each time: a log that grew with each start would have one more to be read.
                shutil.rmtree(daemon.data)
                shutil.copytree(left, daemon.data)
                fault.arm(kinds, at, number)
                daemon.start(wait=False)
                wait_until(lambda: daemon.process.poll() is not None or self.answers(daemon), "it to start, or to end")
                fired = fault.fired
                if daemon.process.poll() is not None:
                    self.assertEqual(1, daemon.process.returncode, daemon.words()[-2000:])
                    self.assertIn(str(daemon.database.name), daemon.words().splitlines()[-1])
                    refused += 1
                fault.clear()
                daemon.kill()
                daemon.start()
                self.assertEqual(expected, everything(daemon.database, "started1"))
                rounds += 1
                if not fired:
                    break
                daemon.kill()
                at += 1 if tap.LONG else 5
            self.assertEqual([("ok",)], daemon.rows("PRAGMA integrity_check"))
            self.assertEqual([], [name for name in os.listdir(daemon.data) if "damaged" in name])
        print(f"# start, {NAMES[kinds]} {errno.errorcode[number]}: {rounds} starts, {refused} refused in words", flush=True)

    def answers(self, daemon):
        try:
            return daemon.answers()
        except AssertionError:
            return False

    def test_a_disk_that_fails_at_the_start(self):
        for kinds in (WRITE, SYNC, OPEN, TRUNCATE, MAP, READ):
            for number in (errno.EIO, errno.ENOSPC) if kinds == WRITE else (errno.EIO,):
                self.sweep(kinds, number)


if __name__ == "__main__":
    tap.main()
