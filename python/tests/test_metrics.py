"""Metrics of records that can be checked with a pencil, statistics against brute force, summaries against both.  Licence: Apache-2.0."""

import itertools
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
from support import GREEDY, LENGTHS, ROOT, SAMPLED, CopiedRun

import specula_py as specula
from specula_py import agreement
from specula_py.record_metrics import RECORD_METRICS, fraction
from specula_py.texts import distinct_share


def record(**changes):
    """Two rounds: of 3 drafted 3 accepted, of 2 drafted 0; kept 4 and 1."""
    arrays = {"drafted": [3, 2], "depth": [3, 2], "accepted": [3, 0], "kept": [4, 1]}
    r = {"replayed": False, "n_in_tok": 9, "prefill_us": 500.0, "e2e_us": 3000.0, "cut_step": None, "exact": True,
         "ready_us": np.array([1500.0, 2900.0]), "out_ids": np.arange(5), **{name: np.array(v) for name, v in arrays.items()}}
    return {**r, **changes}


class RecordMetrics(unittest.TestCase):
    def value(self, metric, **changes):
        found = fraction(record(**changes), metric)
        return None if found is None else found[0] / found[1]

    def test_by_hand(self):
        by_hand = {"alpha": 3 / 4, "draft_accept_frac": 3 / 5, "accepted_per_step": 1.5, "tau": 2.5, "util_frac": 5 / 7,
                   "drafted_per_step": 2.5, "e2e_tok_s": 5 / 0.003, "decode_tok_s": 2000, "tpot_ms": 0.5, "ttft_ms": 1.5,
                   "step_ms": 1.4, "e2e_ms": 3, "n_in_tok": 9, "n_out_tok": 5, "exact_frac": 1, "tau_prompt_mean": 2.5,
                   "repetition_frac": 0}
        for metric, value in by_hand.items():
            self.assertAlmostEqual(self.value(metric), value, msg=metric)
        self.assertEqual(set(RECORD_METRICS) - set(by_hand), {"expected_accepted", "rule_us", "first_div_tok", "div_margin_nats"})

    def test_a_cut_round_does_not_count_in_alpha(self):
        self.assertEqual(self.value("alpha", cut_step=1), 1)
        self.assertEqual(self.value("tau", cut_step=1), 2.5)

    def test_a_tree_has_no_alpha(self):
        tree = {"drafted": np.array([6, 2])}
        self.assertIsNone(self.value("alpha", **tree))
        self.assertIsNone(self.value("draft_accept_frac", **tree))

    def test_nothing_drafted_is_no_value(self):
        nothing = {"drafted": np.zeros(2, int), "depth": np.zeros(2, int), "accepted": np.zeros(2, int)}
        self.assertIsNone(self.value("alpha", **nothing))

    def test_repetition_by_hand(self):
        self.assertEqual(self.value("repetition_frac", out_ids=np.array([1, 2, 1, 2, 1, 2, 1, 2])), 3 / 5)
        self.assertIsNone(self.value("repetition_frac", out_ids=np.array([1, 1, 1])))

    def test_distinct_by_hand(self):
        records = [{"replayed": False, "rep": 0, "out_ids": np.array(ids)} for ids in ([1, 2, 1, 2], [2, 3, 1])]
        self.assertEqual(distinct_share(records, 1), 3 / 7)
        self.assertEqual(distinct_share(records, 2), 4 / 5)
        self.assertEqual(distinct_share(records + [{**records[0], "rep": 1}], 1), 5 / 11)
        self.assertIsNone(distinct_share([], 1))

    def test_a_replay_has_no_times(self):
        self.assertIsNone(fraction({**record(), "replayed": True, "ready_us": None, "out_ids": None}, "e2e_tok_s"))


class Statistics(unittest.TestCase):
    def test_the_signed_rank_test_is_the_sum_over_all_signs(self):
        differences = np.array([0.3, -0.1, 0.7, 0.2, 0.2, -0.4, 0.9, 0.0])
        d = differences[differences != 0]
        magnitude = np.abs(d)
        ranks = np.array([np.mean(np.flatnonzero(np.sort(magnitude) == m)) + 1 for m in magnitude])
        observed = min(ranks[d > 0].sum(), ranks[d < 0].sum())
        tails = [min(ranks[list(s)].sum(), ranks.sum() - ranks[list(s)].sum()) for n in range(len(d) + 1)
                 for s in itertools.combinations(range(len(d)), n)]
        test = specula.wilcoxon(differences)
        self.assertAlmostEqual(test.p, np.mean(np.array(tails) <= observed))
        self.assertEqual(test.n, 7)
        self.assertAlmostEqual(test.rank_biserial, (ranks[d > 0].sum() - ranks[d < 0].sum()) / ranks.sum())

    def test_the_normal_tail_continues_the_exact_one(self):
        d = np.random.default_rng(1).normal(0.25, 1, 50)
        exact = specula.wilcoxon(d).p
        ranks = specula.inference._doubled_ranks(np.abs(d))
        smaller = min(int(ranks[d > 0].sum()), int(ranks[d < 0].sum()))
        self.assertAlmostEqual(2 * specula.inference._normal_tail(ranks, smaller), exact, delta=0.003)

    def test_nothing_differs(self):
        self.assertEqual(specula.wilcoxon([0, 0]), (0, 1.0, 0.0))

    def test_holm_by_hand(self):
        np.testing.assert_allclose(specula.holm([0.01, 0.04, np.nan, 0.03]), [0.03, 0.06, np.nan, 0.06])

    def test_an_interval_covers_as_often_as_it_says(self):
        random, covered = np.random.default_rng(2), 0
        bootstrap = specula.Bootstrap(40, draws=1000, seed=3)
        for _ in range(300):
            interval = specula.percentile_interval(bootstrap.of_totals(lambda s, n: s / n, random.normal(5, 1, 40), np.ones(40)))
            covered += interval.low <= 5 <= interval.high
        self.assertGreater(covered / 300, 0.88)
        self.assertLess(covered / 300, 0.99)

    def test_a_group_is_drawn_as_a_whole(self):
        values, groups = np.array([1.0, 1.0, 1.0, 9.0]), np.array([0, 0, 0, 1])
        medians = specula.Bootstrap(2, draws=2000).of_quantile(values, groups, 0.5)
        # three of four values lie at or below the median, 1: all of them (a quarter of the draws), three quarters, or none
        self.assertEqual(set(medians), {np.quantile(values, level) for level in [0.25, 0.5, 1.0]})
        self.assertAlmostEqual(np.mean(medians == 9.0), 0.25, delta=0.05)  # only where the second group was drawn twice

    def test_one_group_has_no_interval(self):
        self.assertTrue(np.isnan(specula.percentile_interval(specula.Bootstrap(1).of_totals(np.divide, [1], [2])).low))


class Planning(unittest.TestCase):
    def test_the_formula_finds_what_it_says(self):
        pilot = np.random.default_rng(4).normal(0.4, 0.15, 60)
        n = specula.prompts_needed(pilot, 0.05)
        self.assertAlmostEqual(specula.simulated_power(pilot, 0.05, n), 0.8, delta=0.08)
        self.assertLess(specula.simulated_power(pilot, 0.0, n), 0.09)
        self.assertLess(specula.detectable_difference(pilot, n), 0.05)

    def test_half_the_difference_takes_four_times_the_prompts(self):
        pilot = np.random.default_rng(5).normal(0, 0.3, 50)
        self.assertAlmostEqual(specula.prompts_needed(pilot, 0.01) / specula.prompts_needed(pilot, 0.02), 4, delta=0.1)

    def test_impossible_questions_are_refused(self):
        with self.assertRaisesRegex(ValueError, "pilot of 1 groups"):
            specula.prompts_needed([0.1], 0.05)
        with self.assertRaisesRegex(ValueError, "difference is 0"):
            specula.prompts_needed([0.1, 0.2], 0)


class Agreement(CopiedRun):
    def test_every_figure_of_the_fixtures(self):
        for folder in [GREEDY, SAMPLED, *LENGTHS.iterdir()]:
            self.assertGreater(specula.assert_agrees(specula.read_run(folder)), 200)

    def faults_after(self, **changes):
        self.change(self.first(k="rec", arm="sps"), **changes)
        table = specula.compare_with_summary(specula.read_run(self.run_folder))
        return set(table[~table["agrees"]]["name"])

    def test_a_changed_time_is_seen(self):
        before = json.loads(self.lines()[self.first(k="rec", arm="sps")])["e2e_us"]
        wrong = self.faults_after(e2e_us=before * 1.001)
        self.assertLessEqual({"speedup", "e2e_tok_s", "ratio"}, wrong)
        self.assertNotIn("tau", wrong)

    def test_a_changed_acceptance_is_seen(self):
        record = json.loads(self.lines()[self.first(k="rec", arm="sps")])
        i = next(i for i, a in enumerate(record["accepted"]) if a > 0)
        record["accepted"][i] -= 1
        wrong = self.faults_after(accepted=record["accepted"])
        self.assertLessEqual({"alpha", "accepted_per_step", "len_hist", "accepted_tok"}, wrong)

    def test_a_changed_summary_is_seen(self):
        path = self.run_folder / "summary.json"
        summary = json.loads(path.read_text())
        speedup = summary["cells"][2]["metrics"]["speedup"]
        speedup["ci_high"] += 0.1 * (speedup["ci_high"] - speedup["ci_low"])
        path.write_text(json.dumps(summary))
        with self.assertRaisesRegex(AssertionError, "(?s)1 of .* figures differ.*interval.*speedup"):
            specula.assert_agrees(specula.read_run(self.run_folder))

    def test_an_end_among_draws(self):
        draws = np.random.default_rng(6).normal(0, 1, 10_000)
        self.assertTrue(agreement.end_agrees(-1.96, draws, 0.025, 10_000))
        self.assertFalse(agreement.end_agrees(-1.64, draws, 0.025, 10_000))
        self.assertFalse(agreement.end_agrees(-2.6, draws, 0.025, 10_000))
        self.assertTrue(agreement.end_agrees(1.0, np.ones(100), 0.025, 100))  # all draws are the same

    def test_gaps_within_a_round_are_zero(self):
        gaps = specula.pooled_waits(specula.read_run(self.run_folder), "sps", "gap")["ms"]
        run = specula.read_run(self.run_folder)
        self.assertEqual((gaps == 0).sum(), (run.of("sps")["kept"].map(lambda kept: (kept - 1).sum())).sum())


class Scores(CopiedRun):
    ID = "gsm8k_em@1"

    def setUp(self):
        super().setUp()
        run = specula.read_run(self.run_folder)
        prompts = run.of("ar")["prompt"].tolist()
        right = {"ar": [1, 1, 0, 0], "sps": [1, 0, 1, None]}
        lines = [{"k": "score", "v": 1, "arm": arm, "prompt": prompt, "turn": 0, "rep": 0, "scorer": self.ID, "score": score}
                 for arm, scores in right.items() for prompt, score in zip(prompts, scores)]
        (self.run_folder / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.run_ = specula.read_run(self.run_folder)

    def test_by_hand(self):
        metrics = specula.Metrics(self.run_)
        self.assertEqual(metrics.estimate("ar", f"score.{self.ID}").value, 1 / 2)
        self.assertEqual(metrics.estimate("sps", f"score.{self.ID}").value, 2 / 3)
        delta = metrics.estimate("sps", f"score_delta.{self.ID}")
        self.assertEqual((delta.value, delta.n), (0, 3))
        pairs = {"both": 1, "only_arm": 1, "only_ref": 1, "neither": 0}
        self.assertEqual(specula.metrics.score_pairs(self.run_, "sps", self.ID), pairs)

    def test_another_scorer_judged_nothing(self):
        self.assertTrue(np.isnan(specula.Metrics(self.run_).estimate("sps", "score.other@1").value))

    def test_a_line_that_is_none(self):
        with open(self.run_folder / "scores.jsonl", "a") as file:
            file.write("{}\n")
        with self.assertRaisesRegex(specula.ReadError, "scores.jsonl:9: a score without 'arm'"):
            specula.read_run(self.run_folder)


class Likelihoods(CopiedRun):
    def setUp(self):
        super().setUp()
        prompts = specula.read_run(self.run_folder).of("ar")["prompt"].tolist()
        nats = {"ar": [4, 8], "sps": [5, 9, 7]}  # of the third prompt the baseline's text has none
        lines = [{"k": "nll", "v": 1, "arm": arm, "prompt": prompt, "turn": 0, "rep": 0, "nll_sum_nats": of, "n_tok": 4 - i}
                 for arm, all_nats in nats.items() for i, (prompt, of) in enumerate(zip(prompts, all_nats))]
        (self.run_folder / "nll.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.run_ = specula.read_run(self.run_folder)

    def test_by_hand(self):
        metrics = specula.Metrics(self.run_)
        self.assertAlmostEqual(metrics.estimate("ar", "nll_nats").value, 12 / 7)
        self.assertAlmostEqual(metrics.estimate("sps", "nll_nats").value, 21 / 9)
        self.assertAlmostEqual(metrics.estimate("sps", "ppl").value, np.exp(21 / 9))
        delta = metrics.estimate("sps", "nll_delta")
        self.assertAlmostEqual(delta.value, 14 / 7 - 12 / 7)
        self.assertEqual(delta.n, 2)

    def test_a_run_without_them(self):
        (self.run_folder / "nll.jsonl").unlink()
        for metric in specula.metrics.LIKELIHOODS:
            self.assertTrue(np.isnan(specula.Metrics(specula.read_run(self.run_folder)).estimate("sps", metric).value))

    def test_a_line_that_is_none(self):
        (self.run_folder / "nll.jsonl").write_text("{}\n")
        with self.assertRaisesRegex(specula.ReadError, "nll.jsonl:1: a likelihood without 'arm'"):
            specula.read_run(self.run_folder)


class Tables(unittest.TestCase):
    def test_macro_names_are_letters(self):
        self.assertEqual(specula.tables.macro_name("sps-g4", "tau_x"), "SpsGFourTauX")

    def test_special_letters_are_escaped(self):
        self.assertEqual(specula.tables.latex_text(r"50 % of a_b \ {x}"), r"50 \% of a\_b \textbackslash{} \{x\}")

    def test_the_front(self):
        self.assertEqual(specula.plots.pareto_front([1, 2, 3, 2], [3, 2, 1, 1]).tolist(), [True, True, True, False])


class Export(unittest.TestCase):
    def test_parquet(self):
        run = specula.read_run(LENGTHS / "length-2")
        with tempfile.TemporaryDirectory() as folder:
            try:
                import pyarrow.parquet as parquet
            except ImportError:
                with self.assertRaisesRegex(ImportError, "needs pyarrow.*pip install pyarrow"):
                    specula.to_parquet(run, folder)
                return
            records, rounds = specula.to_parquet(run, folder)
            self.assertEqual(parquet.read_table(records)["kept"].to_pylist()[0], run.records["kept"].iloc[0].tolist())
            self.assertEqual(parquet.read_table(rounds).num_rows, len(run.rounds))


@unittest.skipUnless(os.environ.get("SPECULA"), "SPECULA names no program")
class Program(unittest.TestCase):
    """The program as it is now, not as it was when the fixtures were made: a changed definition shows here."""

    def run_study(self, study, *settings):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        small = ["data.max_new_tokens=16", "measure.trace_limit=1", "measure.warmup_prompts=1", "cost.usd_per_hour=2", *settings]
        command = [os.environ["SPECULA"], "run", study, "--out", folder.name, "--limit", "3"]
        command += [part for setting in small for part in ("--set", setting)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        return specula.read_run(next(pathlib.Path(folder.name).glob("*/*/manifest.json")).parent)

    def test_chains_and_trees(self):
        chains = self.run_study("configs/studies/demo_t1.toml", "measure.expected=true")
        trees = self.run_study("configs/smoke/draft_model_siblings.toml")
        self.assertTrue((trees.rounds["drafted"] > trees.rounds["depth"]).any())
        self.assertGreater(specula.Metrics(chains).estimate("sps-g4", "usd_per_mtok").value, 0)
        self.assertGreater(specula.Metrics(chains).estimate("sps-g4", "mfu_frac").value, 0)
        for run in [chains, trees]:
            self.assertEqual(specula.unknown_metrics(run), [], "metrics that specula_py should learn")
            self.assertGreater(specula.assert_agrees(run), 100)


    def test_likelihoods(self):
        run = self.run_study("configs/studies/demo_t1.toml", "quality.nll=true")
        compared = specula.compare_with_summary(run)
        self.assertLessEqual(set(specula.metrics.LIKELIHOODS), set(compared["name"]))
        self.assertGreater(specula.Metrics(run).estimate(run.baseline, "ppl").value, 1)
        specula.assert_agrees(run)
        run.likelihoods["nll_sum_nats"] *= 1 + 1e-6
        self.assertRaisesRegex(AssertionError, "nll_nats", specula.assert_agrees, run)

    def test_scores(self):
        prompts = [json.loads(line) for line in (ROOT / "assets/demo/prompts.jsonl").read_text().splitlines()]
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for prompt in prompts:
                file.write(json.dumps({**prompt, "reference": "#### 1"}) + "\n")
            file.flush()
            run = self.run_study("configs/studies/demo_t1.toml", f"data.prompts={file.name}", "quality.scorers=[\"gsm8k_em\"]")
        self.assertIn("score.gsm8k_em@1", run.summary_cell(run.baseline)["metrics"])
        self.assertEqual(specula.unknown_metrics(run), [])
        self.assertIn("pairs", set(specula.compare_with_summary(run)["where"]))
        specula.assert_agrees(run)


if __name__ == "__main__":
    unittest.main()
