#include "tests/decode/sampler_support.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <ostream>

namespace specula::testing {

LogitRow random_row(int64_t vocab, uint64_t seed, double spread) {
  const Keyring keys(seed);
  LogitRow row;
  for (int64_t x = 0; x < vocab; ++x) {
    row.push_back(static_cast<float>(spread * (2 * keys.uniform(Use::kSearch, 0, 0, static_cast<uint32_t>(x)) - 1)));
  }
  return row;
}

Tensor matrix(const std::vector<LogitRow>& rows) {
  Tensor t = at::empty({static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size())});
  for (size_t r = 0; r < rows.size(); ++r)
    std::copy(rows[r].begin(), rows[r].end(), t.mutable_data_ptr<float>() + r * rows[0].size());
  return t;
}

std::vector<LogitRow> rows_of(const Tensor& matrix) {
  std::vector<LogitRow> rows;
  const float* data = matrix.const_data_ptr<float>();
  for (int64_t r = 0; r < matrix.size(0); ++r, data += matrix.size(1)) rows.emplace_back(data, data + matrix.size(1));
  return rows;
}

std::vector<LogitRow> policed(const Sampler& sampler, const std::vector<LogitRow>& logits, const RowScene& scene) {
  std::vector<int> rows(logits.size());
  std::iota(rows.begin(), rows.end(), 0);
  const Keyring keys(scene.seed);
  std::vector<double> states;
  return rows_of(sampler.distribution_along(matrix(logits),
                                            {.prefix = scene.prefix,
                                             .tree = scene.tree,
                                             .rows = rows,
                                             .keys = keys,
                                             .request = scene.request,
                                             .prompt = scene.prompt,
                                             .stop = scene.stop},
                                            states));
}

std::vector<LogitRow> policed(const std::string& policy, const std::vector<LogitRow>& logits, const RowScene& scene) {
  return policed(make_sampler(all_registries(), parse_samplers(policy, "test")), logits, scene);
}

LogitRow policed(const std::string& policy, const LogitRow& logits) {
  return policed(policy, std::vector<LogitRow>{logits}, {})[0];
}

std::unique_ptr<Tokenizer> SamplerCase::tokenizer(int64_t vocab) const {
  std::vector<std::string> texts = pieces;
  for (char letter = 'a'; texts.size() < static_cast<size_t>(vocab); ++letter) texts.emplace_back(1, letter);
  texts.resize(static_cast<size_t>(vocab));
  return piece_tokenizer(std::move(texts));
}

std::vector<SamplerCase> every_sampler() {
  // Options under which something happens among three or seven tokens and within a few of them.
  const std::vector<std::string> numbers = {"[", "1", ",", "-", "0", "]", "2"};
  const std::map<std::string, SamplerCase> chosen = {
      {"regex", {.name = "", .call = "regex(pattern=\"((ab|ba)[d-f]*|c+b?)*\")"}},
      {"grammar", {.name = "", .call = "grammar(text=\"root ::= (x y | y x)* x ::= [ad-g] y ::= [bc]+\")"}},
      {"json_schema",
       {.name = "",
        .call = "json_schema(schema=\"{\\\"type\\\":\\\"array\\\",\\\"items\\\":{\\\"type\\\":\\\"integer\\\"}}\")",
        .pieces = numbers}},
      {"logit_bias", {.name = "", .call = "logit_bias(tokens=[0,1],bias=[1.5,-inf])"}},
      {"suppress_tokens", {.name = "", .call = "suppress_tokens(tokens=[1])"}},
      {"repetition_penalty", {.name = "", .call = "repetition_penalty(penalty=1.5,last_n=3)"}},
      {"presence_penalty", {.name = "", .call = "presence_penalty(penalty=0.7,prompt=true,last_n=3)"}},
      {"no_repeat_ngram", {.name = "", .call = "no_repeat_ngram(2)"}},
      {"dry", {.name = "", .call = "dry(allowed_length=1,breaker_tokens=[2])"}},
      {"min_length", {.name = "", .call = "min_length(2)", .stop = {2}}},
      {"max_length", {.name = "", .call = "max_length(3)", .stop = {2}}},
      {"temperature", {.name = "", .call = "temperature(0.7)"}},
      {"top_k", {.name = "", .call = "top_k(2)"}},
      {"top_p", {.name = "", .call = "top_p(0.7)"}},
      {"min_p", {.name = "", .call = "min_p(0.3)"}},
      {"typical_p", {.name = "", .call = "typical_p(0.6)"}},
      {"epsilon", {.name = "", .call = "epsilon(0.2)"}},
      {"eta", {.name = "", .call = "eta(0.3)"}},
      {"xtc", {.name = "", .call = "xtc(probability=0.4,threshold=0.2)"}},
      {"mirostat", {.name = "", .call = "mirostat(tau=0.6,eta=0.5)"}},
  };
  std::vector<SamplerCase> all;
  for (const std::string& name : all_registries().samplers.order) {
    const auto known = chosen.find(name);
    SamplerCase& added = all.emplace_back();
    added.name = name;
    added.call = known == chosen.end() ? name : known->second.call;
    if (known == chosen.end()) continue;
    added.stop = known->second.stop;
    added.pieces = known->second.pieces;
  }
  return all;
}

void PrintTo(const SamplerCase& sampler, std::ostream* out) { *out << sampler.call; }

Sampler sampler_of(const SamplerCase& sampler, const Tokenizer& tokenizer) {
  return make_sampler(all_registries(), parse_samplers(sampler.call, "test"),
                      {.vocab = tokenizer.vocab(),
                       .tokenizer = [&tokenizer](const std::string&) -> const Tokenizer& { return tokenizer; }});
}

}  // namespace specula::testing
