"""The manual: every command, option, key and public function has its place in it, and every page can be read.

usage: test_manual.py LIST_KEYS SYMBOLS PAGE…, the sources of all pages
"""
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import tap

BUILD = Path(os.environ["SAE_METRICSD_BUILD"])
PROGRAM = BUILD / "daemon" / "sae-metricsd"
LIST_KEYS, SYMBOLS, *PAGES = map(Path, sys.argv[1:])
SOURCES = {path.name.removesuffix(".scd"): path.read_text() for path in PAGES}
BUILT = {name: BUILD / name for name in SOURCES}
WIDTHS = (60, 80, 140)


def said(*command, **environment):
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def commands():
    """Name of each command -> its --help."""
    names = re.findall(r"^  ([a-z]+) +\S", said(PROGRAM, "--help").stdout, re.M)
    return {name: said(PROGRAM, name, "--help").stdout for name in names}


def page_of(command):
    return "sae-metricsd.8" if command == "serve" else f"sae-metricsd-{command}.1"


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def described_in(page):
    """The options that have a paragraph of their own in a page's source."""
    return options_in("\n".join(line for line in page.splitlines() if line.startswith("*-")))


class Manual(unittest.TestCase):
    def test_every_command_has_a_page(self):
        self.assertIn("serve", commands())
        for name in commands():
            self.assertIn(page_of(name), SOURCES)

    def test_the_daemons_page_leads_to_every_other(self):
        for name in SOURCES:
            if name != "sae-metricsd.8":
                page, section = name.rsplit(".", 1)
                self.assertIn(f"*{page}*({section})", SOURCES["sae-metricsd.8"])

    def test_a_page_has_the_options_that_help_has_and_no_others(self):
        for name, usage in commands().items():
            listed = options_in("\n".join(line for line in usage.splitlines() if line.startswith("  -")))
            with self.subTest(command=name):
                self.assertIn("--help", listed)
                self.assertEqual(described_in(SOURCES[page_of(name)]), listed)

    def test_every_view_that_can_be_asked_is_named_and_described(self):
        store = ROOT / "daemon" / "store"
        connection = sqlite3.connect(":memory:")
        for number in range(1, 1 + len(list(store.glob("schema_*.sql")))):
            connection.executescript((store / f"schema_{number}.sql").read_text())
        views = {name for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")}
        self.assertGreater(len(views), 12)
        named = SOURCES["sae-metricsd-query.1"].replace("\\", "").split("# OPTIONS")[0]
        self.assertEqual(set(), {view for view in views if f"_{view}_" not in named})
        schema = (store / "SCHEMA.md").read_text()
        described = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"^## (.*)$", schema, re.M)))) | set(re.findall(r"^\* `([a-z_]+)\(", schema, re.M))
        self.assertEqual(set(), views - described)

    def test_all_that_can_be_set_is_in_the_page_of_the_file_under_its_section(self):
        sections = dict(re.findall(r"^# \[([a-z]+)[^]]*\]\n(.*?)(?=^# |\Z)", SOURCES["sae-metricsd.conf.5"], re.M | re.S))
        keys = [line.split() for line in said(LIST_KEYS).stdout.splitlines()]
        self.assertGreater(len(keys), 10)
        for section, key in keys:
            self.assertRegex(sections[section], rf"(?m)^\*.*\*{key}\*|^\*{key}\*")

    def test_every_public_function_is_in_the_librarys_page(self):
        symbols = re.findall(r"saem_\w+", SYMBOLS.read_text())
        self.assertGreater(len(symbols), 10)
        for symbol in symbols:
            self.assertIn(f"*{symbol}*(", SOURCES["libsae-metrics.3"])

    def test_every_public_function_is_a_symbol_of_the_package(self):
        packaged = (ROOT / "systemd" / "debian" / "libsae-metrics0.symbols").read_text()
        self.assertEqual(set(re.findall(r"saem_\w+", SYMBOLS.read_text())), set(re.findall(r"^ (saem_\w+)@SAEM_0 ", packaged, re.M)))

    def test_the_librarys_page_declares_functions_as_the_header_does(self):
        header = " ".join((ROOT / "client" / "sae_metrics.h").read_text().split())
        page = re.sub(r"[\\*_]", "", SOURCES["libsae-metrics.3"])
        declarations = re.findall(r"SAEM_API ([^;{]*?\));", header)
        self.assertEqual(len(declarations), len(re.findall(r"saem_\w+;", SYMBOLS.read_text())))
        for declaration in declarations:
            plain = re.sub(r"[*_]", "", declaration).replace("( ", "(")
            self.assertIn(plain, page)

    def test_the_protocols_page_has_every_message_as_the_contract_has_it(self):
        page = " ".join(SOURCES["sae-metricsd-protocol.7"].split())
        rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \| ([TDR ]+) \| `(\[.*?\])`", (ROOT / "proto" / "PROTOCOL.md").read_text(), re.M)
        self.assertGreater(len(rows), 20)
        for number, name, by, array in rows:
            self.assertIn(f"{number} {name} {by} {array}", page)

    def test_the_protocols_page_has_every_rule(self):
        for rule in re.findall(r"^\* \*\*(R\d+) ", (ROOT / "proto" / "PROTOCOL.md").read_text(), re.M):
            self.assertIn(f"*{rule}*\n", SOURCES["sae-metricsd-protocol.7"])


class Reading(unittest.TestCase):
    def setUp(self):
        if not all(path.exists() for path in BUILT.values()):
            self.skipTest("scdoc is not installed, so there are no pages")

    def test_every_page_renders_without_a_warning(self):
        if shutil.which("man") is None:
            self.skipTest("man is not installed")
        for name, path in BUILT.items():
            for width in WIDTHS:
                shown = said("man", "--warnings", "-E", "UTF-8", "-l", path, MANWIDTH=str(width), LC_ALL="C.UTF-8",
                             MAN_KEEP_FORMATTING="", PAGER="cat", MANPAGER="cat", MANROFFSEQ="")
                with self.subTest(page=name, width=width):
                    self.assertEqual((shown.returncode, shown.stderr), (0, ""))
                    self.assertIn("SEE ALSO", shown.stdout)

    def test_no_page_has_an_error_for_mandoc(self):
        if shutil.which("mandoc") is None:
            self.skipTest("mandoc is not installed")
        for path in BUILT.values():
            self.assertEqual(said("mandoc", "-Tlint", "-Werror", path).stdout, "")

    def test_apropos_finds_every_page(self):
        if shutil.which("lexgrog") is None:
            self.skipTest("lexgrog is not installed")
        for name, path in BUILT.items():
            self.assertIn(f'"{name.rsplit(".", 1)[0]} - ', said("lexgrog", path).stdout)


if __name__ == "__main__":
    tap.main()
