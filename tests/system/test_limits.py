"""What one user, and all together, can make the daemon hold: descriptors, memory; and that it lives on at each limit."""
import os
import resource
import shutil
import socket
import subprocess
import unittest
from pathlib import Path

from harness import DAEMON, Daemon, own_environment, wait_until
from wire import ACK, FLUSH, OPENED, REFUSAL, SNAPSHOT, STATE, STEP, Wire

import tap

LONG = os.environ.get("SAE_METRICS_TEST_LONG") == "1"
BUDGET, TOO_MANY = 5, 12
MIB = 1 << 20
PLAIN = "none" in os.environ.get("SAE_METRICSD_BUILD_KIND", "none")


class FewDescriptors(Daemon):
    """May have so many files open."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def start(self, crash_at=None, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["prlimit", f"--nofile={self.limit}:{self.limit}", DAEMON, "serve", "--socket", self.socket, "--db", self.database],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**own_environment(), "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1"})
        wait_until(self.answers, "the daemon to answer")
        return self

    def descriptors(self):
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


class Knock:
    """A connection of which nothing is said."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(str(path))

    def close(self):
        self.socket.close()


def held(daemon, what="memory"):
    return daemon.status()["daemon"]["limits"]["host"][what]


@unittest.skipUnless(shutil.which("prlimit"), "there is no prlimit")
class Descriptors(unittest.TestCase):
    def test_ten_thousand_connections_leave_what_the_daemon_needs(self):
        """A run is trained, closes windows and is reported on meanwhile: the database, state files and reports have theirs."""
        with FewDescriptors(80) as daemon, Wire(daemon.socket) as trainer:
            self.assertEqual(trainer.open("trained", feature_sampling_window=5)[0], OPENED)
            limit = held(daemon, "connections")["limit"]
            self.assertEqual(limit, (80 - 48) // 2)
            kept, seq = [], 0
            for n in range(10_000):
                kept.append(Knock(daemon.socket))
                if len(kept) > 200:
                    kept.pop(0).close()
                if n % 500 == 0:
                    seq += 1
                    trainer.step(seq, seq - 1).send(FLUSH, seq)
                    while trainer.until(ACK)[1] < seq:
                        pass
                    self.assertLessEqual(daemon.descriptors(), 80)
            late = [Wire(daemon.socket) for _ in range(limit + 1)]
            answer = late[-1].answer()
            self.assertEqual(answer[:2], [REFUSAL, TOO_MANY])
            self.assertIn(f"limit host_connections = {limit}", answer[4])
            self.assertIsNotNone(answer[3], "it says when to come again")
            for knock in kept + [wire.socket for wire in late]:
                knock.close()
            wait_until(daemon.answers, "a connection to be let in again")
            user = next(u for u in daemon.status()["daemon"]["limits"]["users"] if u["uid"] == os.getuid())
            self.assertGreater(user["connections"]["refused"], 1000)
            self.assertEqual(daemon.rows("SELECT count(*) FROM steps"), [(seq,)])
            self.assertGreater(daemon.rows("SELECT count(*) FROM windows")[0][0], 2)
            self.assertEqual(daemon.stop(), 0)

    def test_where_not_even_the_reserve_is_allowed_it_serves_a_few(self):
        with FewDescriptors(40) as daemon, Wire(daemon.socket) as trainer:
            self.assertEqual(trainer.open("trained")[0], OPENED)
            knocks = [Knock(daemon.socket) for _ in range(50)]
            trainer.step(1, 0).send(FLUSH, 1)
            self.assertEqual(trainer.until(ACK)[1], 1)
            for knock in knocks:
                knock.close()
            self.assertEqual(daemon.stop(), 0)


class Cgroup:
    """A limit that kills, where this machine lets us set one: of either version."""

    KINDS = (("/sys/fs/cgroup", "memory.max", "memory.events"),
             ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"))

    def __init__(self, pid, limit):
        self.path = None
        for root, limits, events in self.KINDS:
            path = Path(root) / f"sae-metricsd-test-{pid}"
            try:
                path.mkdir()
                if not (path / limits).exists():
                    raise OSError("no memory controller")
                (path / limits).write_text(str(limit))
                (path / "cgroup.procs").write_text(str(pid))
                self.path, self.events = path, path / events
                return
            except OSError as error:
                print(f"# {root}: {error}")
                if path.exists():
                    path.rmdir()
        print("# the peak alone is looked at")

    def kills(self):
        if self.path is None:
            return 0
        words = self.events.read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def close(self):
        if self.path is not None:
            wait_until(lambda: not (self.path / "cgroup.procs").read_text(), "the cgroup to be empty")
            self.path.rmdir()


def peak_bytes(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


@unittest.skipUnless(PLAIN, "sanitizers hold memory of their own")
class Memory(unittest.TestCase):
    # 12 SAEs of a million features with 8 ranks each, or a smaller lot.
    RUNS, D_SAE, RANKS, HOST = (12, 1 << 20, 8, 1600) if LONG else (4, 1 << 18, 4, 160)

    def conf(self, daemon):
        path = daemon.directory / "conf"
        path.write_text(f"[limits]\nhost_memory = {self.HOST}M\nmemory = {self.HOST}M\nqueued = {self.HOST}M\n")
        return ["--config", str(path)]

    def opened(self, daemon, run, rank):
        wire = Wire(daemon.socket, timeout_s=120)
        answer = wire.open(run, rank=rank, world_size=self.RANKS, d_sae=self.D_SAE, feature_sampling_window=3)
        return wire, answer

    def send(self, wire, seq):
        wire.send(STEP, seq, 0, seq - 1, 1.7e9, 1.0, 4, [0.5], 1, self.D_SAE, 1, self.D_SAE,
                  payload=bytes([2, 0, 1, 1] * (self.D_SAE // 4)) + bytes([1, 0, 0, 1] * (self.D_SAE // 4)))

    def test_at_its_limit_of_admission_the_daemon_stays_inside_the_formula(self):
        with Daemon() as daemon:
            daemon.stop()
            daemon.arguments = self.conf(daemon)
            daemon.start()
            idle, formula = peak_bytes(daemon), (self.HOST + 256) * MIB * 5 // 4
            cgroup = Cgroup(daemon.process.pid, formula)
            ranks, refusal, n = [], None, 0
            while refusal is None and n < 3 * self.RUNS:
                for rank in range(self.RANKS):
                    wire, answer = self.opened(daemon, f"run{n}", rank)
                    if answer[0] == REFUSAL:
                        refusal = answer
                        break
                    ranks.append((wire, rank))
                n += 1
            self.assertEqual(refusal[1], BUDGET)
            self.assertIn(f"limit host_memory = {self.HOST / 1024:.1f} GiB" if LONG else f"limit host_memory = {self.HOST} MiB",
                          refusal[4])
            self.assertIn("tried again until it fits", refusal[4])
            self.assertGreaterEqual(n - 1, self.RUNS)
            # Four steps of all ranks but the last pend in every run; then that one comes, windows close, all is copied for the
            # commit, and each rank asks for the state, which nobody reads.
            for seq in range(1, 5):
                for wire, rank in ranks:
                    if rank < self.RANKS - 1:
                        self.send(wire, seq)
            for seq in range(1, 5):
                for wire, rank in ranks:
                    if rank == self.RANKS - 1:
                        self.send(wire, seq)
            for wire, rank in ranks:
                wire.send(SNAPSHOT, 1, 4).send(FLUSH, 4)
            for wire, rank in ranks:
                if rank == self.RANKS - 1:
                    while wire.until(ACK)[1] < 4:
                        pass
            peak, status = peak_bytes(daemon), held(daemon)
            self.assertLessEqual(status["held"], status["limit"])
            print(f"# {n - 1} runs of {self.D_SAE} features with {self.RANKS} ranks: admitted {status['held'] / MIB:.0f} of "
                  f"{status['limit'] / MIB:.0f} MiB, peak {peak / MIB:.0f} MiB, idle {idle / MIB:.0f} MiB, formula {formula / MIB:.0f} MiB")
            self.assertLessEqual(peak, formula)
            self.assertLessEqual(peak - idle, self.HOST * MIB * 5 // 4, "nothing of the 256 MiB is needed without W&B")
            self.assertIsNone(daemon.process.poll())
            self.assertEqual(cgroup.kills(), 0)
            for wire, _ in ranks:
                wire.socket.close()
            daemon.kill()
            cgroup.close()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    tap.main()
