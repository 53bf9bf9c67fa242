// The HDF5 library as it is used here: by one thread at a time, silently, with handles that close themselves and
// failures that become sentences. Only in builds with HDF5.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

namespace sextant {

// While one lives, no other thread of this library calls HDF5, whose usual build allows only one at a time, and HDF5
// prints no errors. Sessions of one thread may nest.
class Hdf5Session {
 public:
  Hdf5Session();
  ~Hdf5Session();
  Hdf5Session(const Hdf5Session&) = delete;
  Hdf5Session& operator=(const Hdf5Session&) = delete;

  // The innermost reason of the last call that failed.
  [[nodiscard]] std::string reason() const;

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  H5E_auto2_t printer_ = nullptr;
  void* printer_data_ = nullptr;
};

// Owns an identifier of HDF5's. A negative one stands for a failed call.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, Close how) : id_(id), close_(how) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Hdf5Handle() { (void)close(); }

  [[nodiscard]] hid_t get() const { return id_; }
  [[nodiscard]] bool open() const { return id_ >= 0; }
  // Whether that went well: closing a file writes what is left to write.
  bool close();

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

}  // namespace sextant
