#include "framework/text/corpus.h"

#include <glob.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTextEndings = {".txt", ".text", ".md"};
const std::vector<std::string> kJsonlEndings = {".jsonl", ".ndjson"};

bool has_ending(const fs::path& file, const std::vector<std::string>& endings) {
  return std::find(endings.begin(), endings.end(), file.extension().string()) != endings.end();
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && (has_ending(entry.path(), kTextEndings) || has_ending(entry.path(), kJsonlEndings)))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    throw ConfigError(cat("corpus ", folder.string(), ": the folder has no file that ends in ", join(kTextEndings),
                          ", ", join(kJsonlEndings)));
  }
  return files;
}

std::vector<fs::path> files_of_glob(const std::string& pattern) {
  ::glob_t found{};
  const int status = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<fs::path> files;
  for (size_t i = 0; status == 0 && i < found.gl_pathc; ++i) {
    if (fs::is_regular_file(found.gl_pathv[i])) files.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  std::sort(files.begin(), files.end());
  if (files.empty()) throw ConfigError(cat("corpus ", pattern, ": no file matches"));
  return files;
}

std::vector<fs::path> files_at(const std::string& path) {
  if (fs::is_regular_file(path)) return {path};
  if (fs::is_directory(path)) return files_below(path);
  if (path.find_first_of("*?[") != std::string::npos) return files_of_glob(path);
  throw ConfigError(cat("corpus ", path, ": there is no such file or folder"));
}

std::string text_of_line(const std::string& line, const std::string& key, const std::string& place) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (json.is_discarded()) throw Error(place + ": not valid JSON");
  if (!json.is_object()) throw Error(cat(place, ": expected a JSON object, got ", json.type_name()));
  const auto found = json.find(key);
  if (found == json.end()) {
    std::vector<std::string> keys;
    for (const auto& item : json.items()) keys.push_back(item.key());
    throw Error(cat(place, ": there is no key \"", key, "\"", suggestion(key, keys)));
  }
  if (!found->is_string()) throw Error(cat(place, ": \"", key, "\" must hold text, got ", found->type_name()));
  return found->get<std::string>();
}

}  // namespace

size_t cut_behind(const std::string& text, size_t limit) {
  if (text.size() <= limit) return text.size();
  for (const char* const ends : {"\n", " \t"}) {
    const size_t at = text.find_last_of(ends, limit - 1);
    if (at != std::string::npos && at >= limit / 2) return at + 1;
  }
  size_t at = limit;  // back to the first byte of a character; in bytes that are no UTF-8 a step of 3 is enough
  while (at > limit - std::min<size_t>(limit - 1, 3) && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

Corpus::Corpus(const CorpusChoice& choice) : choice_(choice) {
  const std::vector<std::string> formats = {"auto", "text", "jsonl"};
  if (std::find(formats.begin(), formats.end(), choice.format) == formats.end())
    throw ConfigError(cat("corpus: unknown format '", choice.format, "'", suggestion(choice.format, formats)));
  for (const std::string& path : choice.paths) {
    const std::vector<fs::path> found = files_at(path);
    files_.insert(files_.end(), found.begin(), found.end());
  }
  for (const fs::path& file : files_) total_bytes_ += static_cast<int64_t>(fs::file_size(file));
  if (total_bytes_ == 0) throw ConfigError(cat("corpus ", join(choice.paths), ": there is no text in it"));
}

bool Corpus::is_jsonl(const fs::path& file) const {
  return choice_.format == "auto" ? has_ending(file, kJsonlEndings) : choice_.format == "jsonl";
}

bool Corpus::next(CorpusPiece& piece) {
  while (open_ || next_file()) {
    if (jsonl_ ? next_line(piece) : next_text(piece)) return true;
    if (in_.bad()) throw Error(place_ + ": cannot read");
    open_ = false;
  }
  return false;
}

bool Corpus::next_file() {
  if (file_ == files_.size()) return false;
  const fs::path& file = files_[file_++];
  place_ = file.string();
  in_ = std::ifstream(file, std::ios::binary);
  if (!in_) throw Error(place_ + ": cannot open");
  buffer_.clear();
  open_ = at_start_ = true;
  jsonl_ = is_jsonl(file);
  line_number_ = offset_ = 0;
  return true;
}

size_t Corpus::fill(size_t wanted) {
  while (buffer_.size() < wanted && in_) {
    const size_t before = buffer_.size();
    buffer_.resize(std::max(wanted, before + kPieceBytes));
    in_.read(buffer_.data() + before, static_cast<std::streamsize>(buffer_.size() - before));
    buffer_.resize(before + static_cast<size_t>(in_.gcount()));
    bytes_read_ += in_.gcount();
  }
  return buffer_.size();
}

bool Corpus::next_line(CorpusPiece& piece) {
  while (true) {
    size_t newline = buffer_.find('\n');
    while (newline == std::string::npos && in_) {
      const size_t searched = buffer_.size();
      if (searched > kLongestLine)
        throw Error(cat(place_, ":", line_number_ + 1, ": a line of more than ", kLongestLine, " bytes"));
      fill(searched + 1);
      newline = buffer_.find('\n', searched);
    }
    if (buffer_.empty()) return false;
    const size_t length = std::min(newline, buffer_.size());
    line_.assign(buffer_, 0, length);
    buffer_.erase(0, std::min(length + 1, buffer_.size()));
    ++line_number_;
    if (line_.find_first_not_of(" \t\r") == std::string::npos) continue;
    piece = {.text = text_of_line(line_, choice_.key, cat(place_, ":", line_number_)), .begins_document = true};
    return true;
  }
}

bool Corpus::next_text(CorpusPiece& piece) {
  if (fill(2 * kPieceBytes) == 0) return false;
  const size_t length = cut_behind(buffer_, kPieceBytes);
  const size_t nul = buffer_.find('\0');
  if (nul < length)
    throw Error(cat(place_, ": byte ", offset_ + static_cast<int64_t>(nul),
                    " is 0, which no text has (a compressed or binary file?)"));
  piece.text.assign(buffer_, 0, length);
  piece.begins_document = at_start_;
  buffer_.erase(0, length);
  offset_ += static_cast<int64_t>(length);
  at_start_ = false;
  return true;
}

}  // namespace specula
