// The trace as text: the prompt's rows, the rounds, the rows of what was written, the layers, the bytes.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "experiments/report/table.h"
#include "experiments/trace/trace.h"

namespace specula {
namespace {

using enum MarkdownTable::Align;

std::string share(double p) {
  char text[32];
  std::snprintf(text, sizeof text, p > 0 && p < 0.0005 ? "%.0e" : "%.3f", p);
  return text;
}

std::string named(const Trace& trace, Token id) {
  const std::string piece = piece_of(trace, id);
  return piece.empty() ? cat(id) : cat(quoted(piece), " (", id, ")");
}

// Norms of some layers: all of few, else about ten spread over the depth.
std::vector<size_t> shown_layers(size_t layers) {
  constexpr size_t kMost = 10;
  std::vector<size_t> shown;
  const size_t step = (layers + kMost - 1) / kMost;
  for (size_t l = step; l < layers; l += step) shown.push_back(l);
  shown.push_back(layers);
  return shown;
}

std::string rows_table(const Trace& trace, size_t from, size_t to) {
  const auto layers = static_cast<size_t>(trace.models.target->layers());
  const std::vector<size_t> shown = shown_layers(layers);
  MarkdownTable table;
  for (const char* title : {"pos", "id"}) table.column(title, kRight);
  table.column("piece", kLeft);
  table.column("embedding", kRight);
  for (const size_t layer : shown) table.column(cat("layer ", layer), kRight);
  table.column("final norm", kRight);
  for (size_t position = from; position < to; ++position) {
    const Token id = trace.decoded.tokens[position];
    std::vector<std::string> row{cat(position), cat(id), piece_of(trace, id)};
    const auto norms = trace.watch.norms.find(static_cast<int64_t>(position));
    const auto norm = [&](size_t site) {
      return norms == trace.watch.norms.end() ? "" : three_digits(norms->second[site]);
    };
    row.push_back(norm(0));
    for (const size_t layer : shown) row.push_back(norm(layer));
    row.push_back(norm(layers + 1));
    table.row(std::move(row));
  }
  return table.text();
}

std::string drafted_table(const Trace& trace, const WatchedRound& round) {
  MarkdownTable table;
  for (const char* title : {"row", "below"}) table.column(title, kRight);
  table.column("draft", kLeft);
  table.column("chosen as", kLeft);
  for (const char* title : {"q", "p"}) table.column(title, kRight);
  table.column("", kLeft);
  table.column("why", kLeft);
  for (size_t i = 0; i < round.rows.size(); ++i) {
    const WatchedRow& row = round.rows[i];
    table.row({cat(i + 1), cat(row.parent), named(trace, row.id), name_of(row.draw), row.q ? share(*row.q) : "–",
               share(row.p), row.is_accepted ? "accepted" : "–", row.why});
  }
  return table.text();
}

// A step that changes nothing is not worth a line.
bool is_same(const Stage& a, const Stage& b) {
  return a.alive == b.alive && a.entropy == b.entropy &&
         std::equal(a.top.begin(), a.top.end(), b.top.begin(), b.top.end(),
                    [](const TopToken& x, const TopToken& y) { return x.id == y.id && x.p == y.p; });
}

std::string stage_lines(const Trace& trace, const WatchedToken& token) {
  std::string out;
  for (size_t i = 0; i < token.stages.size(); ++i) {
    const Stage& stage = token.stages[i];
    std::vector<std::string> top;
    for (const TopToken& t : stage.top) top.push_back(cat(named(trace, t.id), " ", share(t.p)));
    const bool same = i > 0 && is_same(stage, token.stages[i - 1]);
    out += cat("    ", stage.name, ": ",
               same ? "as before"
                    : cat(join(top), "; ", stage.alive, stage.alive == 1 ? " token" : " tokens", " alive, entropy ",
                          three_digits(stage.entropy), " nats"),
               "\n");
  }
  return out;
}

std::string round_text(const Trace& trace, size_t index) {
  const WatchedRound& round = trace.watch.rounds[index];
  const auto accepted =
      std::count_if(round.rows.begin(), round.rows.end(), [](const auto& r) { return r.is_accepted; });
  std::string out =
      cat("\nRound ", index + 1, ": ", round.rows.size(), " drafted, ", accepted, " accepted, ", round.tokens.size(),
          round.tokens.size() == 1 ? " token" : " tokens", round.is_cut ? " kept, the rest cut" : "", "\n");
  if (!round.rows.empty()) out += drafted_table(trace, round);
  for (const WatchedToken& token : round.tokens) {
    out += cat("  position ", token.position, ": ", named(trace, token.id), ", ",
               token.is_drafted ? "drafted and accepted" : round.last, "\n", stage_lines(trace, token));
  }
  for (const auto& [name, value] : round.notes) out += cat("  note ", name, " ", three_digits(value), "\n");
  return out;
}

std::string layers_text(const LayerTimes& times) {
  MarkdownTable table;
  table.column("stage", kLeft);
  table.column("us", kRight);
  table.row({"without layers: embedding, bookkeeping", three_digits(1e6 * times.below)});
  for (size_t l = 0; l < times.layer.size(); ++l) table.row({cat("layer ", l + 1), three_digits(1e6 * times.layer[l])});
  table.row({"final norm and head", three_digits(1e6 * times.head)});
  return cat("\nWhere a pass of one row behind this text spends its time (medians of ", times.turns,
             " turns; differences between passes that stop a layer later):\n", table.text());
}

std::string attention_text(const Tensor& entropy) {
  const Tensor of_heads = entropy.mean(-1).contiguous();  // [L,heads]
  const auto length = static_cast<double>(entropy.size(2));
  const int64_t heads = of_heads.size(1);
  MarkdownTable table;
  for (const char* title : {"layer", "mean", "narrowest head", "widest head"}) table.column(title, kRight);
  for (int64_t l = 0; l < of_heads.size(0); ++l) {
    const float* row = of_heads.const_data_ptr<float>() + l * heads;
    double sum = 0;
    for (int64_t h = 0; h < heads; ++h) sum += row[h];
    table.row({cat(l + 1), three_digits(sum / static_cast<double>(heads)),
               three_digits(*std::min_element(row, row + heads)), three_digits(*std::max_element(row, row + heads))});
  }
  double even = 0;
  for (int64_t n = 1; n <= entropy.size(2); ++n) even += std::log(static_cast<double>(n)) / length;
  return cat("\nHow far attention spreads: entropy in nats, mean over the ", entropy.size(2),
             " tokens (attention that is even over all earlier tokens would have ", three_digits(even),
             "); float32 reference forward:\n", table.text());
}

std::string parts_text(const Trace& trace) {
  std::string out = "\nDetokenized, token by token:";
  for (const TextPart& part : text_parts(trace))
    out += part.is_held ? cat(" ", part.id, ":held back") : cat(" ", part.id, ":", quoted(part.text));
  return out + "\n";
}

}  // namespace

std::string trace_text(const Trace& trace) {
  const GenerationPlan& plan = trace.plan;
  std::string out =
      cat(plan.target.architecture, ", ", plan.target.layers, " layers of ", plan.target.hidden, ", vocabulary ",
          plan.target.vocab, ", ", name_of(plan.target_dtype), ", ", trace.models.target->engine(), "; ",
          call_text(plan.composition.drafter), " + ", call_text(plan.composition.verifier), ": ",
          trace.models.promise(plan), "; sampler ", trace.sampler.empty() ? "none" : trace.sampler, "\n");
  out += cat("\nPrompt, ", plan.prompt.size(), plan.prompt.size() == 1 ? " token" : " tokens",
             ", and the lengths of their states behind each stage:\n", rows_table(trace, 0, plan.prompt.size()));
  for (size_t i = 0; i < trace.watch.rounds.size(); ++i) out += round_text(trace, i);
  out += cat("\nWritten, ", trace.decoded.tokens.size() - plan.prompt.size(), " tokens (", name_of(trace.decoded.stop),
             "); nobody reads the last one:\n", rows_table(trace, plan.prompt.size(), trace.decoded.tokens.size()));
  if (trace.layers) out += layers_text(*trace.layers);
  if (trace.attention.defined()) out += attention_text(trace.attention);
  if (plan.tokenizer != nullptr) out += parts_text(trace);
  return out;
}

}  // namespace specula
