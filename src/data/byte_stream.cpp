#include "data/byte_stream.h"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <new>

#include "sextant/error.h"

namespace sextant {

void ByteStream::EndInflate::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

ByteStream::ByteStream(const InputFile& file) : file_(file), chunk_(chunk_size) {
  unsigned char magic[2] = {};
  if (file_.read_some(0, magic, 2) != 2 || magic[0] != 0x1f || magic[1] != 0x8b) return;
  auto stream = std::make_unique<z_stream_s>();
  constexpr int gzip_only = 15 + 16;  // window bits, plus 16 for the gzip wrapper with its check sum
  if (inflateInit2(stream.get(), gzip_only) != Z_OK) throw std::bad_alloc();
  inflate_.reset(stream.release());
  packed_.resize(chunk_size / 4);
}

std::string_view ByteStream::next() {
  const std::size_t size = inflate_ ? unpack() : read_file(chunk_);
  return {chunk_.data(), size};
}

double ByteStream::fraction() const {
  return file_.size() == 0 ? 1.0 : std::min(1.0, static_cast<double>(offset_) / static_cast<double>(file_.size()));
}

std::size_t ByteStream::read_file(std::vector<char>& to) {
  const std::size_t size = file_.read_some(offset_, to.data(), to.size());
  offset_ += static_cast<std::int64_t>(size);
  if (size == 0 && offset_ < file_.size()) file_.fail_cut();
  return size;
}

std::size_t ByteStream::unpack() {
  z_stream_s& stream = *inflate_;
  stream.next_out = reinterpret_cast<Bytef*>(chunk_.data());
  stream.avail_out = static_cast<uInt>(chunk_.size());
  while (stream.avail_out > 0) {
    if (stream.avail_in == 0) {
      stream.avail_in = static_cast<uInt>(read_file(packed_));
      stream.next_in = reinterpret_cast<Bytef*>(packed_.data());
      if (stream.avail_in == 0 && in_member_)
        throw DataError(fmt::format("{}: ends in the middle of its gzip data", file_.path()));
      if (stream.avail_in == 0) break;
    }
    if (!in_member_) {
      inflateReset(&stream);
      in_member_ = true;
    }
    const int status = inflate(&stream, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status == Z_STREAM_END)
      in_member_ = false;
    else if (status != Z_OK)
      throw DataError(fmt::format("{}: holds corrupt gzip data before byte {} ({})", file_.path(),
                                  offset_ - static_cast<std::int64_t>(stream.avail_in),
                                  stream.msg != nullptr ? stream.msg : "no reason given"));
  }
  return chunk_.size() - stream.avail_out;
}

}  // namespace sextant
