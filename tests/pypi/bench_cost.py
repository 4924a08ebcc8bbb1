"""What logging costs a trainer on the CPU: nothing, ours, and W&B's own SDK (offline) doing what the reference trainers do.

    tests/pypi/run --benchmark

Every variant is a process of its own, in turns, each loop with the same work. "Added" is a step's time less that of the loop
which logs nothing, at the median and at the 99th percentile of all steps; "call" is what the logging itself takes, by the clock.
A step of ours hands over all counts and 12 numbers; with wandb the trainer adds the counts up, logs the numbers every step or
every tenth, and a histogram of the densities every window, as ViT-Prisma and SAELens do.
"""
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
N_STEPS, N_ROUNDS, WINDOW, N_ROWS, WARM_UP = 1500, 3, 250, 4096, 100
VARIANTS = ("nothing", "ours", "ours, daemon stopped", "ours, daemon gone", "wandb every step", "wandb every tenth")
NAMES = ("mse_loss", "l1_loss", "ghost_grad_loss", "overall_loss", "explained_variance", "explained_variance_std", "l0",
         "current_learning_rate", "l1_coefficient", "aux_reconstruction_loss")


def train(variant, d_sae, log):
    """The loop: some work, then log(step, counts, numbers). Returns (seconds of each step, of each call)."""
    import numpy

    generator = numpy.random.default_rng(1)
    counts = [generator.poisson(40.0, d_sae).astype(numpy.uint32) for _ in range(8)]
    a, b = generator.random((256, 256), numpy.float32), generator.random((256, 256), numpy.float32)
    steps, calls = [], []
    for step in range(N_STEPS):
        begun = time.perf_counter()
        for _ in range(4):
            a @ b
        before = time.perf_counter()
        log(step, counts[step % 8], 0.5 + step)
        calls.append(time.perf_counter() - before)
        steps.append(time.perf_counter() - begun)
    return steps[WARM_UP:], calls[WARM_UP:]


def logger_of(variant, d_sae):
    """(log, finish)."""
    import numpy

    if variant == "nothing":
        return lambda step, counts, number: None, lambda: None
    if variant.startswith("ours"):
        import sae_metrics

        run = sae_metrics.init(d_sae=d_sae, train_batch_size=N_ROWS, feature_sampling_window=WINDOW, dead_feature_window=50)
        if variant != "ours, daemon gone":
            run.log_step(0, numpy.zeros(d_sae, numpy.uint32))
            run.flush()
        if variant == "ours, daemon stopped":
            os.kill(int(os.environ["DAEMON_PID"]), signal.SIGSTOP)

        def log(step, counts, number):
            run.log_step(step + 1, counts, N_ROWS, grad_norm=None, **{name: number for name in NAMES}, l2_sum=number, tv_sum=number)

        def finish():
            if variant == "ours, daemon stopped":
                os.kill(int(os.environ["DAEMON_PID"]), signal.SIGCONT)
            run.finish(timeout=60)
        return log, finish

    import wandb

    every = 1 if variant.endswith("step") else 10
    wandb.init(project="bench", mode="offline", settings=wandb.Settings(silent=True, x_disable_stats=True))
    frequency, n_rows = numpy.zeros(d_sae, numpy.float32), 0
    keys = ["losses/" + name for name in NAMES] + ["details/n_training_tokens", "details/n_training_images"]

    def log(step, counts, number):
        nonlocal frequency, n_rows
        if (step + 1) % WINDOW == 0:
            logs = numpy.log10(frequency / n_rows + 1e-10)
            wandb.log({"metrics/mean_log10_feature_sparsity": float(logs.mean()), "plots/density": wandb.Histogram(logs),
                       "sparsity/below_1e-5": int((frequency / n_rows < 1e-5).sum()),
                       "sparsity/below_1e-6": int((frequency / n_rows < 1e-6).sum())}, step=step)
            frequency, n_rows = numpy.zeros(d_sae, numpy.float32), 0
        frequency += counts
        n_rows += N_ROWS
        if (step + 1) % every == 0:
            wandb.log(dict.fromkeys(keys, number), step=step)
    return log, wandb.finish


def child(variant, d_sae):
    import numpy  # noqa: F401: counted with nobody

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    log, finish = logger_of(variant, d_sae)
    steps, calls = train(variant, d_sae, log)
    children = _descendants(os.getpid())
    kib = _rss_kib(os.getpid()) + sum(map(_rss_kib, children))
    finish()
    print(json.dumps({"steps": steps, "calls": calls, "kib": kib, "before": before, "processes": len(children)}))


def _descendants(pid):
    found = []
    for task in Path("/proc/%d/task" % pid).iterdir():
        for each in (task / "children").read_text().split():
            found += [int(each), *_descendants(int(each))]
    return found


def _rss_kib(pid):
    return next(int(line.split()[1]) for line in Path("/proc/%d/status" % pid).read_text().splitlines() if "VmRSS" in line)


def run_one(variant, d_sae, build):
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "SAE_METRICS_SOCKET": folder + "/socket", "SAE_METRICS_QUIET": "1", "WANDB_DIR": folder,
                     "PYTHONPATH": str(ROOT / "client" / "python"), "SAE_METRICSD_CONFIG": "/dev/null", "OMP_NUM_THREADS": "1",
                     "OPENBLAS_NUM_THREADS": "1", "SAE_METRICS_LIBRARY": str(build / "client" / "libsae-metrics.so.0")}
        daemon = None
        if variant in ("ours", "ours, daemon stopped"):
            daemon = subprocess.Popen([build / "daemon" / "sae-metricsd", "serve", "--socket", folder + "/socket",
                                       "--db", folder + "/metrics.db"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not Path(folder, "socket").exists():
                time.sleep(0.01)
            variables["DAEMON_PID"] = str(daemon.pid)
        try:
            done = subprocess.run([sys.executable, __file__, variant, str(d_sae)], env=variables, check=True,
                                  capture_output=True, text=True)
        except subprocess.CalledProcessError as problem:
            sys.exit("%s: %s" % (variant, problem.stderr))
        finally:
            if daemon is not None:
                daemon.kill()
                daemon.wait()
        return json.loads(done.stdout.splitlines()[-1])


def percentile(numbers, share):
    return sorted(numbers)[int(share * (len(numbers) - 1))]


def main(build):
    for d_sae in (16384, 131072):
        results = {variant: [] for variant in VARIANTS}
        for _ in range(N_ROUNDS):
            for variant in VARIANTS:
                results[variant].append(run_one(variant, d_sae, build))
        print("\nd_sae %d: %d x %d steps, windows of %d; microseconds" % (d_sae, N_ROUNDS, N_STEPS - WARM_UP, WINDOW))
        print("%-22s %9s %9s %9s %9s %9s %9s" % ("", "added p50", "added p99", "call p50", "call p99", "MiB", "processes"))
        nothing = results["nothing"]
        base = [percentile(sum((one["steps"] for one in nothing), []), share) for share in (0.5, 0.99)]
        base_kib = statistics.median(one["kib"] for one in nothing)
        for variant, ones in results.items():
            steps, calls = (sum((one[what] for one in ones), []) for what in ("steps", "calls"))
            added = [1e6 * (percentile(steps, share) - at) for share, at in zip((0.5, 0.99), base)]
            if variant.endswith("tenth"):  # a call in ten logs
                calls = [call for one in ones for call in one["calls"][9 - WARM_UP % 10 :: 10]]
            print("%-22s %9.1f %9.1f %9.1f %9.1f %9.1f %9d" % (
                variant, *added, 1e6 * percentile(calls, 0.5), 1e6 * percentile(calls, 0.99),
                (statistics.median(one["kib"] for one in ones) - base_kib) / 1024,
                max(one["processes"] for one in ones)))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(sys.argv[1], int(sys.argv[2]))
    else:
        main(Path(os.environ["SAE_METRICSD_BUILD"]))
