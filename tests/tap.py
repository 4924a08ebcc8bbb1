"""Runs unittest cases and speaks TAP, so that meson counts them one by one.

    if __name__ == "__main__":
        tap.main()

A test's name is a sentence; underscores are printed as spaces. SAE_METRICS_TEST_LONG=1
(tests/run --long) is `tap.LONG`.
"""
import os
import sys
import traceback
import unittest

LONG = os.environ.get("SAE_METRICS_TEST_LONG") == "1"


class _Result(unittest.TestResult):
    def _line(self, verdict, test, note=""):
        name = test.id().split(".", 1)[-1].split(".")[-1].removeprefix("test_").replace("_", " ")
        print(f"{verdict} {self.testsRun} - {name}{note}", flush=True)

    def _failed(self, test, error):
        self._line("not ok", test)
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print("# " + line, flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line("ok", test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._failed(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self._failed(test, error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("ok", test, f" # SKIP {reason}")

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            print(f"# in {subtest._subDescription()}", flush=True)
            for line in "".join(traceback.format_exception(*error)).splitlines():
                print("# " + line, flush=True)
            self.subtest_failed = True


def main():
    module = sys.modules["__main__"]
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    print(f"1..{suite.countTestCases()}", flush=True)
    result = _Result()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
