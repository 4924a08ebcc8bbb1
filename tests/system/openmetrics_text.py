"""Reads metrics as text, and forgives nothing: what Prometheus's own parsers let pass is an error here, too.

One name for both: a counter's family is called as its samples are, `…_total` (as Prometheus reads it, and OpenMetrics 2);
everything else is as OpenMetrics 1 has it."""
import math
import re
from typing import NamedTuple

NAME = re.compile(r"[a-z][a-z0-9_]*")
SAMPLE = re.compile(r'([a-z][a-z0-9_]*)(\{.*\})? (\S+)')
LABEL = re.compile(r'([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?|NaN|[+-]Inf")
UNITS = ("seconds", "bytes", "ratio")


class Family(NamedTuple):
    type: str
    unit: str
    help: str
    samples: dict  # the labels, sorted → value


class Wrong(Exception):
    """What is wrong, and in which line."""


def _number(text):
    if NUMBER.fullmatch(text) is None:
        raise Wrong(f"{text!r} is no number")
    return float(text.replace("Inf", "inf"))


def _labels(text):
    found, at = {}, 1
    while text and text[at] != "}":
        match = LABEL.match(text, at)
        if match is None or match[1] in found or match[2] == "":
            raise Wrong(f"labels: {text}")
        found[match[1]] = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), match[2])
        at = match.end()
        if text[at] == ",":
            at += 1
            if text[at] == "}":
                raise Wrong(f"a comma behind the last label: {text}")
        elif text[at] != "}":
            raise Wrong(f"labels: {text}")
    if text and at != len(text) - 1:
        raise Wrong(f"something is behind the labels: {text}")
    return tuple(sorted(found.items()))


def _check_name(name, type_, unit):
    if NAME.fullmatch(name) is None or "__" in name:
        raise Wrong(f"{name} is no name")
    if (type_ == "counter") != name.endswith("_total"):
        raise Wrong(f"{name} is a {type_}")
    base = name.removesuffix("_total")
    if base.endswith(("_count", "_sum", "_bucket", "_created", "_total")):
        raise Wrong(f"{name} ends as a part of a histogram does")
    ends = next((each for each in UNITS if base.endswith("_" + each)), "")
    if ends != unit and not base.endswith("_per_second"):
        raise Wrong(f"{name}: its unit is {unit!r}")


def _head(lines, at):
    """HELP, TYPE and UNIT, in that order, of one family; and where its samples begin."""
    told, name = {}, None
    for keyword in ("HELP", "TYPE", "UNIT"):
        parts = lines[at].split(" ", 3)
        if parts[:2] != ["#", keyword]:
            if keyword == "UNIT":
                continue
            raise Wrong(f"expected {keyword}: {lines[at]}")
        if len(parts) < 4 or not parts[3] or name not in (None, parts[2]):
            raise Wrong(lines[at])
        name, told[keyword] = parts[2], parts[3]
        at += 1
    if told["TYPE"] not in ("gauge", "counter"):
        raise Wrong(f"{name}: type {told['TYPE']}")
    if "\\" in told["HELP"]:
        raise Wrong(f"{name}: help")
    return name, told, at


def parse(text):
    """Families by name. Raises Wrong."""
    if not text.endswith("\n# EOF\n") or text.split("\n").count("# EOF") != 1:
        raise Wrong("its end is not its last line")
    lines, families, at = text[:-1].split("\n"), {}, 0
    while lines[at] != "# EOF":
        name, told, at = _head(lines, at)
        if name in families:
            raise Wrong(f"{name} comes twice")
        _check_name(name, told["TYPE"], told.get("UNIT", ""))
        samples = {}
        while not lines[at].startswith("# "):
            match = SAMPLE.fullmatch(lines[at])
            if match is None or match[1] != name:
                raise Wrong(lines[at])
            labels, value = _labels(match[2] or ""), _number(match[3])
            if labels in samples:
                raise Wrong(f"twice: {lines[at]}")
            if told["TYPE"] == "counter" and not (value >= 0 and math.isfinite(value)):
                raise Wrong(f"a counter is a count: {lines[at]}")
            if name.endswith("_info") and value != 1:
                raise Wrong(f"an info is 1: {lines[at]}")
            samples[labels] = value
            at += 1
        if not samples:
            raise Wrong(f"{name} has no sample")
        families[name] = Family(told["TYPE"], told.get("UNIT", ""), told["HELP"], samples)
    return families
