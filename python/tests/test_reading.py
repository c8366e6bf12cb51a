"""What is read, and what is refused where.  Licence: Apache-2.0."""

import json
import unittest

from support import GREEDY, LENGTHS, CopiedRun

from specula_py import ReadError, pair, read_run, read_study


class Reading(CopiedRun):
    def test_a_run_is_read_whole(self):
        run = read_run(self.run_folder)
        self.assertEqual(run.arms, ["ar", "sps"])
        self.assertEqual(run.baseline, "ar")
        self.assertEqual(len(run.records) + len(run.traces), len(self.lines()))
        self.assertEqual((run.torn, run.superseded, run.duplicates), ([], 0, []))
        self.assertEqual(run.config["arm"][1]["drafter"]["length"], 2)

    def test_rounds_are_the_records_row_by_row(self):
        run = read_run(self.run_folder)
        self.assertEqual(len(run.rounds), run.records["steps"].sum())
        for (arm, prompt), rounds in run.rounds.groupby(["arm", "prompt"]):
            record = run.of(arm).set_index("prompt").loc[prompt]
            self.assertEqual(rounds["kept"].tolist(), record["kept"].tolist())
            self.assertEqual(rounds["at_tok"].iloc[-1] + rounds["kept"].iloc[-1], record["n_out_tok"])
            self.assertAlmostEqual(rounds["step_us"].sum() + record["prefill_us"], record["ready_us"][-1], places=3)

    def test_a_torn_last_line_is_left_out(self):
        whole = read_run(self.run_folder)
        lines = self.lines()
        self.write([*lines[:-1], lines[-1][:40]], end="")
        run = read_run(self.run_folder)
        self.assertEqual(len(run.records) + len(run.traces), len(whole.records) + len(whole.traces) - 1)
        self.assertEqual(len(run.torn), 1)

    def test_a_broken_line_before_the_last_is_an_error_with_its_place(self):
        lines = self.lines()
        self.write([lines[0], lines[1][:40], *lines[2:]])
        with self.assertRaisesRegex(ReadError, r"s000-of-001\.jsonl:2: not JSON"):
            read_run(self.run_folder)

    def test_unknown_keys_stay(self):
        self.change(0, energy_of_tomorrow_j=3)
        self.assertEqual(read_run(self.run_folder).records["energy_of_tomorrow_j"].iloc[0], 3)

    def test_what_is_missing_or_of_another_kind_is_named(self):
        line = json.loads(self.lines()[0])
        for spoiled, text in [({"k": "power"}, "'k' is 'power'; valid: 'rec', 'trace'"), ({"turn": "0"}, "'turn' is '0', not int"),
                              ({"kept": line["kept"][:-1]}, "'drafted' has"), ({"accepted": None}, "'accepted' is not a list")]:
            self.change(0, **{**line, **spoiled})
            with self.assertRaisesRegex(ReadError, rf":1: .*{text}"):
                read_run(self.run_folder)
        del line["arm"]
        self.write([json.dumps(line), *self.lines()[1:]])
        with self.assertRaisesRegex(ReadError, ":1: a record without 'arm'"):
            read_run(self.run_folder)

    def test_the_last_success_of_a_key_wins(self):
        lines, number = self.lines(), self.first(k="rec", arm="sps")
        success = json.loads(lines[number])
        failure = {**success, "status": "error", "err": {"type": "error", "what": "no memory"}, "kept": None, "out_ids": None}
        self.write([*lines[:number], json.dumps(failure), *lines[number + 1:], json.dumps({**success, "e2e_us": 7.0})])
        run = read_run(self.run_folder)
        self.assertIn(7.0, run.of("sps")["e2e_us"].tolist())
        self.assertEqual((run.superseded, run.duplicates), (1, []))

    def test_a_failure_does_not_replace_a_success(self):
        number = self.first(k="rec", arm="sps")
        record = json.loads(self.lines()[number])
        self.write([*self.lines(), json.dumps({**record, "status": "error", "err": {"what": "late"}})])
        run = read_run(self.run_folder)
        self.assertTrue(run.records["ok"].all())

    def test_two_successes_of_a_key_are_reported(self):
        number = self.first(k="rec", arm="sps")
        record = json.loads(self.lines()[number])
        self.write([*self.lines(), json.dumps(record)])
        self.assertEqual(read_run(self.run_folder).duplicates, [("rec", "sps", record["prompt"], 0, 0)])

    def test_failed_records_take_no_part(self):
        whole = len(read_run(self.run_folder).of("sps"))
        self.change(self.first(k="rec", arm="sps"), status="error", err={"what": "no memory"}, kept=None, out_ids=None)
        run = read_run(self.run_folder)
        self.assertEqual(len(run.of("sps")), whole - 1)
        self.assertEqual(run.records[~run.records["ok"]]["error"].tolist(), ["no memory"])

    def test_a_folder_that_is_no_run_says_what_it_is(self):
        with self.assertRaisesRegex(ReadError, "not a run folder.*it holds the runs length-1.*read_study"):
            read_run(LENGTHS)
        with self.assertRaisesRegex(ReadError, "holds no run folders.*it is a run folder itself"):
            read_study(GREEDY)

    def test_an_unknown_arm_gets_a_suggestion(self):
        with self.assertRaisesRegex(KeyError, "no arm is called 'sp'; did you mean 'sps'"):
            read_run(self.run_folder).of("sp")

    def test_a_run_without_a_summary_is_read(self):
        (self.run_folder / "summary.json").unlink()
        run = read_run(self.run_folder)
        with self.assertRaisesRegex(ReadError, "is not there"):
            run.summary_cell("ar")


class Pairs(CopiedRun):
    def test_pairs_are_of_the_same_question(self):
        run = read_run(GREEDY)
        pairs = pair(run, "sps-g2", "sps-g4")
        self.assertEqual((len(pairs), pairs.attrs["unpaired"]), (24, 0))
        self.assertTrue((pairs["request"] == pairs["request_ref"]).all())

    def test_what_has_no_partner_is_left_out_and_counted(self):
        lines = self.lines()
        number = self.first(k="rec", arm="ar")
        self.write(lines[:number] + lines[number + 1:])
        pairs = pair(read_run(self.run_folder), "sps")
        self.assertEqual((len(pairs), pairs.attrs["unpaired"]), (7, 1))

    def test_segments_are_not_paired_with_each_other(self):
        self.change(self.first(k="rec", arm="ar"), seg=1)
        pairs = pair(read_run(self.run_folder), "sps")
        self.assertEqual((len(pairs), pairs.attrs["unpaired"]), (7, 1))


class Studies(unittest.TestCase):
    def test_the_differing_keys_are_columns(self):
        study = read_study(LENGTHS)
        self.assertEqual(study.keys, ["drafter.length"])
        table = study.table(["tau"], draws=10)
        self.assertEqual(table[table["arm"] == "sps"]["drafter.length"].tolist(), [1, 2, 3, 4, 5, 6])
        self.assertTrue(table[table["is_baseline"]]["drafter.length"].isna().all())

    def test_keys_of_one_arm_do_not_differ_because_arms_do(self):
        keys = read_study(GREEDY.parent).keys
        self.assertIn("sampler.temperature.temperature", keys)
        self.assertIn("verifier.name", keys)
        self.assertNotIn("drafter.name", keys)


if __name__ == "__main__":
    unittest.main()
