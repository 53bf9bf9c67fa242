// What an exception says, for tests of messages.
#pragma once

#include <exception>
#include <string>

#include "sextant/error.h"

namespace sextant {

// What `action` says when it throws an Expected; anything else is told as such, and never equals a message.
template <class Expected = InvalidArgument, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Expected& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "nothing was thrown";
}

}  // namespace sextant
