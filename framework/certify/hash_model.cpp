#include "framework/certify/hash_model.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>

#include "framework/certify/token_cache.h"

namespace specula {
namespace {

constexpr int64_t kHidden = 4;       // floats of a state, 16 bits of the fingerprint in each
constexpr double kViewWeight = 0.2;  // as layer_weight, where the view hides something

uint64_t mix(uint64_t h) {  // the finaliser of splitmix64 (Steele et al. 2014)
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
  return h ^ (h >> 31);
}

bool is_skipped(const std::vector<char>& skipped, size_t layer) { return !skipped.empty() && skipped[layer] != 0; }

// A number for which blocks below `layers` are skipped; 0: none.
uint64_t code_of_skipped(const Ask& ask, size_t layers) {
  uint64_t code = 0;
  for (size_t l = 0; l < layers; ++l) {
    if (is_skipped(ask.skip_attention, l)) code = mix(code + 2 * l + 1);
    if (is_skipped(ask.skip_mlp, l)) code = mix(code + 2 * l + 2);
  }
  return code;
}

// What the last row sees of the history, of which `tentative` tokens are its path.
Prefix visible(const Prefix& history, size_t tentative, const KvView& view) {
  const auto committed = static_cast<int64_t>(history.size() - tentative);
  if (view.sinks < 0 || view.sinks + view.window >= committed) return history;
  Prefix seen(history.begin(), history.begin() + view.sinks);
  seen.insert(seen.end(), history.begin() + committed - view.window, history.end());
  return seen;
}

using State = std::array<float, kHidden>;
State state_at(int site, const Prefix& seen, const Ask& ask, uint64_t seed) {
  uint64_t h = mix(seed + static_cast<uint64_t>(site));
  const size_t all = std::max(ask.skip_attention.size(), ask.skip_mlp.size());
  h = mix(h ^ code_of_skipped(ask, std::min(static_cast<size_t>(site), all)));
  for (const Token token : seen) h = mix(h ^ static_cast<uint64_t>(token + 1));
  State state;
  for (float& part : state) {
    part = static_cast<float>(h & 0xffff);
    h >>= 16;
  }
  return state;
}

}  // namespace

std::vector<float> HashModel::own_logits(uint64_t seed, const Prefix& history) const {
  uint64_t h = mix(seed);
  const size_t used = std::min<size_t>(options_.order, history.size());
  for (size_t i = history.size() - used; i < history.size(); ++i) h = mix(h ^ static_cast<uint64_t>(history[i] + 1));
  std::vector<float> out;
  for (int64_t x = 0; x < options_.vocab; ++x) {
    const double unit = static_cast<double>(mix(h + 0x9e3779b97f4a7c15ULL * (x + 1)) >> 11) * 0x1p-53;
    out.push_back(static_cast<float>(options_.spread * (2 * unit - 1)));
  }
  return out;
}

std::vector<float> HashModel::logits(const Prefix& history) const {
  std::vector<float> out = own_logits(options_.seed, history);
  if (options_.near == nullptr) return out;
  const std::vector<float> other = options_.near->logits(history);
  for (size_t x = 0; x < out.size(); ++x)
    out[x] = static_cast<float>((1 - options_.nearness) * out[x] + options_.nearness * other[x]);
  return out;
}

std::vector<float> HashModel::logits(const Prefix& history, size_t tentative, const Ask& ask) const {
  std::vector<float> out = logits(history);
  const Prefix seen = visible(history, tentative, ask.view);
  double foreign = seen.size() < history.size() ? kViewWeight : 0;
  for (size_t l = 0; l < options_.layer_weight.size(); ++l) {
    const int blocks = is_skipped(ask.skip_attention, l) + is_skipped(ask.skip_mlp, l);
    foreign += options_.layer_weight[l] * blocks / 2;
  }
  if (foreign == 0) return out;
  foreign = std::min(foreign, 0.9);
  const uint64_t code = code_of_skipped(ask, options_.layer_weight.size());
  const std::vector<float> other = own_logits(mix(options_.seed ^ mix(code + 1)), seen);
  for (size_t x = 0; x < out.size(); ++x) out[x] = static_cast<float>((1 - foreign) * out[x] + foreign * other[x]);
  return out;
}

std::unique_ptr<KvCache> HashModel::new_cache(int batch, int64_t /*reserve*/) const {
  return std::make_unique<TokenCache>(batch);
}

void HashModel::check(const Ask& ask) const {
  for (const auto* skipped : {&ask.skip_attention, &ask.skip_mlp})
    SPECULA_CHECK(skipped->empty() || static_cast<int64_t>(skipped->size()) == layers(),
                  "skipped layers: ", skipped->size(), " of ", layers());
  SPECULA_CHECK(ask.first_layer >= 0 && ask.first_layer <= layers(), "first layer ", ask.first_layer);
  for (const int site : ask.hidden)
    SPECULA_CHECK(site >= ask.first_layer && site <= layers() + 1, "hidden site ", site);
}

Pass HashModel::forward(const Rows& rows, KvCache& any_cache, const Ask& ask) const {
  Dims dims;
  dims.check(rows.token, "token", "B R");
  dims.check(rows.parent, "parent", "B R");
  check(ask);
  const bool resumes = ask.first_layer > 0;
  SPECULA_CHECK(resumes == rows.hidden.defined(), "states are for rows that resume, and for those alone");
  const int64_t width = dims['R'], sites = static_cast<int64_t>(ask.hidden.size());
  if (resumes) {
    dims.check(rows.hidden, "hidden", "B R H");
    SPECULA_CHECK(dims['H'] == kHidden, "states of ", dims['H'], " numbers, not ", kHidden);
  }
  const Tensor states = resumes ? rows.hidden.contiguous() : Tensor();
  auto& cache = dynamic_cast<TokenCache&>(any_cache);
  const bool last_only = ask.logits == Logits::kLast;
  Pass pass;
  if (ask.logits != Logits::kNone) pass.logits = at::zeros({dims['B'], last_only ? 1 : width, vocab()});
  if (sites > 0) pass.hidden = at::zeros({dims['B'], width, sites, kHidden});
  for (int64_t b = 0; b < dims['B']; ++b) {
    const auto sequence = static_cast<int>(b);
    const int64_t* token = rows.token.const_data_ptr<int64_t>() + b * width;
    const int64_t* parent = rows.parent.const_data_ptr<int64_t>() + b * width;
    int64_t r = 0;
    for (; r < width && token[r] >= 0; ++r) {
      SPECULA_CHECK(token[r] < vocab(), "token ", token[r]);
      const int slot = cache.take(sequence, r, static_cast<Token>(token[r]), parent[r], ask);
      const Prefix history = cache.history(sequence, slot, ask.view);
      const size_t tentative = history.size() - static_cast<size_t>(cache.size(sequence) - ask.view.rewind);
      const Prefix seen = visible(history, tentative, ask.view);
      if (resumes) {
        const State wanted = state_at(ask.first_layer, history, {}, options_.seed);
        const float* given = states.const_data_ptr<float>() + (b * width + r) * kHidden;
        SPECULA_CHECK(std::equal(wanted.begin(), wanted.end(), given), "row ", r, " of sequence ", b,
                      " resumes with the state of another row");
      }
      for (int64_t s = 0; s < sites; ++s) {
        const State state = state_at(ask.hidden[static_cast<size_t>(s)], seen, ask, options_.seed);
        std::copy(state.begin(), state.end(),
                  pass.hidden.mutable_data_ptr<float>() + ((b * width + r) * sites + s) * kHidden);
      }
      if (ask.logits == Logits::kNone) continue;
      const std::vector<float> row = logits(history, tentative, ask);
      std::copy(row.begin(), row.end(),
                pass.logits.mutable_data_ptr<float>() + (last_only ? b : b * width + r) * vocab());
    }
    SPECULA_CHECK(!resumes || r == cache.tentative(sequence), "sequence ", b, " resumes ", r, " of ",
                  cache.tentative(sequence), " tentative slots");
  }
  return pass;
}

}  // namespace specula
