#include "experiments/run/trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "experiments/run/shard.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using trace_format::checksum;
using trace_format::kDense;
using trace_format::kMagic;

static_assert(std::endian::native == std::endian::little, "a trace is written as the memory holds it");

template <class T>
void put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, const std::string& text) {
  put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

template <class T>
void put_all(std::string& out, const T* values, size_t count) {
  out.append(reinterpret_cast<const char*>(values), count * sizeof(T));
}

void put_row(std::string& out, const float* row, int64_t vocab) {
  std::vector<Token> tokens;
  const auto most = static_cast<size_t>((vocab - 1) / 2);  // fewer than half
  for (Token x = 0; x < vocab && tokens.size() <= most; ++x) {
    if (row[x] != 0) tokens.push_back(x);
  }
  if (tokens.size() > most) {
    put(out, kDense);
    put_all(out, row, static_cast<size_t>(vocab));
    return;
  }
  put(out, static_cast<uint32_t>(tokens.size()));
  put_all(out, tokens.data(), tokens.size());
  for (const Token x : tokens) put(out, row[x]);
}

void put_rows(std::string& out, const Tensor& given) {
  const Tensor rows = given.contiguous();
  const int64_t vocab = rows.size(1);
  const float* values = rows.const_data_ptr<float>();
  for (int64_t i = 0; i < rows.size(0); ++i) put_row(out, values + i * vocab, vocab);
}

std::string header_bytes(const TraceHeader& h) {
  std::string out;
  put(out, h.vocab);
  for (const bool flag : {h.one_hot, h.trees, h.q_next}) put(out, static_cast<uint8_t>(flag));
  put(out, static_cast<uint32_t>(h.laws.size()));
  for (const Draw law : h.laws) put(out, static_cast<uint8_t>(law));
  for (const std::string& text : {h.arm, h.drafter, h.verifier, h.sampler}) put_text(out, text);
  return out;
}

std::string framed(const std::string& payload) {
  std::string out;
  put(out, static_cast<uint64_t>(payload.size()));
  put(out, checksum(payload.data(), payload.size()));
  return out + payload;
}

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw Error(cat(path, ": cannot ", what, ": ", std::strerror(errno)));
}

// Bytes of the file that a writer goes on behind; 0 for one that was never begun.
size_t kept_size(const std::filesystem::path& path, const TraceHeader& header,
                 const std::function<bool(const RecordKey&)>& is_kept) {
  if (!std::filesystem::exists(path) || std::filesystem::file_size(path) < kMagic.size()) return 0;
  TraceFrames frames(path);
  const std::optional<std::string> first = frames.next();
  if (!first) return 0;
  if (trace_format::header_of(*first, path.string()) != header)
    throw ConfigError(
        cat(path.string(), ": holds rounds of another composition; --resume never begins a new run beside it"));
  for (;;) {
    const size_t at = frames.at();
    std::optional<std::string> payload = frames.next();
    if (!payload || !is_kept(TracedRecord(std::move(*payload), header.vocab, path.string()).blank.key)) return at;
  }
}

}  // namespace

std::filesystem::path trace_path(const std::filesystem::path& run_folder, const std::string& arm) {
  std::string name;
  for (const char c : arm) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) != 0 || c == '-' || c == '_' || (c == '.' && !name.empty())) {
      name += c;
    } else {
      static const char* const kHex = "0123456789ABCDEF";
      name += {'%', kHex[u >> 4], kHex[u & 15]};
    }
  }
  return run_folder / "traces" / (name + ".trace");
}

std::vector<std::filesystem::path> trace_paths(const std::filesystem::path& run_folder, int shards,
                                               const std::string& arm) {
  std::vector<std::filesystem::path> files;
  for (int i = 0; i < shards; ++i) {
    const std::filesystem::path file = trace_path(shard_folder(run_folder, {i, shards}), arm);
    if (std::filesystem::exists(file)) files.push_back(file);
  }
  return files;
}

void TraceRecorder::add(const RoundRecord& round) {
  const DraftTree& tree = round.tree;
  const auto rows = static_cast<size_t>(tree.size());
  const int64_t groups = tree.q.defined() ? tree.q.size(0) : 0;
  put(rounds_, round.start);
  put(rounds_, static_cast<uint32_t>(rows));
  put(rounds_, static_cast<uint32_t>(groups));
  put_all(rounds_, tree.token.data(), rows);
  put_all(rounds_, tree.parent.data(), rows);
  put_all(rounds_, tree.q_row.data(), rows);
  put_all(rounds_, tree.q_next.data(), rows);
  for (const Draw draw : tree.draw) put(rounds_, static_cast<uint8_t>(draw));
  if (groups > 0) put_rows(rounds_, tree.q);
  put_rows(rounds_, round.p);
  ++count_;
}

std::string TraceRecorder::take(const Record& record) {
  std::string out;
  put_text(out, record.key.arm);
  put_text(out, record.key.prompt);
  put(out, static_cast<int32_t>(record.key.turn));
  put(out, static_cast<int32_t>(record.key.rep));
  put_text(out, record.group);
  put_text(out, record.category);
  put(out, record.request);
  put(out, record.n_in);
  put(out, count_);
  out += rounds_;
  rounds_.clear();
  count_ = 0;
  return framed(out);
}

TraceWriter::TraceWriter(const std::filesystem::path& path, const TraceHeader& header,
                         const std::function<bool(const RecordKey&)>& is_kept)
    : path_(path.string()) {
  std::filesystem::create_directories(path.parent_path());
  const size_t kept = kept_size(path, header, is_kept);
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(path_, "open for appending");
  if (::ftruncate(descriptor_, static_cast<off_t>(kept)) != 0) fail(path_, "cut the torn end of");
  if (kept == 0) append(kMagic + framed(header_bytes(header)));
}

TraceWriter::~TraceWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void TraceWriter::append(const std::string& frame) {
  for (size_t done = 0; done < frame.size();) {
    const ssize_t n = ::write(descriptor_, frame.data() + done, frame.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_, "write");
    done += static_cast<size_t>(n);
  }
}

void TraceWriter::sync() {
  if (::fdatasync(descriptor_) != 0) fail(path_, "sync");
}

TracedRecord::TracedRecord(std::string bytes, int64_t vocab, std::string place)
    : TracedTurn(std::move(bytes), vocab, std::move(place)) {
  blank.key = {.arm = arm, .prompt = prompt, .turn = turn, .rep = rep};
  blank.group = group;
  blank.category = category;
  blank.request = request;
  blank.n_in = n_in;
}

TraceReader::TraceReader(const std::filesystem::path& path) : frames_(path), path_(path.string()) {
  const std::optional<std::string> first = frames_.next();
  if (!first) throw Error(path_ + ": a trace without a header");
  header_ = trace_format::header_of(*first, path_);
}

std::optional<TracedRecord> TraceReader::next() {
  std::optional<std::string> payload = frames_.next();
  if (!payload) return std::nullopt;
  TracedRecord record(std::move(*payload), header_.vocab, path_);
  if (record.blank.key.arm != header_.arm)
    throw Error(
        cat(path_, ": holds a record of the arm '", record.blank.key.arm, "' among those of '", header_.arm, "'"));
  return record;
}

bool TraceReader::is_torn() const { return frames_.is_torn(); }

}  // namespace specula
