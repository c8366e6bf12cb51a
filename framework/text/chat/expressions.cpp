// Expressions of a template.
#include <algorithm>
#include <cmath>

#include "framework/core/error.h"
#include "framework/text/chat/evaluator.h"
#include "framework/text/chat/print.h"
#include "framework/text/chat/python_text.h"

namespace specula::chat {
namespace {

// By reference: arguments are evaluated in no order.
int64_t checked(bool overflow, const int64_t& result) {
  if (overflow) unsupported("a number beyond 64 bits");
  return result;
}

int64_t floor_divided(int64_t a, int64_t b) {
  if (b == -1) return checked(a == INT64_MIN, b == -1 && a != INT64_MIN ? -a : 0);
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t power_of(int64_t base, int64_t exponent) {
  int64_t result = 1;
  if (exponent > 64 && base != 0 && base != 1 && base != -1) checked(true, 0);
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (int64_t i = 0; i < std::min<int64_t>(exponent, 64); ++i)
    result = checked(__builtin_mul_overflow(result, base, &result), result);
  return result;
}

Value integers(const std::string& operation, int64_t a, int64_t b) {
  int64_t result = 0;
  if (operation == "+") return checked(__builtin_add_overflow(a, b, &result), result);
  if (operation == "-") return checked(__builtin_sub_overflow(a, b, &result), result);
  if (operation == "*") return checked(__builtin_mul_overflow(a, b, &result), result);
  if (operation == "**")
    return b < 0 ? Value{std::pow(static_cast<double>(a), static_cast<double>(b))} : power_of(a, b);
  if (b == 0) throw Fault(cat("'", operation, "' by zero"));
  if (operation == "/") return static_cast<double>(a) / static_cast<double>(b);
  const int64_t quotient = floor_divided(a, b);
  if (operation == "//") return quotient;
  return b == -1 ? 0 : a - quotient * b;
}

Value floats(const std::string& operation, double a, double b) {
  if (operation == "+") return a + b;
  if (operation == "-") return a - b;
  if (operation == "*") return a * b;
  if (operation == "**") {
    const double result = std::pow(a, b);
    if (!std::isfinite(result)) unsupported("'**' beyond the numbers");
    return result;
  }
  if (b == 0) throw Fault(cat("'", operation, "' by zero"));
  if (operation == "/") return a / b;
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  if (operation == "%") return rest == 0 ? std::copysign(0.0, b) : rest;
  double quotient = (a - rest) / b;
  return quotient == 0 ? std::copysign(0.0, a / b) : std::floor(quotient + 0.5);
}

}  // namespace

Value Evaluator::evaluate(const Expression& expression) {
  const Deeper deeper(*this);
  budget_.spend(1);
  const int outer = std::exchange(line_, expression.line);
  Value result = result_of(expression);
  line_ = outer;
  return result;
}

Value Evaluator::result_of(const Expression& expression) {
  using Kind = Expression::Kind;
  const auto operand = [&](size_t i) { return evaluate(*expression.operands[i]); };
  switch (expression.kind) {
    case Kind::kLiteral:
      return expression.literal;
    case Kind::kName:
      return variable(expression.name);
    case Kind::kList:
      return budget_.list(values_of(expression.operands));
    case Kind::kTuple:
      return budget_.list(values_of(expression.operands), List::Kind::kTuple);
    case Kind::kDict:
      return dict_of_pairs(expression);
    case Kind::kAll:
    case Kind::kAny:
    case Kind::kCalculated:
    case Kind::kJoined:
      return chain(expression);
    case Kind::kCompared:
      return compared_chain(expression);
    case Kind::kNot:
      return !is_true(operand(0));
    case Kind::kNegated:
    case Kind::kPositive: {
      const Value value = operand(0);
      if (!is_number(value)) unsupported(cat("a sign before ", kind_of(value)));
      if (expression.kind == Kind::kNegated && as<double>(value) != nullptr) return -float_of(value);
      return calculated(expression.kind == Kind::kNegated ? "-" : "+", int64_t{0}, value);
    }
    case Kind::kChoice:
      if (is_true(operand(0))) return operand(1);
      return expression.operands.size() > 2 ? operand(2) : Undefined{};
    case Kind::kAccessed:
      return accessed(expression);
  }
  return Undefined{};
}

Value Evaluator::variable(const std::string& name) const {
  for (size_t i = scopes_.size(); i-- > base_;) {
    const auto found = scopes_[i].find(name);
    if (found != scopes_[i].end()) return found->second;
  }
  const auto found = scopes_[0].find(name);
  if (found != scopes_[0].end()) return found->second;
  if (base_ > 0 && (name == "caller" || name == "varargs" || name == "kwargs"))
    unsupported(cat("'", name, "' of a macro"));
  return Undefined{};
}

std::vector<Value> Evaluator::values_of(const std::vector<ExpressionPtr>& expressions) {
  std::vector<Value> values;
  for (const auto& expression : expressions) values.push_back(evaluate(*expression));
  return values;
}

Value Evaluator::dict_of_pairs(const Expression& expression) {
  std::vector<std::pair<std::string, Value>> entries;
  for (size_t i = 0; i < expression.operands.size(); i += 2) {
    const Value key = evaluate(*expression.operands[i]);
    if (text_of(key) == nullptr) unsupported(cat("a key that is ", kind_of(key)));
    entries.emplace_back(*text_of(key), evaluate(*expression.operands[i + 1]));
  }
  return budget_.dict(std::move(entries));
}

// and, or, ~ and arithmetic, from the left.
Value Evaluator::chain(const Expression& expression) {
  Value left = evaluate(*expression.operands[0]);
  for (size_t i = 1; i < expression.operands.size(); ++i) {
    const std::string& operation = expression.operators[i - 1];
    if (operation == "and" || operation == "or") {
      if (is_true(left) == (operation == "or")) return left;
      left = evaluate(*expression.operands[i]);
      continue;
    }
    const Value right = evaluate(*expression.operands[i]);
    left = operation == "~" ? budget_.text(printed(left), printed(right)) : calculated(operation, left, right);
  }
  return left;
}

Value Evaluator::compared_chain(const Expression& expression) {
  Value left = evaluate(*expression.operands[0]);
  for (size_t i = 1; i < expression.operands.size(); ++i) {
    Value right = evaluate(*expression.operands[i]);
    if (!holds(expression.operators[i - 1], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

bool Evaluator::holds(const std::string& operation, const Value& left, const Value& right) {
  if (operation == "==") return same(left, right, budget_);
  if (operation == "!=") return !same(left, right, budget_);
  if (operation == "in") return contains(right, left, budget_);
  if (operation == "not in") return !contains(right, left, budget_);
  const int order = compared(left, right, budget_);
  return operation == "<" ? order < 0 : operation == "<=" ? order <= 0 : operation == ">" ? order > 0 : order >= 0;
}

Value Evaluator::calculated(const std::string& operation, const Value& left, const Value& right) {
  if (is_integer(left) && is_integer(right)) return integers(operation, integer_of(left, ""), integer_of(right, ""));
  if (is_number(left) && is_number(right)) return floats(operation, float_of(left), float_of(right));
  const std::string *a = text_of(left), *b = text_of(right);
  if (operation == "+" && a != nullptr && b != nullptr) return budget_.text(*a, *b);
  const List *first = list_of(left), *second = list_of(right);
  if (operation == "+" && first != nullptr && second != nullptr && first->kind == second->kind &&
      (first->kind == List::Kind::kList || first->kind == List::Kind::kTuple)) {
    std::vector<Value> items = first->items;
    items.insert(items.end(), second->items.begin(), second->items.end());
    return budget_.list(std::move(items), first->kind);
  }
  if (operation == "*" && (a != nullptr || b != nullptr) && (is_integer(left) || is_integer(right))) {
    const std::string& unit = a != nullptr ? *a : *b;
    const int64_t times = std::max<int64_t>(integer_of(a != nullptr ? right : left, ""), 0);
    if (!unit.empty() && times > static_cast<int64_t>(kMostTextBytes / unit.size()))
      unsupported(cat("a text of more than ", kMostTextBytes, " bytes"));
    std::string text;
    for (int64_t i = 0; i < times && !unit.empty(); ++i) text += unit;
    return budget_.text(std::move(text));
  }
  unsupported(cat("'", operation, "' between ", kind_of(left), " and ", kind_of(right)));
}

Value Evaluator::accessed(const Expression& expression) {
  const Expression& base = *expression.operands[0];
  Value value = evaluate(base);
  const auto& accesses = expression.accesses;
  for (size_t i = 0; i < accesses.size(); ++i) {
    const Access& access = accesses[i];
    budget_.spend(1);
    switch (access.kind) {
      case Access::Kind::kAttribute:
        if (i + 1 < accesses.size() && accesses[i + 1].kind == Access::Kind::kCall) {
          value = method(value, access.name, arguments_of(accesses[i + 1], access.name));
          ++i;
        } else {
          value = attribute(value, access.name);
        }
        break;
      case Access::Kind::kItem:
        value = item(value, evaluate(*access.item));
        break;
      case Access::Kind::kSlice:
        value = sliced_value(value, access);
        break;
      case Access::Kind::kCall:
        value = call(value, arguments_of(access, i == 0 ? base.name : ""));
        break;
      case Access::Kind::kFilter:
        value = filter(access.name, value, arguments_of(access, access.name));
        break;
      case Access::Kind::kTest:
      case Access::Kind::kTestNot:
        value = test(access.name, value, arguments_of(access, access.name)) == (access.kind == Access::Kind::kTest);
        break;
    }
  }
  return value;
}

Arguments Evaluator::arguments_of(const Access& access, const std::string& callee) {
  std::vector<Value> by_position;
  std::vector<std::pair<std::string, Value>> by_name;
  for (const Argument& argument : access.arguments) {
    if (argument.name.empty()) {
      by_position.push_back(evaluate(*argument.value));
    } else {
      by_name.emplace_back(argument.name, evaluate(*argument.value));
    }
  }
  return {callee, std::move(by_position), std::move(by_name)};
}

}  // namespace specula::chat
