"""A CSV of a hostile run, opened by spreadsheets that are here: nothing in it is a formula, and its numbers are numbers."""
import math
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
import zipfile
from pathlib import Path

from harness import DAEMON, Daemon, own_environment
import workload

import tap

SHEET = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1,1)", "=HYPERLINK(\"http://127.0.0.1:9/\",\"x\")", "=cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", "\n=1+1",
            " =1+1", "'=1+1", "\"=1+1", "a;=1+1", "a\t=1+1", "a\n=1+1", "a\r\n=1+1", "a\",=1+1", "\u00a0=1+1", "\u3000=1+1", "\ufeff=1+1", "\x01=1+1", "\uff1d1+1",
            "=1+1\",\"=1+1", "{=1+1}", "%0A=1+1")
# Where numbers have a comma, a semicolon or a tab ends a cell.
SEPARATORS = ((",", 44), (";", 59), ("\t", 9))


def by_gnumeric(csv, folder, separator):
    """None: it has no way to be told of that separator."""
    if separator != ",":
        return None
    out = folder / "gnumeric.xlsx"
    subprocess.run(["ssconvert", "--import-type=Gnumeric_stf:stf_csvtab", csv, out], check=True, capture_output=True, timeout=120,
                   env=own_environment())
    return out


def by_libreoffice(csv, folder, separator):
    # Separator, quote, UTF-8, from the first line on; then formulas are evaluated, which the dialogue leaves to the user.
    options = f"{dict(SEPARATORS)[separator]},34,76,1,,0,false,true,false,false,false,0,true"
    subprocess.run(["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", f"--infilter=CSV:{options}", "--convert-to", "xlsx",
                    "--outdir", folder, csv], check=True, capture_output=True, timeout=300, env=own_environment())
    return folder / csv.with_suffix(".xlsx").name


SPREADSHEETS = {"gnumeric": ("ssconvert", by_gnumeric), "libreoffice": ("soffice", by_libreoffice)}


def cells(xlsx):
    """(formulas, {reference: number}) of all its sheets."""
    formulas, numbers = [], {}
    with zipfile.ZipFile(xlsx) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                for cell in xml.etree.ElementTree.fromstring(archive.read(name)).iterfind(".//s:c", SHEET):
                    formulas += [formula.text for formula in cell.iterfind("s:f", SHEET)]
                    value = cell.find("s:v", SHEET)
                    if value is not None and cell.get("t", "n") == "n":
                        numbers[cell.get("r")] = float(value.text)
    return formulas, numbers


class Spreadsheet(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sae-metricsd-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def opened(self, name, text, separator):
        csv = self.folder / "rows.csv"
        csv.write_bytes(text)
        xlsx = SPREADSHEETS[name][1](csv, self.folder, separator)
        return cells(xlsx) if xlsx is not None else None

    def hostile(self):
        """CSV of everything that a trainer can choose words for, and a table whose names are words, too."""
        with Daemon() as daemon:
            config = {"=1+1": "=1+1", **{f"c{n}": text for n, text in enumerate(FORMULAS)}}
            handle = workload.begin(daemon.socket, "-evil001", name="=1+1", project="+1+1", group="@SUM(1,1)", config=config, tags=["=1+1", ";=1+1"])
            for step in range(60):
                workload.log_step(handle, "-evil001", 0, step)
            handle.log({text: text for text in FORMULAS if text.isprintable()}, step=59)
            handle.log({f"text {n}": text for n, text in enumerate(FORMULAS)}, step=59)
            for text in FORMULAS:
                handle.event("note", text)
            handle.finish(timeout=60)
            columns = ", ".join("'{}' AS \"{}\"".format(text.replace("'", "''"), text.replace('"', '""')) for text in FORMULAS)
            commands = [["export", "--csv", f"--{table}", "--project", "*"] for table in ("steps", "history", "windows", "histograms", "events", "features", "deaths")]
            commands += [["query", "--csv", "SELECT * FROM runs"], ["query", "--csv", f"SELECT {columns}"], ["query", "--csv", "SELECT * FROM history"]]
            for command in commands:
                out = subprocess.run([DAEMON, *command, "--db", daemon.database], env=daemon.environment(), capture_output=True, check=False)
                self.assertEqual(0, out.returncode, out.stderr)
                yield command, out.stdout

    def check(self, name):
        for separator, _ in SEPARATORS:
            bad = self.opened(name, separator.join(["a", "=1+1", "2"]).encode() + b"\r\n", separator)
            if bad is None:
                continue
            self.assertEqual(1, len(bad[0]), "a formula is one here, or this shows nothing")
            self.assertIn(2.0, bad[1].values())
            for command, text in self.hostile():
                with self.subTest(command=command[:3], separator=separator):
                    formulas, numbers = self.opened(name, text, separator)
                    self.assertEqual([], formulas)
                    if command[2] == "--steps" and separator == ",":
                        losses = [line.split(b",") for line in text.split(b"\r\n")]
                        self.assertGreater(len(numbers), 60 * 10)
                        at = losses[0].index(b"mse_loss")
                        for row in losses[1:11]:
                            # LibreOffice writes fifteen digits.
                            self.assertTrue(any(math.isclose(float(row[at]), number, rel_tol=1e-14) for number in numbers.values()), row[at])

    @unittest.skipUnless(shutil.which("ssconvert"), "no gnumeric here (apt-get install --no-install-recommends gnumeric)")
    def test_gnumeric_executes_nothing_and_numbers_are_numbers(self):
        self.check("gnumeric")

    @unittest.skipUnless(shutil.which("soffice"), "no LibreOffice here (apt-get install --no-install-recommends libreoffice-calc)")
    @unittest.skipUnless(tap.LONG, "half a minute of starting it again and again: with --long")
    def test_libreoffice_executes_nothing_whatever_separates_cells(self):
        self.check("libreoffice")


if __name__ == "__main__":
    tap.main()
