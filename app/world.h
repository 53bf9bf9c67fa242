// The processes that mpirun or srun started together with this one, and which of them does what.
#pragma once

#include <functional>
#include <string>

#include "sextant/context.h"
#include "sextant/joined_ranks.h"

namespace sextant::app {

// This process among those started together, as the environment says: of size 1 when it was started alone.
struct Launch {
  const char* variable = "";  // that says so
  Index rank = 0;
  Index size = 1;
};
[[nodiscard]] Launch launch();

// Joins the others, if there are any, but for `experiment`, whose runs are shared without them. What the ranks after
// the first would print is dropped from then on. False where this process has nothing to do: the command is none of
// which several do a part, and the first does it alone. Throws Error where they cannot be joined.
[[nodiscard]] bool join_world(const std::string& command);

// Whether this is the process that prints and writes files: the first, or the only one.
[[nodiscard]] bool is_first();

// What a context knows of them: the ranks that work on this command, and the cores of this one unless `threads` are
// given.
void add_world(Context& context);

// Whether this process takes part in learning from, or measuring on, so many rows. Of few the first takes care alone,
// and its context is set so.
[[nodiscard]] bool takes_part(Context& context, Index rows);

// Waits for the others before the program ends.
void leave_world();

// Whether others are there: then say(who) is called on one of them, and all end with this status.
void fail_together(const std::function<void(const std::string& who)>& say, int status);

}  // namespace sextant::app
