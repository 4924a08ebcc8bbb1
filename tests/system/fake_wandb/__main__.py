"""python3 tests/system/fake_wandb --port-file F --state-file F [--port N] [--given JSON]

Says in F on which port it listens. JSON: {"options": {…FakeWandb's arguments…}, "faults": [{…}], "chaos": {"seed": …,
"probability": …}}. Runs until it is killed."""
import argparse
import json
import os
import signal
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)
from fake_wandb import FakeWandb


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--state-file", required=True)
    parser.add_argument("--given", type=json.loads, default={})
    arguments = parser.parse_args()
    server = FakeWandb(port=arguments.port, state_file=arguments.state_file, **arguments.given.get("options", {}))
    for fault in arguments.given.get("faults") or []:
        server.fault(**fault)
    if arguments.given.get("chaos"):
        server.chaos(**arguments.given["chaos"])
    with open(arguments.port_file + ".new", "w", encoding="ascii") as file:
        file.write(str(server.port))
    os.rename(arguments.port_file + ".new", arguments.port_file)
    while True:
        signal.pause()


main()
