// `specula list`: the registered plug-ins as text, as the tables of the READMEs, or as JSON.  Licence: Apache-2.0.
#include <iostream>

#include "experiments/cli/cli_commands.h"
#include "experiments/commands.h"
#include "experiments/config/config_reader.h"
#include "experiments/run/environment.h"
#include "experiments/train/train_docs.h"
#include "experiments/verify/certificate.h"
#include "framework/decode/tree_shape.h"
#include "framework/model/architecture/architectures.h"
#include "strategies/register.h"

namespace specula {
namespace {

using Columns = std::vector<std::pair<std::string, std::string>>;  // heading, text

// The facts of a plug-in with its default options, or nothing if they do not stand alone.
template <class T>
std::optional<Facts> default_facts(const typename Registry<T>::Entry& entry) {
  Params params{.place = entry.name, .values = {}};
  params.values.set("name", {.data = entry.name, .origin = "default"});
  try {
    return entry.facts(params, Policy::kSampled);
  } catch (const ConfigError&) {
    return std::nullopt;
  }
}

std::string law_names(const Facts& facts) { return facts.laws.empty() ? "nothing" : names_of(facts.laws); }

std::string option_names(const std::vector<Option>& options) {
  std::vector<std::string> names;
  for (const Option& option : options) names.push_back(cat(option.name, " = ", option.default_text));
  return join(names);
}

// What a drafter needs: models and files by their names in a configuration, or a file that has no default.
std::string needs_of(const std::optional<Facts>& facts) {
  if (!facts) return "a file";
  std::vector<std::string> needs;
  for (const std::string& model : facts->models) needs.push_back("model " + model);
  for (const std::string& model : facts->foreign_models) needs.push_back(cat("model ", model, ", tokenizers"));
  for (const Facts::Head& head : facts->heads) needs.push_back("head " + head.name);
  for (const std::string& file : facts->files) needs.push_back("file " + file);
  return join(needs);
}

Columns facts_columns(const Registry<Drafter>::Entry& entry) {
  const auto facts = default_facts<Drafter>(entry);
  Columns columns{{"drafts", ""}, {"needs", needs_of(facts)}, {"state", ""}, {"memory", ""}};
  if (!facts) return columns;
  const char* const form = facts->laws.empty() ? "" : facts->trees ? "; trees" : "; chains";
  columns[0].second = law_names(*facts) + form;
  columns[2].second = name_of(facts->scope);
  columns[3].second = facts->memory;
  return columns;
}

Columns facts_columns(const Registry<TreeShape>::Entry& entry) {
  const auto facts = default_facts<TreeShape>(entry);
  return {{"siblings", facts ? law_names(*facts) : "as the policy wants"}};
}

Columns facts_columns(const Registry<Verifier>::Entry& entry) {
  const auto facts = default_facts<Verifier>(entry);
  if (!facts) return {{"guarantee", ""}, {"takes", ""}, {"cost", ""}};
  return {{"guarantee", name_of(facts->guarantee)},
          {"takes", cat(law_names(*facts), facts->trees ? "; trees" : "; chains",
                        facts->q_next ? "; q after every row" : "", facts->one_hot ? "; temperature 0" : "")},
          {"cost", facts->cost}};
}

Columns facts_columns(const Registry<Strategy>::Entry& entry) {
  const auto strategy = entry.make({.place = entry.name, .values = {}}, {});
  return {{"text", strategy->finds()}, {"takes", strategy->draws() ? "temperature above 0" : "any sampler"}};
}

Columns facts_columns(const Registry<LogitsProcessor>::Entry& entry) {
  const auto facts = default_facts<LogitsProcessor>(entry);
  return {{"reads", facts ? name_of(facts->reads) : ""}, {"definition", entry.definition}};
}
Columns facts_columns(const Registry<Stopper>::Entry& /*entry*/) { return {}; }

// What `verify` certified with this very binary: of verifiers, and never in the committed tables.
class Certificates {
 public:
  explicit Certificates(const std::string& format) : is_shown_(format != "markdown") {
    if (is_shown_ && std::filesystem::is_directory(std::filesystem::path(kRuns) / "certificates"))
      all_ = list_certificates(kRuns, binary_sha256());
  }

  void add_to(Columns& row, const Registry<Verifier>& /*registry*/) const {
    if (!is_shown_) return;
    std::vector<std::string> found;
    for (const ListedCertificate& c : all_) {
      if (c.verifier.substr(0, c.verifier.find('(')) == row.front().second)
        found.push_back(cat(c.drafter, " at ", c.sampler, " ", c.verdict));
    }
    row.emplace_back("certificate", found.empty() ? "none of this build" : join(found, "; "));
  }
  template <class T>
  void add_to(Columns& /*row*/, const Registry<T>& /*registry*/) const {}

 private:
  static constexpr const char* kRuns = "runs";  // [output] dir as it is by default
  bool is_shown_;
  std::vector<ListedCertificate> all_;
};

template <class T>
std::vector<Columns> rows_of(const Registry<T>& registry, const Certificates& certificates) {
  std::vector<Columns> rows;
  for (const std::string& name : registry.order) {
    const auto& plugin = registry.entries.at(name);
    Columns row{{"name", name}, {"summary", plugin.summary}};
    for (auto& column : facts_columns(plugin)) row.push_back(std::move(column));
    row.emplace_back("options", option_names(plugin.options));
    row.emplace_back("paper", plugin.paper);
    certificates.add_to(row, registry);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string text_of(const std::string& kind, const std::vector<Columns>& rows) {
  std::string out = kind + "\n";
  for (const Columns& row : rows) {
    out += labelled(row[0].second, row[1].second, 22);
    for (size_t i = 2; i < row.size(); ++i) {
      if (!row[i].second.empty()) out += wrapped(row[i].first + ": " + row[i].second, 22);
    }
  }
  return out;
}

std::string markdown_cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string markdown_of(const std::vector<Columns>& rows) {
  if (rows.empty()) return "";
  std::string out = "|", rule = "|";
  for (const auto& [heading, text] : rows.front()) {
    out += " " + heading + " |";
    rule += "---|";
  }
  out += "\n" + rule + "\n";
  for (const Columns& row : rows) {
    out += "|";
    for (size_t i = 0; i < row.size(); ++i)
      out += i == 0 ? cat(" `", row[i].second, "` |") : cat(" ", markdown_cell(row[i].second), " |");
    out += "\n";
  }
  return out;
}

Value option_value(const Option& option) {
  Value value;
  value.set("name", {.data = option.name, .origin = ""});
  value.set("type", {.data = option.type, .origin = ""});
  value.set("default", {.data = option.default_text, .origin = ""});
  value.set("range", {.data = option.range, .origin = ""});
  value.set("unit", {.data = option.unit, .origin = ""});
  value.set("help", {.data = option.help, .origin = ""});
  return value;
}

Value plain_json(const std::vector<Columns>& rows) {
  Value::Array list;
  for (const Columns& row : rows) {
    Value value;
    for (const auto& [heading, text] : row) value.set(heading, {.data = text, .origin = ""});
    list.push_back(std::move(value));
  }
  return {.data = std::move(list), .origin = ""};
}

template <class T>
Value json_value(const Registry<T>& registry, const std::vector<Columns>& rows) {
  Value::Array list;
  for (size_t i = 0; i < rows.size(); ++i) {
    Value value;
    for (const auto& [heading, text] : rows[i]) {
      if (heading != "options") value.set(heading, {.data = text, .origin = ""});
    }
    Value::Array options;
    for (const Option& option : registry.entries.at(registry.order[i]).options) options.push_back(option_value(option));
    value.set("options", {.data = std::move(options), .origin = ""});
    list.push_back(std::move(value));
  }
  return {.data = std::move(list), .origin = ""};
}

std::vector<Columns> architecture_rows() {
  std::vector<Columns> rows;
  for (const Architecture& known : list_architectures())
    rows.push_back({{"architecture", known.name}, {"models", known.models}, {"beside Llama", known.traits}});
  return rows;
}

std::vector<Columns> training_rows() {
  std::vector<Columns> rows;
  for (const SectionDocs& section : train_sections()) {
    for (const Option& option : section.options) {
      const std::string unit = option.unit.empty() ? "" : cat(" (", option.unit, ")");
      rows.push_back({{"key", cat(section.name, ".", option.name)},
                      {"meaning", option.help + unit},
                      {"default", option.default_text},
                      {"valid", option.range}});
    }
  }
  return rows;
}

}  // namespace

ExitCode list_command(const ListArgs& args) {
  const Registries registries = make_registries();
  const Certificates certificates(args.format);
  Value json;
  std::string text;
  const auto is_wanted = [&](const std::string& kind) { return args.kind.empty() || args.kind == kind; };
  const auto add_rows = [&](const std::string& kind, const std::vector<Columns>& rows, Value as_json) {
    const std::string gap = text.empty() ? "" : "\n";
    if (args.format == "json") {
      json.set(kind, std::move(as_json));
    } else if (args.format == "markdown") {
      text += (args.kind.empty() ? cat(gap, "### ", kind, "\n\n") : "") + markdown_of(rows);
    } else {
      text += gap + text_of(kind, rows);
    }
  };
  const auto add = [&](const std::string& kind, const auto& registry) {
    if (!is_wanted(kind)) return;
    const std::vector<Columns> rows = rows_of(registry, certificates);
    add_rows(kind, rows, json_value(registry, rows));
  };
  add("drafters", registries.drafters);
  add("verifiers", registries.verifiers);
  add("samplers", registries.samplers);
  add("strategies", all_strategies());
  add("stoppers", registries.stoppers);
  add("shapes", tree_shapes());
  if (is_wanted("architectures")) add_rows("architectures", architecture_rows(), plain_json(architecture_rows()));
  if (is_wanted("training")) add_rows("training", training_rows(), plain_json(training_rows()));
  std::cout << (args.format == "json" ? to_json(json, 2) + "\n" : text);
  return ExitCode::kOk;
}

}  // namespace specula
