// `specula checklist`: the items as Markdown for an appendix, or as JSON.  Licence: Apache-2.0.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/pages/markup.h"
#include "experiments/report/table.h"
#include "experiments/runs/checklist.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

std::string item_markdown(const ChecklistItem& item) {
  std::string text =
      cat("- [", item.is_answered() ? "x" : " ", "] **", item.name, "**, ", item.is_answered() ? "answered" : "missing",
          ". ", item.question, "\n  ", markdown_escaped(item.answer), "\n");
  if (!item.files.empty()) {
    std::vector<std::string> files;
    for (const std::string& file : item.files) files.push_back(cat("`", file, "`"));
    text += cat("  Proof: ", join(files), "\n");
  }
  return text + (item.is_answered() ? "" : cat("  To do: ", markdown_escaped(item.todo), "\n"));
}

std::string keys_markdown(const Checklist& checklist) {
  MarkdownTable table;
  for (const char* const title : {"key", "value", "set by"}) table.column(title, MarkdownTable::Align::kLeft);
  for (const ConfigKey& key : checklist.keys)
    table.row({markdown_escaped(key.key), markdown_escaped(key.value), markdown_escaped(key.origin)});
  return table.text();
}

}  // namespace

std::string checklist_markdown(const Checklist& checklist) {
  const auto answered = std::count_if(checklist.items.begin(), checklist.items.end(),
                                      [](const ChecklistItem& item) { return item.is_answered(); });
  std::string text =
      cat("# Reproducibility of ", checklist.run.experiment, ", cell ", checklist.run.cell, "\n\nRun ",
          checklist.run.run_id, ": ", answered, " of ", checklist.items.size(), " items are answered.\n");
  std::string list;
  for (const ChecklistItem& item : checklist.items) {
    if (item.list != list) text += cat("\n## ", item.list == "ACM" ? "ACM badges" : "NeurIPS checklist", "\n\n");
    list = item.list;
    text += item_markdown(item);
  }
  if (!checklist.keys.empty()) text += cat("\n## Every key of the configuration\n\n", keys_markdown(checklist));
  return text;
}

std::string checklist_json(const Checklist& checklist) {
  Json json = {{"schema", "specula.checklist/1"}, {"run_id", checklist.run.run_id}};
  json["items"] = Json::array();
  json["keys"] = Json::array();
  for (const ChecklistItem& item : checklist.items) {
    json["items"].push_back({{"list", item.list},
                             {"name", item.name},
                             {"question", item.question},
                             {"status", item.is_answered() ? "answered" : "missing"},
                             {"answer", item.answer},
                             {"files", item.files},
                             {"todo", item.is_answered() ? Json(nullptr) : Json(item.todo)}});
  }
  for (const ConfigKey& key : checklist.keys)
    json["keys"].push_back({{"key", key.key}, {"value", key.value}, {"origin", key.origin}});
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

ExitCode checklist_command(const ChecklistArgs& args) {
  const Checklist checklist = read_checklist(args.folder);
  std::cout << (args.format == "json" ? checklist_json(checklist) : checklist_markdown(checklist));
  return ExitCode::kOk;
}

}  // namespace specula
