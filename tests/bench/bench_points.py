"""How long it takes to learn where a thousand runs stand: from a database file, from a daemon, and from one that was brought up to
date from a version that kept no means."""
import sqlite3
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import Daemon


def main():
    program = sys.argv[1]
    daemon = Daemon()
    daemon.__enter__()
    try:
        daemon.stop()
        subprocess.run([program, "make", daemon.database], check=True)
        print(f"database {daemon.database.stat().st_size / 1e6:.0f} MB", flush=True)
        subprocess.run([program, "file", daemon.database], check=True)
        daemon.start()
        subprocess.run([program, "daemon", daemon.socket], check=True)
        daemon.stop()
        connection = sqlite3.connect(daemon.database)
        connection.execute("DELETE FROM window_means_data")
        connection.commit()
        connection.close()
        print("without means, of windows of 20 steps:", flush=True)
        subprocess.run([program, "file", daemon.database], check=True)
    finally:
        daemon.__exit__()


if __name__ == "__main__":
    main()
