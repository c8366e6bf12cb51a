#include "framework/core/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "framework/core/error.h"

namespace specula {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw Error(cat(path, ": cannot ", what, ": ", std::strerror(errno)));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, const char* what)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail(path, what);
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

void write_all(int fd, const std::string& path, std::string_view content) {
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "write");
    done += static_cast<size_t>(n);
  }
}

size_t regular_file_size(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail(path, "stat");
  if (!S_ISREG(status.st_mode)) throw Error(path + ": not a regular file");
  return static_cast<size_t>(status.st_size);
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY, "open");
  std::string content(regular_file_size(file.get(), path), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::read(file.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  content.resize(done);
  return content;
}

void write_file_atomically(const std::filesystem::path& path, const std::string& content) {
  const std::string_view part = content;
  write_file_atomically(path, std::span(&part, 1));
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> parts) {
  const std::string temporary = path.string() + ".tmp";
  {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC, "create");
    for (const std::string_view part : parts) write_all(file.get(), temporary, part);
    if (::fsync(file.get()) != 0) fail(temporary, "sync");
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "rename a new version to");
}

namespace {

std::string hex(std::span<const unsigned char> bytes) {
  static const char* const kHex = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

}  // namespace

std::string sha256(const std::string& content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  SPECULA_CHECK(EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return hex({digest.data(), size});
}

std::string sha256_of_file(const std::filesystem::path& path) {
  const RandomFile file(path);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  SPECULA_CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  std::vector<uint8_t> part(size_t{1} << 20);
  for (size_t at = 0; at < file.size();) {
    const std::span<uint8_t> next(part.data(), std::min(part.size(), file.size() - at));
    file.read(at, next);
    SPECULA_CHECK(EVP_DigestUpdate(context.get(), next.data(), next.size()) == 1);
    at += next.size();
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  SPECULA_CHECK(EVP_DigestFinal_ex(context.get(), digest.data(), &size) == 1);
  return hex({digest.data(), size});
}

RandomFile::RandomFile(const std::filesystem::path& path) : path_(path) {
  Descriptor file(path_, O_RDONLY, "open");
  size_ = regular_file_size(file.get(), path_);
  descriptor_ = file.release();
}

RandomFile::~RandomFile() { ::close(descriptor_); }

void RandomFile::read(size_t offset, std::span<uint8_t> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path_, "read");
    if (n == 0)
      throw Error(cat(path_, ": ends at byte ", offset + done, ", where ", out.size() - done, " more are expected"));
    done += static_cast<size_t>(n);
  }
}

FileWriter::FileWriter(const std::filesystem::path& path) : path_(path) {
  descriptor_ = Descriptor(path_, O_WRONLY | O_CREAT | O_TRUNC, "create").release();
}

FileWriter::~FileWriter() { ::close(descriptor_); }

void FileWriter::append(std::string_view bytes) { write_all(descriptor_, path_, bytes); }

void FileWriter::finish() {
  if (::fsync(descriptor_) != 0) fail(path_, "sync");
}

LineFile::LineFile(const std::filesystem::path& path) : path_(path) {
  Descriptor file(path_, O_RDWR | O_CREAT | O_APPEND, "open for appending");
  size_t size = regular_file_size(file.get(), path_);
  std::array<char, 65536> block{};
  while (size > 0) {  // walk back to the last newline
    const size_t n = std::min(size, block.size());
    if (::pread(file.get(), block.data(), n, static_cast<off_t>(size - n)) != static_cast<ssize_t>(n))
      fail(path_, "read");
    const void* newline = ::memrchr(block.data(), '\n', n);
    if (newline != nullptr) {
      size = size - n + static_cast<size_t>(static_cast<const char*>(newline) - block.data()) + 1;
      break;
    }
    size -= n;
  }
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) fail(path_, "cut the torn last line of");
  descriptor_ = file.release();
}

LineFile::~LineFile() { ::close(descriptor_); }

void LineFile::append(const std::string& line) { write_all(descriptor_, path_, line + "\n"); }

void LineFile::sync() {
  if (::fdatasync(descriptor_) != 0) fail(path_, "sync");
}

}  // namespace specula
