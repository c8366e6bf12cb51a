// What can be called by its own name.
#include <algorithm>

#include "framework/core/error.h"
#include "framework/text/chat/evaluator.h"
#include "framework/text/chat/print.h"

namespace specula::chat {

Arguments::Arguments(std::string callee, std::vector<Value> by_position,
                     std::vector<std::pair<std::string, Value>> by_name)
    : callee_(std::move(callee)), by_position_(std::move(by_position)), by_name_(std::move(by_name)) {}

const Value* Arguments::find(size_t position, const char* name) {
  positions_asked_ = std::max(positions_asked_, position + 1);
  names_asked_.emplace_back(name);
  if (position < by_position_.size()) return &by_position_[position];
  const auto found =
      std::find_if(by_name_.begin(), by_name_.end(), [&](const auto& entry) { return entry.first == name; });
  return found == by_name_.end() ? nullptr : &found->second;
}

const Value& Arguments::at(size_t position, const char* name) {
  const Value* found = find(position, name);
  if (found == nullptr) throw Fault(cat("'", callee_, "' needs ", position + 1, " arguments"));
  return *found;
}

std::vector<Value> Arguments::rest(size_t from) {
  positions_asked_ = std::max(positions_asked_, by_position_.size());
  const auto begin = by_position_.begin() + static_cast<int64_t>(std::min(from, by_position_.size()));
  return {begin, by_position_.end()};
}

void Arguments::finish() const {
  if (by_position_.size() > positions_asked_)
    unsupported(cat("argument ", positions_asked_ + 1, " of '", callee_, "'"));
  for (const auto& entry : by_name_) {
    if (std::find(names_asked_.begin(), names_asked_.end(), entry.first) == names_asked_.end())
      unsupported(cat("argument '", entry.first, "' of '", callee_, "'"));
  }
}

Value Evaluator::call(const Value& callee, Arguments arguments) {
  if (const auto* macro = as<const Macro*>(callee)) return call_macro(**macro, arguments);
  if (const auto* function = as<Function>(callee)) {
    Value result = call_function(*function, arguments);
    return result;
  }
  const std::string& name = arguments.callee();
  unsupported(cat("calling ", name.empty() ? kind_of(callee) : "'" + name + "'"));
}

Value Evaluator::call_function(Function function, Arguments& arguments) {
  switch (function) {
    case Function::kRaiseException:
      throw Fault("refused by the template: " + printed(arguments.at(0, "message")));
    case Function::kStrftimeNow: {
      const std::string* format = text_of(arguments.at(0, "format"));
      arguments.finish();
      if (format == nullptr || format->size() > 256) unsupported("a format of strftime_now longer than 256 bytes");
      std::tm local = {};
      localtime_r(&now_, &local);
      std::string text(4096, '\0');
      text.resize(std::strftime(text.data(), text.size(), format->c_str(), &local));
      return budget_.text(std::move(text));
    }
    case Function::kNamespace:
    case Function::kDict: {
      std::vector<std::pair<std::string, Value>> entries;
      if (const Value* from = arguments.find(0)) {
        if (dict_of(*from) == nullptr) unsupported(cat("'", arguments.callee(), "' of ", kind_of(*from)));
        entries = dict_of(*from)->entries;
      }
      entries.insert(entries.end(), arguments.names().begin(), arguments.names().end());
      const Value made = budget_.dict(std::move(entries));
      if (arguments.positions() > 1) arguments.finish();
      if (function == Function::kDict) return made;
      namespaces_.push_back(std::make_unique<Namespace>());
      namespaces_.back()->entries = dict_of(made)->entries;
      return namespaces_.back().get();
    }
    case Function::kRange: {
      int64_t begin = 0, end = integer_of(arguments.at(0), "an argument of 'range'"), step = 1;
      if (const Value* second = arguments.find(1)) {
        begin = end;
        end = integer_of(*second, "an argument of 'range'");
      }
      if (const Value* third = arguments.find(2)) step = integer_of(*third, "an argument of 'range'");
      arguments.finish();
      constexpr int64_t kMostNumber = int64_t{1} << 40, kMostItems = 100'000;  // the latter as Jinja's sandbox has it
      if (step == 0 || std::max({std::abs(begin), std::abs(end), std::abs(step)}) > kMostNumber)
        unsupported("such an argument of 'range'");
      std::vector<Value> items;
      for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
        items.emplace_back(i);
        if (static_cast<int64_t>(items.size()) > kMostItems) unsupported(cat("a 'range' of more than ", kMostItems));
      }
      return budget_.list(std::move(items));
    }
  }
  return Undefined{};
}

}  // namespace specula::chat
