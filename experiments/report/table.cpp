#include "experiments/report/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "experiments/report/quality_report.h"
#include "experiments/scores/scorer.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr const char* kDash = "–";

size_t width_of(const std::string& text) {  // characters, not bytes: UTF-8 continuation bytes take no room
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width, MarkdownTable::Align align) {
  const std::string space(width - width_of(text), ' ');
  return align == MarkdownTable::Align::kLeft ? text + space : space + text;
}

// The last `parts` components of a path: enough to know what it is.
std::string path_end(const std::string& path, int parts) {
  size_t at = path.size();
  for (int i = 0; i < parts && at != std::string::npos && at > 0; ++i) at = path.find_last_of('/', at - 1);
  return at == std::string::npos ? path : path.substr(at + 1);
}

std::string significant(double value) {
  if (!std::isfinite(value)) return kDash;
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

// Equality with the baseline's text is promised at temperature 0 and by coupled rules; elsewhere the texts differ by
// design.  Of an arm with another target it is marked: two models are compared, and nobody promised anything.
std::string exactness(const RunInfo& run, const ArmInfo& arm, const CellSummary& cell) {
  if (arm.baseline || (!run.one_hot && arm.guarantee != "coupled")) return kDash;
  const double frac = cell.at("exact_frac").value;
  if (!std::isfinite(frac)) return kDash;
  return (frac == 1 ? "100%" : fixed(100 * frac, 1) + "%") + (run.has_own_target(arm) ? "*" : "");
}

std::string target_lines(const RunInfo& run) {
  std::vector<std::string> parts;
  for (const ArmInfo& arm : run.arms) {
    if (run.has_own_target(arm)) parts.push_back(cat(arm.name, " from ", arm.target));
  }
  if (parts.empty()) return "";
  return cat("\n* Another target than the baseline's ", run.baseline().target, ": ", join(parts),
             ".  \"exact\" then tells how often two models write the same text, speed-ups compare two models, and a "
             "guarantee is about the arm's own target.\n");
}

// The part of the fenced pass that went into drafting.
std::string draft_share(const Summary& summary, const std::string& arm) {
  for (const TraceSummary& t : summary.traces) {
    if (t.arm == arm) return fixed(100 * t.phase_s[static_cast<int>(Phase::kDraft)] / t.e2e_s, 0) + "%";
  }
  return kDash;
}

std::string time_lines(const Summary& summary) {
  std::string text;
  for (const TraceSummary& t : summary.traces) {
    std::vector<std::string> parts;
    const auto add = [&](const char* name, double seconds) {
      const double share = 100 * seconds / t.e2e_s;
      if (share >= 0.5) parts.push_back(cat(name, " ", fixed(share, 0), "%"));
    };
    for (int i = 0; i < kNumPhases; ++i) add(kPhaseNames[i], t.phase_s[i]);
    add("other", t.other_s());
    text += cat("- ", t.arm, ": ", join(parts), "\n");
  }
  return text.empty() ? "" : "\nWhere the time goes (fenced pass):\n" + text;
}

// "target int8: NLL +0.0031 nats/token (...) against bf16, prompts of the run"
std::string quality_lines(const RunInfo& run) {
  std::string text;
  for (const RunModel& m : run.models) {
    if (!m.quality) continue;
    const RunQuality& q = *m.quality;
    const std::string found = q.why.empty() ? quality_text(q.measured) : "cost not measured (" + q.why + ")";
    text += cat("- ", m.name, " ", m.dtype, ": ", found, "\n");
    if (q.why.empty()) text.insert(text.size() - 1, cat("; against ", q.against, " on the ", q.text));
  }
  return text.empty() ? "" : "\nWhat quantized numbers cost:\n" + text;
}

std::string share_text(const Estimate& e) {
  if (!std::isfinite(e.interval.low)) return fixed(e.value, 3);
  return cat(fixed(e.value, 3), " [", fixed(e.interval.low, 3), ", ", fixed(e.interval.high, 3), "]");
}

// "0.410 [0.360, 0.460], difference -0.002 [-0.010, 0.004] (both right 80, only sps 3, only ar 4, neither 113)"
std::string score_text(const RunInfo& run, const CellSummary& cell, const std::string& scorer) {
  const Estimate &score = cell.at("score." + scorer), &delta = cell.at("score_delta." + scorer);
  if (!std::isfinite(score.value)) return cat("not judged (", score.why, ")");
  std::string text = share_text(score);
  for (const ScorePairs& p : cell.score_pairs) {
    if (p.scorer == scorer && std::isfinite(delta.value))
      text += cat(", difference ", share_text(delta), " (both right ", p.both, ", only ", cell.arm, " ", p.only_arm,
                  ", only ", run.baseline().name, " ", p.only_reference, ", neither ", p.neither, ")");
  }
  return text;
}

// "- gsm8k_em@1 of sps: ..."
std::string score_lines(const RunInfo& run, const Summary& summary) {
  std::string text;
  for (const std::string& scorer : used_scorers(run, summary)) {
    for (const ArmInfo& arm : run.arms)
      text += cat("- ", scorer, " of ", arm.name, ": ", score_text(run, summary.cell(arm.name, ""), scorer), "\n");
  }
  return text.empty() ? "" : "\nShare of right answers:\n" + text;
}

bool has_likelihoods(const RunInfo& run, const Summary& summary) {
  return std::any_of(run.arms.begin(), run.arms.end(), [&](const ArmInfo& arm) {
    return std::isfinite(summary.cell(arm.name, "").at("nll_nats").value);
  });
}

// "- sps: 1.234 [1.200, 1.268] nats a token, perplexity 3.435, difference 0.001 [-0.004, 0.006]"
std::string likelihood_lines(const RunInfo& run, const Summary& summary) {
  if (!has_likelihoods(run, summary)) return "";
  std::string text = cat("\nTexts under ", run.baseline().target, " in float32:\n");
  for (const ArmInfo& arm : run.arms) {
    const CellSummary& cell = summary.cell(arm.name, "");
    const Estimate& delta = cell.at("nll_delta");
    text += cat("- ", arm.name, ": ", share_text(cell.at("nll_nats")), " nats a token, perplexity ",
                fixed(cell.at("ppl").value, 3),
                std::isfinite(delta.value) ? cat(", difference ", share_text(delta)) : "", "\n");
  }
  return text;
}

// "notes of sps-check: law_tv 0.012, ...": means over rounds
std::string rule_notes(const RunInfo& run, const Summary& summary) {
  std::string text;
  for (const ArmInfo& arm : run.arms) {
    std::vector<std::string> parts;
    for (const NoteMean& note : summary.cell(arm.name, "").notes)
      parts.push_back(cat(note.name, " ", significant(note.mean)));
    if (!parts.empty()) text += cat("notes of ", arm.name, ": ", join(parts), "\n");
  }
  return text.empty() ? "" : "\nMeans over rounds:\n" + text;
}

// "check(rule = "synthetic(...)")" plays it too.
bool is_synthetic(const std::string& verifier) {
  const std::string name = verifier.substr(0, verifier.find('('));
  return name == "synthetic" || (name == "check" && verifier.find("rule = \"synthetic") != std::string::npos);
}

// Texts and speeds of such arms depend on the order of the prompts.
std::string learning_lines(const RunInfo& run) {
  std::string text;
  for (const ArmInfo& arm : run.arms) {
    if (arm.state == "run")
      text += cat("\nThe drafter of ", arm.name,
                  " learns from one prompt for the next; it started each pass over the prompts knowing nothing.\n");
  }
  return text;
}

std::string synthetic_lines(const RunInfo& run) {
  std::string text;
  for (const ArmInfo& arm : run.arms) {
    if (is_synthetic(arm.verifier))
      text += cat("\n! the text of arm ", arm.name, " is not the target's: synthetic acceptance\n");
  }
  return text;
}

// "Certificates of this build: sps holds (L0); none: ar (specula verify CFG writes them)"
std::string certificate_line(const RunInfo& run) {
  std::vector<std::string> found, missing;
  for (const ArmInfo& arm : run.arms) {
    if (arm.certified == kNoCertificate) {
      missing.push_back(arm.name);
    } else if (!arm.certified.empty()) {
      found.push_back(cat(arm.name, " ", arm.certified));
    }
  }
  if (found.empty() && missing.empty()) return "";
  if (found.empty()) return "\nCertificates of this build: none (specula verify CFG writes them).\n";
  return cat("\nCertificates of this build: ", join(found),
             missing.empty() ? "" : cat("; none: ", join(missing), " (specula verify CFG writes them)"), ".\n");
}

// "sps-again repeats sps: 1.00 [0.99, 1.01], p 0.630, a difference of 1.2% would have been seen"
std::string duplicate_lines(const Summary& summary) {
  std::string text;
  for (const Comparison& c : summary.duplicates) {
    text += cat("\n", c.arm, " repeats ", c.reference, ": ", with_interval(c.ratio), ", p ", p_text(c.p));
    if (std::isfinite(c.detectable_frac))
      text += cat("; a difference of ", fixed(100 * c.detectable_frac, 1), "% would have been seen");
    text += "\n";
  }
  return text;
}

std::string notes(const Summary& summary) {
  double detectable = 0;
  for (const Comparison& c : summary.comparisons)
    detectable = std::max(detectable, std::isfinite(c.detectable_frac) ? c.detectable_frac : 0);
  std::string text;
  if (detectable > 0) {
    text += cat("\n\"~\": no difference shown; this run would have seen one of ", fixed(100 * detectable, 1),
                "% in any arm.\n");
  }
  for (const std::string& w : summary.warnings) text += "! " + w + "\n";
  for (const std::string& e : summary.excluded) text += "! " + e + "\n";
  return text;
}

}  // namespace

void MarkdownTable::column(const std::string& title, Align align) {
  titles_.push_back(title);
  aligns_.push_back(align);
}

void MarkdownTable::row(std::vector<std::string> cells) {
  SPECULA_CHECK(cells.size() == titles_.size(), cells.size(), " cells, ", titles_.size(), " columns");
  rows_.push_back(std::move(cells));
}

std::string MarkdownTable::text() const {
  std::vector<size_t> widths;
  for (size_t c = 0; c < titles_.size(); ++c) {
    size_t width = std::max<size_t>(3, width_of(titles_[c]));
    for (const auto& cells : rows_) width = std::max(width, width_of(cells[c]));
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (size_t c = 0; c < cells.size(); ++c) text += cat(" ", padded(cells[c], widths[c], aligns_[c]), " |");
    return text + "\n";
  };
  std::string text = line(titles_) + "|";
  for (size_t c = 0; c < titles_.size(); ++c) {
    text += aligns_[c] == Align::kLeft ? std::string(widths[c] + 2, '-') + "|" : std::string(widths[c] + 1, '-') + ":|";
  }
  text += "\n";
  for (const auto& cells : rows_) text += line(cells);
  return text;
}

std::string p_text(double p) { return p < 0.001 ? "< 0.001" : fixed(p, 3); }

std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return kDash;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string three_digits(double value) {
  const double size = std::abs(value);
  return fixed(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

std::string with_interval(const Estimate& e) {
  if (!std::isfinite(e.interval.low)) return fixed(e.value, 2);
  return cat(fixed(e.value, 2), " [", fixed(e.interval.low, 2), ", ", fixed(e.interval.high, 2), "]");
}

std::string header_line(const RunInfo& run) {
  std::vector<std::string> parts;
  for (const RunModel& m : run.models) {
    const bool is_target =
        std::any_of(run.arms.begin(), run.arms.end(), [&](const ArmInfo& arm) { return arm.target == m.name; });
    if (is_target) parts.push_back(cat(m.name, " ", path_end(m.path, 2), " ", m.dtype));
  }
  parts.push_back(cat(path_end(run.prompts_file, 1), " ", run.num_prompts, " prompts x ", run.repetitions,
                      run.repetitions == 1 ? " rep" : " reps", run.batch > 1 ? cat(", batch ", run.batch) : "", ", ",
                      run.max_new_tokens, " tokens"));
  parts.push_back(run.sampler.empty() ? "p = softmax" : run.sampler);
  parts.push_back(cat(run.threads, run.threads == 1 ? " thread" : " threads"));
  parts.push_back(cat("stream ", three_digits(run.stream_gb_s), " GB/s"));
  parts.push_back("build " + run.build);
  parts.push_back("run " + run.run_id);
  return join(parts, " | ") + "\n";
}

std::vector<std::string> used_scorers(const RunInfo& run, const Summary& summary) {
  std::vector<std::string> used;
  for (const Scorer& scorer : scorers()) {
    const bool is_used = std::any_of(run.arms.begin(), run.arms.end(), [&](const ArmInfo& arm) {
      return summary.cell(arm.name, "").at("score." + scorer.id).why != "not_computed";
    });
    if (is_used) used.push_back(scorer.id);
  }
  return used;
}

std::vector<std::string> quality_metrics(const RunInfo& run, const Summary& summary) {
  std::vector<std::string> metrics;
  for (const std::string& scorer : used_scorers(run, summary))
    metrics.insert(metrics.end(), {"score." + scorer, "score_delta." + scorer});
  if (has_likelihoods(run, summary)) metrics.insert(metrics.end(), {"nll_nats", "ppl", "nll_delta"});
  return metrics;
}

std::vector<ArmInfo> sorted_arms(const RunInfo& run, const Summary& summary) {
  std::vector<ArmInfo> arms = run.arms;
  if (run.sort != "speedup") return arms;
  const auto speed = [&](const ArmInfo& arm) {
    const double speedup = arm.baseline ? 1 : summary.cell(arm.name, "").at("speedup").value;
    return std::isfinite(speedup) ? speedup : 0;
  };
  std::stable_sort(arms.begin(), arms.end(), [&](const ArmInfo& a, const ArmInfo& b) { return speed(a) > speed(b); });
  return arms;
}

MarkdownTable arms_table(const RunInfo& run, const Summary& summary) {
  using enum MarkdownTable::Align;
  MarkdownTable table;
  table.column("arm", kLeft);
  for (const char* const title : {"tok/s", "speedup (95% CI)", "model", "tau", "alpha", "accepted", "draft",
                                  "TTFT ms p50", "TPOT ms", "step ms p50/p99", "exact"}) {
    table.column(title, kRight);
  }
  const bool has_price = run.usd_per_hour > 0;
  if (has_price) table.column("USD/Mtok", kRight);
  const auto energy = [&](const ArmInfo& arm) { return summary.cell(arm.name, "").at("j_per_tok").value; };
  const bool has_energy =
      std::any_of(run.arms.begin(), run.arms.end(), [&](const ArmInfo& arm) { return std::isfinite(energy(arm)); });
  if (has_energy) table.column("J/tok", kRight);
  table.column("guarantee", kLeft);
  table.column("verdict", kLeft);
  for (const ArmInfo& arm : sorted_arms(run, summary)) {
    const CellSummary& cell = summary.cell(arm.name, "");
    const Comparison* comparison = summary.comparison(arm.name);
    std::vector<std::string> row = {
        arm.name + (arm.baseline ? " (ref)" : ""),
        three_digits(cell.at("e2e_tok_s").value),
        arm.baseline ? "1.00" : with_interval(cell.at("speedup")),
        fixed(cell.at("speedup_model").value, 2),
        fixed(cell.at("tau").value, 2),
        fixed(cell.at("alpha").value, 3),
        fixed(cell.at("accepted_per_step").value, 2),
        draft_share(summary, arm.name),
        three_digits(cell.at("ttft_p50_ms").value),
        three_digits(cell.at("tpot_ms").value),
        three_digits(cell.at("step_p50_ms").value) + " / " + three_digits(cell.at("step_p99_ms").value),
        exactness(run, arm, cell)};
    if (has_price) row.push_back(three_digits(cell.at("usd_per_mtok").value));
    if (has_energy) row.push_back(three_digits(energy(arm)));
    row.push_back(run.promise_of(arm));
    row.push_back(comparison == nullptr                    ? (arm.baseline ? "ref" : "repeats " + arm.duplicate_of)
                  : std::isfinite(comparison->ratio.value) ? comparison->verdict
                                                           : kDash);
    table.row(std::move(row));
  }
  return table;
}

MarkdownTable categories_table(const RunInfo& run, const Summary& summary) {
  MarkdownTable table;
  if (summary.categories.size() < 2 || run.arms.size() < 2 || run.batch > 1) return table;
  table.column("speedup (95% CI)", MarkdownTable::Align::kLeft);
  for (const std::string& category : summary.categories) {
    table.column(cat(category, " (", summary.cell(run.baseline().name, category).num_prompts, ")"),
                 MarkdownTable::Align::kRight);
  }
  for (const ArmInfo& arm : sorted_arms(run, summary)) {
    if (arm.baseline) continue;
    std::vector<std::string> row = {arm.name};
    for (const std::string& category : summary.categories)
      row.push_back(with_interval(summary.cell(arm.name, category).at("speedup")));
    table.row(std::move(row));
  }
  return table;
}

std::string remarks(const RunInfo& run, const Summary& summary) {
  return synthetic_lines(run) + learning_lines(run) + target_lines(run) + quality_lines(run) +
         score_lines(run, summary) + likelihood_lines(run, summary) + rule_notes(run, summary) + certificate_line(run) +
         duplicate_lines(summary);
}

std::string result_table(const RunInfo& run, const Summary& summary) {
  const MarkdownTable by_category = categories_table(run, summary);
  return header_line(run) + "\n" + arms_table(run, summary).text() + synthetic_lines(run) + learning_lines(run) +
         target_lines(run) + (by_category.rows().empty() ? "" : "\n" + by_category.text()) + time_lines(summary) +
         quality_lines(run) + score_lines(run, summary) + likelihood_lines(run, summary) + rule_notes(run, summary) +
         certificate_line(run) + duplicate_lines(summary) + notes(summary);
}

}  // namespace specula
