"""W&B has the same run by all three roads: from its own SDK, from the daemon, and from `wandb sync` of an export."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "system")]
from fake_wandb import FakeWandb
from harness import PATIENCE_S, Daemon, wait_until
from record_wandb import SCRIPT, run_sdk
import sdk_script
from test_wandb_sync import export, sync
from wandb_normal import differences, normal, plain

import tap

GOES_ON = ("failed",)  # it is exported once it has been resumed


class Roads(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.w, self.synced = FakeWandb(), FakeWandb()
        self.addCleanup(self.w.close)
        self.addCleanup(self.synced.close)
        self.daemon = Daemon(variables={"WANDB_BASE_URL": self.w.base_url, "WANDB_API_KEY": "a" * 40})
        self.addCleanup(self.daemon.__exit__)
        home = tempfile.TemporaryDirectory(prefix="sae-metricsd-test-")
        self.addCleanup(home.cleanup)
        self.home = home.name

    def start(self, **settings):
        configuration = self.daemon.directory / "conf"
        lines = [f"{name} = {value}" for name, value in {"transmit_interval": "500ms", **settings}.items()]
        configuration.write_text("\n".join(["[wandb]", *lines, ""]), encoding="utf-8")
        self.daemon.arguments = ["--config", str(configuration)]
        self.daemon.start()

    def forward(self, name):
        script = plain(SCRIPT[name])
        run = sdk_script.begin(script, self.daemon.socket, project="ours")
        sdk_script.log(run, script)
        run.finish(exit_code=script["exit_code"], timeout=PATIENCE_S)
        run_id = script["init"]["id"]
        wait_until(lambda: self.daemon.rows("SELECT completed, pending FROM forwards WHERE run = ?", run_id) == [(1, 0)],
                   f"W&B to have {name} to its end")

    def compare(self, name, ignore, *arguments):
        run_sdk(self.w, self.home, name)
        self.forward(name)
        run_id = SCRIPT[name]["init"]["id"]
        from_sdk, forwarded = (normal(self.w.runs[f"fake-entity/{project}/{run_id}"]) for project in ("sae", "ours"))
        expected, _ = sdk_script.of_ours(plain(SCRIPT[name]), from_sdk)
        self.assertEqual([], differences(expected, forwarded, ignore={"path", *ignore}))
        if name not in GOES_ON:
            sync(self.synced, export(self.daemon, run_id, *arguments)[1])
            self.assertEqual([], differences(forwarded, normal(self.synced.runs[f"fake-entity/ours/{run_id}"]),
                                             ignore=("later_upserts_say",)))

    def test_all_roads_lead_to_the_same_run(self):
        self.start()
        for name in SCRIPT:
            with self.subTest(name):
                self.compare(name, sdk_script.IGNORED)
        self.assertEqual([], self.w.violations + self.synced.violations)

    def test_all_roads_lead_to_the_same_charts(self):
        self.start(x_axis="tokens")
        self.compare("axes", {*sdk_script.IGNORED} - {"axes"}, "--x-axis", "tokens")
        self.assertEqual([], self.w.violations + self.synced.violations)


if __name__ == "__main__":
    tap.main()
