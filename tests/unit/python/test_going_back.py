"""What an older step means: a trainer that begins again, or a value that comes late."""

import unittest

import tap
from sae_metrics import going_back
from sae_metrics.going_back import GoingBack


class GoingBackTest(unittest.TestCase):
    def attempts(self, *rows):
        """The rows that began another attempt, each given as (step, keys)."""
        state, begun = GoingBack(), []
        for step, keys in rows:
            keys = keys.split()
            if state.begins(keys, step):
                state.begin(keys, step)
                begun.append(step)
            state.note(keys, step)
        return begun

    def test_a_loop_that_goes_back_to_its_checkpoint_begins_again_each_time(self):
        first = [(step, "loss lr") for step in range(101)]
        second = [(step, "loss lr") for step in range(80, 121)]
        self.assertEqual(self.attempts(*first, *second, *first), [80, 0])

    def test_keys_that_are_logged_less_often_go_back_with_it(self):
        rows = [(step, "lr") if step % 10 else (step, "lr eval") for step in range(106)]
        self.assertEqual(self.attempts(*rows, *rows[80:]), [80])
        self.assertEqual(self.attempts(*rows, *rows[85:]), [85])

    def test_a_call_for_some_of_a_rows_keys_begins_it_and_the_others_join(self):
        rows = [call for step in range(10) for call in ((step, "loss"), (step, "lr"), (step, "loss lr"))]
        self.assertEqual(self.attempts(*rows, *rows[12:]), [4])

    def test_an_evaluation_of_an_earlier_step_is_late(self):
        rows = []
        for step in range(100):
            rows.append((step, "loss"))
            if step % 10 == 5 and step > 10:
                rows.append((step - 10, "eval"))
        self.assertEqual(self.attempts(*rows), [])

    def test_a_key_that_has_not_come_so_far_makes_its_row_late(self):
        self.assertEqual(self.attempts((9, "loss epoch"), (3, "epoch val"), (10, "loss epoch"), (4, "epoch val")), [])
        self.assertEqual(self.attempts((9, "loss"), (3, "")), [])

    def test_the_step_that_the_run_is_at_is_no_older_one(self):
        self.assertEqual(self.attempts((5, "loss"), (5, "loss"), (5, "lr"), (5, "loss")), [])

    def test_what_went_back_alone_begins_no_attempt_a_second_time(self):
        rows = [(100, "loss"), (90, "eval"), (95, "eval"), (101, "loss"), (93, "eval")]
        self.assertEqual(self.attempts(*rows), [93])
        again = [call for step in range(102, 200) for call in ((step, "loss"), (step - 5, "eval"), (step - 9, "eval"))]
        self.assertEqual(self.attempts(*rows, *again), [93])
        self.assertEqual(self.attempts(*rows, *again, (150, "loss"), (151, "loss")), [93, 150])
        self.assertEqual(self.attempts(*rows, *again, (150, "loss eval"), (151, "loss eval")), [93, 150])

    def test_two_counts_under_one_key_are_no_attempts_without_end(self):
        rows = [call for epoch in range(50) for call in ((100 * epoch + 99, "loss"), (epoch, "loss"))]
        self.assertEqual(len(self.attempts(*rows)), 1)

    def test_a_row_behind_the_one_that_began_an_attempt_leaves_open_whether_that_was_right(self):
        rows = [(9, "loss"), (3, "loss"), (2, "other"), (10, "loss"), (5, "loss")]
        self.assertEqual(self.attempts(*rows), [3])

    def test_what_somebody_said_is_never_taken_for_a_mistake(self):
        state = GoingBack()
        for step in (8, 9):
            state.note(["loss"], step)
        state.begin()
        self.assertFalse(state.begins(["loss"], 3))
        for step in (3, 20):
            state.note(["loss"], step)
        self.assertTrue(state.begins(["loss"], 4))

    def test_no_number_of_keys_makes_it_grow_without_bound(self):
        state = GoingBack()
        for number in range(going_back.KEYS_REMEMBERED + 100):
            state.note(["key %d" % number], number)
        self.assertLessEqual(len(state._newest), going_back.KEYS_REMEMBERED)
        self.assertTrue(state.begins(["key 7"], 5))
        self.assertFalse(state.begins(["key %d" % (going_back.KEYS_REMEMBERED + 50)], 5))
        state.note(["key 7"], 5)
        self.assertTrue(state.begins(["key 7"], 6))
        state.note(["a row of " + str(number) for number in range(3 * going_back.KEYS_REMEMBERED)], 9000)
        self.assertLessEqual(len(state._newest), going_back.KEYS_REMEMBERED)


if __name__ == "__main__":
    tap.main()
