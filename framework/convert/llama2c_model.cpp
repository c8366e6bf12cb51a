#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "framework/convert/llama2c.h"
#include "framework/convert/rotary_order.h"
#include "framework/convert/sentencepiece_model.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using Part = Llama2cFile::Part;

constexpr size_t kMostVocabularyBytes = size_t{256} << 20;
constexpr int64_t kUnknown = 0, kBos = 1, kEos = 2;  // as llama2.c has them fixed

class Mapper {
 public:
  Mapper(const Llama2cFile& file, WrittenDtype dtype) : file_(file), dtype_(dtype) {}

  void map(const Llama2cFile::Matrix& matrix, const std::string& name, RowOrder order = {}) {
    ReadRows read = [from = &file_, matrix](int64_t first, int64_t count, float* out) {
      from->read_rows(matrix, first, count, out);
    };
    std::vector<int64_t> shape{matrix.rows, matrix.row_size};
    if (name.find("norm") != std::string::npos) shape = {matrix.row_size};
    if (order.head_dim > 0) read = in_halves(read, shape, order.head_dim);
    weights_.push_back({name, safetensors_dtype(dtype_, matrix.scales == 0 ? "F32" : "Q8"), shape, std::move(read)});
  }
  std::vector<Weight> weights_;

 private:
  const Llama2cFile& file_;
  WrittenDtype dtype_;
};

// Reads tokenizer.bin front to back.
class Vocabulary {
 public:
  explicit Vocabulary(const std::filesystem::path& path) : path_(path.string()) {
    const size_t size = RandomFile(path).size();
    if (size > kMostVocabularyBytes) fail(cat(size, " bytes; at most ", kMostVocabularyBytes, " are read"));
    bytes_ = read_file(path);
    number<int32_t>("the longest token");  // a hint for buffers
  }
  bool at_end() const { return at_ == bytes_.size(); }
  Piece next(int64_t id) {
    const std::string what = cat("token ", id);
    Piece piece{.score = number<float>(what)};
    const auto size = number<int32_t>(what);
    if (size < 0 || static_cast<size_t>(size) > bytes_.size() - at_)
      fail(cat(what, " claims ", size, " bytes; ", bytes_.size() - at_, " are left"));
    piece.text = bytes_.substr(at_, static_cast<size_t>(size));
    at_ += static_cast<size_t>(size);
    return piece;
  }
  [[noreturn]] void fail(const std::string& what) const { throw Error(cat(path_, ": ", what)); }
  const std::string& path() const { return path_; }

 private:
  template <class T>
  T number(const std::string& what) {
    T value{};
    if (bytes_.size() - at_ < sizeof value)
      fail(cat("ends within ", what, "; not llama2.c's tokenizer.bin of this model, or truncated"));
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  std::string path_, bytes_;
  size_t at_ = 0;
};

// tokenizer.bin spells spaces as such and puts line ends around the special tokens, so that they print well.
Piece restored(Piece piece, int64_t id) {
  if (id == kUnknown) return {piece.text.empty() ? "<unk>" : piece.text, piece.score, PieceType::kUnknown};
  if (id == kBos || id == kEos) return {id == kBos ? "<s>" : "</s>", piece.score, PieceType::kControl};
  std::string text;
  for (const char c : piece.text) text += c == ' ' ? "\xE2\x96\x81" : std::string(1, c);
  piece.text = std::move(text);
  for (int byte = 0; byte < 256; ++byte) {  // llama2.c takes ids 3 to 258 for the bytes
    if (id == byte + 3 && piece.text == byte_piece(byte)) piece.type = PieceType::kByte;
  }
  return piece;
}

std::string tokenizer_config() {
  const nlohmann::ordered_json json = {{"tokenizer_class", "LlamaTokenizer"},
                                       {"add_bos_token", true},
                                       {"add_eos_token", false},
                                       {"clean_up_tokenization_spaces", false},
                                       {"bos_token", "<s>"},
                                       {"eos_token", "</s>"},
                                       {"unk_token", "<unk>"}};
  return json.dump(2) + "\n";
}

}  // namespace

std::string llama2c_tokenizer_model(const std::filesystem::path& path, int64_t vocab) {
  Vocabulary file(path);
  PieceVocabulary vocabulary{.bos = kBos, .eos = kEos};
  for (int64_t id = 0; id < vocab; ++id) vocabulary.pieces.push_back(restored(file.next(id), id));
  if (!file.at_end()) file.fail(cat("holds more than the ", vocab, " tokens of the model; not its tokenizer"));
  if (vocab <= kEos) file.fail(cat("a vocabulary of ", vocab, "; expected at least 3 tokens"));
  return sentencepiece_model(vocabulary, file.path());
}

ConvertedModel convert_llama2c(const Llama2cFile& file, const std::filesystem::path& vocabulary, WrittenDtype dtype) {
  ModelShape shape = file.shape();
  Mapper mapper(file, dtype);
  const RowOrder rotated{shape.head_dim};
  mapper.map(file.embedding(), "model.embed_tokens.weight");
  shape.dtype = mapper.weights_.front().dtype;
  for (int64_t i = 0; i < shape.layers; ++i) {
    const std::string to = cat("model.layers.", i, ".");
    mapper.map(file.layer(Part::kAttentionNorm, i), to + "input_layernorm.weight");
    mapper.map(file.layer(Part::kQuery, i), to + "self_attn.q_proj.weight", rotated);
    mapper.map(file.layer(Part::kKey, i), to + "self_attn.k_proj.weight", rotated);
    mapper.map(file.layer(Part::kValue, i), to + "self_attn.v_proj.weight");
    mapper.map(file.layer(Part::kOutput, i), to + "self_attn.o_proj.weight");
    mapper.map(file.layer(Part::kFfnNorm, i), to + "post_attention_layernorm.weight");
    mapper.map(file.layer(Part::kGate, i), to + "mlp.gate_proj.weight");
    mapper.map(file.layer(Part::kUp, i), to + "mlp.up_proj.weight");
    mapper.map(file.layer(Part::kDown, i), to + "mlp.down_proj.weight");
  }
  mapper.map(file.final_norm(), "model.norm.weight");
  if (!shape.tied) mapper.map(file.head(), "lm_head.weight");
  ConvertedModel model{.weights = std::move(mapper.weights_)};
  if (shape.vocab > kEos) {
    shape.bos = kBos;
    shape.stops = {kBos, kEos};  // llama2.c ends at either: stories follow each other behind a begin token
  }
  if (!vocabulary.empty()) {
    model.files.push_back({"tokenizer.model", llama2c_tokenizer_model(vocabulary, shape.vocab)});
    model.files.push_back({"tokenizer_config.json", tokenizer_config()});
  }
  model.files.push_back({"config.json", config_json(shape)});
  return model;
}

}  // namespace specula
