#include <algorithm>

#include "experiments/bench/session.h"

namespace specula {
namespace {

// One line of the table: passes of `rows` rows over a text of `context` tokens.
struct Variant {
  const LoadedModel& model;
  KvCache& cache;
  int64_t context;
  int rows;
  size_t base;   // the variant of the same model and context that its ratio refers to
  size_t first;  // the variant of the first dtype with the same context and rows
  Samples seconds{}, share{};
};

double bytes_of(const Variant& v) {
  return static_cast<double>(v.model.weight_bytes() + v.model.kv_bytes_per_slot() * v.context);
}

BenchRow row_of(const std::vector<Variant>& all, const Variant& v, bool on_cpu) {
  BenchRow row{.keys = {{"dtype", std::string(name_of(v.model.dtype()))},
                        {"context", v.context},
                        {"rows", static_cast<int64_t>(v.rows)}},
               .repeats = static_cast<int>(v.seconds.size())};
  row.figures = {figure("ms", scaled(v.seconds, 1e3)), figure("gb_s", inverse(v.seconds, bytes_of(v) * 1e-9))};
  if (on_cpu) row.figures.push_back(figure("share", v.share));
  row.figures.push_back(figure("ratio", ratios(v.seconds, all[v.base].seconds)));
  const Variant& first = all[v.first];
  if (all.front().model.dtype() != all.back().model.dtype())
    row.figures.push_back(figure("to_first_dtype", ratios(v.seconds, first.seconds)));
  return row;
}

}  // namespace

// The variants take turns, each turn beginning with another one, and each timed pass follows an untimed one of its own:
// all of them find the caches alike, and a change of the machine's mood meets them all.
ExitCode bench_forward_command(const BenchForwardArgs& args) {
  for (const int rows : args.rows) check_at_least("--rows", rows, 1);
  for (const int64_t context : args.contexts) check_at_least("--context", context, 1);
  if (args.rows.empty()) throw ConfigError("--rows is empty; expected row counts such as 1,2,4,5,8,16");
  if (args.contexts.empty()) throw ConfigError("--context is empty; expected lengths such as 64,1024");
  const int64_t most_rows = *std::max_element(args.rows.begin(), args.rows.end()),
                longest = *std::max_element(args.contexts.begin(), args.contexts.end());
  const std::vector<BenchChoice> choices =
      choose_models({.role = "model", .folder = args.model, .dtypes = args.dtypes}, args.device);
  check_room(choices.front(), longest + most_rows, cat("--context ", longest, " and ", most_rows, " rows"));

  BenchSession session("bench forward", args);
  std::vector<std::unique_ptr<KvCache>> caches;
  std::vector<Variant> variants;
  const size_t per_dtype = args.contexts.size() * args.rows.size();
  for (const BenchChoice& choice : choices) {
    const LoadedModel& model = session.load(choice);
    for (const int64_t context : args.contexts) {
      caches.push_back(bench_cache(model, context, most_rows));
      const size_t base = variants.size();
      for (const int rows : args.rows)
        variants.push_back({model, *caches.back(), context, rows, base, variants.size() % per_dtype});
    }
  }
  for (int turn = -1; turn < args.repeats; ++turn) {  // the first warms up
    const double stream = session.read_stream();
    for (size_t i = 0; i < variants.size(); ++i) {
      Variant& v = variants[(i + static_cast<size_t>(turn + 1)) % variants.size()];
      const double seconds = seconds_of_pass(v.model, v.cache, bench_rows(v.rows, 3 + turn, v.model.vocab()));
      if (turn < 0) continue;
      v.seconds.push_back(seconds);
      v.share.push_back(bytes_of(v) / seconds * 1e-9 / stream);
    }
  }
  std::vector<BenchRow> rows;
  for (const Variant& v : variants) rows.push_back(row_of(variants, v, session.on_cpu()));
  return session.finish(std::move(rows), args.contexts.front());
}

}  // namespace specula
