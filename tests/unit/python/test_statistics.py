"""The sums of sae_metrics.statistics against values worked out by hand."""

import json
import math
import os
import pathlib
import sys
import unittest

import tap

try:
    import numpy as np

    from sae_metrics import statistics
except ImportError:
    print("1..0 # SKIP no numpy")
    sys.exit(0)


def acts_of(*rows):
    return np.array(rows, np.float32)


class CountsTest(unittest.TestCase):
    def check(self, counted, nonzero, positive, n_nan=0):
        self.assertEqual(counted[0].tolist(), nonzero)
        self.assertEqual(None if counted[1] is None else counted[1].tolist(), positive)
        self.assertEqual(counted[2], n_nan)

    def test_a_feature_counts_once_a_row(self):
        self.check(statistics.count_fired(acts_of([1, 2, 0, 0], [1, 0, 0, 0])), [2, 1, 0, 0], None)

    def test_positive_counts_come_only_where_something_is_negative(self):
        self.check(statistics.count_fired(acts_of([-1, 2], [3, 0])), [2, 1], [1, 1])
        self.check(statistics.count_fired(acts_of([-0.0, 2], [3, 0])), [1, 1], None)

    def test_a_nan_is_neither_nonzero_nor_positive_and_is_counted(self):
        self.check(statistics.count_fired(acts_of([math.nan, 2], [3, math.nan])), [1, 1], None, n_nan=2)
        self.check(statistics.count_fired(acts_of([math.nan, -2], [math.inf, -math.inf])), [1, 2], [1, 0], n_nan=1)

    def test_counts_do_not_depend_on_how_rows_fall_into_blocks(self):
        rng = np.random.default_rng(0)
        for rows, d_sae in ((1, 1), (255, 3), (256, 3), (257, 7), (1000, 600), (3, 300000)):
            acts = rng.normal(size=(rows, d_sae)).astype(np.float32)
            acts[rng.random(acts.shape) < 0.5] = 0
            nonzero, positive, _ = statistics.count_fired(acts)
            self.assertTrue((nonzero == (acts != 0).sum(0)).all())
            self.assertTrue((nonzero if positive is None else positive).tolist() == (acts > 0).sum(0).tolist())

    def test_a_column_that_fires_on_every_row_does_not_overflow(self):
        self.check(statistics.count_fired(np.ones((70000, 2), np.float32)), [70000, 70000], None)

    def test_any_type_and_layout_of_numbers_is_counted(self):
        for dtype in (bool, np.int8, np.uint16, np.int64, np.float16, np.float64):
            self.check(statistics.count_fired(np.array([[1, 1, 0], [1, 0, 0]], dtype)), [2, 1, 0], None)
        transposed = np.array([[1, 1], [1, 0], [0, 0]], np.float32).T
        self.check(statistics.count_fired(transposed), [2, 1, 0], None)

    def test_leading_axes_are_rows(self):
        self.assertEqual(statistics.rows_of(np.zeros((4, 5, 6)), "x").shape, (20, 6))
        with self.assertRaisesRegex(ValueError, r"x: expected \[rows, features\], got shape \(6,\)"):
            statistics.rows_of(np.zeros(6), "x")
        with self.assertRaisesRegex(TypeError, "x: expected numbers"):
            statistics.rows_of(np.array([["a"]]), "x")


class TopkTest(unittest.TestCase):
    INDICES = np.array([[0, 2], [2, 3]])

    def test_one_selected_with_value_zero_did_not_fire(self):
        nonzero, positive, _ = statistics.count_topk(self.INDICES, np.array([[1.0, 0.0], [2.0, 3.0]]), 5)
        self.assertEqual((nonzero.tolist(), positive), ([1, 0, 1, 1, 0], None))

    def test_without_values_every_selected_one_fired(self):
        nonzero, positive, _ = statistics.count_topk(self.INDICES, None, 5)
        self.assertEqual((nonzero.tolist(), positive), ([1, 0, 2, 1, 0], None))

    def test_negative_values_are_nonzero_and_not_positive(self):
        nonzero, positive, n_nan = statistics.count_topk(self.INDICES, np.array([[-1.0, 1.0], [math.nan, 3.0]]), 5)
        self.assertEqual((nonzero.tolist(), positive.tolist(), n_nan), ([1, 0, 1, 1, 0], [0, 0, 1, 1, 0], 1))

    def test_it_agrees_with_the_dense_count(self):
        rng = np.random.default_rng(0)
        acts = np.zeros((50, 40), np.float32)
        indices = np.argsort(rng.random(acts.shape), axis=1)[:, :7]
        values = rng.normal(size=indices.shape).astype(np.float32)
        np.put_along_axis(acts, indices, values, axis=1)
        for kind in (np.int32, np.uint16, np.uint64):
            for topk, dense in zip(
                statistics.count_topk(indices.astype(kind), values, 40), statistics.count_fired(acts)
            ):
                self.assertTrue(np.array_equal(topk, dense))

    def test_an_index_beyond_the_dictionary_is_refused(self):
        for bad in (5, -1):
            with self.assertRaisesRegex(ValueError, "indices: expected 0 ... d_sae - 1 = 4"):
                statistics.count_topk(np.array([[0, bad]]), None, 5)
        with self.assertRaisesRegex(TypeError, "indices: expected integers"):
            statistics.count_topk(np.array([[0.5]]), None, 5)
        with self.assertRaisesRegex(ValueError, "values has shape"):
            statistics.count_topk(self.INDICES, np.zeros((2, 3)), 5)


class NormTest(unittest.TestCase):
    ACTS = acts_of([3, -4, 0], [0, 0, 2])

    def test_the_p_norm_is_summed_over_rows(self):
        for p, expected in ((1, 9.0), (2, 7.0), (math.inf, 6.0), (0, 3.0)):
            self.assertAlmostEqual(statistics.lp_sum(self.ACTS, p), expected, places=12)

    def test_float32_activations_are_summed_in_float64(self):
        acts = np.full((1, 300000), 0.1, np.float32)
        self.assertAlmostEqual(statistics.lp_sum(acts), 300000 * float(np.float32(0.1)), places=6)


class ReconstructionTest(unittest.TestCase):
    """x = (1,0), (-1,0): their mean is 0, each row's variance 1; y is off by e on the first row alone."""

    X = acts_of([1, 0], [-1, 0])

    def measure(self, e):
        y = self.X.copy()
        y[0, 0] += e
        return statistics.measure_reconstruction(self.X, y)

    def test_the_sums_of_two_rows(self):
        sums = self.measure(0.5)
        self.assertEqual(
            sums,
            {
                "l2_sum": 0.25,
                "tv_sum": 2.0,
                "mse_num": 0.25,
                "mse_den": 4.0,
                "ev_count": 2.0,
                "ev_mean": 0.875,
                "ev_m2": 2 * 0.125**2,
            },
        )
        self.assertEqual(sums["mse_num"] / sums["mse_den"], 0.0625)
        self.assertAlmostEqual(math.sqrt(sums["ev_m2"] / 1), 0.25 / math.sqrt(2), places=12)

    def test_a_row_equal_to_the_mean_makes_explained_variance_minus_infinity(self):
        x = acts_of([0, 0], [1, 0], [-1, 0])
        y = x.copy()
        y[0, 0] = 1
        sums = statistics.measure_reconstruction(x, y)
        self.assertEqual(sums["ev_mean"], -math.inf)
        self.assertTrue(math.isnan(sums["ev_m2"]))
        self.assertEqual(sums["tv_sum"], 2.0)

    def test_the_mse_of_a_row_equal_to_the_mean_is_divided_element_by_element(self):
        x = acts_of([0, 0], [1, 0], [-1, 0])
        some, all_ = x.copy(), x.copy()
        some[0] = [1, 0]  # 1 / 0 and 0 / 0
        all_[0] = [1, 1]
        self.assertTrue(math.isnan(statistics.measure_reconstruction(x, some)["mse_num"]))
        self.assertEqual(statistics.measure_reconstruction(x, all_)["mse_num"], math.inf)

    def test_a_single_row_has_no_variance(self):
        sums = statistics.measure_reconstruction(acts_of([1, 2]), acts_of([1, 2]))
        self.assertTrue(math.isnan(sums["ev_mean"]))
        self.assertEqual(sums["ev_count"], 1.0)

    def test_halves_of_a_batch_merge_into_the_whole(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(40, 6)).astype(np.float32)
        x[20:] = -x[:20]  # both halves have the mean of the whole
        x[10:20], x[30:] = -x[:10], -x[20:30]
        y = x + rng.normal(size=x.shape).astype(np.float32) * np.float32(0.1)
        whole = statistics.measure_reconstruction(x, y)
        a, b = (statistics.measure_reconstruction(x[part], y[part]) for part in (slice(0, 20), slice(20, 40)))
        for name in ("l2_sum", "tv_sum", "mse_num", "mse_den", "ev_count"):
            self.assertAlmostEqual(a[name] + b[name], whole[name], places=9)
        delta = b["ev_mean"] - a["ev_mean"]
        self.assertAlmostEqual(a["ev_m2"] + b["ev_m2"] + delta**2 * 10, whole["ev_m2"], places=9)

    def test_shapes_that_do_not_fit_are_refused(self):
        with self.assertRaisesRegex(ValueError, r"sae_out has shape \(2, 3\) where its target has \(2, 2\)"):
            statistics.measure_reconstruction(self.X, np.zeros((2, 3), np.float32))


@unittest.skipUnless(os.environ.get("SAE_METRICS_GOLDEN"), "no $SAE_METRICS_GOLDEN")
class GoldenTest(unittest.TestCase):
    """tests/golden/oracle: what runs with activations of all kinds are to push."""

    def dense(self, vector, d_sae):
        if vector is None or "indices" not in vector:
            return vector and vector["counts"]
        counts = [0] * d_sae
        for index, count in zip(vector["indices"], vector["counts"]):
            counts[index] = count
        return counts

    def check(self, run, rank):
        raw = {name: np.array(rows, np.float32) for name, rows in rank["raw"].items()}
        nonzero, positive, n_nan = statistics.count_fired(raw["feature_acts"])
        self.assertEqual(nonzero.tolist(), self.dense(rank["nonzero"], run["d_sae"]))
        expected = self.dense(rank["positive"], run["d_sae"])
        if expected is not None or positive is not None:
            self.assertEqual(positive.tolist(), expected)

        sums = statistics.measure_reconstruction(raw["sae_in"], raw["sae_out"])
        sums.update(lp_sum=statistics.lp_sum(raw["feature_acts"]), n_nan_acts=n_nan)
        for name, value in zip(run["scalars"], rank["scalars"]):
            if name in sums and value is not None:
                np.testing.assert_allclose(sums[name], float(value), rtol=1e-12, err_msg=name)
        return len(nonzero)

    def test_the_counts_and_sums_of_every_golden_batch(self):
        checked = 0
        for path in sorted(pathlib.Path(os.environ["SAE_METRICS_GOLDEN"]).glob("*raw*.json")):
            golden = json.loads(path.read_text())
            if golden["open"]["world_size"] > 1:
                continue  # its sums are centred on the mean over all ranks
            for step in golden["steps"]:
                with self.subTest(path.name, step=step["step"]):
                    checked += self.check(golden["open"], step["ranks"][0])
        self.assertGreater(checked, 0)


if __name__ == "__main__":
    tap.main()
