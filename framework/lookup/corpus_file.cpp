#include "framework/lookup/corpus_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "framework/core/files.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

constexpr size_t kMostSections = 8;
constexpr uint32_t kVersion = 1, kByteOrder = 0x01020304;
constexpr std::array<char, 8> kMagic = {'S', 'P', 'E', 'C', 'U', 'L', 'A', '\n'};

// As it lies in the file.
struct Head {
  std::array<char, 8> magic = kMagic;
  uint32_t version = kVersion, byte_order = kByteOrder;
  std::array<char, 16> kind{};
  std::array<char, 64> tokenizer{};
  int64_t ids = 0, tokens = 0, order = 0;
  uint64_t num_sections = 0;
  std::array<uint64_t, kMostSections> counts{};  // 32-bit numbers of each section
  uint64_t content_checksum = 0, head_checksum = 0;
  std::array<char, 48> unused{};
};
static_assert(sizeof(Head) == 256);

// Against torn and flipped bits, not against an adversary: four lanes of multiply and rotate, 8 bytes each.
uint64_t checksum(std::span<const uint8_t> bytes) {
  constexpr uint64_t kPrime = 0x9E3779B97F4A7C15;
  std::array<uint64_t, 4> lane = {1, 2, 3, 4};
  const auto mix = [](uint64_t& to, uint64_t word) { to = std::rotl((to ^ word) * kPrime, 29); };
  size_t at = 0;
  for (; at + 32 <= bytes.size(); at += 32) {
    std::array<uint64_t, 4> words{};
    std::memcpy(words.data(), bytes.data() + at, 32);
    for (size_t i = 0; i < 4; ++i) mix(lane[i], words[i]);
  }
  for (; at < bytes.size(); ++at) mix(lane[at % 4], bytes[at] + uint64_t{1});
  uint64_t sum = bytes.size();
  for (const uint64_t one : lane) mix(sum, one);
  return sum ^ (sum >> 31);
}

uint64_t checksum_of(const Head& head) {
  Head bare = head;
  bare.head_checksum = 0;
  return checksum({reinterpret_cast<const uint8_t*>(&bare), sizeof bare});
}

template <size_t N>
std::string text_of(const std::array<char, N>& field) {
  return {field.begin(), std::find(field.begin(), field.end(), '\0')};
}

[[noreturn]] void refuse(const std::string& path, const std::string& kind, const std::string& what) {
  throw ConfigError(cat(path, ": ", what, "; `specula train ", kind.empty() ? "KIND" : kind, "` makes such files"));
}

Head checked_head(std::span<const uint8_t> bytes, size_t file_size, const std::string& path, const std::string& kind) {
  const auto fail = [&](const std::string& what) { refuse(path, kind, what); };
  Head head;
  if (bytes.size() < sizeof head)
    fail(cat("this is no file of a corpus: it has ", file_size, " bytes, and its head alone would have ", sizeof head));
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.magic != kMagic) fail(cat("this is no file of a corpus: it does not begin with \"SPECULA\""));
  if (head.byte_order != kByteOrder) fail("was written on a machine of another byte order");
  if (head.version != kVersion) fail(cat("has version ", head.version, ", and this program reads ", kVersion));
  if (head.head_checksum != checksum_of(head)) fail("its head is damaged: the checksum is wrong");
  if (!kind.empty() && text_of(head.kind) != kind)
    fail(cat("this is a file of kind '", text_of(head.kind), "', expected '", kind, "'"));
  if (head.num_sections > kMostSections || head.ids < 1 || head.ids > kMostCorpusTokens || head.tokens < 1 ||
      head.tokens > kMostCorpusTokens)
    fail("its head claims impossible sizes");
  uint64_t left = file_size - sizeof head;
  for (size_t i = 0; i < head.num_sections; ++i) {
    if (head.counts[i] > left / 4)
      fail(cat("is cut short: it has ", file_size, " bytes, and section ", i, " alone claims ", head.counts[i],
               " numbers of 4"));
    left -= head.counts[i] * 4;
  }
  if (left != 0) fail(cat("has ", left, " bytes behind what its head speaks of"));
  return head;
}

CorpusHead head_of(const Head& head) {
  return {.kind = text_of(head.kind),
          .tokenizer = text_of(head.tokenizer),
          .ids = head.ids,
          .tokens = head.tokens,
          .order = head.order};
}

uint64_t checksum_of(std::span<const std::span<const uint32_t>> sections) {
  std::vector<uint64_t> sums;
  for (const auto& section : sections)
    sums.push_back(checksum({reinterpret_cast<const uint8_t*>(section.data()), section.size_bytes()}));
  return checksum({reinterpret_cast<const uint8_t*>(sums.data()), sums.size() * sizeof(uint64_t)});
}

std::string brief(const std::string& fingerprint) { return fingerprint.empty() ? "none" : fingerprint.substr(0, 16); }

}  // namespace

CorpusHead read_corpus_head(const std::filesystem::path& path, const std::string& kind) {
  const RandomFile file(path);
  std::array<uint8_t, sizeof(Head)> bytes{};
  const size_t count = std::min(file.size(), bytes.size());
  file.read(0, {bytes.data(), count});
  return head_of(checked_head({bytes.data(), count}, file.size(), path.string(), kind));
}

void write_corpus_file(const std::filesystem::path& path, const CorpusHead& of,
                       std::span<const std::span<const uint32_t>> sections) {
  Head head;
  SPECULA_CHECK(of.kind.size() < head.kind.size() && of.tokenizer.size() <= head.tokenizer.size(), of.kind,
                of.tokenizer);
  SPECULA_CHECK(sections.size() <= kMostSections, sections.size());
  std::copy(of.kind.begin(), of.kind.end(), head.kind.begin());
  std::copy(of.tokenizer.begin(), of.tokenizer.end(), head.tokenizer.begin());
  head.ids = of.ids;
  head.tokens = of.tokens;
  head.order = of.order;
  head.num_sections = sections.size();
  for (size_t i = 0; i < sections.size(); ++i) head.counts[i] = sections[i].size();
  head.content_checksum = checksum_of(sections);
  head.head_checksum = checksum_of(head);
  std::vector<std::string_view> parts = {{reinterpret_cast<const char*>(&head), sizeof head}};
  for (const auto& section : sections)
    parts.emplace_back(reinterpret_cast<const char*>(section.data()), section.size_bytes());
  write_file_atomically(path, parts);
}

CorpusFile::CorpusFile(const std::filesystem::path& path, const std::string& kind) : path_(path.string()), file_(path) {
  const std::span<const uint8_t> bytes = file_.bytes();
  const Head head = checked_head(bytes.first(std::min(bytes.size(), sizeof(Head))), bytes.size(), path_, kind);
  head_ = head_of(head);
  const auto* numbers = reinterpret_cast<const uint32_t*>(bytes.data() + sizeof head);
  for (size_t i = 0; i < head.num_sections; ++i) {
    sections_.emplace_back(numbers, head.counts[i]);
    numbers += head.counts[i];
  }
  if (checksum_of(std::span<const std::span<const uint32_t>>(sections_)) != head.content_checksum)
    fail("is damaged: the checksum is wrong");
}

void CorpusFile::fail(const std::string& what) const { refuse(path_, head_.kind, what); }

void CorpusFile::check_target(const Parts& parts) const {
  const std::string target = parts.tokenizer ? parts.tokenizer("").fingerprint() : "";
  if (!head_.tokenizer.empty() && head_.tokenizer != target) {
    fail(cat("was made with the tokenizer ", brief(head_.tokenizer), ", and the target's is ", brief(target),
             " (fingerprints)"));
  }
  if (parts.vocab > 0 && head_.ids > parts.vocab)
    fail(cat("has the token id ", head_.ids - 1, ", and the target's vocabulary ends at ", parts.vocab - 1));
}

}  // namespace specula
