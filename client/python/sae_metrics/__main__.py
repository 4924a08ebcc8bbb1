"""``python -m sae_metrics``: what can be done from a terminal."""

import sys

USAGE = """\
usage: python -m sae_metrics selftest

  selftest   sends a small run of project "sae-metrics-selftest" to your daemon (starting one where there is none), asks for it
             back, and compares every number with its own. Ends with 0 when all is well. The run stays in the database.

What there is to see: `sae-metricsd status`. The package itself: help(sae_metrics)."""


def main(arguments):
    if arguments == ["selftest"]:
        from . import selftest

        return selftest.main()
    if not arguments or arguments in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
