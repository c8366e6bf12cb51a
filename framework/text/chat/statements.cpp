// Statements of a template.
#include <utility>

#include "framework/core/error.h"
#include "framework/text/chat/evaluator.h"
#include "framework/text/chat/print.h"

namespace specula::chat {

Evaluator::Evaluator(Variables variables, std::time_t now) : now_(now) {
  variables.emplace("raise_exception", Function::kRaiseException);
  variables.emplace("strftime_now", Function::kStrftimeNow);
  variables.emplace("namespace", Function::kNamespace);
  variables.emplace("range", Function::kRange);
  variables.emplace("dict", Function::kDict);
  scopes_.push_back(std::move(variables));
}

std::string Evaluator::run(const Block& all) {
  std::string out;
  out_ = &out;
  try {
    block(all);
  } catch (const Fault& fault) {
    throw Error(cat("chat template, line ", line_, ": ", fault.what()));
  }
  return out;
}

void Evaluator::print(const std::string& text) {
  if (out_->size() + text.size() > kMostTextBytes) unsupported(cat("a text of more than ", kMostTextBytes, " bytes"));
  budget_.read(text.size());
  *out_ += text;
}

Evaluator::Flow Evaluator::block(const Block& statements) {
  for (const Statement& one : statements) {
    const Flow flow = statement(one);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Evaluator::Flow Evaluator::statement(const Statement& statement) {
  const Deeper deeper(*this);
  budget_.spend(1);
  line_ = statement.line;
  switch (statement.kind) {
    case Statement::Kind::kText:
      print(statement.text);
      break;
    case Statement::Kind::kPrint:
      print(printed(evaluate(*statement.value)));
      break;
    case Statement::Kind::kSet:
      set(statement.target, evaluate(*statement.value));
      break;
    case Statement::Kind::kSetBlock:
      set(statement.target, filtered(budget_.text(captured(statement.body)), statement.filters));
      break;
    case Statement::Kind::kIf:
      for (const Branch& branch : statement.branches) {
        if (branch.condition == nullptr || is_true(evaluate(*branch.condition))) return block(branch.body);
      }
      break;
    case Statement::Kind::kFor:
      return loop(statement);
    case Statement::Kind::kMacro:
      scopes_.back()[statement.macro->name] = statement.macro.get();
      break;
    case Statement::Kind::kGeneration:
      print(captured(statement.body));
      break;
    case Statement::Kind::kFilter:
      print(printed(filtered(budget_.text(captured(statement.body)), statement.filters)));
      break;
    case Statement::Kind::kBreak:
      return Flow::kBreak;
    case Statement::Kind::kContinue:
      return Flow::kContinue;
    case Statement::Kind::kUnsupported:
      unsupported(cat("statement '", statement.text,
                      "'; valid: for, if, set, macro, filter, generation, break, continue, raw; it"));
  }
  return Flow::kNext;
}

Evaluator::Flow Evaluator::loop(const Statement& statement) {
  const auto& names = statement.target.names;
  const auto bind = [&](const Value& value) {
    if (statement.target.unpacks) {
      unpack(names, value);
    } else {
      scopes_.back()[names[0]] = value;
    }
  };
  std::vector<Value> visited;
  for (Value& value : items_of(evaluate(*statement.value), budget_)) {
    if (statement.condition != nullptr) {
      scopes_.emplace_back();
      bind(value);
      const bool kept = is_true(evaluate(*statement.condition));
      scopes_.pop_back();
      if (!kept) continue;
    }
    visited.push_back(std::move(value));
  }
  bool completed = false;  // Jinja's `else` asks whether any turn ran to its end
  const auto items = std::make_shared<const List>(List{.items = std::move(visited)});
  ++loop_depth_;
  Flow flow = Flow::kNext;
  for (size_t i = 0; i < items->items.size() && flow != Flow::kBreak; ++i) {
    scopes_.emplace_back();  // what a turn sets ends with it
    bind(items->items[i]);
    scopes_.back()["loop"] = std::make_shared<const Loop>(Loop{items, static_cast<int64_t>(i), loop_depth_});
    flow = block(statement.body);
    scopes_.pop_back();
    completed = completed || flow == Flow::kNext;
  }
  --loop_depth_;
  if (completed || statement.otherwise.empty()) return Flow::kNext;
  scopes_.emplace_back();
  flow = block(statement.otherwise);
  scopes_.pop_back();
  return flow;
}

void Evaluator::set(const Target& target, const Value& value) {
  if (!target.attribute.empty()) {
    const Value space = variable(target.names[0]);
    const auto* found = as<Namespace*>(space);
    if (found == nullptr) unsupported(cat("'set ", target.names[0], ".", target.attribute, "' of ", kind_of(space)));
    for (auto& [name, old] : (*found)->entries) {
      budget_.spend(1);
      if (name == target.attribute) {
        old = value;
        return;
      }
    }
    (*found)->entries.emplace_back(target.attribute, value);
  } else if (target.unpacks) {
    unpack(target.names, value);
  } else {
    scopes_.back()[target.names[0]] = value;
  }
}

void Evaluator::unpack(const std::vector<std::string>& names, const Value& value) {
  const std::vector<Value> items = items_of(value, budget_);
  if (items.size() != names.size()) throw Fault(cat(items.size(), " values for ", names.size(), " names"));
  for (size_t i = 0; i < names.size(); ++i) scopes_.back()[names[i]] = items[i];
}

std::string Evaluator::captured(const Block& body) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  scopes_.emplace_back();
  block(body);
  scopes_.pop_back();
  out_ = outer;
  return text;
}

Value Evaluator::filtered(Value value, const std::vector<Access>& filters) {
  for (const Access& access : filters) value = filter(access.name, value, arguments_of(access, access.name));
  return value;
}

Value Evaluator::call_macro(const Macro& macro, Arguments& arguments) {
  const size_t outer = std::exchange(base_, scopes_.size());
  const int64_t outer_depth = std::exchange(loop_depth_, 0);
  scopes_.emplace_back();
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const Macro::Parameter& parameter = macro.parameters[i];
    const Value* given = arguments.find(i, parameter.name.c_str());
    Value value;
    if (given != nullptr) {
      value = *given;
    } else if (parameter.fallback != nullptr) {
      value = evaluate(*parameter.fallback);
    }
    scopes_.back()[parameter.name] = std::move(value);
  }
  arguments.finish();
  std::string text = captured(macro.body);
  scopes_.pop_back();
  base_ = outer;
  loop_depth_ = outer_depth;
  return budget_.text(std::move(text));
}

}  // namespace specula::chat
