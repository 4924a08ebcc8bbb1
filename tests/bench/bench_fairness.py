"""What one user does to another's acks: the honest one's times until a step is durable, with and without a hostile one beside.

    bench_fairness.py [samples of a round [one of the names]]

Both are users of their own (os.setuid in a child), so that it takes root. The honest one sends a step every 20 ms and asks for its
commit; rounds with and without the hostile one alternate, and the ratios are of all rounds together. The hostile one is
niced (19) and has the last of the machine's processors to himself while the honest one and the daemon have the others: what
is measured is what the daemon lets him take, not what the scheduler does. With one processor that cannot be told apart.
"""
import os
import random
import resource
import signal
import socket
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system"), str(Path(__file__).resolve().parent.parent)]
from harness import Daemon  # noqa: E402
from wire import ACK, FLUSH, OPEN, OPENED, QUERY, REPLY, STEP, WELCOME, Wire, frame  # noqa: E402

HONEST, HOSTILE = 2_000_000_001, 2_000_000_002
INTERVAL_S = 0.02
ROUNDS = 3


def step_frame(seq, d_sae):
    counts = bytes([1, 0, 0, 2] * (d_sae // 4))
    return frame([STEP, seq, 0, seq - 1, 1.7e9, 1.0, 4, [0.5], 1, d_sae, 0, 0], counts)


def opened(path, run, d_sae):
    wire = Wire(path)
    answer = wire.open(run, d_sae=d_sae)
    if answer is None or answer[0] != OPENED:
        raise SystemExit(f"{run}: {answer}")
    return wire


# ---- what the hostile one does ----

def drain(wire):
    try:
        while wire.socket.recv(65536, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        pass


def flood(path, d_sae=8, batch=200):
    wire, seq = opened(path, f"flood{os.getpid()}", d_sae), 1
    wire.socket.settimeout(None)
    while True:
        wire.socket.sendall(b"".join(step_frame(seq + i, d_sae) for i in range(batch)))
        seq += batch
        drain(wire)


def flood_large(path):
    flood(path, 1 << 20, 1)


def stall(path):
    wires = [opened(path, f"stall{os.getpid()}-{i}", 1 << 20) for i in range(8)]
    for wire in wires:
        wire.raw(step_frame(1, 1 << 20)[:500_000])
    time.sleep(1000)


def connections(path):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    kept = []
    while True:
        kept.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            kept[-1].connect(str(path))
        except OSError:
            time.sleep(0.001)
        if len(kept) == 10_000:
            del kept[:9_000]


def garbage(path):
    noise = random.randbytes(1 << 16)
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            try:
                s.connect(str(path))
                s.sendall(noise)
            except OSError:
                pass


def welcomed(path):
    """Connected, as soon as what he did before allows it."""
    while True:
        wire = Wire(path)
        try:
            answer = wire.hello(role=2)
            if answer is not None and answer[0] == WELCOME:
                return wire
        except OSError:
            pass
        wire.socket.close()
        time.sleep(0.1)


def queries(path):
    wires = [welcomed(path) for _ in range(8)]
    while True:
        for wire in wires:
            wire.send(QUERY, 1, "status", {})
        for wire in wires:
            wire.until(REPLY)


def reopen(path):
    n = 0
    while True:
        with Wire(path) as wire:
            wire.hello()
            wire.send(OPEN, {"stream": os.urandom(16), "run": f"again{n % 50}", "launch": f"l{n}", "first_seq": 1,
                             "d_sae": 1 << 16, "scalars": ["mse_loss"], "train_batch_size": 4})
            wire.answer()
        n += 1


def commits(path):
    wire, seq = opened(path, f"commits{os.getpid()}", 1 << 20), 1
    while True:
        wire.raw(step_frame(seq, 1 << 20)).send(FLUSH, seq)
        wire.until(ACK)
        seq += 1


WAYS = {"floods steps": flood, "floods large steps": flood_large, "stalls in a frame": stall, "connects": connections,
        "sends garbage": garbage, "asks": queries, "opens and closes": reopen, "fills the commits": commits}


# ---- measuring ----

def place(processors):
    os.sched_setaffinity(0, processors)


def all_processors():
    return sorted(os.sched_getaffinity(0))


def as_user(uid, work):
    """A child that does `work` as that user; its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setuid(uid)
            work()
        except BaseException as error:  # noqa: BLE001: it is a child, and its parent looks at what it left
            print(f"# {error!r}", file=sys.stderr)
        os._exit(0)
    return pid


def end(pid):
    if os.waitpid(pid, os.WNOHANG)[0] != 0:
        raise SystemExit("a child has given up: nothing was measured")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


class Honest:
    """A child that sends a step and waits for its ack, as often as it is told; the times come back through a pipe."""

    def __init__(self, path):
        self.to, self.orders = os.pipe(), os.pipe()
        self.pid = as_user(HONEST, lambda: self.work(path))

    def work(self, path):
        wire, seq = opened(path, "honest", 4096), 1
        while True:
            n = int.from_bytes(os.read(self.orders[0], 4), "little")
            for _ in range(n):
                time.sleep(INTERVAL_S)
                begun = time.monotonic_ns()
                wire.raw(step_frame(seq, 4096)).send(FLUSH, seq)
                while True:
                    ack = wire.until(ACK)
                    if ack is None:
                        raise SystemExit("the honest one lost his connection")
                    if ack[1] >= seq:
                        break
                os.write(self.to[1], (time.monotonic_ns() - begun).to_bytes(8, "little"))
                seq += 1

    def times_ms(self, n):
        os.write(self.orders[1], n.to_bytes(4, "little"))
        return [int.from_bytes(os.read(self.to[0], 8), "little") / 1e6 for _ in range(n)]


def quantile(values, q):
    return sorted(values)[min(int(len(values) * q), len(values) - 1)]


def main():
    if os.getuid() != 0:
        print("skipped: only root can be two users")
        return
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    ways = {name: way for name, way in WAYS.items() if len(sys.argv) < 3 or name == sys.argv[2]}
    processors = all_processors()
    others, last = set(processors[:-1]) or {processors[0]}, {processors[-1]}
    place(others)
    with Daemon() as daemon:
        daemon.stop()
        os.chmod(daemon.directory, 0o755)
        (daemon.directory / "conf").write_text("[access]\nsocket_mode = 0666\n")
        daemon.arguments = ["--config", daemon.directory / "conf"]
        daemon.start()
        os.chmod(daemon.socket, 0o666)
        honest = Honest(daemon.socket)
        honest.times_ms(20)
        try:
            measure(honest, daemon, ways, samples, last)
        finally:
            end(honest.pid)


def measure(honest, daemon, ways, samples, last):
    print(f"{'the hostile one':20} {'p50 alone':>10} {'beside':>8} {'ratio':>6} {'p99 alone':>10} {'beside':>8} {'ratio':>6}")
    for name, way in ways.items():
        alone, beside = [], []
        for _ in range(ROUNDS):
            alone += honest.times_ms(samples)

            def work(way=way):
                os.nice(19)
                place(last)
                way(daemon.socket)

            pid = as_user(HOSTILE, work)
            time.sleep(0.3)
            beside += honest.times_ms(samples)
            end(pid)
            time.sleep(0.5)
        row = [f(values, q) for q in (0.5, 0.99) for f, values in ((quantile, alone), (quantile, beside))]
        print(f"{name:20} {row[0]:7.2f} ms {row[1]:5.2f} ms {row[1] / row[0]:6.2f} {row[2]:7.2f} ms {row[3]:5.2f} ms "
              f"{row[3] / row[2]:6.2f}", flush=True)


if __name__ == "__main__":
    main()
