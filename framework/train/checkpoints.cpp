#include "framework/train/checkpoints.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/convert/converted_model.h"
#include "framework/core/files.h"
#include "framework/model/checkpoint/safetensors.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const std::string kPrefix = "step-";

Weight weight_of(const Parameter& parameter) {
  Weight weight{.name = parameter.name, .dtype = "F32", .shape = parameter.tensor.sizes().vec()};
  weight.read = [tensor = parameter.tensor.detach().to(at::kCPU).contiguous()](int64_t first, int64_t count,
                                                                               float* out) {
    const int64_t size = tensor.size(-1);
    std::copy_n(tensor.const_data_ptr<float>() + first * size, count * size, out);
  };
  return weight;
}

std::string to_json(const TrainState& state) {
  return Json{{"schema", "specula.train_state/1.0"},
              {"step", state.step},
              {"best_step", state.best_step},
              {"best_merit", state.best_merit},
              {"validations_since_best", state.since_best}}
             .dump(1) +
         "\n";
}

}  // namespace

std::vector<int64_t> Checkpoints::steps() const {
  std::vector<int64_t> found;
  if (!fs::exists(folder_)) return found;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.find_first_not_of("0123456789", kPrefix.size()) == std::string::npos) {
      found.push_back(std::stoll(name.substr(kPrefix.size())));
    } else {
      fs::remove_all(entry.path());  // a temporary folder that a dying process left
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

void Checkpoints::save(const TrainState& state, const std::vector<Parameter>& tensors) const {
  ConvertedModel model{.files = {{"state.json", to_json(state)}}};
  for (const Parameter& tensor : tensors) model.weights.push_back(weight_of(tensor));
  fs::remove_all(at(state.step));  // of a segment that was cut off behind an older one
  write_model(model, at(state.step), {.shard_bytes = std::numeric_limits<uint64_t>::max()});
  for (const int64_t step : steps()) {
    if (step != state.step && step != state.best_step) fs::remove_all(at(step));
  }
}

std::optional<TrainState> Checkpoints::newest() const {
  const std::vector<int64_t> all = steps();
  if (all.empty()) return std::nullopt;
  const fs::path file = at(all.back()) / "state.json";
  try {
    const Json json = Json::parse(read_file(file));
    return TrainState{.step = json.at("step"),
                      .best_step = json.at("best_step"),
                      .best_merit = json.at("best_merit"),
                      .since_best = json.at("validations_since_best")};
  } catch (const Json::exception& e) {
    throw Error(cat(file.string(), ": ", e.what()));
  }
}

void Checkpoints::load(int64_t step, const std::vector<Parameter>& tensors) const {
  const at::NoGradGuard no_grad;
  const SafetensorsFile file(at(step) / "model.safetensors");
  for (const Parameter& parameter : tensors) {
    const auto& entries = file.entries();
    const auto entry =
        std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.name == parameter.name; });
    if (entry == entries.end()) throw Error(cat(file.path(), ": there is no tensor ", parameter.name));
    const std::vector<int64_t> shape = parameter.tensor.sizes().vec();
    if (entry->shape != shape || entry->dtype != "F32") {
      throw Error(cat(file.path(), ": ", parameter.name, " is ", entry->dtype, " ", shape_text(entry->shape),
                      "; expected F32 ", shape_text(shape)));
    }
    Tensor read = at::empty(shape, at::kFloat);
    file.read(*entry, 0, {reinterpret_cast<uint8_t*>(read.mutable_data_ptr<float>()), entry->end - entry->begin});
    parameter.tensor.copy_(read);
  }
}

}  // namespace specula
