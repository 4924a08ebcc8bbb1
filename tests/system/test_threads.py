"""Threads of a trainer that log at once: nothing is lost, and nothing counted twice."""
import unittest

from test_process import Trainers

import tap


class Threads(Trainers):
    N, STEPS = 8, 400

    def test_eight_threads_and_one_run_lose_nothing(self):
        status, out, err = self.train(f"""
            run = begin()
            order, steps = threading.Lock(), iter(range({self.STEPS}))
            def work(n):
                for i in range({self.STEPS}):
                    run.event("thread", f"{{n}} {{i}}")
                    run.log({{f"of/{{n}}": float(i)}})
                    if i % {self.N} == n:
                        with order: log(run, next(steps))
            threads = [threading.Thread(target=work, args=(n,)) for n in range({self.N})]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            run.finish(timeout=60)
            print(run.stats.messages, run.stats.acked, run.stats.dropped)
            """, SAE_METRICS_QUIET="1")
        messages = self.N * self.STEPS * 2 + self.STEPS + 1
        self.assertEqual((0, "", f"{messages} {messages} 0\n"), (status, err, out))
        self.assertEqual([(messages, 0, 0, 0)], self.daemon.rows("SELECT messages, dropped, late, refused FROM runs"))
        self.assertEqual([(self.N * self.STEPS,) * 2], self.daemon.rows(
            "SELECT count(*), count(DISTINCT text) FROM events WHERE kind = 'thread'"))
        self.assertEqual(self.STEPS, self.steps())

    def test_eight_threads_with_a_run_each_lose_nothing(self):
        status, out, err = self.train(f"""
            runs = [begin(f"trainer{{n}}") for n in range({self.N})]
            def work(run):
                for step in range({self.STEPS}):
                    log(run, step)
                    run.log({{"twice": 2.0 * step}}, step=step)
            threads = [threading.Thread(target=work, args=(run,)) for run in runs]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """)
        self.assertEqual(0, status, err)
        for n in range(self.N):
            run = f"trainer{n}"
            self.assertEqual(("finished", 0, None), self.ended(run))
            self.assertEqual(self.STEPS, self.steps(run))
            self.assertEqual([(self.STEPS, self.STEPS * (self.STEPS - 1.0))], self.daemon.rows(
                "SELECT count(*), sum(value) FROM history WHERE run = ? AND key = 'twice'", run))


if __name__ == "__main__":
    tap.main()
