#include "framework/model/checkpoint/zip_directory.h"

#include <algorithm>
#include <vector>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr uint32_t kEndOfDirectory = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50, kEntry = 0x02014b50,
                   kLocalHeader = 0x04034b50;
constexpr size_t kEndBytes = 22, kMostComment = 65535, kEntryBytes = 46, kLocalBytes = 30, kLocatorBytes = 20,
                 kEnd64Bytes = 56;
constexpr size_t kMostDirectory = size_t{64} << 20U;  // bytes; a million members
constexpr uint64_t kIn64 = 0xffffffff;                // a 32-bit field that says: see the extra field

// Little-endian numbers of a buffer; reading past its end is the archive's fault.
class Bytes {
 public:
  Bytes(const RandomFile& file, const std::string& place, size_t begin, size_t size) : place_(place), bytes_(size) {
    if (begin > file.size() || size > file.size() - begin)
      throw Error(cat(place, ": a part of ", size, " bytes at ", begin, " lies outside the file of ", file.size(),
                      " bytes (truncated?)"));
    file.read(begin, bytes_);
  }
  uint64_t number(size_t at, size_t width) const {
    if (at > bytes_.size() || width > bytes_.size() - at)
      throw Error(cat(place_, ": a part of the zip directory ends too early"));
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) value |= uint64_t{bytes_[at + i]} << (8 * i);
    return value;
  }
  std::string text(size_t at, size_t size) const {
    if (size > 0) number(at + size - 1, 1);
    return {bytes_.begin() + static_cast<ptrdiff_t>(at), bytes_.begin() + static_cast<ptrdiff_t>(at + size)};
  }
  size_t size() const { return bytes_.size(); }

 private:
  const std::string& place_;
  std::vector<uint8_t> bytes_;
};

struct Directory {
  uint64_t offset = 0, size = 0;
};

Directory find_directory(const RandomFile& file, const std::string& place) {
  const size_t tail = std::min(file.size(), kEndBytes + kMostComment);
  const Bytes end(file, place, file.size() - tail, tail);
  for (size_t at = tail >= kEndBytes ? tail - kEndBytes + 1 : 0; at-- > 0;) {
    if (end.number(at, 4) != kEndOfDirectory || end.number(at + 20, 2) != tail - at - kEndBytes) continue;
    Directory found = {.offset = end.number(at + 16, 4), .size = end.number(at + 12, 4)};
    const size_t at_file = file.size() - tail + at;
    if (found.offset != kIn64 && found.size != kIn64) return found;
    if (at_file < kLocatorBytes) break;
    const Bytes locator(file, place, at_file - kLocatorBytes, kLocatorBytes);
    if (locator.number(0, 4) != kLocator64) break;
    const Bytes end64(file, place, locator.number(8, 8), kEnd64Bytes);
    if (end64.number(0, 4) != kEnd64) break;
    return {.offset = end64.number(48, 8), .size = end64.number(40, 8)};
  }
  throw Error(cat(place,
                  ": not a zip archive, as torch.save writes it since PyTorch 1.6 (older files: load them there "
                  "and save them again, or convert them to safetensors)"));
}

struct Entry {
  std::string name;
  uint64_t method = 0, flags = 0, stored = 0, size = 0, header = 0;
  size_t bytes = 0;  // of the entry itself
};

// Sizes and offsets of 64 bits, in the order of the 32-bit fields that refer to them.
void read_extra(const Bytes& directory, size_t at, size_t end, Entry& entry) {
  while (at + 4 <= end) {
    const uint64_t kind = directory.number(at, 2), size = directory.number(at + 2, 2);
    size_t next = at + 4;
    if (kind == 1) {
      for (uint64_t* const field : {&entry.size, &entry.stored, &entry.header}) {
        if (*field != kIn64) continue;
        *field = directory.number(next, 8);
        next += 8;
      }
    }
    at += 4 + size;
  }
}

Entry read_entry(const Bytes& directory, size_t at, const std::string& place) {
  if (directory.number(at, 4) != kEntry) throw Error(cat(place, ": byte ", at, " of the zip directory is no entry"));
  const size_t name = directory.number(at + 28, 2), extra = directory.number(at + 30, 2),
               comment = directory.number(at + 32, 2);
  Entry entry{.name = directory.text(at + kEntryBytes, name),
              .method = directory.number(at + 10, 2),
              .flags = directory.number(at + 8, 2),
              .stored = directory.number(at + 20, 4),
              .size = directory.number(at + 24, 4),
              .header = directory.number(at + 42, 4),
              .bytes = kEntryBytes + name + extra + comment};
  read_extra(directory, at + kEntryBytes + name, at + kEntryBytes + name + extra, entry);
  return entry;
}

ZipMember member_of(const RandomFile& file, const Entry& entry, const std::string& place) {
  const std::string where = cat(place, ": member '", entry.name, "' ");
  if (entry.method != 0 || entry.stored != entry.size)
    throw Error(cat(where, "is compressed (method ", entry.method, "); torch.save stores its members as they are"));
  if ((entry.flags & 1U) != 0) throw Error(where + "is encrypted");
  const Bytes local(file, place, entry.header, kLocalBytes);
  if (local.number(0, 4) != kLocalHeader) throw Error(where + "has no header where the directory says");
  const uint64_t begin = entry.header + kLocalBytes + local.number(26, 2) + local.number(28, 2);
  if (begin > file.size() || entry.size > file.size() - begin)
    throw Error(
        cat(where, "claims ", entry.size, " bytes at ", begin, "; the file has ", file.size(), " (truncated?)"));
  return {.begin = begin, .end = begin + entry.size};
}

}  // namespace

std::map<std::string, ZipMember> read_zip_directory(const RandomFile& file, const std::string& place) {
  const Directory found = find_directory(file, place);
  if (found.size > kMostDirectory)
    throw Error(cat(place, ": its zip directory claims ", found.size, " bytes; the cap is ", kMostDirectory));
  const Bytes directory(file, place, found.offset, found.size);
  std::map<std::string, ZipMember> members;
  for (size_t at = 0; at < directory.size();) {
    const Entry entry = read_entry(directory, at, place);
    if (!members.emplace(entry.name, member_of(file, entry, place)).second)
      throw Error(cat(place, ": member '", entry.name, "' occurs twice"));
    at += entry.bytes;
  }
  return members;
}

}  // namespace specula
