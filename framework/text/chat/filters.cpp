// Filters: value | name(arguments).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "framework/text/chat/evaluator.h"
#include "framework/text/chat/print.h"
#include "framework/text/chat/python_text.h"

namespace specula::chat {
namespace {

// int() and float() of Python, for decimal numbers.
Value number_of(const Value& value, const Value& fallback, bool whole) {
  double number = 0;
  if (const std::string* text = text_of(value)) {
    const std::string digits = stripped(*text, Side::kBoth);
    const char *begin = digits.data() + (digits.starts_with("+") ? 1 : 0), *end = digits.data() + digits.size();
    int64_t integer = 0;
    if (const auto [at, status] = std::from_chars(begin, end, integer); status == std::errc() && at == end && whole)
      return integer;
    const auto [at, status] = std::from_chars(begin, end, number);
    if (status != std::errc() || at != end) return fallback;
  } else if (is_integer(value) && whole) {
    return integer_of(value, "");
  } else if (is_number(value)) {
    number = float_of(value);
  } else {
    return fallback;
  }
  if (!whole) return number;
  if (!std::isfinite(number)) return fallback;
  if (std::abs(number) >= 9.2e18) unsupported("a number beyond 64 bits");
  return static_cast<int64_t>(number);
}

JsonStyle json_style(Arguments& arguments) {
  JsonStyle style;
  if (const Value* ascii = arguments.find(0, "ensure_ascii")) style.ascii = is_true(*ascii);
  if (const Value* indent = arguments.find(1, "indent"); indent != nullptr && as<None>(*indent) == nullptr) {
    const std::string* text = text_of(*indent);
    const int64_t width = text == nullptr ? integer_of(*indent, "'indent'") : 0;
    if (width > 100 || (text != nullptr && text->size() > 100)) unsupported("an 'indent' of more than 100");
    style.indent = text != nullptr ? *text : std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    style.item_separator = ",";
  }
  if (const Value* both = arguments.find(2, "separators"); both != nullptr && as<None>(*both) == nullptr) {
    const List* list = list_of(*both);
    if (list == nullptr || list->items.size() != 2 || text_of(list->items[0]) == nullptr ||
        text_of(list->items[1]) == nullptr)
      unsupported("'separators' that are no two strings");
    style.item_separator = *text_of(list->items[0]);
    style.key_separator = *text_of(list->items[1]);
  }
  if (const Value* sorted = arguments.find(3, "sort_keys")) style.sorted = is_true(*sorted);
  return style;
}

std::string indented(const std::string& text, Arguments& arguments, Budget& budget) {
  const Value *width = arguments.find(0, "width"), *first = arguments.find(1, "first"),
              *blank = arguments.find(2, "blank");
  std::string indent = "    ";
  if (width != nullptr) {
    const std::string* spelled = text_of(*width);
    const int64_t count = spelled == nullptr ? integer_of(*width, "'width'") : 0;
    if (count > 1000) unsupported("a 'width' of more than 1000");
    indent = spelled != nullptr ? *spelled : std::string(static_cast<size_t>(std::max<int64_t>(count, 0)), ' ');
  }
  const bool also_blank = blank != nullptr && is_true(*blank);
  std::string out = first != nullptr && is_true(*first) ? indent : "";
  const std::vector<std::string> lines = split_lines(text + "\n", budget);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += "\n";
    if (i > 0 && (also_blank || !lines[i].empty())) out += indent;
    out += lines[i];
    if (out.size() > kMostTextBytes) unsupported(cat("a text of more than ", kMostTextBytes, " bytes"));
  }
  return out;
}

}  // namespace

Value Evaluator::filter(const std::string& name, const Value& value, Arguments arguments) {
  bool known = false;
  Value result = text_filter(name, value, arguments, known);
  if (!known) result = list_filter(name, value, arguments, known);
  if (!known) unsupported(cat("filter '", name, "'"));
  arguments.finish();
  return result;
}

Value Evaluator::text_filter(const std::string& name, const Value& value, Arguments& arguments, bool& known) {
  known = true;
  const auto text = [&] { return printed(value); };
  if (name == "trim") {
    const Value* characters = arguments.find(0, "chars");
    if (characters == nullptr || as<None>(*characters) != nullptr) return budget_.text(stripped(text(), Side::kBoth));
    return budget_.text(stripped_of(text(), printed(*characters), Side::kBoth));
  }
  if (name == "string" || name == "safe") return budget_.text(text());
  if (name == "upper") return budget_.text(in_case(text(), LetterCase::kUpper));
  if (name == "lower") return budget_.text(in_case(text(), LetterCase::kLower));
  if (name == "capitalize") return budget_.text(in_case(text(), LetterCase::kCapitalized));
  if (name == "title") return budget_.text(in_case(text(), LetterCase::kTitleFilter));
  if (name == "replace") {
    const Value* limit = arguments.find(2, "count");
    const int64_t most = limit == nullptr || as<None>(*limit) != nullptr ? -1 : integer_of(*limit, "'count'");
    const std::string old = printed(arguments.at(0, "old")), fresh = printed(arguments.at(1, "new"));
    return budget_.text(replaced(text(), old, fresh, most, budget_));
  }
  if (name == "indent") {
    if (text_of(value) == nullptr) unsupported(cat("'indent' of ", kind_of(value)));
    return budget_.text(indented(text(), arguments, budget_));
  }
  if (name == "tojson") return budget_.text(json_text(value, json_style(arguments)));
  if (name == "default" || name == "d") {
    const Value *fallback = arguments.find(0, "default_value"), *falsy = arguments.find(1, "boolean");
    const bool replaces = is_undefined(value) || (falsy != nullptr && is_true(*falsy) && !is_true(value));
    return !replaces ? value : fallback == nullptr ? Value{budget_.text("")} : *fallback;
  }
  if (name == "int" || name == "float") {
    const Value* fallback = arguments.find(0, "default");
    const Value zero = name == "int" ? Value{int64_t{0}} : Value{0.0};
    if (is_undefined(value)) unsupported(cat("'", name, "' of an undefined value"));
    return number_of(value, fallback == nullptr ? zero : *fallback, name == "int");
  }
  if (name == "abs" && is_number(value)) {
    if (as<double>(value) != nullptr) return std::abs(float_of(value));
    const Value zero = int64_t{0};
    return compared(value, zero, budget_) < 0 ? calculated("-", zero, value) : calculated("+", zero, value);
  }
  known = false;
  return Undefined{};
}

Value Evaluator::list_filter(const std::string& name, const Value& value, Arguments& arguments, bool& known) {
  known = true;
  if (name == "length" || name == "count") {
    if (const std::string* text = text_of(value)) budget_.read(text->size());
    return length_of(value);
  }
  if (name == "list") return budget_.list(items_of(value, budget_));
  if (name == "first") {
    const std::vector<Value> items = items_of(value, budget_);
    return items.empty() ? Value{} : items.front();
  }
  if (name == "last" || name == "reverse") {
    if (name == "reverse" && text_of(value) != nullptr) return budget_.text(sliced(*text_of(value), {.step = -1}));
    if (const List* list = list_of(value); name == "last" && list != nullptr && list->kind == List::Kind::kIterator)
      unsupported("'last' of an iterator (put '| list' before it)");
    std::vector<Value> items = items_of(value, budget_);
    if (name == "last") return items.empty() ? Value{} : items.back();
    std::reverse(items.begin(), items.end());
    return budget_.list(std::move(items), List::Kind::kIterator);
  }
  if (name == "join") {
    const Value *separator = arguments.find(0, "d"), *attribute = arguments.find(1, "attribute");
    const std::string between = separator == nullptr ? "" : printed(*separator);
    std::string joined;
    bool first = true;
    for (const Value& item : items_of(value, budget_)) {
      const Value part = attribute == nullptr ? item : path_of(item, printed(*attribute));
      joined += (first ? "" : between) + printed(part);
      budget_.spend(1);
      if (joined.size() > kMostTextBytes) unsupported(cat("a text of more than ", kMostTextBytes, " bytes"));
      first = false;
    }
    return budget_.text(std::move(joined));
  }
  if (name == "items") {
    if (!is_undefined(value) && dict_of(value) == nullptr) unsupported(cat("'items' of ", kind_of(value)));
    if (is_undefined(value)) return budget_.list({}, List::Kind::kIterator);
    return budget_.list(items_of(method(value, "items", {"items", {}, {}}), budget_), List::Kind::kIterator);
  }
  if (name == "map") return mapped(value, arguments);
  if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr")
    return selected(name, value, arguments);
  known = false;
  return Undefined{};
}

Value Evaluator::path_of(const Value& of, const std::string& path) {
  Value value = of;
  for (const std::string& name : split_text(path, ".", -1, budget_)) {
    const bool number = !name.empty() && name.size() < 10 &&
                        std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    value = number ? item(value, static_cast<int64_t>(std::stoll(name))) : item(value, budget_.text(name));
  }
  return value;
}

Value Evaluator::mapped(const Value& value, Arguments& arguments) {
  std::vector<Value> items = items_of(value, budget_);
  constexpr size_t kNoPosition = std::numeric_limits<size_t>::max() - 1;
  if (arguments.positions() == 0) {
    const Value* attribute = arguments.find(kNoPosition, "attribute");
    const Value* fallback = arguments.find(kNoPosition, "default");
    if (attribute == nullptr) throw Fault("'map' needs an attribute or a filter");
    for (Value& one : items) {
      one = path_of(one, printed(*attribute));
      if (is_undefined(one) && fallback != nullptr) one = *fallback;
    }
  } else {
    const std::string name = printed(arguments.at(0));
    if (!arguments.names().empty()) unsupported("'map' of a filter with named arguments");
    for (Value& one : items) one = filter(name, one, {name, arguments.rest(1), {}});
  }
  return budget_.list(std::move(items), List::Kind::kIterator);
}

Value Evaluator::selected(const std::string& name, const Value& value, Arguments& arguments) {
  const bool by_attribute = name.ends_with("attr"), keeps = name.starts_with("select");
  const size_t at = by_attribute ? 1 : 0;
  const std::string path = by_attribute ? printed(arguments.at(0)) : "";
  const Value* test_name = arguments.find(at);
  std::vector<Value> kept;
  for (Value& one : items_of(value, budget_)) {
    budget_.spend(1);
    const Value judged = by_attribute ? path_of(one, path) : one;
    const bool holds = test_name == nullptr
                           ? is_true(judged)
                           : test(printed(*test_name), judged, {printed(*test_name), arguments.rest(at + 1), {}});
    if (holds == keeps) kept.push_back(std::move(one));
  }
  return budget_.list(std::move(kept), List::Kind::kIterator);
}

}  // namespace specula::chat
