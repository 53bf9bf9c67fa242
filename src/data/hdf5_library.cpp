#include "data/hdf5_library.h"

namespace sextant {
namespace {

std::recursive_mutex& one_at_a_time() {
  static std::recursive_mutex mutex;
  return mutex;
}

}  // namespace

Hdf5Session::Hdf5Session() : lock_(one_at_a_time()) {
  H5Eget_auto2(H5E_DEFAULT, &printer_, &printer_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Session::~Hdf5Session() { H5Eset_auto2(H5E_DEFAULT, printer_, printer_data_); }

std::string Hdf5Session::reason() const {
  std::string reason;
  const auto take = [](unsigned, const H5E_error2_t* error, void* to) -> herr_t {
    if (error->desc != nullptr && *error->desc != '\0') *static_cast<std::string*>(to) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, take, &reason);
  for (char& c : reason)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  constexpr std::size_t longest = 200;
  if (reason.size() > longest) reason.resize(longest);
  return reason.empty() ? "no reason given" : reason;
}

bool Hdf5Handle::close() {
  const hid_t id = std::exchange(id_, -1);
  if (id < 0) return true;
  const Hdf5Session session;
  return close_(id) >= 0;
}

}  // namespace sextant
