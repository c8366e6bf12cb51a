#include "experiments/run/inspect.h"

#include <algorithm>
#include <map>

#include "experiments/bench/gemm.h"
#include "framework/core/log.h"
#include "framework/model/invariance.h"

namespace specula {
namespace {

RunQuality measure_quality(const RunModel& known, const LoadedModel& model, const std::vector<Prefix>& texts) {
  const Dtype stored = model.info().stored;
  RunQuality quality{.against = name_of(stored), .text = "prompts of the run", .measured = {}, .why = ""};
  try {
    log::info(cat("comparing ", known.name, " in ", known.dtype, " with ", quality.against, " on the prompts"));
    const auto reference = load_model(known.path, {.dtype = stored});
    quality.measured = compare_quality(*reference, model, texts);
  } catch (const NumericError&) {
    throw;
  } catch (const Error& e) {  // a model that is quantized because its checkpoint does not fit is no failure
    quality.why = e.what();
    log::warning(cat("the cost of ", known.dtype, " was not measured: ", e.what()));
  }
  return quality;
}

}  // namespace

std::vector<Prefix> quality_texts(const Plan& plan, const ExperimentConfig& config, const Tokenizer& tokenizer,
                                  int64_t most) {
  std::vector<Prefix> texts;
  for (const Prompt& prompt : plan.prompts) {
    Prefix ids = Dialogue(tokenizer, prompt, config.data).next();
    if (static_cast<int64_t>(ids.size()) > most) ids.resize(static_cast<size_t>(most));
    most -= static_cast<int64_t>(ids.size());
    if (ids.size() >= 2) texts.push_back(std::move(ids));  // the first token of a text is not scored
  }
  return texts;
}

std::vector<RunModel> inspect_models(const std::vector<RunModel>& known, const Models& models,
                                     const std::vector<Prefix>& texts) {
  const InferenceScope inference;
  std::vector<RunModel> found = known;
  for (RunModel& m : found) {
    const LoadedModel& model = *models.at(m.name);
    m.engine = model.engine();
    m.weight_bytes = model.weight_bytes();
    m.invariance.clear();
    if (model.head_traits() != nullptr) continue;  // it scores no text by itself
    const InvarianceReport report = check_invariance(model, quick_invariance());
    for (const auto& property : report.properties) m.invariance[property.name] = property.held;
    if (!report.held()) log::warning(cat("batch invariance of model ", m.name, " (", m.engine, ") ", report.text()));
    if (is_quantized(model.dtype()) && !m.quality && !texts.empty()) m.quality = measure_quality(m, model, texts);
  }
  return found;
}

void add_product_rates(const ExperimentConfig& config, std::vector<RunModel>& models) {
  const InferenceScope inference;
  std::map<std::pair<std::string, std::string>, double> known;  // dtype, device
  for (RunModel& m : models) {
    const Dtype dtype = parse_dtype(m.dtype, m.name);
    const std::string& device = config.model(m.name).device;
    const auto [rate, is_new] = known.try_emplace({m.dtype, device});
    if (is_new && !is_quantized(dtype)) rate->second = best_gigaflops(dtype == Dtype::kFloat32, device);
    m.gemm_gflop_s = rate->second;
  }
}

}  // namespace specula
