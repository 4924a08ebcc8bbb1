"""The file beside a checkpoint: what was written is read, and anything else is said and is no state."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import tap

from sae_metrics import state_file

STATE = {"run": "abcd1234", "step": 7, "state": b"bytes\n\0"}


class StateFileTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "state")

    def complaints(self, function, *arguments):
        with mock.patch("sae_metrics.state_file.complain") as complain:
            result = function(*arguments)
        return result, [call[0][0] for call in complain.call_args_list]

    def test_what_was_saved_is_loaded(self):
        for state in (STATE, {"run": "r", "step": None, "state": None}):
            state_file.save(self.path, state)
            self.assertEqual((state, []), self.complaints(state_file.load, self.path))
        self.assertEqual(["state"], os.listdir(os.path.dirname(self.path)))

    def test_no_file_is_no_state_and_no_trouble(self):
        self.assertEqual((None, []), self.complaints(state_file.load, self.path))

    def test_what_is_damaged_or_foreign_is_said_and_is_no_state(self):
        begin = b'{"sae_metrics_state": 1, "has_state": true, '
        for text in (b"", b"{}\n", b"[1]\n", b"\xff" * 9000, begin, b'{"sae_metrics_state": 2, "run": "a", "step": 1}\n',
                     begin + b'"run": 12, "step": 1}\n', begin + b'"run": "a/../b", "step": 1}\n',
                     begin + b'"run": "abc", "step": "x"}\n', begin + b'"run": "abc", "step": true}\n',
                     begin + b'"run": "abc", "step": -1}\n'):  # fmt: skip
            Path(self.path).write_bytes(text)
            state, complaints = self.complaints(state_file.load, self.path)
            self.assertEqual((None, 1), (state, len(complaints)), text[:80])
        os.remove(self.path)
        os.mkdir(self.path)
        self.assertEqual(1, len(self.complaints(state_file.load, self.path)[1]))

    def test_a_disk_that_is_full_is_said_and_leaves_the_state_before(self):
        state_file.save(self.path, STATE)
        with mock.patch("os.replace", side_effect=OSError(28, "No space left on device")):
            _, complaints = self.complaints(state_file.save, self.path, {**STATE, "step": 8})
        self.assertIn("No space left", complaints[0])
        self.assertEqual((STATE, ["state"]), (state_file.load(self.path), os.listdir(os.path.dirname(self.path))))

    def test_a_folder_that_is_not_there_is_said(self):
        _, complaints = self.complaints(state_file.save, self.path + "/none/state", STATE)
        self.assertEqual(1, len(complaints))


if __name__ == "__main__":
    tap.main()
