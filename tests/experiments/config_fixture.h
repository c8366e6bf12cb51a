// A folder of small configurations and models for the tests of the configuration.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "experiments/commands.h"
#include "framework/model/architecture/decoder_config.h"

namespace specula {

class ConfigFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              cat("specula_", test->test_suite_name(), "_", test->name(), "_", ::getpid());
    std::filesystem::create_directories(folder_);
    write("prompts.jsonl",
          "{\"prompt\": \"one\", \"category\": \"story\"}\n{\"prompt\": \"two\", \"category\": \"math\"}\n");
    write_model("big", 4096, "demo");
    write_model("small", 4096, "demo");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return path(name);
  }

  // A one-layer Llama of zeros.  `tokenizer`: "demo" that of the demo models, "other" the same with other special
  // tokens, "" none.
  void write_model(const std::string& name, int64_t vocab, const std::string& tokenizer) const {
    const std::string json = cat(
        R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 8,)",
        R"( "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,)",
        R"( "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,)",
        R"( "torch_dtype": "float32", "vocab_size": )", vocab, "}");
    write(name + "/config.json", json);
    std::string header = "{";
    size_t offset = 0;
    for (const TensorSpec& tensor : expected_tensors(parse_decoder_config(json, "test"))) {
      size_t bytes = sizeof(float);
      std::string shape;
      for (const int64_t size : tensor.stored_shape) {
        bytes *= static_cast<size_t>(size);
        shape += cat(shape.empty() ? "" : ", ", size);
      }
      header += cat(offset == 0 ? "" : ", ", "\"", tensor.stored, "\": {\"dtype\": \"F32\", \"shape\": [", shape,
                    "], \"data_offsets\": [", offset, ", ", offset + bytes, "]}");
      offset += bytes;
    }
    header += "}";
    while (header.size() % 8 != 0) header += " ";
    std::string file;
    for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 255);
    write(name + "/model.safetensors", file + header + std::string(offset, '\0'));
    if (tokenizer.empty()) return;
    const std::filesystem::path demo = std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/target";
    std::filesystem::copy_file(demo / "tokenizer.model", folder_ / name / "tokenizer.model",
                               std::filesystem::copy_options::overwrite_existing);
    if (tokenizer == "other") write(name + "/tokenizer_config.json", R"({"bos_token": "</s>", "eos_token": "<s>"})");
  }

  // A whole configuration; `tail` is appended.
  std::string base(const std::string& tail = "") const {
    return R"([experiment]
name = "t"
[models.target]
path = "big"
[models.draft]
path = "small"
[data]
prompts = "prompts.jsonl"
max_new_tokens = 32
[sampler]
temperature = 0.7
[[arm]]
name = "ar"
drafter = "none"
[[arm]]
name = "sps"
drafter = { name = "draft_model", model = "draft", length = 5 }
)" + tail;
  }

  ExperimentConfig load(const std::string& text, const ConfigOverrides& overrides = {}) const {
    return load_config(write("c.toml", text), overrides, make_registries());
  }
  ExperimentConfig load_set(const std::string& text, const std::vector<std::string>& sets) const {
    ConfigOverrides overrides;
    overrides.sets = sets;
    return load(text, overrides);
  }

  // The text of the ConfigError that `read` throws with the folder taken out, or "no error".
  template <class Read>
  std::string error_of(const Read& read) const {
    try {
      read();
    } catch (const ConfigError& e) {
      std::string what = e.what();
      const std::string prefix = folder_.string() + "/";
      for (size_t at = what.find(prefix); at != std::string::npos; at = what.find(prefix))
        what.erase(at, prefix.size());
      return what;
    }
    return "no error";
  }
  std::string error(const std::string& text, const ConfigOverrides& overrides = {}) const {
    return error_of([&] { load(text, overrides); });
  }
  std::string error_set(const std::string& set) const {
    ConfigOverrides overrides;
    overrides.sets = {set};
    return error(base(), overrides);
  }

  std::filesystem::path folder_;
};

// The value at a.b.c of a tree; arms by name.
inline const Value& at(const Value& root, std::string path) {
  const Value* value = &root;
  for (path += "."; !path.empty(); path = path.substr(path.find('.') + 1)) {
    const std::string key = path.substr(0, path.find('.'));
    const Value* next = value->find(key);
    if (value->is_array()) {
      for (const Value& arm : value->array()) {
        if (arm.find("name")->string() == key) next = &arm;
      }
    }
    if (next == nullptr) throw std::runtime_error("no key " + key);
    value = next;
  }
  return *value;
}

}  // namespace specula
