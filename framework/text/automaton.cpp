#include "framework/text/automaton.h"

#include <algorithm>
#include <map>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kMostNodes = 400000;  // of the automaton before it is made deterministic

[[noreturn]] void too_large(const char* what, size_t most) {
  throw ConfigError(cat("the pattern needs more than ", most, " ", what, "; make repetitions or choices smaller"));
}

// Thompson 1968: an edge that takes a byte of a range, or up to two that take none.
struct Node {
  int first = -1, last = -1;  // bytes; -1: takes none
  int to = -1, other = -1;
};

class Builder {
 public:
  std::vector<Node> nodes;

  // The node where `pattern` begins, if what follows begins at `after`.
  int build(const Pattern& pattern, int after) {
    switch (pattern->kind) {
      case Expression::Kind::kCharacter:
        return characters(pattern->set, after);
      case Expression::Kind::kSequence:
        for (auto part = pattern->parts.rbegin(); part != pattern->parts.rend(); ++part) after = build(*part, after);
        return after;
      case Expression::Kind::kChoice: {
        int begin = -1;
        for (const Pattern& part : pattern->parts) begin = either(build(part, after), begin);
        return begin;
      }
      case Expression::Kind::kRepetition:
        return repeat(*pattern, after);
    }
    return after;
  }

  int add(const Node& node) {
    if (nodes.size() >= kMostNodes) too_large("steps", kMostNodes);
    nodes.push_back(node);
    return static_cast<int>(nodes.size()) - 1;
  }

 private:
  int either(int a, int b) { return b < 0 ? a : add({.to = a, .other = b}); }

  int repeat(const Expression& repeated, int after) {
    const Pattern& what = repeated.parts.front();
    int begin = after;
    if (repeated.most < 0) {
      begin = add({.to = -1, .other = after});
      const int body = build(what, begin);
      nodes[static_cast<size_t>(begin)].to = body;
    }
    // x{0,3} is (x(x(x)?)?)?: every exit leads to the same place.
    for (int64_t i = repeated.least; i < repeated.most; ++i) begin = either(build(what, begin), after);
    for (int64_t i = 0; i < repeated.least; ++i) begin = build(what, begin);
    return begin;
  }

  int characters(const CharacterSet& set, int after) {
    int begin = -1;
    for (const Interval& interval : set) {
      // Surrogates are no characters.
      if (interval.first < 0xD800) split(interval.first, std::min<char32_t>(interval.last, 0xD7FF), after, begin);
      if (interval.last > 0xDFFF) split(std::max<char32_t>(interval.first, 0xE000), interval.last, after, begin);
    }
    if (begin < 0) throw ConfigError("a set of characters is empty");
    return begin;
  }

  // Cuts a range of code points where the length of their UTF-8 changes, and then where not every continuation byte may
  // follow, so that each piece is a sequence of ranges of bytes.
  void split(char32_t first, char32_t last, int after, int& begin) {
    for (const char32_t border : {0x7FU, 0x7FFU, 0xFFFFU}) {
      if (first <= border && border < last) {
        split(first, border, after, begin);
        return split(border + 1, last, after, begin);
      }
    }
    for (int i = 1; i < 4; ++i) {
      const char32_t low = (1U << (6 * i)) - 1;
      if ((first & ~low) == (last & ~low) || first < 0x80) continue;
      if ((first & low) != 0) {
        split(first, first | low, after, begin);
        return split((first | low) + 1, last, after, begin);
      }
      if ((last & low) != low) {
        split(first, (last & ~low) - 1, after, begin);
        return split(last & ~low, last, after, begin);
      }
    }
    const std::string from = utf8_of(first), to = utf8_of(last);
    int at = after;
    for (size_t i = from.size(); i-- > 0;)
      at = add({.first = static_cast<uint8_t>(from[i]), .last = static_cast<uint8_t>(to[i]), .to = at});
    begin = either(at, begin);
  }

  static std::string utf8_of(char32_t c) {
    const auto tail = [c](int shift) { return static_cast<char>(0x80U | ((c >> shift) & 0x3FU)); };
    if (c < 0x80) return {static_cast<char>(c)};
    if (c < 0x800) return {static_cast<char>(0xC0U | (c >> 6)), tail(0)};
    if (c < 0x10000) return {static_cast<char>(0xE0U | (c >> 12)), tail(6), tail(0)};
    return {static_cast<char>(0xF0U | (c >> 18)), tail(12), tail(6), tail(0)};
  }
};

// Sets of nodes that can be reached together.
class Subsets {
 public:
  explicit Subsets(const std::vector<Node>& nodes) : nodes_(nodes), seen_(nodes.size()) {}

  // Nodes that take a byte, or accept (node 0), reached from `from` without taking any.
  std::vector<int> closure(const std::vector<int>& from) {
    std::vector<int> open = from, reached;
    ++round_;
    while (!open.empty()) {
      const int at = open.back();
      open.pop_back();
      if (at < 0 || seen_[static_cast<size_t>(at)] == round_) continue;
      seen_[static_cast<size_t>(at)] = round_;
      const Node& node = nodes_[static_cast<size_t>(at)];
      if (at == 0 || node.first >= 0) {
        reached.push_back(at);
      } else {
        open.push_back(node.to);
        open.push_back(node.other);
      }
    }
    std::sort(reached.begin(), reached.end());
    return reached;
  }

  std::vector<int> after(const std::vector<int>& set, int byte) {
    std::vector<int> next;
    for (const int at : set) {
      const Node& node = nodes_[static_cast<size_t>(at)];
      if (node.first >= 0 && node.first <= byte && byte <= node.last) next.push_back(node.to);
    }
    return next.empty() ? next : closure(next);
  }

 private:
  const std::vector<Node>& nodes_;
  std::vector<int> seen_;
  int round_ = 0;
};

}  // namespace

Automaton::Automaton(const Pattern& pattern) {
  Builder builder;
  builder.add({});  // node 0: everything was matched
  const int begin = builder.build(pattern, 0);

  std::array<bool, 257> begins{};
  for (const Node& node : builder.nodes) {
    if (node.first < 0) continue;
    begins[static_cast<size_t>(node.first)] = begins[static_cast<size_t>(node.last) + 1] = true;
  }
  std::vector<int> byte_of;  // of each class, one of its bytes
  for (size_t byte = 0; byte < 256; ++byte) {
    if (byte == 0 || begins[byte]) byte_of.push_back(static_cast<int>(byte));
    class_of_[byte] = static_cast<uint8_t>(byte_of.size() - 1);
  }
  num_classes_ = byte_of.size();

  Subsets subsets(builder.nodes);
  std::map<std::vector<int>, State> known;
  std::vector<std::vector<int>> open;
  const auto state_of = [&](const std::vector<int>& set) -> State {
    if (set.empty()) return kDead;
    const auto [found, is_new] = known.emplace(set, static_cast<State>(known.size()));
    if (is_new) {
      if (found->second >= kMostStates) too_large("states", kMostStates);
      open.push_back(set);
      accepting_.push_back(set.front() == 0 ? 1 : 0);
    }
    return found->second;
  };
  state_of(subsets.closure({begin}));
  for (size_t i = 0; i < open.size(); ++i) {
    for (const int byte : byte_of) {
      const State next = state_of(subsets.after(std::vector<int>(open[i]), byte));
      table_.push_back(next);
    }
  }
}

Automaton::State Automaton::walk(State state, std::string_view bytes) const {
  for (const char byte : bytes) {
    if (state == kDead) return kDead;
    state = next(state, static_cast<uint8_t>(byte));
  }
  return state;
}

}  // namespace specula
