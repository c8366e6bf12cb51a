// `specula faults`: the planted faults, each refuted anew, as text, as the table of verifiers/README.md, or as JSON.
// Licence: Apache-2.0.
#include <cstdio>
#include <iostream>

#include "experiments/cli/cli_commands.h"
#include "experiments/commands.h"
#include "experiments/config/config_reader.h"
#include "framework/certify/faults.h"

namespace specula {
namespace {

struct Found {
  Fault fault;
  Finding finding;
};

// Two digits, so that machines agree on the table; a fault that is refused outright has no distance.
std::string tv_text(const Found& found) {
  if (found.fault.instrument == "key audit") return "refused";
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", found.finding.tv);
  return text;
}

std::string samples_text(const Found& found) {
  return found.finding.samples == 0 ? "exact" : std::to_string(found.finding.samples);
}

std::string markdown_of(const std::vector<Found>& all) {
  std::string out = "| fault | what | seen in | TV | instrument | samples |\n|---|---|---|---|---|---|\n";
  for (const Found& one : all) {
    out += cat("| `", one.fault.name, "` | ", one.fault.what, " | ", one.fault.seen_in, " | ", tv_text(one), " | ",
               one.fault.instrument, " | ", samples_text(one), " |\n");
  }
  return out;
}

std::string text_of(const std::vector<Found>& all) {
  std::string out, theme;
  for (const Found& one : all) {
    if (one.fault.theme != theme) out += cat(theme.empty() ? "" : "\n", one.fault.theme, "\n");
    theme = one.fault.theme;
    out += wrapped(cat(one.fault.name, ": TV ", tv_text(one), ", ", one.fault.instrument,
                       one.finding.samples == 0 ? "" : cat(", ", one.finding.samples, " samples"),
                       is_refuted(one.finding) ? "" : "; NOT REFUTED"),
                   2);
    out += wrapped(cat(one.fault.what, one.fault.seen_in.empty() ? "" : cat(" Seen in: ", one.fault.seen_in, ".")), 6);
  }
  return out;
}

Value json_of(const std::vector<Found>& all) {
  Value::Array list;
  for (const Found& one : all) {
    Value value;
    const auto set = [&](const std::string& key, auto data) { value.set(key, {.data = data, .origin = ""}); };
    set("theme", one.fault.theme);
    set("name", one.fault.name);
    set("what", one.fault.what);
    set("seen_in", one.fault.seen_in);
    set("instrument", one.fault.instrument);
    set("tv", one.finding.tv);
    set("sound_tv", one.finding.sound);
    set("samples", one.finding.samples);
    set("refuted", is_refuted(one.finding));
    list.push_back(std::move(value));
  }
  return {.data = std::move(list), .origin = ""};
}

}  // namespace

ExitCode faults_command(const std::string& format) {
  std::vector<Found> all;
  std::string missed;
  for (Fault& fault : all_faults()) {
    const Finding finding = fault.find();
    if (!is_refuted(finding)) missed += cat(missed.empty() ? "" : ", ", fault.name);
    all.push_back({std::move(fault), finding});
  }
  if (format == "json") {
    std::cout << to_json(json_of(all), 2) << "\n";
  } else {
    std::cout << (format == "markdown" ? markdown_of(all) : text_of(all));
  }
  if (!missed.empty()) throw Error(cat("faults: the instruments did not refute ", missed));
  return ExitCode::kOk;
}

}  // namespace specula
