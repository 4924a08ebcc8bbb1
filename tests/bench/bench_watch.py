"""What `sae-metricsd watch` costs: of a core, of the daemon that it asks, and of the line to the terminal.

Five runs at 20 steps a second, looked at for a minute on a screen of 120x30: first one that is young, then one of more steps than
curves are read of. The daemon's share is what it takes with a watch above what it takes without."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))

from harness import DAEMON, Daemon  # noqa: E402
import workload  # noqa: E402

RUNS, STEPS_PER_S, SECONDS = 5, 20, 60
YOUNG, OLD = 400, 40000


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def train(handles, stopped, first):
    """Each run's steps in time, until it is told to stop."""
    begun, step = time.monotonic(), first
    while not stopped.wait(max(0.0, begun + (step - first) / STEPS_PER_S - time.monotonic())):
        for run, handle in handles.items():
            workload.log_step(handle, run, 0, step)
        step += 1


def look(daemon, run):
    """A watch for SECONDS; its use of a core, the daemon's, and bytes a second to the terminal."""
    child, master = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        os.execve(DAEMON, ["sae-metricsd", "watch", "--socket", str(daemon.socket), run],
                  {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
    n_bytes, daemon_s, end = 0, cpu_s(daemon.process.pid), time.monotonic() + SECONDS
    while time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            n_bytes += len(os.read(master, 65536))
    daemon_s = cpu_s(daemon.process.pid) - daemon_s
    os.write(master, b"q")
    _, status, usage = os.wait4(child, 0)
    os.close(master)
    assert status == 0, status
    return (usage.ru_utime + usage.ru_stime) / SECONDS, daemon_s / SECONDS, n_bytes / SECONDS


def measure(daemon, steps):
    handles = {f"run{i}of{steps}": workload.begin(daemon.socket, f"run{i}of{steps}") for i in range(RUNS)}
    for run, handle in handles.items():
        workload.push(handle, run, range(steps if run.startswith("run0") else YOUNG))
        handle.flush()
    stopped = threading.Event()
    trainer = threading.Thread(target=train, args=(handles, stopped, steps))
    trainer.start()
    before = cpu_s(daemon.process.pid)
    time.sleep(SECONDS / 2)
    alone = (cpu_s(daemon.process.pid) - before) / (SECONDS / 2)
    watch, with_watch, rate = look(daemon, f"run0of{steps}")
    stopped.set()
    trainer.join()
    for handle in handles.values():
        handle.finish()
    print(f"# {RUNS} runs at {STEPS_PER_S} steps/s, the one in sight of {steps} steps: watch {100 * watch:.2f} % of a core, "
          f"the daemon {100 * with_watch:.2f} % (without {100 * alone:.2f} %), {rate:.0f} bytes/s to the terminal", flush=True)


def main():
    with Daemon() as daemon:
        for steps in (YOUNG, OLD):
            measure(daemon, steps)


if __name__ == "__main__":
    main()
