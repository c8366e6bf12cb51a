#include "experiments/run/trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <ATen/ops/zeros.h>

#include <bit>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

static_assert(std::endian::native == std::endian::little, "a trace is written as the memory holds it");

const std::string kMagic = "specula.trace/1\n";
constexpr uint32_t kDense = ~uint32_t{0};
constexpr size_t kFrameHead = 16;                    // size and checksum
constexpr int64_t kMaxVocab = int64_t{1} << 24;      // bounds on what a file may claim, checked before anything is
constexpr int64_t kMaxRowValues = int64_t{1} << 28;  // allocated: 1 GiB for the rows of a round
constexpr uint32_t kMaxText = 1 << 20;

constexpr double kSumSlack = 1e-3;  // float32 rows, as check_tree() allows q

uint64_t checksum(const char* bytes, size_t size) {  // FNV-1a
  uint64_t hash = 14695981039346656037ULL;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 1099511628211ULL;
  return hash;
}

// --- Writing ---

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

// --- Reading ---

// Takes values off bytes; never past their end.
class Cursor {
 public:
  Cursor(const std::string& bytes, size_t at, const std::string& place) : bytes_(bytes), at_(at), place_(place) {}
  size_t at() const { return at_; }

  const char* take(uint64_t size) {
    if (size > bytes_.size() - at_) fail("it ends too early");
    at_ += size;
    return bytes_.data() + at_ - size;
  }
  template <class T>
  T value() {
    T out;
    std::memcpy(&out, take(sizeof out), sizeof out);
    return out;
  }
  template <class T>
  std::vector<T> values(uint64_t count) {
    if (count > bytes_.size()) fail("a count exceeds the frame");
    const char* from = take(count * sizeof(T));
    std::vector<T> out(count);
    if (count > 0) std::memcpy(out.data(), from, count * sizeof(T));
    return out;
  }
  std::string text() {
    const auto size = value<uint32_t>();
    if (size > kMaxText) fail("a text is too long");
    return {take(size), size};
  }
  Draw draw() {
    const auto number = value<uint8_t>();
    if (number > static_cast<uint8_t>(Draw::kProbe)) fail(cat("draw law ", int{number}, " is unknown"));
    return static_cast<Draw>(number);
  }
  void row(float* out, int64_t vocab) {
    const auto count = value<uint32_t>();
    if (count == kDense) {
      std::memcpy(out, take(static_cast<uint64_t>(vocab) * sizeof(float)), static_cast<size_t>(vocab) * sizeof(float));
      return;
    }
    const auto tokens = values<Token>(count);
    const auto masses = values<float>(count);
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] < 0 || tokens[i] >= vocab) fail(cat("token ", tokens[i], " of a row; valid: 0..", vocab - 1));
      out[tokens[i]] = masses[i];
    }
  }
  Tensor rows(int64_t count, int64_t vocab) {
    Tensor out = at::zeros({count, vocab}, at::kFloat);
    for (int64_t i = 0; i < count; ++i) row(out.mutable_data_ptr<float>() + i * vocab, vocab);
    return out;
  }
  [[noreturn]] void fail(const std::string& what) const { throw Error(cat(place_, ": not a round's record: ", what)); }

 private:
  const std::string& bytes_;
  size_t at_;
  const std::string& place_;
};

TraceHeader header_of(const std::string& bytes, const std::string& place) {
  Cursor in(bytes, 0, place);
  TraceHeader h;
  h.vocab = in.value<int64_t>();
  if (h.vocab < 1 || h.vocab > kMaxVocab) in.fail(cat("a vocabulary of ", h.vocab, "; valid: 1..", kMaxVocab));
  h.one_hot = in.value<uint8_t>() != 0;
  h.trees = in.value<uint8_t>() != 0;
  h.q_next = in.value<uint8_t>() != 0;
  const auto laws = in.value<uint32_t>();
  if (laws > 64) in.fail(cat(laws, " draw laws"));
  for (uint32_t i = 0; i < laws; ++i) h.laws.push_back(in.draw());
  for (std::string* text : {&h.arm, &h.drafter, &h.verifier, &h.sampler}) *text = in.text();
  return h;
}

// A rule that is handed a row that is no distribution gives figures all the same.
void check_masses(const Tensor& p, const Cursor& in) {
  const float* row = p.const_data_ptr<float>();
  for (int64_t i = 0; i < p.size(0); ++i, row += p.size(1)) {
    double sum = 0;
    for (int64_t x = 0; x < p.size(1); ++x) {
      if (!(row[x] >= 0)) in.fail(cat("row ", i, " of p has ", row[x], " at token ", x));
      sum += row[x];
    }
    if (!(std::abs(sum - 1) < kSumSlack)) in.fail(cat("row ", i, " of p sums to ", sum));
  }
}

// "file.cpp:12: broken invariant: what" is of use to whoever wrote file.cpp, not to the reader of a damaged trace.
std::string without_place(const std::string& broken) {
  static const std::string kMark = "broken invariant: ";
  const size_t at = broken.find(kMark);
  return at == std::string::npos ? broken : broken.substr(at + kMark.size());
}

// The frames of a file from a place on.
class Frames {
 public:
  explicit Frames(const std::filesystem::path& path) : path_(path.string()), file_(path) {
    std::string magic(std::min(kMagic.size(), file_.size()), '\0');
    read(0, magic);
    if (magic != kMagic)
      throw Error(cat(path_, ": not a trace of this version (it does not begin with specula.trace/1)"));
    at_ = kMagic.size();
  }
  size_t at() const { return at_; }  // where the next frame begins
  bool is_torn() const { return at_ < file_.size(); }

  // No value at the end and before a torn frame; a frame that is whole in size but not in content is torn only where
  // nothing follows it.
  std::optional<std::string> next() {
    if (file_.size() - at_ < kFrameHead) return std::nullopt;
    uint64_t head[2];
    file_.read(at_, {reinterpret_cast<uint8_t*>(head), sizeof head});
    const size_t left = file_.size() - at_ - kFrameHead;
    if (head[0] > left) return std::nullopt;
    std::string payload(head[0], '\0');
    read(at_ + kFrameHead, payload);
    if (checksum(payload.data(), payload.size()) != head[1]) {
      if (head[0] == left) return std::nullopt;
      throw Error(cat(path_, ": the frame at byte ", at_, " is damaged (its checksum does not fit)"));
    }
    at_ += kFrameHead + payload.size();
    return payload;
  }

 private:
  void read(size_t from, std::string& out) const {
    file_.read(from, {reinterpret_cast<uint8_t*>(out.data()), out.size()});
  }
  std::string path_;
  RandomFile file_;
  size_t at_ = 0;
};

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw Error(cat(path, ": cannot ", what, ": ", std::strerror(errno)));
}

// Bytes of the file that a writer goes on behind; 0 for one that was never begun.
size_t kept_size(const std::filesystem::path& path, const TraceHeader& header,
                 const std::function<bool(const RecordKey&)>& is_kept) {
  if (!std::filesystem::exists(path) || std::filesystem::file_size(path) < kMagic.size()) return 0;
  Frames frames(path);
  const std::optional<std::string> first = frames.next();
  if (!first) return 0;
  if (header_of(*first, path.string()) != header)
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
    : bytes_(std::move(bytes)), place_(std::move(place)), vocab_(vocab) {
  Cursor in(bytes_, 0, place_);
  blank.key.arm = in.text();
  blank.key.prompt = in.text();
  blank.key.turn = in.value<int32_t>();
  blank.key.rep = in.value<int32_t>();
  blank.group = in.text();
  blank.category = in.text();
  blank.request = in.value<int64_t>();
  blank.n_in = in.value<int64_t>();
  num_rounds = in.value<uint32_t>();
  at_ = in.at();
}

bool TracedRecord::next(TracedRound& round) {
  if (read_ == num_rounds) return false;
  Cursor in(bytes_, at_, place_);
  round.start = in.value<int64_t>();
  const auto rows = in.value<uint32_t>(), groups = in.value<uint32_t>();
  if (rows == 0 || (int64_t{rows} + groups) * vocab_ > kMaxRowValues)
    in.fail(cat("a round of ", rows, " rows with ", groups, " rows of q over ", vocab_, " tokens"));
  DraftTree& tree = round.tree;
  tree.token = in.values<Token>(rows);
  tree.parent = in.values<int>(rows);
  tree.q_row = in.values<int>(rows);
  tree.q_next = in.values<int>(rows);
  tree.draw.clear();
  for (uint32_t i = 0; i < rows; ++i) tree.draw.push_back(in.draw());
  tree.q = groups > 0 ? in.rows(groups, vocab_) : Tensor();
  round.p = in.rows(rows, vocab_);
  try {
    check_tree(tree, tree.token[0], vocab_, TreeCheck::kAll);
  } catch (const std::logic_error& e) {
    in.fail(without_place(e.what()));
  }
  check_masses(round.p, in);
  at_ = in.at();
  ++read_;
  return true;
}

struct TraceReader::File {
  explicit File(const std::filesystem::path& path) : frames(path) {}
  Frames frames;
};

TraceReader::TraceReader(const std::filesystem::path& path)
    : file_(std::make_unique<File>(path)), path_(path.string()) {
  const std::optional<std::string> first = file_->frames.next();
  if (!first) throw Error(path_ + ": a trace without a header");
  header_ = header_of(*first, path_);
}

TraceReader::~TraceReader() = default;

std::optional<TracedRecord> TraceReader::next() {
  std::optional<std::string> payload = file_->frames.next();
  if (!payload) return std::nullopt;
  TracedRecord record(std::move(*payload), header_.vocab, path_);
  if (record.blank.key.arm != header_.arm)
    throw Error(
        cat(path_, ": holds a record of the arm '", record.blank.key.arm, "' among those of '", header_.arm, "'"));
  return record;
}

bool TraceReader::is_torn() const { return file_->frames.is_torn(); }

}  // namespace specula
