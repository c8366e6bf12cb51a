#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/commands.h"
#include "experiments/npy.h"
#include "experiments/report/quality_report.h"
#include "experiments/token_ids.h"
#include "framework/core/files.h"
#include "framework/decode/decode.h"
#include "framework/model/device.h"
#include "framework/model/load.h"
#include "framework/model/threads.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

// What is scored: given ids as they are, a text in parts that fit into the context.
std::vector<Prefix> read_texts(const ScoringArgs& args, const ModelInfo& info) {
  if (args.ids.empty() == args.text.empty()) {
    throw ConfigError(
        cat("specula score: ", args.ids.empty() ? "neither --ids nor --text is" : "both --ids and --text are",
            " given; expected exactly one"));
  }
  if (!args.ids.empty()) {
    Prefix ids = parse_ids(args.ids, info.vocab, "--ids");
    if (static_cast<int64_t>(ids.size()) > info.context) {
      throw ConfigError(cat("--ids: ", ids.size(), " ids are longer than the model's context of ", info.context));
    }
    return {std::move(ids)};
  }
  const auto tokenizer = load_tokenizer(args.model);
  check_vocabulary(tokenizer->vocab(), info.vocab, "--model " + args.model);
  const Prefix ids = tokenizer->encode(read_file(args.text), Tokenizer::Special::kWith);
  if (ids.size() < 2) throw ConfigError(cat("--text ", args.text, ": ", ids.size(), " tokens; at least 2 are needed"));
  return windows(ids, info.context);
}

void score(const LoadedModel& model, const std::vector<Prefix>& texts, size_t chunk, NpyWriter* file) {
  Json ids = Json::array(), nll = Json::array();
  double total = 0;
  size_t scored = 0;
  for (const Prefix& text : texts) {
    for (const Token id : text) ids.push_back(id);
    nll.push_back(nullptr);  // nothing comes before the first id
    for (TeacherForcing forced(model, text, chunk); forced.next();) {
      for (size_t i = 0; i < forced.count(); ++i) {
        if (file != nullptr) file->append(forced.row(i));
        const size_t position = forced.first() + i;
        if (position + 1 == text.size()) continue;
        const double value = negative_log_likelihood(forced.row(i), text[position + 1], position);
        nll.push_back(value);
        total += value;
        ++scored;
      }
    }
  }
  if (file != nullptr) file->finish();
  Json line = {{"ids", ids}, {"nll", nll}, {"total_nats", total}, {"tokens", scored}};
  line["ppl"] = scored == 0 ? Json() : Json(std::exp(total / static_cast<double>(scored)));
  line["dtype"] = name_of(model.dtype());
  line["engine"] = model.engine();
  std::cout << line.dump() << "\n";
}

void compare(const LoadedModel& reference, const LoadedModel& model, const std::vector<Prefix>& texts) {
  const Quality quality = compare_quality(reference, model, texts);
  Json line = {{"dtype", name_of(model.dtype())}, {"against", name_of(reference.dtype())}};
  line.update(Json(quality));
  line["engine"] = model.engine();
  line["engine_against"] = reference.engine();
  std::cout << line.dump() << std::endl;
  std::cerr << "[" << name_of(model.dtype()) << " against " << name_of(reference.dtype()) << ": "
            << quality_text(quality) << "]\n";
}

}  // namespace

ExitCode score_command(const ScoringArgs& args) {
  const ModelInfo info = read_model_info(args.model);
  const Dtype dtype = choose_dtype(args.dtype, info, "--dtype");
  check_device(args.device, "--device");
  check_device_dtype(args.device, dtype, "--dtype");
  if (!args.against.empty() && !args.logits.empty()) throw ConfigError("--logits cannot be given beside --against");
  const std::vector<Prefix> texts = read_texts(args, info);
  int64_t tokens = 0;
  for (const Prefix& text : texts) tokens += static_cast<int64_t>(text.size());
  std::optional<NpyWriter> file;  // opened before the weights load: an unwritable path fails at once
  if (!args.logits.empty()) file.emplace(args.logits, tokens, info.vocab);
  const Dtype against = args.against.empty() ? dtype : choose_dtype(args.against, info, "--against");
  check_device_dtype(args.device, against, "--against");
  const InferenceScope inference;
  set_threads(args.threads);
  const auto model = load_model(args.model, {.dtype = dtype, .device = args.device});
  if (args.against.empty()) {
    score(*model, texts, args.chunk == 0 ? TeacherForcing::kUsualChunk : static_cast<size_t>(args.chunk),
          file ? &*file : nullptr);
  } else {
    const auto reference = load_model(args.model, {.dtype = against, .device = args.device});
    compare(*reference, *model, texts);
  }
  return ExitCode::kOk;
}

}  // namespace specula
