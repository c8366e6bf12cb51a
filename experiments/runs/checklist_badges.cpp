// The badges of the ACM, as far as a run folder decides them.
#include "experiments/pages/markup.h"
#include "experiments/runs/checklist_facts.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::json;

ChecklistItem available(const RunFacts& facts) {
  const bool is_public = facts.has("left_out.txt");
  return {
      .list = "ACM",
      .name = "Artifacts Available",
      .question = "Do the artifacts lie in a public archive, under an identifier that lasts?",
      .answer = is_public ? "this is a copy for publication, without host, user, paths and token ids" : "not published",
      .files = is_public ? std::vector<std::string>{"left_out.txt"} : std::vector<std::string>{},
      .todo = is_public ? "archive this folder (Zenodo, Software Heritage) and give the DOI in the text"
                        : cat("specula export ", shell_quoted(facts.folder.string()),
                              " --public COPY; archive the copy and give its DOI in the text")};
}

ChecklistItem functional(const RunFacts& facts) {
  ChecklistItem item{.list = "ACM",
                     .name = "Artifacts Evaluated: Functional",
                     .question = "Is it documented, consistent, complete, and can it be exercised?"};
  if (facts.summary.is_null()) {
    item.answer = "there is no summary, so nothing was checked";
    item.todo = cat("specula report ", shell_quoted(facts.folder.string()), " makes it");
    return item;
  }
  std::vector<std::string> failed;
  for (const Json& check : facts.summary.at("checks")) {
    if (check.at("passed").get<bool>()) continue;
    const std::string arm = check.at("arm").is_string() ? cat(check.at("arm").get<std::string>(), ": ") : "";
    failed.push_back(cat(arm, check.at("name").get<std::string>()));
  }
  const size_t checks = facts.summary.at("checks").size();
  item.answer = cat(checks - failed.size(), " of ", checks, " self-checks of the records passed",
                    failed.empty() ? "" : "; failed: " + join(failed), "; the run is ",
                    facts.state.empty() ? "in no known state" : facts.state,
                    "; specula doctor and ./test.sh show whether another machine can exercise it");
  item.files = {"summary.json", "status.json"};
  if (!failed.empty()) {
    item.todo = "find out why these checks fail before anything is published";
  } else if (facts.state != "done") {
    item.todo = "the run is not complete: run the same command again, it goes on where it was";
  }
  return item;
}

ChecklistItem reusable(const RunFacts& facts) {
  ChecklistItem item{.list = "ACM",
                     .name = "Artifacts Evaluated: Reusable",
                     .question = "Can others take it for work of their own?",
                     .answer = ""};
  for (const char* const file : {"config.resolved.toml", "config.sources", "inputs.jsonl", "manifest.json"}) {
    if (facts.has(file)) {
      item.files.emplace_back(file);
    } else {
      item.todo += cat(item.todo.empty() ? "not there: " : ", ", file);
    }
  }
  item.answer =
      cat("config.resolved.toml runs as it is (specula rerun), files name their schemas, specula explain "
          "defines keys and metrics, specula export writes tables");
  if (!item.todo.empty()) item.todo += ": keep the whole run folder";
  return item;
}

std::string expectation_text(const Json& e) {
  const auto bound = [&](const char* name) { return e.at(name).is_number() ? e.at(name).dump() : "–"; };
  return cat(e.at("arm").get<std::string>(), ": ", e.at("metric").get<std::string>(), " is ", bound("value"),
             ", expected ", bound("low"), "..", bound("high"), " (", e.at("kind").get<std::string>(), ")");
}

ChecklistItem reproduced(const RunFacts& facts) {
  ChecklistItem item{
      .list = "ACM", .name = "Results Reproduced", .question = "Are the main claims checked by the run itself?"};
  const Json expectations =
      facts.summary.is_null() ? Json::array() : facts.summary.value("expectations", Json::array());
  if (expectations.empty()) {
    item.answer = "no claim is stated";
    item.todo =
        "state each claim as [[expect]] (arm, metric, value, tol_frac) in the configuration and run again: the "
        "run then ends with exit status 3 where it is missed";
    return item;
  }
  std::vector<std::string> missed;
  for (const Json& e : expectations) {
    if (!e.at("met").get<bool>()) missed.push_back(expectation_text(e));
  }
  item.answer = cat(expectations.size() - missed.size(), " of ", expectations.size(), " expectations are met",
                    missed.empty() ? "" : "; missed: " + join(missed, "; "));
  item.files = {"summary.json", "manifest.json"};
  if (!missed.empty()) item.todo = "explain or withdraw what is missed";
  return item;
}

}  // namespace

std::vector<ChecklistItem> badge_items(const RunFacts& facts) {
  return {available(facts), functional(facts), reusable(facts), reproduced(facts)};
}

}  // namespace specula
