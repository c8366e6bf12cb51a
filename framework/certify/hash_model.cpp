#include "framework/certify/hash_model.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "framework/certify/token_cache.h"

namespace specula {
namespace {

uint64_t mix(uint64_t h) {  // the finaliser of splitmix64 (Steele et al. 2014)
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

}  // namespace

std::vector<float> HashModel::logits(const Prefix& history) const {
  uint64_t h = mix(options_.seed);
  const size_t used = std::min<size_t>(options_.order, history.size());
  for (size_t i = history.size() - used; i < history.size(); ++i) h = mix(h ^ static_cast<uint64_t>(history[i] + 1));
  const std::vector<float> other =
      options_.near != nullptr ? options_.near->logits(history) : std::vector<float>(options_.vocab);
  std::vector<float> out;
  for (int64_t x = 0; x < options_.vocab; ++x) {
    const double unit = static_cast<double>(mix(h + 0x9e3779b97f4a7c15ULL * (x + 1)) >> 11) * 0x1p-53;
    const double own = options_.spread * (2 * unit - 1);
    out.push_back(static_cast<float>((1 - options_.nearness) * own + options_.nearness * other[x]));
  }
  return out;
}

std::unique_ptr<KvCache> HashModel::new_cache(int batch, int64_t /*reserve*/) const {
  return std::make_unique<TokenCache>(batch);
}

Pass HashModel::forward(const Rows& rows, KvCache& any_cache, const Ask& ask) const {
  Dims dims;
  dims.check(rows.token, "token", "B R");
  dims.check(rows.parent, "parent", "B R");
  auto& cache = dynamic_cast<TokenCache&>(any_cache);
  const bool last_only = ask.logits == Logits::kLast;
  Pass pass;
  if (ask.logits != Logits::kNone) pass.logits = at::zeros({dims['B'], last_only ? 1 : dims['R'], vocab()});
  for (int64_t b = 0; b < dims['B']; ++b) {
    TokenCache::Sequence& s = cache.sequences.at(b);
    for (int64_t r = 0; r < dims['R']; ++r) {
      const auto token = static_cast<Token>(rows.token.const_data_ptr<int64_t>()[b * dims['R'] + r]);
      if (token < 0) break;
      const int64_t parent = rows.parent.const_data_ptr<int64_t>()[b * dims['R'] + r];
      SPECULA_CHECK(parent < static_cast<int64_t>(s.token.size()) && token < vocab());
      s.token.push_back(token);
      s.parent.push_back(static_cast<int>(parent));
      if (ask.logits == Logits::kNone) continue;
      Prefix path;
      for (auto slot = static_cast<int64_t>(s.token.size()) - 1; slot >= 0; slot = s.parent[slot])
        path.push_back(s.token[slot]);
      Prefix history = s.committed;
      history.insert(history.end(), path.rbegin(), path.rend());
      const std::vector<float> row = logits(history);
      float* to = pass.logits.mutable_data_ptr<float>() + (last_only ? b : b * dims['R'] + r) * vocab();
      std::copy(row.begin(), row.end(), to);
    }
  }
  return pass;
}

}  // namespace specula
