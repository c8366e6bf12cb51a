#include "framework/convert/converted_model.h"

#include <algorithm>

#include "framework/convert/new_folder.h"
#include "framework/convert/safetensors_writer.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {

int64_t Weight::rows() const {
  int64_t product = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) product *= shape[i];
  return product;
}

uint64_t Weight::bytes() const {
  return static_cast<uint64_t>(rows() * row_size()) * (dtype == "I64" ? 8 : dtype == "F32" ? 4 : 2);
}

std::vector<std::string> written_dtype_names() { return {"auto", "fp32", "fp16", "bf16"}; }

WrittenDtype parse_written_dtype(const std::string& text, const std::string& place) {
  const std::vector<std::string> names = written_dtype_names();
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) throw ConfigError(cat(place, ": unknown format '", text, "'", suggestion(text, names)));
  return static_cast<WrittenDtype>(found - names.begin());
}

std::string safetensors_dtype(WrittenDtype dtype, const std::string& stored) {
  switch (dtype) {
    case WrittenDtype::kFloat32:
      return "F32";
    case WrittenDtype::kFloat16:
      return "F16";
    case WrittenDtype::kBfloat16:
      return "BF16";
    default:
      return stored == "F32" || stored == "F16" ? stored : "BF16";
  }
}

void write_model(const ConvertedModel& model, const std::filesystem::path& folder, const WriteOptions& options) {
  NewFolder fresh(folder);
  for (const SmallFile& file : model.files) write_file_atomically(fresh.path() / file.name, file.content);
  write_safetensors(model.weights, fresh.path(), options);
  options.check(fresh.path());
  fresh.commit();
}

}  // namespace specula
