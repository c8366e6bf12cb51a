#include "framework/certify/enumerate.h"

#include <cmath>
#include <tuple>

namespace specula {
namespace {

using Key = std::tuple<uint64_t, Use, int64_t, int64_t, uint32_t>;

class Script final : public KeyTap {
 public:
  std::map<Key, double> fixed;
  std::vector<Key> unknown;  // drawn without being fixed, in order
  std::string decided;       // what draws decided out of sight
  double uniform(uint64_t seed, Use use, int64_t request, int64_t position, uint32_t index, double /*value*/) override {
    const Key key{seed, use, request, position, index};
    if (const auto found = fixed.find(key); found != fixed.end()) return found->second;
    unknown.push_back(key);
    return 0.5;
  }
  void told(int64_t what) override { decided += " d" + std::to_string(what); }
};

class FunctionTap final : public KeyTap {
 public:
  explicit FunctionTap(std::function<double(Use, int64_t, uint32_t)> value) : value_(std::move(value)) {}
  double uniform(uint64_t, Use use, int64_t, int64_t position, uint32_t index, double) override {
    return value_(use, position, index);
  }

 private:
  std::function<double(Use, int64_t, uint32_t)> value_;
};

class Enumerator {
 public:
  explicit Enumerator(const std::function<Shown(const Keyring&)>& program) : program_(program) {}

  Law law;

  void follow(const std::map<Key, double>& fixed, double mass) {
    const auto [shown, unknown] = run(fixed);
    if (unknown.empty()) {
      law[shown.result] += mass;
      return;
    }
    const Key key = unknown.front();
    constexpr double kTop = 1 - 0x1p-30;
    for (double low = 0; low < 1;) {
      const std::string here = seen(fixed, key, low);
      double high = 1;
      if (seen(fixed, key, kTop) != here) {  // pieces are intervals: bisect for the end of this one
        double inside = low, outside = kTop;
        while (outside - inside > 0x1p-31) {
          const double middle = (inside + outside) / 2;
          (seen(fixed, key, middle) == here ? inside : outside) = middle;
        }
        high = outside;
      }
      auto deeper = fixed;
      deeper[key] = (low + high) / 2;
      follow(deeper, mass * (high - low));
      low = high;
    }
  }

 private:
  std::pair<Shown, std::vector<Key>> run(const std::map<Key, double>& fixed) {
    auto script = std::make_shared<Script>();
    script->fixed = fixed;
    Keyring keys(0);
    keys.tap(script);
    Shown shown = program_(keys);
    shown.trace += script->decided;
    return {std::move(shown), script->unknown};
  }

  std::string seen(std::map<Key, double> fixed, const Key& key, double value) {
    fixed[key] = value;
    const auto [shown, unknown] = run(fixed);
    std::string text = shown.trace;
    for (const Token t : shown.result) text += " " + std::to_string(t);
    for (const Key& k : unknown)
      text += " k" + std::to_string(static_cast<int>(std::get<1>(k))) + "." + std::to_string(std::get<4>(k));
    return text;
  }

  const std::function<Shown(const Keyring&)>& program_;
};

}  // namespace

Law enumerate(const std::function<Shown(const Keyring&)>& program) {
  Enumerator enumerator(program);
  enumerator.follow({}, 1.0);
  return std::move(enumerator.law);
}

double total_variation(const Law& a, const Law& b) {
  double sum = 0;
  for (const auto& [string, mass] : a) sum += std::abs(mass - (b.contains(string) ? b.at(string) : 0));
  for (const auto& [string, mass] : b) sum += a.contains(string) ? 0 : mass;
  return sum / 2;
}

Law extend(const Law& blocks, int length, const std::function<std::vector<double>(const std::vector<Token>&)>& next) {
  Law whole;
  std::vector<std::pair<std::vector<Token>, double>> open(blocks.begin(), blocks.end());
  while (!open.empty()) {
    auto [string, mass] = open.back();
    open.pop_back();
    if (static_cast<int>(string.size()) >= length) {
      string.resize(length);
      whole[string] += mass;
      continue;
    }
    const std::vector<double> p = next(string);
    for (size_t x = 0; x < p.size(); ++x) {
      if (!(p[x] > 0)) continue;
      auto longer = string;
      longer.push_back(static_cast<Token>(x));
      open.emplace_back(std::move(longer), mass * p[x]);
    }
  }
  return whole;
}

Law own_law(int length, const std::function<std::vector<double>(const std::vector<Token>&)>& next) {
  return extend({{{}, 1.0}}, length, next);
}

Keyring scripted(std::function<double(Use, int64_t, uint32_t)> value) {
  Keyring keys(0);
  keys.tap(std::make_shared<FunctionTap>(std::move(value)));
  return keys;
}

}  // namespace specula
