"""Where the user's W&B key is found, and when it is looked for."""

import os
import tempfile
import unittest
from unittest import mock

import sae_metrics
import tap
from fake_library import FakeLibrary
from sae_metrics import wandb_key


class KeyTest(unittest.TestCase):
    """In a home and a folder of its own, with an environment that knows of nothing else."""

    def setUp(self):
        root = tempfile.TemporaryDirectory()
        self.addCleanup(root.cleanup)
        self.home, here = os.path.join(root.name, "home"), os.path.join(root.name, "here")
        os.makedirs(self.home)
        os.makedirs(here)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(here)
        patch = mock.patch.dict(os.environ, dict(HOME=self.home, SAE_METRICS_QUIET="1"), clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def write(self, path, text):
        path = os.path.join(self.home, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def write_netrc(self, path=".netrc", **keys):
        lines = ["machine %s\n  login user\n  password %s\n" % item for item in keys.items()]
        return self.write(path, "".join(lines))


class FindTest(KeyTest):
    def key(self, **environment):
        with mock.patch.dict(os.environ, environment):
            return wandb_key.find(wandb_key.base_url())[0]

    def test_the_environment_wins_over_netrc(self):
        self.write_netrc(**{"api.wandb.ai": "n"})
        self.assertEqual(self.key(WANDB_API_KEY=" e\n"), "e")
        self.assertEqual(self.key(WANDB_API_KEY=" "), "n")

    def test_netrc_is_where_the_variable_says_or_in_the_home(self):
        self.write_netrc("_netrc", **{"api.wandb.ai": "underscore"})
        self.assertEqual(self.key(), "underscore")
        self.write_netrc(".netrc", **{"api.wandb.ai": "dot"})
        self.assertEqual(self.key(), "dot")
        self.write_netrc("other", **{"api.wandb.ai": "other"})
        self.assertEqual(self.key(NETRC="~/other"), "other")
        self.assertEqual(self.key(NETRC="~/missing"), None)

    def test_the_machine_is_that_of_the_base_url_with_its_port(self):
        self.write_netrc(**{"api.wandb.ai": "cloud", "wandb.lab": "lab", "wandb.lab:8080": "port"})
        self.assertEqual(self.key(WANDB_BASE_URL="https://wandb.lab/"), "lab")
        self.assertEqual(self.key(WANDB_BASE_URL="http://wandb.lab:8080"), "port")
        self.assertEqual(self.key(WANDB_BASE_URL="http://wandb.lab:9"), None)
        self.assertEqual(self.key(WANDB_BASE_URL="http://[broken"), None)

    def test_a_default_entry_is_for_any_machine(self):
        self.write(".netrc", "machine wandb.lab password lab\ndefault login user password any\n")
        self.assertEqual(self.key(), "any")
        self.assertEqual(self.key(WANDB_BASE_URL="https://wandb.lab"), "lab")

    def test_the_base_url_may_be_in_the_settings_of_the_folder_or_else_the_user(self):
        names = ("cloud", "user", "here", "hidden", "moved", "elsewhere")
        self.write_netrc(**{"api.wandb.ai": "cloud", **{name + ".lab": name for name in names}})
        for path, environment, name in (
            ("nowhere", {}, "cloud"),
            (".config/wandb/settings", {}, "user"),
            ("../here/wandb/settings", {}, "here"),
            ("../here/.wandb/settings", {}, "hidden"),
            ("config/settings", {"WANDB_CONFIG_DIR": "~/config", "WANDB_DIR": "/nonexistent"}, "moved"),
            ("dir/wandb/settings", {"WANDB_DIR": os.path.join(self.home, "dir")}, "elsewhere"),
        ):
            self.write(path, "[default]\nentity = 100%%\nbase_url = https://%s.lab\n" % name)
            self.assertEqual(self.key(**environment), name)
        self.assertEqual(self.key(WANDB_BASE_URL="https://api.wandb.ai"), "cloud")

    def test_settings_that_cannot_be_read_say_nothing(self):
        self.write_netrc(**{"api.wandb.ai": "cloud"})
        for text in ("", "base_url = https://x.lab\n", "[default]\nbase_url", "[other]\nbase_url = https://x.lab\n"):
            self.write(".config/wandb/settings", text)
            self.assertEqual(self.key(), "cloud", text)

    def test_who_would_log_in_with_a_token_is_not_given_a_key_of_somebody_else(self):
        self.write_netrc(**{"api.wandb.ai": "n"})
        self.assertEqual(self.key(WANDB_IDENTITY_TOKEN_FILE="/token"), None)
        self.assertEqual(self.key(WANDB_IDENTITY_TOKEN_FILE="/token", WANDB_API_KEY="e"), "e")

    def test_a_key_that_is_none_is_not_used_and_not_repeated(self):
        for password in ("password hide\x07me", "passwort hideme", "login hideme"):
            self.write(".netrc", "machine api.wandb.ai " + password)
            key, why = wandb_key.find(wandb_key.BASE_URL)
            self.assertIsNone(key)
            self.assertNotIn("hide", why)
        with mock.patch.dict(os.environ, WANDB_API_KEY="hide me"):
            self.assertEqual(wandb_key.find(wandb_key.BASE_URL), (None, "$WANDB_API_KEY holds no key"))


class HandOverTest(KeyTest):
    def setUp(self):
        super().setUp()
        self.library = FakeLibrary().install(self)
        self.write_netrc(**{"api.wandb.ai": "mine"})

    def handed_over(self, **arguments):
        """(the key, whether it goes to another user's daemon)"""
        run = sae_metrics.init(**arguments)
        self.addCleanup(run.finish)
        fields = self.library.of("open")[-1][0]
        self.base_url = fields["wandb_base_url"]
        return fields["wandb_key"], fields["wandb_key_any_user"]

    def test_a_run_for_wandb_hands_its_user_s_key_to_the_user_s_daemon(self):
        self.assertEqual(self.handed_over(log_to_wandb=True), (b"mine", 0))
        self.assertEqual(self.handed_over(config={"log_to_wandb": True}), (b"mine", 0))

    def test_a_key_goes_to_any_daemon_when_its_user_says_so(self):
        self.assertEqual(self.handed_over(log_to_wandb=True, wandb_key=True), (b"mine", 1))
        self.assertEqual(self.handed_over(log_to_wandb=True, wandb_key="given"), (b"given", 1))

    def test_a_key_that_was_found_goes_to_nobody_but_whom_it_was_found_for(self):
        self.write_netrc(**{"api.wandb.ai": "mine", "wandb.lab": "lab"})
        self.assertEqual((self.handed_over(log_to_wandb=True)[0], self.base_url), (b"mine", b"https://api.wandb.ai"))
        with mock.patch.dict(os.environ, WANDB_BASE_URL="https://wandb.lab"):
            self.assertEqual((self.handed_over(log_to_wandb=True)[0], self.base_url), (b"lab", b"https://wandb.lab"))
        self.assertEqual((self.handed_over(log_to_wandb=True, wandb_key="given")[0], self.base_url), (b"given", None))
        with mock.patch.dict(os.environ, WANDB_BASE_URL="https://wandb.lab\n", WANDB_API_KEY="k"):
            self.assertEqual((self.handed_over(log_to_wandb=True)[0], self.base_url), (None, None))
            os.environ["SAE_METRICS_STRICT"] = "1"
            with self.assertRaisesRegex(sae_metrics.Error, r"no key was found \(the base URL is no address\)"):
                self.handed_over(log_to_wandb=True, wandb_key=True)

    def test_no_key_is_handed_over_when_its_user_says_so(self):
        self.assertEqual(self.handed_over(log_to_wandb=True, wandb_key=False), (None, 0))

    def test_no_key_is_looked_for_by_a_run_that_is_not_for_wandb(self):
        with mock.patch.object(wandb_key, "find", side_effect=AssertionError("looked for")):
            for chosen in (None, True, False, "given"):
                self.assertIsNone(self.handed_over(wandb_key=chosen)[0])
            with self.assertRaisesRegex(AssertionError, "looked for"):
                self.handed_over(log_to_wandb=True)

    def test_who_has_no_key_is_told_only_if_one_was_asked_for(self):
        os.remove(os.path.join(self.home, ".netrc"))
        with mock.patch.dict(os.environ, SAE_METRICS_STRICT="1"):
            self.assertEqual(self.handed_over(log_to_wandb=True), (None, 0))
            with self.assertRaisesRegex(sae_metrics.Error, r"no key was found \(neither .WANDB_API_KEY nor"):
                self.handed_over(log_to_wandb=True, wandb_key=True)


if __name__ == "__main__":
    tap.main()
