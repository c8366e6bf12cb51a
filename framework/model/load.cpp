#include "framework/model/load.h"

#include "framework/core/log.h"
#include "framework/model/aten/aten_device.h"
#include "framework/model/aten/aten_model.h"
#include "framework/model/checkpoint/checkpoint.h"
#include "framework/model/device.h"
#include "framework/model/engine/decoder_model.h"
#include "framework/model/memory.h"

namespace specula {

Dtype choose_dtype(const std::string& text, const ModelInfo& info, const std::string& place) {
  return text == "auto" ? info.stored : parse_dtype(text, place);
}

ModelInfo read_model_info(const std::filesystem::path& folder) { return Checkpoint(folder).info(); }

namespace {

std::unique_ptr<LoadedModel> load_own(const Checkpoint& checkpoint, const LoadOptions& options) {
  const Kernels kernels = make_kernels(options.dtype);
  const std::string target = kernels.target;
  if (target == "SCALAR" || target == "EMU128") {
    log::warning(
        "no kernels for AVX2, AVX-512 or NEON can run here: decoding takes one number at a time, many times slower");
  }
  return std::make_unique<DecoderModel>(checkpoint, kernels);
}

}  // namespace

std::unique_ptr<LoadedModel> load_model(const std::filesystem::path& folder, const LoadOptions& options) {
  const std::string place = folder.string();
  check_device(options.device, place);
  check_device_dtype(options.device, options.dtype, place);
  const Checkpoint checkpoint(folder);
  // Memory of the host is promised before it is there; a GPU's allocator refuses by itself.
  if (!options.device.starts_with("cuda")) check_memory(checkpoint.info(), options.dtype, available_bytes());
  if (options.device == "cpu") return load_own(checkpoint, options);
  return std::make_unique<AtenModel>(checkpoint, options.dtype, torch_device(options.device));
}

}  // namespace specula
