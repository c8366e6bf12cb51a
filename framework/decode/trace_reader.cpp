#include "framework/decode/trace_reader.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using trace_format::checksum;
using trace_format::kDense;
using trace_format::kMagic;

static_assert(std::endian::native == std::endian::little, "a trace is read as the memory holds it");

constexpr size_t kFrameHead = 16;                    // size and checksum
constexpr int64_t kMaxVocab = int64_t{1} << 24;      // bounds on what a file may claim, checked before anything is
constexpr int64_t kMaxRowValues = int64_t{1} << 28;  // allocated: 1 GiB for the rows of a round
constexpr uint32_t kMaxText = 1 << 20;

constexpr double kSumSlack = 1e-3;  // float32 rows, as check_tree() allows q

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
  void skip_rows(int64_t count, int64_t vocab) {
    for (int64_t i = 0; i < count; ++i) {
      const auto entries = value<uint32_t>();
      take(entries == kDense ? static_cast<uint64_t>(vocab) * sizeof(float)
                             : uint64_t{entries} * (sizeof(Token) + sizeof(float)));
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

// Every candidate a point, of i.i.d. siblings with one token only the first, with what hangs from the others below it.
void without_laws(DraftTree& tree) {
  DraftTree points = DraftTree::root_only(tree.token[0]);
  std::vector<int> place(tree.token.size(), 0);
  for (int row = 1; row < tree.size(); ++row) {
    if (tree.parent[row] < 0 || tree.parent[row] >= row) return;  // check_tree() says so
    const int above = place[tree.parent[row]];
    for (const int sibling : points.children(above)) {
      if (points.token[sibling] == tree.token[row]) place[row] = sibling;
    }
    if (place[row] == 0) place[row] = points.add(tree.token[row], above, Draw::kPoint);
  }
  tree = std::move(points);
}

}  // namespace

namespace trace_format {

uint64_t checksum(const char* bytes, size_t size) {  // FNV-1a
  uint64_t hash = 14695981039346656037ULL;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 1099511628211ULL;
  return hash;
}

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

}  // namespace trace_format

struct TraceFrames::File {
  explicit File(const std::filesystem::path& path) : bytes(path) {}
  RandomFile bytes;
};

TraceFrames::TraceFrames(const std::filesystem::path& path)
    : path_(path.string()), file_(std::make_unique<File>(path)) {
  std::string magic(std::min(kMagic.size(), file_->bytes.size()), '\0');
  read(0, magic);
  if (magic != kMagic)
    throw Error(cat(path_, ": not a trace of this version (it does not begin with specula.trace/1)"));
  at_ = kMagic.size();
}

TraceFrames::~TraceFrames() = default;

bool TraceFrames::is_torn() const { return at_ < file_->bytes.size(); }

std::optional<std::string> TraceFrames::next() {
  if (file_->bytes.size() - at_ < kFrameHead) return std::nullopt;
  uint64_t head[2];
  file_->bytes.read(at_, {reinterpret_cast<uint8_t*>(head), sizeof head});
  const size_t left = file_->bytes.size() - at_ - kFrameHead;
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

void TraceFrames::read(size_t from, std::string& out) const {
  file_->bytes.read(from, {reinterpret_cast<uint8_t*>(out.data()), out.size()});
}

TracedTurn::TracedTurn(std::string bytes, int64_t vocab, std::string place)
    : bytes_(std::move(bytes)), place_(std::move(place)), vocab_(vocab) {
  Cursor in(bytes_, 0, place_);
  arm = in.text();
  prompt = in.text();
  turn = in.value<int32_t>();
  rep = in.value<int32_t>();
  group = in.text();
  category = in.text();
  request = in.value<int64_t>();
  n_in = in.value<int64_t>();
  num_rounds = in.value<uint32_t>();
  at_ = in.at();
}

bool TracedTurn::next(TracedRound& round) { return read(round, true); }

bool TracedTurn::next_tree(TracedRound& round) { return read(round, false); }

bool TracedTurn::read(TracedRound& round, bool with_rows) {
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
  if (with_rows) {
    tree.q = groups > 0 ? in.rows(groups, vocab_) : Tensor();
    round.p = in.rows(rows, vocab_);
  } else {
    in.skip_rows(int64_t{groups} + rows, vocab_);
    round.p = Tensor();
    without_laws(tree);
  }
  try {
    check_tree(tree, tree.token[0], vocab_, TreeCheck::kAll);
  } catch (const std::logic_error& e) {
    in.fail(without_place(e.what()));
  }
  if (with_rows) check_masses(round.p, in);
  at_ = in.at();
  ++read_;
  return true;
}

}  // namespace specula
