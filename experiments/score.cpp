#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/commands.h"
#include "experiments/npy.h"
#include "experiments/token_ids.h"
#include "framework/decode/decode.h"
#include "framework/decode/rows.h"
#include "framework/model/load.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr size_t kChunk = 128;  // 128 rows of V = 128k are 64 MB of logits

// -log softmax(logits)[id], in double.
double negative_log_likelihood(std::span<const float> logits, Token id, size_t position) {
  double highest = -INFINITY, sum = 0;
  for (const float x : logits) {
    if (std::isnan(x)) throw Error(cat("the logits after position ", position, " hold NaN"));
    highest = std::max<double>(highest, x);
  }
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - highest);
  return highest + std::log(sum) - static_cast<double>(logits[static_cast<size_t>(id)]);
}

// The logits of every position are handed to `row` in order, [V] each.
template <class Row>
void teacher_forced(const LanguageModel& model, const Prefix& ids, Row row) {
  const auto cache = model.new_cache(1, static_cast<int64_t>(ids.size()));
  const auto vocab = static_cast<size_t>(model.vocab());
  for (size_t start = 0; start < ids.size(); start += kChunk) {
    const size_t count = std::min(kChunk, ids.size() - start);
    const Pass pass = model.forward(make_rows({RowList::chain(std::span(ids).subspan(start, count))}), *cache,
                                    {.logits = Logits::kAll});
    const Tensor logits = pass.logits.contiguous();  // [1,count,V]
    for (size_t i = 0; i < count; ++i) row(start + i, std::span(logits.const_data_ptr<float>() + i * vocab, vocab));
    cache->commit(0, first_slots(static_cast<int>(count)));
  }
}

}  // namespace

ExitCode score_command(const ScoreArgs& args) {
  const ModelInfo info = read_model_info(args.model);
  const Dtype dtype = choose_dtype(args.dtype, info, "--dtype");
  const Prefix ids = parse_ids(args.ids, info.vocab, "--ids");
  if (static_cast<int64_t>(ids.size()) > info.context) {
    throw ConfigError(cat("--ids: ", ids.size(), " ids are longer than the model's context of ", info.context));
  }
  std::optional<NpyWriter> file;  // opened before the weights load: an unwritable path fails at once
  if (!args.logits.empty()) file.emplace(args.logits, static_cast<int64_t>(ids.size()), info.vocab);
  const InferenceScope inference;
  set_threads(args.threads);
  const auto model = load_model(args.model, dtype);

  auto nll = nlohmann::ordered_json::array({nullptr});  // nothing comes before the first id
  double total = 0;
  teacher_forced(*model, ids, [&](size_t position, std::span<const float> logits) {
    if (file) file->append(logits);
    if (position + 1 == ids.size()) return;
    const double value = negative_log_likelihood(logits, ids[position + 1], position);
    nll.push_back(value);
    total += value;
  });
  if (file) file->finish();
  const size_t scored = ids.size() - 1;
  nlohmann::ordered_json line = {{"ids", ids}, {"nll", nll}, {"total_nats", total}, {"tokens", scored}};
  line["ppl"] =
      scored == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(std::exp(total / static_cast<double>(scored)));
  line["dtype"] = name_of(dtype);
  std::cout << line.dump() << "\n";
  return ExitCode::kOk;
}

}  // namespace specula
