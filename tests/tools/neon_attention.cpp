// Rotation, the cache's layout, and attention along straight paths and branches, through windows and with capped
// scores.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/tools/neon_check.h"

namespace specula::neon {
namespace {

constexpr int64_t kStill = 4;  // last dimensions of a head that do not turn

// [turning / 2] cosines, then as many sines.
Floats rotation_of(int64_t slot, int64_t turning) {
  Floats rotation(at(turning));
  for (int64_t i = 0; i < turning / 2; ++i) {
    const double angle = static_cast<double>(slot) / std::pow(100.0, static_cast<double>(i) / 16);
    rotation[at(i)] = static_cast<float>(std::cos(angle));
    rotation[at(i + turning / 2)] = static_cast<float>(std::sin(angle));
  }
  return rotation;
}

Floats rotated(const float* x, int64_t head_dim, const Floats& rotation, float scale) {
  const auto turning = static_cast<int64_t>(rotation.size()), half = turning / 2;
  Floats out(at(head_dim));
  for (int64_t i = 0; i < half; ++i) {
    const float cosine = rotation[at(i)], sine = rotation[at(i + half)];
    out[at(i)] = (x[i] * cosine - x[i + half] * sine) * scale;
    out[at(i + half)] = (x[i + half] * cosine + x[i] * sine) * scale;
  }
  for (int64_t i = turning; i < head_dim; ++i) out[at(i)] = x[i] * scale;
  return out;
}

void check_rotate(const Kernels& kernels) {
  const int64_t heads = 3, head_dim = 18;
  for (const int64_t turning : {head_dim, head_dim - kStill, int64_t{0}}) {
    const Floats before = random_values(7, heads * head_dim), rotation = rotation_of(5, turning);
    Floats query = before;
    kernels.rotate(query.data(), heads, head_dim, {rotation.data(), turning}, 0.25f);
    for (int64_t h = 0; h < heads; ++h) {
      const Floats expected = rotated(before.data() + h * head_dim, head_dim, rotation, 0.25f);
      expect(std::equal(expected.begin(), expected.end(), query.begin() + h * head_dim), "rotate ", turning, ": head ",
             h);
    }
  }
}

// One head of a cache.  Token t has key and value of its own, rotated for its position, wherever it is stored.
class Cache {
 public:
  Cache(const Kernels& kernels, int64_t head_dim, int64_t slots)
      : kernels_(kernels),
        keys_(at(padded(slots, kKeyTile) * head_dim * kernels.cache_bytes)),
        values_(at(padded(slots, kKeyTile) * padded(head_dim, 16) * kernels.cache_bytes)),
        head_{keys_.data(), values_.data(), head_dim, padded(head_dim, 16)} {}

  void store(int64_t slot, int64_t token, int64_t position) {
    const Floats key = key_of(token), value = value_of(token), turned = turned_key(token, position);
    const Floats rotation = rotation_of(position, head_.head_dim - kStill);
    kernels_.store(key.data(), value.data(), {rotation.data(), head_.head_dim - kStill}, head_, slot);
    for (int64_t i = 0; i < head_.head_dim; ++i) {  // it lies where attention.h says
      const int64_t step = kernels_.cache_bytes == 4 ? 1 : 2, tile = slot / kKeyTile * head_.head_dim * kKeyTile;
      expect(read(keys_, tile + (i / step * kKeyTile + slot % kKeyTile) * step + i % step) == kept(turned[at(i)]),
             "store: key ", i, " of slot ", slot);
      expect(read(values_, (slot / step * head_.value_stride + i) * step + slot % step) == kept(value[at(i)]),
             "store: value ", i, " of slot ", slot);
    }
  }
  const KvHead& head() const { return head_; }
  float kept(float value) const { return kernels_.cache_bytes == 4 ? value : rounded(value); }
  Floats key_of(int64_t token) const { return random_values(100 + at(token), head_.head_dim); }
  Floats turned_key(int64_t token, int64_t position) const {
    return rotated(key_of(token).data(), head_.head_dim, rotation_of(position, head_.head_dim - kStill), 1);
  }
  Floats value_of(int64_t token) const { return random_values(900 + at(token), head_.head_dim); }

 private:
  float read(const std::vector<char>& from, int64_t index) const {
    const std::vector<char> element(from.begin() + index * kernels_.cache_bytes,
                                    from.begin() + (index + 1) * kernels_.cache_bytes);
    return plain_values(element, 1, kernels_.cache_bytes).front();
  }
  const Kernels& kernels_;
  std::vector<char> keys_, values_;
  KvHead head_;
};

// [rows][group][head_dim] of `query`, laid out likewise; behind each row nothing may be written.
Floats attend(const Kernels& kernels, const KvHead& head, const Floats& query, const std::vector<RowPath>& paths,
              int64_t group, float softcap) {
  const auto rows = static_cast<int64_t>(paths.size());
  const int64_t width = group * head.head_dim, stride = width + 5, slots = 128;
  std::vector<char> out(at(rows * stride * kernels.plain_bytes)),
      scratch(at(attention_scratch(head.head_dim, head.value_stride, slots)));
  Floats scores(at(kMostQueries * slots)), result;
  kernels.attend({.head = head,
                  .query = query.data(),
                  .query_stride = width,
                  .softcap = softcap,
                  .paths = paths.data(),
                  .rows = rows,
                  .group = group,
                  .out = out.data(),
                  .out_stride = stride,
                  .blocks = kernels.blocks,
                  .scores = scores.data(),
                  .scores_stride = slots,
                  .scratch = scratch.data(),
                  .ahead = {}});
  const Floats all = plain_values(out, rows * stride, kernels.plain_bytes);
  for (int64_t m = 0; m < rows; ++m) {
    result.insert(result.end(), all.begin() + m * stride, all.begin() + m * stride + width);
    for (int64_t i = width; i < stride; ++i) expect(all[at(m * stride + i)] == 0, "attend: written behind row ", m);
  }
  return result;
}

// What a query's scores go through.
struct Sight {
  int64_t window = 0;  // keys that a row sees, itself included; 0: all
  float softcap = 0;
};

// What one query [head_dim] gets from these tokens, at positions 0, 1, ...
std::vector<double> naive_attention(const Cache& cache, const float* query, const std::vector<int64_t>& tokens,
                                    const Sight& sight) {
  const int64_t head_dim = cache.head().head_dim, count = static_cast<int64_t>(tokens.size());
  std::vector<double> sums(at(head_dim));
  double total = 0;
  for (int64_t p = sight.window == 0 ? 0 : std::max<int64_t>(count - sight.window, 0); p < count; ++p) {
    const Floats key = cache.turned_key(tokens[at(p)], p), value = cache.value_of(tokens[at(p)]);
    double score = 0;
    for (int64_t i = 0; i < head_dim; ++i) score += static_cast<double>(cache.kept(query[i])) * cache.kept(key[at(i)]);
    if (sight.softcap > 0) score = sight.softcap * std::tanh(score / sight.softcap);
    for (int64_t i = 0; i < head_dim; ++i) sums[at(i)] += std::exp(score) * cache.kept(value[at(i)]);
    total += std::exp(score);
  }
  for (double& sum : sums) sum /= total;
  return sums;
}

// Rows of a tree over 37 committed tokens, in one call, against the same texts one by one in caches of their own.
void check_tree(const Kernels& kernels, int64_t head_dim, int64_t group, const Sight& sight) {
  constexpr int64_t kCommitted = 37;
  const std::string name =
      cat("attention-", name_of(kernels.dtype), "-", head_dim, "-", group, "-", sight.window, "-", sight.softcap);
  const std::vector<std::vector<int32_t>> branches = {{}, {37}, {37, 39}, {38, 40, 44}, {38, 41, 43, 45}};
  Cache tree(kernels, head_dim, 46);
  for (int64_t slot = 0; slot < kCommitted; ++slot) tree.store(slot, slot, slot);
  for (const auto& branch : branches) {
    for (size_t i = 0; i < branch.size(); ++i) tree.store(branch[i], branch[i], kCommitted + static_cast<int64_t>(i));
  }
  const auto first_of = [&](int64_t keys) {
    return sight.window == 0 ? int64_t{0} : std::max<int64_t>(keys - sight.window, 0);
  };
  std::vector<RowPath> paths;
  for (const auto& branch : branches) {
    const auto apart = static_cast<int64_t>(branch.size());
    paths.push_back({kCommitted, branch.data(), apart, first_of(kCommitted + apart)});
  }
  const int64_t width = group * head_dim, rows = static_cast<int64_t>(paths.size());
  Floats query = random_values(8, rows * width);
  for (float& value : query) value *= 1.5f;  // scores of some units: few keys have most of the weight
  const Floats given = attend(kernels, tree.head(), query, paths, group, sight.softcap);
  const double tolerance = kernels.cache_bytes == 4 ? 1e-5 : 0.01;  // weights and results of 8 bits
  for (int64_t m = 0; m < rows; ++m) {
    std::vector<int64_t> tokens = in_order(kCommitted);
    tokens.insert(tokens.end(), branches[at(m)].begin(), branches[at(m)].end());
    const auto count = static_cast<int64_t>(tokens.size());
    Cache line(kernels, head_dim, count);
    for (int64_t p = 0; p < count; ++p) line.store(p, tokens[at(p)], p);
    const Floats own(query.begin() + m * width, query.begin() + (m + 1) * width);
    const Floats in_tree(given.begin() + m * width, given.begin() + (m + 1) * width);
    const Floats straight =
        attend(kernels, line.head(), own, {{count, nullptr, 0, first_of(count)}}, group, sight.softcap);
    expect(straight == in_tree, name, ": row ", m, " gives other bits in a tree");
    for (int64_t g = 0; g < group; ++g) {
      const Floats part(in_tree.begin() + g * head_dim, in_tree.begin() + (g + 1) * head_dim);
      expect_near(part, naive_attention(line, own.data() + g * head_dim, tokens, sight), tolerance,
                  cat(name, " row ", m));
    }
  }
  print_bits(name, given);
}

}  // namespace

void check_attention(const Kernels& kernels) {
  check_rotate(kernels);
  for (const int64_t head_dim : {18, 64}) {
    for (const int64_t group : {1, 3}) {
      for (const int64_t window : {0, 1, 2, 5, 20, 39}) check_tree(kernels, head_dim, group, {.window = window});
    }
    check_tree(kernels, head_dim, 1, {.softcap = 2});
    check_tree(kernels, head_dim, 3, {.window = 7, .softcap = 2});
  }
}

}  // namespace specula::neon
