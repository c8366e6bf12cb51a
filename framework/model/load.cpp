#include "framework/model/load.h"

#include "framework/core/log.h"
#include "framework/model/aten/aten_device.h"
#include "framework/model/aten/aten_model.h"
#include "framework/model/checkpoint/checkpoint.h"
#include "framework/model/device.h"
#include "framework/model/engine/decoder_model.h"
#include "framework/model/heads/block_heads.h"
#include "framework/model/heads/head_target.h"
#include "framework/model/heads/parallel_heads.h"
#include "framework/model/heads/step_heads.h"
#include "framework/model/memory.h"

namespace specula {

Dtype choose_dtype(const std::string& text, const ModelInfo& info, const std::string& place) {
  return text == "auto" ? info.stored : parse_dtype(text, place);
}

ModelInfo read_model_info(const std::filesystem::path& folder) {
  return step_heads_kind(folder).empty() ? Checkpoint(folder).info() : read_step_heads_info(folder);
}

namespace {

std::unique_ptr<LoadedModel> load_own(const Checkpoint& checkpoint, const LoadOptions& options) {
  const Kernels kernels = make_kernels(options.dtype);
  const std::string target = kernels.target;
  if (target == "SCALAR" || target == "EMU128") {
    log::warning(
        "no kernels for AVX2, AVX-512 or NEON can run here: decoding takes one number at a time, many times slower");
  }
  if (!checkpoint.config().is_head()) return std::make_unique<DecoderModel>(checkpoint, kernels);
  auto head = std::make_unique<DecoderModel>(checkpoint, kernels, &target_of(checkpoint.info(), options));
  if (!checkpoint.config().names_rounds()) return head;
  if (checkpoint.config().drafts_blocks()) return std::make_unique<BlockHeads>(std::move(head));
  return std::make_unique<ParallelHeads>(std::move(head));
}

}  // namespace

std::unique_ptr<LoadedModel> load_model(const std::filesystem::path& folder, const LoadOptions& options) {
  const std::string place = folder.string();
  check_device(options.device, place);
  check_device_dtype(options.device, options.dtype, place);
  if (!step_heads_kind(folder).empty()) return load_step_heads(folder, options);
  const Checkpoint checkpoint(folder);
  // Memory of the host is promised before it is there; a GPU's allocator refuses by itself.
  if (!options.device.starts_with("cuda")) check_memory(checkpoint.info(), options.dtype, available_bytes());
  if (checkpoint.config().is_head() && options.device != "cpu")
    throw Error(cat(place, ": heads run on device \"cpu\"; given: \"", options.device, "\""));
  if (options.device == "cpu") return load_own(checkpoint, options);
  return std::make_unique<AtenModel>(checkpoint, options.dtype, torch_device(options.device));
}

}  // namespace specula
