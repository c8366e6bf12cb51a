#include "experiments/runs/public_copy.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "experiments/run/manifest.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

// Replaces `word` where it stands alone.
void replace_word(std::string& text, const std::string& word, const std::string& with) {
  if (word.empty()) return;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
    const size_t end = at + word.size();
    const bool alone = (at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]));
    if (alone) text.replace(at, word.size(), with);
    at += alone ? with.size() : word.size();
  }
}

bool begins_path(const std::string& text, size_t at) {
  if (text[at] != '/' || at + 1 == text.size() || (!is_word(text[at + 1]) && text[at + 1] != '.')) return false;
  return at == 0 || (!is_word(text[at - 1]) && std::string("./~)]}*").find(text[at - 1]) == std::string::npos);
}

// In quotes a path ends with them, elsewhere with a blank.
size_t path_end(const std::string& text, size_t at) {
  const bool is_quoted = at > 0 && (text[at - 1] == '"' || text[at - 1] == '\'');
  const size_t end = text.find_first_of(is_quoted ? "\"'\\\n" : " \t\n\r\"'\\<>|,;()[]{}", at);
  return end == std::string::npos ? text.size() : end;
}

std::string last_two(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '/');) {
    if (!part.empty()) parts.push_back(part);
  }
  // /home/alice, /Users/alice and /root say who it was.
  const std::string first = parts.empty() ? "" : parts[0];
  size_t skipped = first == "home" || first == "Users" ? std::min<size_t>(2, parts.size()) : first == "root" ? 1 : 0;
  if (parts.size() > 2) skipped = std::max(skipped, parts.size() - 2);
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(skipped));
  return join(parts, "/");
}

std::string without_paths(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (!begins_path(text, at)) {
      out += text[at++];
      continue;
    }
    const size_t end = path_end(text, at);
    out += last_two(text.substr(at, end - at));
    at = end;
  }
  return out;
}

std::string dump(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

std::string public_manifest(const std::string& text) {
  Json json = Json::parse(text);
  json["argv"] = Json::array();
  json["cwd"] = "";
  return dump(json, 1) + "\n";
}

std::string ids_sha256(const Json& ids) {
  std::string text;
  for (const Json& id : ids) text += cat(id.get<int64_t>(), ",");
  return sha256(text);
}

void drop_ids(Json& record) {
  const auto ids = record.find("out_ids");
  if (ids == record.end() || !ids->is_array()) return;
  const std::string hash = ids_sha256(*ids);
  *ids = nullptr;
  record["out_ids_sha256"] = hash;  // a new key moves the others
}

void drop_found(Json& score) { score.erase("found"); }

void drop_argv(Json& segment) {
  segment["argv"] = Json::array();
  segment.erase("host");
}

// Lines that can be read, each changed; a torn last one is no record.
std::string each_line(const std::string& text, void (*change)(Json&)) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) continue;
    change(json);
    out += dump(json, -1) + "\n";
  }
  return out;
}

std::string whole(const std::string& text) { return text; }

// The name within the folder of a shard, "shards/s000-of-003/status.json"; others as they are.
std::string of_shard(const std::string& name) {
  return name.starts_with("shards/") ? name.substr(std::min(name.size(), name.find('/', 7) + 1)) : name;
}

struct Kept {
  bool (*matches)(const std::string& name);  // relative to the run folder
  std::string (*change)(const std::string& text);
};

// What is published; everything else stays.
constexpr Kept kKept[] = {
    {[](const std::string& n) { return n == "manifest.json"; }, public_manifest},
    {[](const std::string& n) { return of_shard(n) == "segments.jsonl"; },
     [](const std::string& text) { return each_line(text, drop_argv); }},
    {[](const std::string& n) { return n.starts_with("records/") && n.ends_with(".jsonl"); },
     [](const std::string& text) { return each_line(text, drop_ids); }},
    {[](const std::string& n) { return n == "scores.jsonl"; },
     [](const std::string& text) { return each_line(text, drop_found); }},
    {[](const std::string& n) {
       for (const char* const name :
            {"nll.jsonl", "config.resolved.toml", "inputs.jsonl", "status.json", "summary.json", "summary.csv",
             "speculation_profile.json", "table.md", "DONE", "PARTIAL", "FAILED"}) {
         if (of_shard(n) == name) return true;
       }
       const std::string name = of_shard(n);
       return name.starts_with("env.") && name.ends_with(".json") && name.find('/') == std::string::npos;
     },
     whole},
};

const Kept* kept(const std::string& name) {
  const auto* const found =
      std::find_if(std::begin(kKept), std::end(kKept), [&](const Kept& k) { return k.matches(name); });
  return found == std::end(kKept) ? nullptr : found;
}

// The first component of what stays behind: a folder is told once, but where a part of it goes.
void note_left_out(const std::string& name, std::vector<std::string>& notes) {
  const size_t slash = name.find('/');
  const bool is_told = slash == std::string::npos || name.starts_with("records/") || name.starts_with("shards/");
  const std::string top = is_told ? name : name.substr(0, slash + 1);
  const std::string line = cat("left out: ", top);
  if (std::find(notes.begin(), notes.end(), line) == notes.end()) notes.push_back(line);
}

const std::vector<std::string> kChanges = {
    "dropped: command lines and working folder (manifest.json, segments.jsonl)",
    "dropped: token ids (records/); out_ids_sha256 is the sha256 of each list, a comma behind every id",
    "dropped: what scorers found in the texts (scores.jsonl)",
    "shortened: whatever looks like an absolute path, to its last two components",
    "replaced: names of the user and the host"};

}  // namespace

Identity identity_of_process() {
  Identity identity;
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) == 0) identity.host = host;
  if (const passwd* entry = ::getpwuid(::getuid())) {
    identity.user = entry->pw_name;
    identity.home = entry->pw_dir;
  }
  if (const char* home = std::getenv("HOME")) identity.home = home;
  return identity;
}

std::string without_identity(const std::string& text, const Identity& identity) {
  std::string out = without_paths(text);
  if (identity.home.size() > 1) replace_word(out, identity.home, "user");
  replace_word(out, identity.host, "host");
  if (identity.user != "root") replace_word(out, identity.user, "user");
  return out;
}

std::vector<std::string> copy_for_public(const fs::path& run_folder, const fs::path& out, const Identity& identity) {
  read_manifest(run_folder);  // refuses what is no run
  if (fs::exists(out)) throw ConfigError(cat("--public ", out.string(), ": exists already; expected a new folder"));
  std::vector<std::string> names, notes;
  for (const auto& entry : fs::recursive_directory_iterator(run_folder)) {
    if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(run_folder).string());
  }
  std::sort(names.begin(), names.end());
  std::error_code code;
  fs::create_directories(out / "records", code);
  if (code) throw Error(cat(out.string(), ": cannot create the folder: ", code.message()));
  for (const std::string& name : names) {
    if (const Kept* k = kept(name)) {
      fs::create_directories((out / name).parent_path(), code);
      write_file_atomically(out / name, without_identity(k->change(read_file(run_folder / name)), identity));
    } else if (!name.ends_with(".lock")) {
      note_left_out(name, notes);
    }
  }
  notes.insert(notes.end(), kChanges.begin(), kChanges.end());
  write_file_atomically(out / "left_out.txt", join(notes, "\n") + "\n");
  return notes;
}

}  // namespace specula
