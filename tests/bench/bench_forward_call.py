"""Whether a trainer can tell how its daemon stands with W&B: what a log call costs when forwarding is off, on, refused
a connection, and never answered. Off stands there twice: what the two differ by is noise.

    bench_forward_call.py WANDB_SINK FORWARD_CALL
"""
import contextlib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import Daemon

EAGER = "[wandb]\ntransmit_interval = 100ms\nrequests_per_s = 100\n"  # as busy as a daemon can be about it


def sink(program, delay_ms):
    return subprocess.Popen([program, str(delay_ms)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def daemon(variables):
    d = Daemon(variables={"WANDB_API_KEY": "k" * 40, **variables})
    settings = d.directory / "settings"
    settings.write_text(EAGER, encoding="ascii")
    d.arguments = ["--config", settings, "--log-level", "error"]
    return d


def main():
    answers, hangs = (sink(sys.argv[1], delay_ms) for delay_ms in (0, -1))
    ports = [process.stdout.readline().split()[1] for process in (answers, hangs)]
    to = [{"WANDB_BASE_URL": f"http://127.0.0.1:{port}"} for port in (*ports, 9)]
    kinds = {"off": {"WANDB_MODE": "disabled"}, "off again": {"WANDB_MODE": "disabled"},
             "on": to[0], "refused": to[2], "hung": to[1]}
    with contextlib.ExitStack() as stack:
        daemons = {name: stack.enter_context(daemon(variables)) for name, variables in kinds.items()}
        subprocess.run([sys.argv[2], *(f"{name}={d.socket}" for name, d in daemons.items())], check=True)
        for name, d in daemons.items():
            lines, accepted = d.rows("SELECT coalesce(sum(lines), 0), coalesce(sum(accepted), 0) FROM forwards")[0]
            print(f"{name}: {lines} lines for W&B, which has {accepted}")
            d.stop()
    for process in (answers, hangs):
        process.stdin.close()
        process.wait()


main()
