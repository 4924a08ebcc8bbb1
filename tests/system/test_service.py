"""The daemon as a service, under a stand-in for systemd: a socket that is passed, what the manager is told, and restarts that
no trainer notices."""
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

from harness import DAEMON, PATIENCE_S, Daemon, everything, wait_until
from service_manager import ServiceManager

import tap

WORKLOAD = str(Path(__file__).with_name("workload.py"))
KEY = "0123456789abcdef0123456789abcdef01234567"


def has_libsystemd():
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # of a sanitizer, which ldd cannot bear
    return b"libsystemd.so" in subprocess.run(["ldd", DAEMON], env=plain, capture_output=True, check=False).stdout


@unittest.skipUnless(has_libsystemd(), "built without libsystemd")
class Service(unittest.TestCase):
    def manager(self, *arguments, **options):
        manager = ServiceManager(*arguments, **options)
        self.addCleanup(manager.__exit__)
        return manager

    def status(self, manager):
        return subprocess.run([DAEMON, "status", "--json"], env={**os.environ, "SAE_METRICS_SOCKET": str(manager.socket)},
                              capture_output=True, text=True, check=False)

    def refused(self, manager, *said, **variables):
        manager.start(wait=False, **variables)
        self.assertEqual(1, manager.process.wait(PATIENCE_S), manager.words())
        self.assertFalse(manager.has_said("READY"))
        for words in said:
            self.assertIn(words, manager.words())

    def test_it_serves_on_the_socket_that_was_passed_and_leaves_it_there(self):
        manager = self.manager()
        before = manager.socket.stat()
        manager.start()
        self.assertIn(f'"socket": "{manager.socket}"', self.status(manager).stdout)
        self.assertEqual(0, manager.stop())
        after = manager.socket.stat()
        self.assertEqual((before.st_ino, before.st_mode), (after.st_ino, after.st_mode))

        # Who comes while nobody serves waits, and is served by the next.
        asking = subprocess.Popen([DAEMON, "status", "--json"], env={**os.environ, "SAE_METRICS_SOCKET": str(manager.socket)},
                                  stdout=subprocess.PIPE, text=True)
        manager.start()
        self.assertIn('"reachable": true', asking.communicate(timeout=PATIENCE_S)[0])

    def test_the_manager_is_told_that_it_is_ready_how_it_stands_and_that_it_ends(self):
        manager = self.manager(watchdog_ms=300).start()
        _, first = manager.said[0]
        self.assertEqual("0 runs, 0 running; forward wandb ok (lag 0s, 0 pending); 0 msg/s", first["STATUS"])
        wait_until(lambda: sum("WATCHDOG" in words for _, words in manager.hear()) >= 5, "five signs of life")
        trainer = subprocess.Popen([sys.executable, WORKLOAD, str(manager.socket), "shown001", "--steps", "100000", "--step-ms", "5"],
                                   stdout=subprocess.DEVNULL)
        self.addCleanup(trainer.wait)
        self.addCleanup(trainer.kill)
        wait_until(lambda: manager.statuses()[-1].startswith("1 run, 1 running; "), "the run in the status line")
        self.assertEqual(0, manager.stop())
        at_end = [words for _, words in manager.said if "STATUS" in words and words["STATUS"].startswith("ending: ")]
        self.assertEqual("1", at_end[0]["STOPPING"])
        self.assertEqual(["ending: the last commit", "ending: the last acks", "ending: closing the database"],
                         list(dict.fromkeys(words["STATUS"] for words in at_end)))
        self.assertGreater(min(int(words["EXTEND_TIMEOUT_USEC"]) for words in at_end), 10_000_000)

    def test_what_the_daemon_is_in_trouble_with_comes_first_in_the_status_line(self):
        manager = self.manager(arguments=["--set", "disk.keep_free=1024T"]).start()
        self.assertRegex(manager.said[0][1]["STATUS"],
                         r"^the disk of \S+ has only \S+ \S+ free: nothing more is taken until there are more than 1.0 PiB \(keep_free\); "
                         r"trainers go on and keep what they log; 0 runs, 0 running; ")

    def stands_still(self, pid):
        states = [task.read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").glob("*/stat")]
        return set(states) == {"T"}

    def test_a_loop_that_stands_still_gives_no_sign_of_life(self):
        manager = self.manager(watchdog_ms=100).start()
        manager.wait_for("WATCHDOG")
        os.kill(manager.process.pid, signal.SIGSTOP)
        wait_until(lambda: self.stands_still(manager.process.pid), "all of its threads to stand still")
        manager.hear()
        n = len(manager.said)
        time.sleep(0.5)
        self.assertEqual(n, len(manager.hear()))
        os.kill(manager.process.pid, signal.SIGCONT)
        wait_until(lambda: len(manager.hear()) > n, "it to go on")

    def test_a_key_of_the_managers_is_used_and_none_is_no_failure(self):
        manager = self.manager().start()
        self.assertIn("with runs' own keys (the host has none)", manager.words())
        manager.stop()
        manager.credentials.mkdir()
        manager.start()
        manager.stop()
        (manager.credentials / "wandb-api-key").write_text(KEY + "\n")
        manager.start()
        self.assertIn(f"with the key from {manager.credentials}/wandb-api-key", manager.words())

    def test_what_is_passed_and_cannot_be_served_on_is_refused_in_words(self):
        with self.subTest("two sockets"):
            manager = self.manager()
            manager.listen(manager.directory / "second")
            self.refused(manager, "the service manager passed 2 sockets; one was expected")
        for kind, backlog in ((socket.SOCK_DGRAM, None), (socket.SOCK_SEQPACKET, None), (socket.SOCK_STREAM, None)):
            with self.subTest(kind):
                manager = self.manager(listen=False)
                manager.listen(manager.socket, kind, backlog)
                self.refused(manager, "the service manager passed what is no listening Unix stream socket")
        with self.subTest("abstract"):
            manager = self.manager(listen=False)
            manager.listen(f"\0sae-metricsd-test-{os.getpid()}")
            self.refused(manager, "the service manager passed a socket without a path")
        with self.subTest("another place"):
            manager = self.manager(arguments=["--socket", "/run/other/socket"])
            self.refused(manager, f"--socket names /run/other/socket, but the service manager passed {manager.socket}")

    def test_the_same_place_may_be_named_as_well(self):
        manager = self.manager()
        manager.arguments = ["--socket", str(manager.socket)]
        manager.start()
        self.assertEqual(0, manager.stop())

    def test_one_that_ends_when_it_is_idle_ends_under_a_socket_that_stays(self):
        manager = self.manager(arguments=["--exit-when-idle", "1s"]).start()
        self.assertEqual(0, manager.process.wait(PATIENCE_S))
        self.assertTrue(manager.socket.is_socket())
        self.assertTrue(manager.has_said("STOPPING", "1"))

    def test_restarts_under_load_are_noticed_by_no_trainer(self):
        restarts, world, steps = 1000 if tap.LONG else 20, 3, 800
        run_count, failed, stop = 0, [], threading.Event()
        manager = self.manager()

        def knock():
            """Somebody who connects all the time: refused is what nobody may be."""
            while not stop.is_set():
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
                    try:
                        s.connect(str(manager.socket))
                    except OSError as error:
                        failed.append(error)
                time.sleep(0.002)

        knocking = threading.Thread(target=knock)
        knocking.start()
        self.addCleanup(knocking.join)
        self.addCleanup(stop.set)
        ready, done = [manager.start().said[0][0]], 0
        runs = []
        os.environ["WORKLOAD_FINISH_S"] = "600"
        while done < restarts:
            run_count += 1
            runs.append(f"again{run_count:03d}")
            trainers = [subprocess.Popen([sys.executable, WORKLOAD, str(manager.socket), runs[-1], "--rank", str(rank),
                                          "--world-size", str(world), "--steps", str(steps), "--step-ms", "2"],
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for rank in range(world)]
            while done < restarts and any(trainer.poll() is None for trainer in trainers):
                time.sleep(0.05)
                if done % 10 == 9:
                    manager.kill()  # as the kernel does it
                else:
                    self.assertEqual(0, manager.stop(), manager.words())
                manager.start()
                ready.append(manager.said[0][0])
                done += 1
            for trainer in trainers:
                out, err = trainer.communicate(timeout=PATIENCE_S)
                self.assertEqual(0, trainer.returncode, out[-500:] + err[-500:])
                self.assertNotIn("refused", err)
        stop.set()
        self.assertEqual([], failed)
        manager.stop()
        print(f"# {done} restarts: ready after {1000 * statistics.median(ready):.1f} ms (median), "
              f"{1000 * max(ready):.1f} ms (worst)", flush=True)
        for run in runs:
            self.assertEqual([(0, 0, 0)], manager.rows("SELECT dropped, late, missing FROM runs WHERE id = ?", run))
        for run in (runs[0], runs[-1]):
            self.compare(manager.database, run, world, steps)

    def compare(self, database, run, world, steps):
        """With what the same run comes to when nothing happens."""
        with Daemon() as daemon:
            trainers = [subprocess.Popen([sys.executable, WORKLOAD, str(daemon.socket), run, "--rank", str(rank),
                                          "--world-size", str(world), "--steps", str(steps)], stdout=subprocess.DEVNULL)
                        for rank in range(world)]
            self.assertEqual([0] * world, [trainer.wait(PATIENCE_S) for trainer in trainers])
            daemon.stop()
            self.assertEqual(everything(daemon.database, run), everything(database, run))


if __name__ == "__main__":
    tap.main()
