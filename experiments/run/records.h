// One line of records/*.jsonl: what one arm did with one turn of one prompt in one repetition.  Everything that a
// summary says is computed from these lines, so token ids and the arrays per round are kept, and a summary can always
// be rebuilt. Two kinds: "rec" (unfenced, the speeds) and "trace" (fenced, the shares); they are never mixed.  Licence:
// Apache-2.0.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "framework/core/clock.h"
#include "framework/core/token.h"

namespace specula {

// What a record is about; two records with one key are a fault, unless the first did not succeed.
struct RecordKey {
  bool trace = false;
  std::string arm, prompt;
  int turn = 0, rep = 0;
  auto operator<=>(const RecordKey&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 takes <=> for a 0
};

struct RecordKeyHash {
  size_t operator()(const RecordKey& key) const;
};

// The rounds of a decode, as parallel arrays.
struct Rounds {
  std::vector<int> drafted;      // candidates below the root
  std::vector<int> depth;        // of the deepest candidate; equals drafted for chains
  std::vector<int> accepted;     // before anything was cut
  std::vector<int> kept;         // tokens that joined the text
  std::vector<double> ready_us;  // when they could be read, from the start of decode(), unbilled time left out
  std::vector<double> expected;  // accepted tokens, computed from p and q; empty: not asked for ([measure] expected)
  std::vector<double> rule_us;   // of the rule alone; empty but in a replay
  std::map<std::string, std::vector<double>> notes;  // what drafter and rule noted, by name; NaN where a round lacks it
  int cut = -1;                                      // the round that a stop token or the limit cut; -1: none

  // Of the round that was appended last.
  void add_notes(const std::vector<std::pair<std::string, double>>& of_round);

  size_t size() const { return kept.size(); }
  bool is_tree() const { return depth != drafted; }
};

// What a scorer found in a record's text, read from scores.jsonl beside the records.
struct RecordScore {
  std::string scorer;   // "gsm8k_em@1"
  double value = 0;     // 0..1; NaN: it was not judged
  std::string why{};    // it was not judged
  std::string found{};  // what was taken from the text, or how its code ended
};

// How likely the target in float32 takes a record's text to be, read from nll.jsonl beside the records.
struct RecordNll {
  double sum_nats = 0;  // -log p over all tokens
  int64_t tokens = 0;
};

struct Record {
  RecordKey key;
  std::string group, category;
  int segment = 0;      // of the run: one more after each resume.  Speeds are paired within a segment only
  int64_t order = 0;    // place in the plan of the run
  int64_t request = 0;  // names the random numbers; the arm is left out, so that arms share them
  bool ok = true;
  bool replayed = false;  // recorded rounds judged once more: no text and no times
  std::string error;      // status "error": what was thrown; all measures below are null then

  int64_t n_in = 0;
  std::string stop;  // limit, stop_token
  std::vector<Token> out;
  double start_us = 0;  // since the start of the run
  // The machine's time for this turn.  Of a batch each text has an equal share, so that sums over a batch are its wall
  // time; when tokens could be read (Rounds::ready_us) is the wall's own time.
  int batch = 1;  // texts that were decoded together
  double prefill_us = 0, e2e_us = 0, unbilled_us = 0;
  Rounds rounds;
  std::map<std::string, double> energy_j{};   // by domain, see power_meter.h; a share like the above; empty: not read
  std::array<double, kNumPhases> phase_us{};  // trace only; shares like the above

  // Against the baseline's record of the same prompt, repetition and turn; no value: not compared (the why says it).
  std::optional<bool> exact;
  std::optional<int64_t> first_difference;
  std::optional<double> margin_nats;
  std::string exact_why, margin_why;

  std::optional<RecordScore> score{};  // no value: no scorer reads it
  std::optional<RecordNll> nll{};      // no value: nobody asked

  // A public copy holds the number of ids alone.
  bool has_ids() const { return out.empty() || out.front() >= 0; }
  int64_t n_out() const { return static_cast<int64_t>(out.size()); }
  double decode_us() const { return e2e_us - prefill_us; }
  double wall_us() const { return e2e_us * batch; }
  double ttft_us() const;     // when the first token could be read; 0: none was
  double latency_us() const;  // until the text was there
};

std::string to_line(const Record& record);  // JSON without newline
// Throws Error naming `place` for a line that is not a record.
Record parse_record(std::string_view line, const std::string& place);

// All records of a run folder.  A torn last line is left out; a line that cannot be read is an Error
// with file:line; of records with one key the last successful one wins and the others are counted.
struct RecordSet {
  std::vector<Record> records;
  int64_t superseded = 0;             // failed attempts that a later one replaced
  std::vector<RecordKey> duplicates;  // successful twice: a fault of the writer
};
// They stand in the order of the plan, whatever files they come from, with what scores.jsonl and nll.jsonl
// say of them.
RecordSet read_records(const std::filesystem::path& run_folder);
// Those of one file; none where there is no file.
RecordSet read_records_of(const std::filesystem::path& file);
std::vector<Record> read_every_record(const std::filesystem::path& file);  // superseded ones too, in file order

}  // namespace specula
