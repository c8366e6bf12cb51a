// The fixtures of the tokenizers' families see every part of a tokenizer.json: a file with one part left out or changed
// no longer gives what Python's library gave of the whole one.  Licence: Apache-2.0.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Ids = std::vector<Token>;
using Special = Tokenizer::Special;

const fs::path kFixtures = fs::path(SPECULA_SOURCE_DIR) / "tests/unit/fixtures/tokenizers";

struct Fault {
  std::string name;
  Json tokenizer;  // the file with the fault
};

// Each part left out, alone; of a sequence each member.
std::vector<Fault> left_out(const Json& good) {
  std::vector<Fault> faults;
  for (const char* part : {"normalizer", "pre_tokenizer", "decoder", "post_processor"}) {
    if (good.value(part, Json()).is_null()) continue;
    faults.push_back({std::string("no ") + part, good});
    faults.back().tokenizer[part] = nullptr;
    for (const char* list : {"normalizers", "pretokenizers", "decoders", "processors"}) {
      const size_t count = good[part].contains(list) ? good[part][list].size() : 0;
      for (size_t i = 0; i < count; ++i) {
        faults.push_back({cat(part, " without ", good[part][list][i]["type"].get<std::string>(), " ", i), good});
        faults.back().tokenizer[part][list].erase(i);
      }
    }
  }
  return faults;
}

// The alternatives of a regular expression that has some at its top.
std::vector<std::string> alternatives(const std::string& regex) {
  std::vector<std::string> found(1);
  int depth = 0;
  for (size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\') {
      found.back() += c;
      found.back() += regex[++i];
      continue;
    }
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') --depth;
    if (c == '|' && depth == 0) {
      found.emplace_back();
    } else {
      found.back() += c;
    }
  }
  return found;
}

// Splits at a regular expression that lacks one of its alternatives.
std::vector<Fault> lesser_splits(const Json& good) {
  std::vector<Fault> faults;
  const Json parts =
      good["pre_tokenizer"].is_null() ? Json::array() : good["pre_tokenizer"].value("pretokenizers", Json::array());
  for (size_t part = 0; part < parts.size(); ++part) {
    if (parts[part]["type"] != "Split" || !parts[part]["pattern"].contains("Regex")) continue;
    const std::vector<std::string> all = alternatives(parts[part]["pattern"]["Regex"].get<std::string>());
    for (size_t left_out = 0; all.size() > 1 && left_out < all.size(); ++left_out) {
      std::string regex;
      for (size_t i = 0; i < all.size(); ++i) {
        if (i != left_out) regex += (regex.empty() ? "" : "|") + all[i];
      }
      faults.push_back({cat("split ", part, " without ", all[left_out]), good});
      faults.back().tokenizer["pre_tokenizer"]["pretokenizers"][part]["pattern"]["Regex"] = regex;
    }
  }
  return faults;
}

// The rules of the model itself.
std::vector<Fault> changed_model(const Json& good) {
  std::vector<Fault> faults;
  const Json& model = good["model"];
  for (const char* flag : {"ignore_merges", "byte_fallback", "fuse_unk"}) {
    if (!model.contains(flag) || model[flag] != true) continue;
    faults.push_back({std::string("no ") + flag, good});
    faults.back().tokenizer["model"][flag] = false;
  }
  if (model.contains("merges")) {
    faults.push_back({"merges from the last to the first", good});
    Json& merges = faults.back().tokenizer["model"]["merges"];
    std::ranges::reverse(merges);
  }
  if (model["type"] == "Unigram") {
    faults.push_back({"one score for all pieces", good});
    for (Json& piece : faults.back().tokenizer["model"]["vocab"]) piece[1] = -1.0;
  }
  return faults;
}

// What says nothing in a family: all ids and texts are the same without it.
const std::set<std::string> kSaysNothing = {
    // It moves offsets, not ids.
    "gpt2: no post_processor", "llama3: post_processor without ByteLevel 0",
    // A run of spaces that nothing matches stands alone too.
    "llama3: split 0 without \\s+", "qwen2: split 0 without \\s+", "tekken: split 0 without \\s+",
    "deepseek: split 2 without \\s+",
    // Its 500 pieces hold none across these; llama3, which has the same alternative, sees it.
    "qwen2: split 0 without (?i:'s|'t|'re|'ve|'m|'ll|'d)",
    // Each byte is a piece: nothing is unknown.
    "llama2: no fuse_unk", "mistral: no fuse_unk", "phi3: no fuse_unk", "gemma: no fuse_unk",
    // add_bos_token in tokenizer_config.json says the same.
    "llama2: no post_processor",
    // The normalizer has replaced each space at which it would split; joined is joined.
    "gemma: no pre_tokenizer", "gemma: decoder without Fuse 2",
    // WhitespaceSplit takes a run of spaces for one.
    "t5: normalizer without Replace 1"};

class Faults : public ::testing::TestWithParam<const char*> {
 protected:
  // Whether the folder gives all that Python's library gave.
  bool gives_the_same(const fs::path& folder) const {
    const auto tokenizer = load_tokenizer(folder);
    for (const auto& [kind, special] : {std::pair{"with", Special::kWith}, std::pair{"without", Special::kWithout},
                                        std::pair{"written", Special::kWritten}}) {
      const Json ids = expected_.value(kind, Json::array());
      for (size_t i = 0; i < ids.size(); ++i) {
        if (tokenizer->encode(texts_[i].get<std::string>(), special) != ids[i].get<Ids>()) return false;
      }
    }
    for (size_t i = 0; i < expected_.at("ids").size(); ++i) {
      if (tokenizer->decode(expected_["ids"][i].get<Ids>()) != expected_["texts"][i].get<std::string>()) return false;
    }
    return true;
  }

  const Json texts_ = Json::parse(read_file(kFixtures / "texts.json"));
  const Json expected_ = Json::parse(read_file(kFixtures / GetParam() / "expected.json"));
};

TEST_P(Faults, AreSeen) {
  const fs::path folder = fs::path(testing::TempDir()) / cat("specula-faults-", GetParam(), "-", getpid());
  fs::create_directories(folder);
  fs::copy(kFixtures / GetParam(), folder, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const Json good = Json::parse(read_file(folder / "tokenizer.json"));
  std::vector<Fault> faults = left_out(good);
  for (auto* more : {&lesser_splits, &changed_model}) std::ranges::move((*more)(good), std::back_inserter(faults));
  ASSERT_GE(faults.size(), 2u);
  EXPECT_TRUE(gives_the_same(folder));
  for (const Fault& fault : faults) {
    write_file_atomically(folder / "tokenizer.json", fault.tokenizer.dump());
    try {
      const std::string name = cat(GetParam(), ": ", fault.name);
      EXPECT_EQ(gives_the_same(folder), kSaysNothing.contains(name)) << name;
    } catch (const Error& error) {
      ADD_FAILURE() << fault.name << ": refused: " << error.what();
    }
  }
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Faults,
                         ::testing::Values("gpt2", "llama3", "qwen2", "tekken", "deepseek", "neox", "llama2", "mistral",
                                           "phi3", "gemma", "t5", "xlm_r", "albert", "unigram_bytes", "bert",
                                           "bert_cased", "word_level", "gpt1", "bpe_prefix"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace specula
