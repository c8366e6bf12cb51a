// The folder of heads that are no decoder: config.json and one file of tensors, opened, but not loaded.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "framework/model/architecture/config_fields.h"
#include "framework/model/checkpoint/stored_tensor.h"
#include "framework/model/load.h"

namespace specula {

// HeadTraits::kind of such heads by what their config.json says: "medusa", "hydra", "mlp_speculator"; "" for all other
// folders.  Throws Error where there is no config.json that can be read.
std::string step_heads_kind(const std::filesystem::path& folder);

class HeadFolder {
 public:
  explicit HeadFolder(const std::filesystem::path& folder);  // throws Error
  ~HeadFolder();
  HeadFolder(const HeadFolder&) = delete;
  HeadFolder& operator=(const HeadFolder&) = delete;

  const ConfigFields& fields() const;
  const std::string& kind() const { return kind_; }
  std::string tensor_path() const { return file_->path(); }
  bool has(const std::string& tensor) const;
  // Of a tensor that must be there: its shape, of `dimensions` sizes, each 1 .. 2^27.
  std::vector<int64_t> shape(const std::string& tensor, size_t dimensions) const;
  // The tensor as float32, checked against the shape that is asked for; it counts as known.
  std::vector<float> read(const std::string& tensor, const std::vector<int64_t>& shape) const;
  // Throws Error naming the first few tensors that nothing has asked for.
  void refuse_unknown(const std::function<bool(const std::string& tensor)>& is_ignored) const;
  [[noreturn]] void fail(const std::string& what) const;

  // Everything but vocab and hidden, which the kind knows.
  ModelInfo info() const;

 private:
  struct Config;
  const TensorEntry& entry(const std::string& tensor) const;

  std::filesystem::path folder_;
  std::unique_ptr<Config> config_;
  std::string kind_;
  std::unique_ptr<TensorFile> file_;
  mutable std::set<std::string> known_;
};

}  // namespace specula
