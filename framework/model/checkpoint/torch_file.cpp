#include "framework/model/checkpoint/torch_file.h"

#include <algorithm>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/model/checkpoint/torch_pickle.h"
#include "framework/model/checkpoint/zip_directory.h"

namespace specula {
namespace {

using Members = std::map<std::string, ZipMember>;

constexpr size_t kMostPickleBytes = size_t{64} << 20U;
const std::map<std::string, int64_t> kElementBytes = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8}, {"I64", 8},
                                                      {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U8", 1},  {"BOOL", 1}};

// "archive" of "archive/data.pkl".
std::string archive_of(const Members& members, const std::string& place) {
  const std::string ending = "/data.pkl";
  std::string found;
  for (const auto& [name, member] : members) {
    if (!name.ends_with(ending)) continue;
    if (!found.empty()) throw Error(cat(place, ": it holds more than one data.pkl"));
    found = name.substr(0, name.size() - ending.size());
  }
  if (found.empty()) throw Error(cat(place, ": it holds no data.pkl, so torch.save did not write it"));
  return found;
}

std::string text_of(const RandomFile& file, const ZipMember& member) {
  std::string text(member.end - member.begin, '\0');
  file.read(member.begin, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
  return text;
}

// Rows of C order; a dimension of one element may have any stride.
bool is_contiguous(const PickledTensor& tensor) {
  int64_t expected = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.stride[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

TensorEntry entry_of(const PickledTensor& tensor, const ZipMember& storage, const std::string& place) {
  const std::string where = cat(place, ": tensor '", tensor.name, "' ");
  const int64_t element = kElementBytes.at(tensor.dtype);
  const auto storage_bytes = static_cast<int64_t>(storage.end - storage.begin);
  int64_t elements = 1;
  for (const int64_t size : tensor.shape) {
    if (size < 0 || __builtin_mul_overflow(elements, size, &elements) || elements > storage_bytes)
      throw Error(
          cat(where, "claims the shape ", shape_text(tensor.shape), "; its storage has ", storage_bytes, " bytes"));
  }
  if (tensor.shape.size() != tensor.stride.size() || !is_contiguous(tensor))
    throw Error(cat(where, "is not contiguous: shape ", shape_text(tensor.shape), ", strides ",
                    shape_text(tensor.stride), "; save it as tensor.contiguous()"));
  if (tensor.offset < 0 || tensor.offset > storage_bytes / element ||
      elements > storage_bytes / element - tensor.offset)
    throw Error(cat(where, "lies outside its storage: ", elements, " elements from ", tensor.offset, " of ",
                    storage_bytes / element));
  const size_t begin = storage.begin + static_cast<size_t>(tensor.offset * element);
  return {.name = tensor.name,
          .dtype = tensor.dtype,
          .shape = tensor.shape,
          .begin = begin,
          .end = begin + static_cast<size_t>(elements * element)};
}

}  // namespace

TorchFile::TorchFile(const std::filesystem::path& path) : TensorFile(path) {
  const Members members = read_zip_directory(file_, path_);
  const std::string archive = archive_of(members, path_);
  if (const auto order = members.find(archive + "/byteorder"); order != members.end()) {
    const size_t size = order->second.end - order->second.begin;
    if (size != 6 || text_of(file_, order->second) != "little")
      throw Error(cat(path_, ": its byte order is not 'little'"));
  }
  const ZipMember& pickle = members.at(archive + "/data.pkl");
  if (pickle.end - pickle.begin > kMostPickleBytes)
    throw Error(cat(path_, ": its pickle has ", pickle.end - pickle.begin, " bytes; the cap is ", kMostPickleBytes));
  std::set<std::string> names;
  for (const PickledTensor& tensor : read_torch_pickle(text_of(file_, pickle), path_)) {
    if (!names.insert(tensor.name).second) throw Error(cat(path_, ": tensor '", tensor.name, "' occurs twice"));
    const auto storage = members.find(cat(archive, "/data/", tensor.storage));
    if (storage == members.end())
      throw Error(
          cat(path_, ": tensor '", tensor.name, "' lies in storage '", tensor.storage, "', which is not there"));
    entries_.push_back(entry_of(tensor, storage->second, path_));
  }
  std::sort(entries_.begin(), entries_.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
}

}  // namespace specula
