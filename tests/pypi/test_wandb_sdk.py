"""The official SDK and our stand-in for its server: what the SDK sends is what we have on file, whatever happens on the way."""
import json
import tempfile
import unittest

from record_wandb import FIXTURE, SCRIPT, FakeWandb, plain, record, run_sdk
from wandb_normal import differences, normal

import tap

RUN = "fake-entity/sae/whole"


class Sdk(unittest.TestCase):
    def test_the_sdk_sends_what_we_have_on_file(self):
        on_file = json.loads(FIXTURE.read_text(encoding="utf-8"))
        self.assertEqual(plain(SCRIPT), on_file["script"])
        self.assertEqual([], differences(on_file["runs"], record()["runs"]))

    def test_answers_that_get_lost_make_no_difference_to_what_arrives(self):
        on_file = json.loads(FIXTURE.read_text(encoding="utf-8"))["runs"]["whole"]
        with FakeWandb() as w, tempfile.TemporaryDirectory(prefix="sae-metricsd-test-") as home:
            at_once = {"Retry-After": "0"}
            faults = [w.fault(operation="UpsertBucket", status=503, headers=at_once)] + [
                w.fault(path="file_stream", **how) for how in (
                    dict(status=429, headers=at_once), dict(reset="after"), dict(half=True),
                    dict(status=504, effect=True, headers=at_once))]
            run_sdk(w, home, "whole")
            self.assertEqual([1] * len(faults), [fault.hits for fault in faults])
            self.assertEqual([], w.violations)
            self.assertEqual([], differences(on_file, normal(w.runs[RUN])))


if __name__ == "__main__":
    tap.main()
