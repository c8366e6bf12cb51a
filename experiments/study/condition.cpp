#include "experiments/study/condition.h"

#include <array>
#include <cctype>
#include <optional>
#include <vector>

#include "experiments/config/toml.h"
#include "framework/core/error.h"

namespace specula {

struct Condition::Node {
  std::string op;  // "||", "&&", "!", a comparison; "key" and "value" are leaves
  std::string origin, path;
  Value value;
  std::vector<Node> children;
};

namespace {

using Node = Condition::Node;

constexpr std::array<const char*, 10> kOperators = {"||", "&&", "==", "!=", "<=", ">=", "<", ">", "!", "("};
constexpr int kMostDepth = 64;

bool is_comparison(const std::string& op) {
  return op == "==" || op == "!=" || op == "<=" || op == ">=" || op == "<" || op == ">";
}

class Parser {
 public:
  Parser(const std::string& text, std::string origin) : text_(text), origin_(std::move(origin)) {}

  Node parse() {
    Node node = any();
    skip();
    if (at_ < text_.size()) fail("expected an operator or the end");
    return node;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw ConfigError(cat(origin_, ": exclude \"", text_, "\", column ", at_ + 1, ": ", why));
  }

  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool take(const std::string& op) {
    skip();
    if (text_.compare(at_, op.size(), op) != 0) return false;
    at_ += op.size();
    return true;
  }

  Node any() {
    return joined("||", [this] { return joined("&&", [this] { return comparison(); }); });
  }

  template <class Part>
  Node joined(const std::string& op, const Part& part) {
    Node first = part();
    if (!take(op)) return first;
    Node node{.op = op, .origin = origin_, .path = "", .value = {}, .children = {}};
    node.children.push_back(std::move(first));
    do {
      node.children.push_back(part());
    } while (take(op));
    return node;
  }

  Node comparison() {
    Node left = unary();
    for (const char* op : kOperators) {
      if (!is_comparison(op) || !take(op)) continue;
      Node node{.op = op, .origin = origin_, .path = "", .value = {}, .children = {}};
      node.children.push_back(std::move(left));
      node.children.push_back(unary());
      return node;
    }
    return left;
  }

  Node unary() {
    if (++depth_ > kMostDepth) fail(cat("more than ", kMostDepth, " deep"));
    Node node = unary_here();
    --depth_;
    return node;
  }

  Node unary_here() {
    skip();
    if (text_.compare(at_, 2, "!=") != 0 && take("!")) {
      Node node{.op = "!", .origin = origin_, .path = "", .value = {}, .children = {}};
      node.children.push_back(unary());
      return node;
    }
    if (take("(")) {
      Node node = any();
      if (!take(")")) fail("a ')' is missing");
      return node;
    }
    return leaf();
  }

  Node leaf() {
    const size_t start = at_;
    bool in_quotes = false;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') in_quotes = !in_quotes;
      if (!in_quotes && std::string(" ()&|!<>=").find(text_[at_]) != std::string::npos) break;
    }
    const std::string word = text_.substr(start, at_ - start);
    if (word.empty() || in_quotes) fail("expected a key, a number, true, false or a \"text\"");
    if (auto value = parse_toml_value(word, origin_)) {
      return {.op = "value", .origin = origin_, .path = word, .value = std::move(*value), .children = {}};
    }
    return {.op = "key", .origin = origin_, .path = word, .value = {}, .children = {}};
  }

  const std::string& text_;
  std::string origin_;
  size_t at_ = 0;
  int depth_ = 0;
};

std::optional<double> number_of(const Value& value) {
  if (const auto* whole = std::get_if<int64_t>(&value.data)) return static_cast<double>(*whole);
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  return std::nullopt;
}

bool compare(const std::string& op, const Value& a, const Value& b, const std::string& origin) {
  const auto x = number_of(a), y = number_of(b);
  if (x && y) {
    if (op == "==") return *x == *y;
    if (op == "!=") return *x != *y;
    if (op == "<") return *x < *y;
    if (op == "<=") return *x <= *y;
    return op == ">" ? *x > *y : *x >= *y;
  }
  if (a.data.index() == b.data.index() && (op == "==" || op == "!=")) return (to_text(a) == to_text(b)) == (op == "==");
  throw ConfigError(cat(origin, ": exclude: ", to_text(a), " ", op, " ", to_text(b), " compares ", kind_name(a),
                        " with ", kind_name(b)));
}

Value value_of(const Node& node, const Condition::Lookup& lookup);

bool truth_of(const Node& node, const Condition::Lookup& lookup) {
  const Value value = value_of(node, lookup);
  if (const auto* truth = std::get_if<bool>(&value.data)) return *truth;
  throw ConfigError(cat(node.origin, ": exclude: ", node.path, " is ", kind_name(value), "; expected true or false"));
}

Value value_of(const Node& node, const Condition::Lookup& lookup) {
  if (node.op == "value") return node.value;
  if (node.op == "key") return lookup(node.path, node.origin);
  bool result = node.op == "&&";
  if (node.op == "!") {
    result = !truth_of(node.children[0], lookup);
  } else if (is_comparison(node.op)) {
    result = compare(node.op, value_of(node.children[0], lookup), value_of(node.children[1], lookup), node.origin);
  } else {
    for (const Node& child : node.children) {
      if (truth_of(child, lookup) == result) continue;
      result = !result;
      break;
    }
  }
  return {.data = result, .origin = node.origin};
}

}  // namespace

Condition::Condition(const std::string& text, const std::string& origin)
    : root_(std::make_unique<Node>(Parser(text, origin).parse())) {}
Condition::~Condition() = default;
Condition::Condition(Condition&&) noexcept = default;

bool Condition::holds(const Lookup& lookup) const { return truth_of(*root_, lookup); }

}  // namespace specula
