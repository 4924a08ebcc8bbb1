#!/usr/bin/env python3
"""Counts the instructions of a fold under callgrind: a compiler that stops vectorising it makes the
daemon thirteen times slower, and no timing test on a busy machine would say so for certain.

Valgrind knows no AVX-512; the machine it shows has AVX2, and the kernels choose that.
test_fold_instructions.py FOLD_DRIVER
"""
import re
import shutil
import subprocess
import sys

D_SAE = 16384
LIMIT = 2.0  # a feature: 1.6 to 1.8 with gcc 12, 9.7 when it is not vectorised
FORMS = {"u8": 1, "u16": 2, "u32": 3}


def has_avx2():
    with open("/proc/cpuinfo") as cpuinfo:
        return re.search(r"\bavx2\b", cpuinfo.read()) is not None


def instructions(driver, form, folds):
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         driver, str(form), str(D_SAE), str(folds)],
        capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", run.stderr).group(1))


def main():
    if not shutil.which("valgrind"):
        print("1..0 # SKIP valgrind is not installed")
        return
    if not has_avx2():
        print("1..0 # SKIP this processor has no AVX2")
        return
    print(f"1..{len(FORMS)}")
    for number, (name, form) in enumerate(FORMS.items(), 1):
        # The difference of two runs leaves out everything that is not a fold.
        extra = instructions(sys.argv[1], form, 20) - instructions(sys.argv[1], form, 10)
        per_feature = extra / (10 * D_SAE)
        verdict = "ok" if per_feature <= LIMIT else "not ok"
        print(f"{verdict} {number} - folding dense {name} counts takes "
              f"{per_feature:.2f} instructions a feature, at most {LIMIT}")


main()
