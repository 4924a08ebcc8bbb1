"""Runs the test modules named on the command line and speaks TAP, one line a case."""

import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.lines = 0

    def line(self, word, test, more=""):
        self.lines += 1
        print("%s %d - %s%s" % (word, self.lines, getattr(test, "test_case", test)._testMethodName, more))

    def addSuccess(self, test):
        self.line("ok", test)

    def addSkip(self, test, reason):
        self.line("ok", test, " # SKIP " + reason)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.line("not ok", test)
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print("# " + line)

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(subtest, error)


def main():
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])
    result = TapResult()
    suite.run(result)
    print("1..%d" % result.lines)
    sys.exit(0 if result.wasSuccessful() else 1)


main()
