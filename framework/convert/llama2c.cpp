#include "framework/convert/llama2c.h"

#include <array>
#include <bit>
#include <cstring>

#include "framework/core/error.h"

namespace specula {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are taken from the file as they are");

constexpr uint32_t kMagic = 0x616b3432;  // "ak42"
constexpr size_t kHeaderBytes = 256, kLegacyHeaderBytes = 28;

using Part = Llama2cFile::Part;

}  // namespace

Llama2cFile::Llama2cFile(const std::filesystem::path& path) : path_(path.string()), file_(path) {
  read_header();
  lay_out();
  if (at_ == file_.size()) return;
  fail(cat("the file has ", file_.size(), " bytes, but a checkpoint with this header (",
           version_ == 0 ? "legacy" : cat("version ", version_), ", ", shape_.layers, " layers of ", shape_.hidden,
           ", vocabulary ", shape_.vocab, ") has ", at_, " (truncated, or no llama2.c checkpoint)"));
}

void Llama2cFile::fail(const std::string& what) const { throw Error(cat(path_, ": ", what)); }

void Llama2cFile::read_header() {
  if (file_.size() < kLegacyHeaderBytes)
    fail(cat(file_.size(), " bytes are too few for a llama2.c checkpoint (its header takes ", kLegacyHeaderBytes, ")"));
  std::array<uint32_t, 2> start{};
  file_.read(0, {reinterpret_cast<uint8_t*>(start.data()), sizeof start});
  if (start[0] != kMagic) {
    read_sizes(0);
    at_ = kLegacyHeaderBytes;
    return;
  }
  version_ = static_cast<int>(start[1]);
  if (version_ != 1 && version_ != 2) fail(cat("version ", start[1], " cannot be read; valid: legacy, 1, 2"));
  if (file_.size() < kHeaderBytes) fail(cat(file_.size(), " bytes are too few; the header takes ", kHeaderBytes));
  read_sizes(8);
  std::array<uint8_t, 5> rest{};  // is the head the embedding, group size
  file_.read(8 + kLegacyHeaderBytes, rest);
  if (rest[0] > 1) fail(cat("the flag of a shared classifier is ", int{rest[0]}, "; valid: 0 and 1"));
  shape_.tied = rest[0] == 1;
  if (version_ == 2) {
    int32_t group = 0;
    std::memcpy(&group, rest.data() + 1, sizeof group);
    if (group < 1 || group > kMostHidden) fail(cat("the group size is ", group, "; valid: 1..", kMostHidden));
    group_ = group;
  }
  at_ = kHeaderBytes;
}

void Llama2cFile::read_sizes(size_t at) {
  std::array<int32_t, 7> sizes{};
  file_.read(at, {reinterpret_cast<uint8_t*>(sizes.data()), sizeof sizes});
  if (version_ == 0) {  // a negative vocabulary says that the classifier is a matrix of its own
    shape_.tied = sizes[5] > 0;
    if (sizes[5] < 0 && sizes[5] > -kMostVocab) sizes[5] = -sizes[5];
  }
  struct Field {
    const char* name;
    int64_t& size;
    int64_t most;
  };
  const Field fields[] = {
      {"dim", shape_.hidden, kMostHidden},          {"hidden_dim", shape_.intermediate, kMostIntermediate},
      {"n_layers", shape_.layers, kMostLayers},     {"n_heads", shape_.heads, kMostHeads},
      {"n_kv_heads", shape_.kv_heads, kMostHeads},  {"vocab_size", shape_.vocab, kMostVocab},
      {"max_seq_len", shape_.context, kMostContext}};
  for (size_t i = 0; i < 7; ++i) {
    if (sizes[i] < 1 || sizes[i] > fields[i].most)
      fail(cat("header: ", fields[i].name, " is ", sizes[i], "; valid: 1..", fields[i].most,
               version_ == 0 ? " (no llama2.c checkpoint?)" : ""));
    fields[i].size = sizes[i];
  }
  if (shape_.hidden % shape_.heads != 0)
    fail(cat("header: ", shape_.heads, " heads do not divide dim, ", shape_.hidden));
  shape_.head_dim = shape_.hidden / shape_.heads;
  check_shape(shape_, path_);
}

Llama2cFile::Matrix Llama2cFile::next(int64_t rows, int64_t row_size, bool quantized) {
  Matrix matrix{.rows = rows, .row_size = row_size, .values = at_};
  const auto values = static_cast<uint64_t>(rows) * static_cast<uint64_t>(row_size);  // bounds: < 2^41
  if (!quantized) {
    at_ += 4 * values;
    return matrix;
  }
  if (row_size % group_ != 0) fail(cat("header: groups of ", group_, " do not divide rows of ", row_size, " values"));
  matrix.scales = at_ + values;
  at_ = matrix.scales + 4 * (values / static_cast<uint64_t>(group_));
  return matrix;
}

void Llama2cFile::next_layers(Part part, int64_t rows, int64_t row_size, bool quantized) {
  for (int64_t i = 0; i < shape_.layers; ++i)
    layers_[static_cast<size_t>(part)].push_back(next(rows, row_size, quantized));
}

// Tensors follow each other without names: kind by kind, each for all layers.
void Llama2cFile::lay_out() {
  const int64_t hidden = shape_.hidden, wide = shape_.intermediate, key = shape_.kv_heads * shape_.head_dim;
  const bool legacy = version_ == 0, quantized = version_ == 2;
  const auto norms = [&](Part part) { next_layers(part, 1, hidden, false); };
  if (!legacy) {
    norms(Part::kAttentionNorm);
    norms(Part::kFfnNorm);
    final_norm_ = next(1, hidden, false);
  }
  embedding_ = next(shape_.vocab, hidden, quantized);
  if (legacy) norms(Part::kAttentionNorm);
  next_layers(Part::kQuery, hidden, hidden, quantized);
  next_layers(Part::kKey, key, hidden, quantized);
  next_layers(Part::kValue, key, hidden, quantized);
  next_layers(Part::kOutput, hidden, hidden, quantized);
  if (legacy) norms(Part::kFfnNorm);
  next_layers(Part::kGate, wide, hidden, quantized);
  next_layers(Part::kDown, hidden, wide, quantized);
  next_layers(Part::kUp, wide, hidden, quantized);
  if (legacy) {
    final_norm_ = next(1, hidden, false);
    at_ +=
        2 * 4 *
        static_cast<uint64_t>(shape_.context * (shape_.head_dim / 2));  // cosines and sines, which follow from the rest
  }
  if (!shape_.tied) head_ = next(shape_.vocab, hidden, quantized);
}

const Llama2cFile::Matrix& Llama2cFile::layer(Part part, int64_t index) const {
  return layers_[static_cast<size_t>(part)][static_cast<size_t>(index)];
}

void Llama2cFile::read_rows(const Matrix& matrix, int64_t first, int64_t count, float* out) const {
  SPECULA_CHECK(first >= 0 && count >= 0 && first + count <= matrix.rows, matrix.rows, " rows, asked ", first, " + ",
                count);
  const auto begin = static_cast<uint64_t>(first * matrix.row_size),
             size = static_cast<uint64_t>(count * matrix.row_size);
  if (matrix.scales == 0) {
    file_.read(matrix.values + 4 * begin, {reinterpret_cast<uint8_t*>(out), 4 * size});
    return;
  }
  const auto group = static_cast<uint64_t>(group_);
  std::vector<uint8_t> bytes(size);
  std::vector<float> scales(size / group);
  file_.read(matrix.values + begin, bytes);
  file_.read(matrix.scales + 4 * (begin / group), {reinterpret_cast<uint8_t*>(scales.data()), 4 * scales.size()});
  for (uint64_t i = 0; i < size; ++i) out[i] = static_cast<float>(static_cast<int8_t>(bytes[i])) * scales[i / group];
}

}  // namespace specula
