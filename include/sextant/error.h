// The library's exceptions. Every message is a sentence a user can act on: where, what was found, what was expected,
// for instance "fit: 'pressure' has 3 missing values (first at line 18)".
//
// Expected numerical events (no direction found, λ at the end of its grid) are not exceptions but fields of results.
#pragma once

#include <stdexcept>
#include <string>

namespace sextant {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An option or argument breaks its rule; the message names field, value and rule.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

// A table or model file holds something that cannot be used; the message says where.
class DataError : public Error {
 public:
  using Error::Error;
};

// A factorisation failed or a result is not finite.
class NumericalError : public Error {
 public:
  using Error::Error;
};

// A file cannot be opened, read or written.
class IoError : public Error {
 public:
  using Error::Error;
};

// Processes that work together no longer do (ranks.h).
class RankError : public Error {
 public:
  using Error::Error;
};

// The progress callback asked to stop.
class Cancelled : public Error {
 public:
  Cancelled() : Error("cancelled") {}
};

}  // namespace sextant
