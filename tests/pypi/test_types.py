"""What a type checker says of a user's program: nothing where it is right, and each mistake where it is not. That the stubs are
what the code is, tests/unit/python/test_stubs.py sees."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
ROOT = Path(__file__).resolve().parent.parent.parent

import tap

RIGHT = '''
from typing import Any

import sae_metrics
import sae_metrics.prisma
import sae_metrics.saelens
import sae_metrics.wandb as wandb


class Tensor:
    """As PyTorch's, as far as a number goes."""

    def __float__(self) -> float:
        return 0.5


def train(config: dict[str, Any], counts: list[int]) -> str | None:
    run = sae_metrics.init(project="p", name="n", config=config, d_sae=8, tags=["a"], total_training_tokens=10**9, when_full=1.5)
    for step in range(3):
        run.log_step(step, fired=counts, n_rows=4, mse_loss=Tensor(), l1_loss=0.5, grad_norm=None)
        run.log_activations(step, feature_acts=counts, losses={"mse_loss": 0.25}, lr=1e-3)
        run.log({"eval/ce": 0.5, "nested": {"a": 1}}, step=step)
        if run.should_stop:
            reason: str | None = run.stop_reason
            print(reason)
    saved = run.state_dict()
    blob: bytes | None = saved["state"]
    run.load_state_dict(saved)
    dropped: int = run.stats.dropped
    done: bool = run.flush(timeout=1.0)
    print(blob, dropped, done)
    run.finish(exit_code=0, state="preempted")
    return run.url


def look(path: str) -> object:
    data: sae_metrics.Database = sae_metrics.open(path, pandas=True)
    print(data.runs(), data.steps("a", columns=["l0"], all_attempts=True), data.feature_counts("a"))
    return sae_metrics.open(socket="/run/socket").history("a")


def sweep() -> list[bool]:
    with sae_metrics.init_many(["a", "b"], group="g", d_sae=8) as group:
        group.log_step(0, fired=[[1], [2]], l1_loss=[0.5, 0.25])
        for run in group:
            print(run.id.upper(), len(group), group[0].name)
        return group.should_stop


def attached(trainer: object) -> sae_metrics.Run:
    autolog = sae_metrics.saelens.autolog(project="p")
    autolog.detach()
    print([attachment.run.id for attachment in autolog.attachments])
    with sae_metrics.saelens.attach(trainer) as attachment:
        print(attachment.last_step)
    wandb.log({"a": 1})
    try:
        return sae_metrics.prisma.attach(trainer, wandb="keep").run
    except sae_metrics.Error:
        raise
'''

# Each line is one mistake.
WRONG = '''
import sae_metrics
run = sae_metrics.init(project=3)
run = sae_metrics.init(d_sea=8)
run = sae_metrics.init("p", "n", "id")
run = sae_metrics.init(when_full="drop")
run.log_step(0.5)
run.log_step(0, mse_loss="small")
run.log(0.5)
run.finish(state="done")
run.stats.acknowledged
run.stop = True
sae_metrics.init_many("a", 3)
'''


class Types(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sae-metricsd-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def check(self, program):
        (self.folder / "program.py").write_text(program)
        environment = {**os.environ, "MYPYPATH": str(ROOT / "client/python")}
        return subprocess.run([sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", "program.py"], env=environment,
                              cwd=self.folder, stdout=subprocess.PIPE, text=True, check=False).stdout

    def test_a_program_that_is_right_is_right_under_strict(self):
        self.assertEqual("Success: no issues found in 1 source file\n", self.check(RIGHT))

    def test_each_mistake_is_found(self):
        said = self.check(WRONG)
        found = {int(line) for line in re.findall(r"^program\.py:(\d+): error", said, re.M)}
        self.assertEqual(set(range(3, len(WRONG.splitlines()) + 1)), found, said)


if __name__ == "__main__":
    tap.main()
