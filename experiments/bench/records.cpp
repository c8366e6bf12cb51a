#include <unistd.h>

#include <array>
#include <cmath>
#include <fstream>

#include "experiments/bench/session.h"
#include "experiments/report/summary.h"
#include "experiments/run/records.h"
#include "experiments/scratch_folder.h"
#include "framework/core/clock.h"
#include "framework/core/files.h"
#include "framework/core/keyring.h"

namespace specula {
namespace {

// A decoder that writes no text but its records: chains of 4 tokens, each accepted with probability .7.
class SyntheticArm {
 public:
  SyntheticArm(std::string name, int64_t tokens, bool drafts)
      : name_(std::move(name)), tokens_(tokens), drafts_(drafts) {}

  Record decode(int64_t prompt) const {
    Record r;
    r.key = {.arm = name_, .prompt = std::to_string(prompt)};
    r.group = r.key.prompt;
    r.category = kCategories[static_cast<size_t>(prompt) % kCategories.size()];
    r.order = r.request = prompt;
    r.n_in = 32;
    r.stop = "limit";
    r.prefill_us = 1000;
    double now = r.prefill_us;
    while (r.n_out() < tokens_) {
      const int left = static_cast<int>(tokens_ - r.n_out()), drafted = drafts_ ? std::min(4, left - 1) : 0;
      const auto uniform = [&](uint32_t i) { return keys_.uniform(Use::kDraft, prompt, r.n_out(), i); };
      int accepted = 0;
      while (accepted < drafted && uniform(static_cast<uint32_t>(accepted)) < 0.7) ++accepted;
      for (int i = 0; i <= accepted; ++i)
        r.out.push_back(static_cast<Token>(32000 * std::pow(uniform(8 + static_cast<uint32_t>(i)), 4)));
      now += 900 + 200 * uniform(16) + 100 * drafted;
      r.rounds.drafted.push_back(drafted);
      r.rounds.depth.push_back(drafted);
      r.rounds.accepted.push_back(accepted);
      r.rounds.kept.push_back(accepted + 1);
      r.rounds.ready_us.push_back(now);
    }
    r.e2e_us = now;
    return r;
  }

 private:
  static constexpr std::array kCategories = {"chat", "code", "math", "story"};
  std::string name_;
  int64_t tokens_;
  bool drafts_;
  Keyring keys_{1};
};

RunInfo info_of(int64_t prompts, int arms) {
  RunInfo info;
  info.run_id = "bench";
  info.experiment = "bench records";
  for (int i = 0; i < arms; ++i) info.arms.push_back({.name = cat("arm-", i), .baseline = i == 0});
  info.num_prompts = info.records_per_arm = prompts;
  info.one_hot = true;
  return info;
}

double resident_mb() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) * 1e-6;
}

struct Written {
  double seconds = 0, bytes = 0;
  double first_tenth_mb = 0, end_mb = 0;  // resident
};

// As RunFolder::append does: the lines of a prompt in one write, then fdatasync.  Making up the records is not timed.
Written write_records(const std::filesystem::path& file, int64_t prompts, const std::vector<SyntheticArm>& arms) {
  Written written;
  LineFile lines(file);
  for (int64_t prompt = 0; prompt < prompts; ++prompt) {
    std::vector<Record> records;
    for (const SyntheticArm& arm : arms) records.push_back(arm.decode(prompt));
    const double start = seconds_now();
    std::string text;
    for (const Record& r : records) text += (text.empty() ? "" : "\n") + to_line(r);
    lines.append(text);
    lines.sync();
    written.seconds += seconds_now() - start;
    if (prompt == prompts / 10) written.first_tenth_mb = resident_mb();
  }
  written.end_mb = resident_mb();
  written.bytes = static_cast<double>(std::filesystem::file_size(file));
  return written;
}

BenchRow measure(int64_t prompts, const BenchRecordsArgs& args) {
  std::vector<SyntheticArm> arms;
  for (int i = 0; i < args.arms; ++i) arms.emplace_back(cat("arm-", i), args.tokens, i > 0);
  const ScratchFolder folder("bench", args.folder);
  std::filesystem::create_directory(folder.path() / "records");
  const Written written = write_records(folder.path() / "records" / "s000-of-001.jsonl", prompts, arms);
  const auto records = static_cast<double>(prompts * args.arms);
  const double start = seconds_now();
  const RecordSet set = read_records(folder.path());
  const double middle = seconds_now();
  const Summary summary = summarize(info_of(prompts, args.arms), set);
  const double end = seconds_now();
  SPECULA_CHECK(summary.cells.front().counts.records == prompts);
  return {.keys = {{"prompts", prompts}, {"arms", static_cast<int64_t>(args.arms)}},
          .figures = {computed("records_s", records / written.seconds),
                      computed("write_us", written.seconds / records * 1e6),
                      computed("record_bytes", written.bytes / records),
                      computed("growth_mb", written.end_mb - written.first_tenth_mb),
                      computed("read_s", middle - start), computed("summary_s", end - middle)},
          .repeats = 1};
}

}  // namespace

ExitCode bench_records_command(const BenchRecordsArgs& args) {
  check_at_least("--prompts", args.prompts, 10);
  check_at_least("--arms", args.arms, 1);
  BenchSession session("bench records", args);
  std::vector<BenchRow> rows;
  for (const int64_t prompts : {args.prompts / 10, args.prompts}) {
    session.read_stream();
    rows.push_back(measure(prompts, args));
  }
  return session.finish(std::move(rows), 0);
}

}  // namespace specula
