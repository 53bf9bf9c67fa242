// What a long computation has found so far, in a file, so that it can be killed at any moment and gone on with.
//
// A result is a function of data, options and seed. So nothing of a program's state is kept, only results that took
// long, each under a key made of all it depends on: the computation is run again from its beginning and takes what is
// there instead of computing it, to the same bits. Keys need no order; threads may work side by side.
//
// Two kinds of entries:
//   results        sums of whole passes, heads of a path of λ. Kept where computing took at least 50 times as long as
//                  writing is expected to take. What was computed on the way to a larger result goes when that is kept.
//   partial sums   of the pass that is running: one entry, of the latest to save, replaced every so many seconds.
//
// The file FILE is a log of records, each with its length and CRC-32; reading ends at the first bad one, which is cut
// off with all behind it. Partial sums are in FILE.partial, which is replaced by renaming (FILE.partial.tmp). Numbers
// are in the machine's own byte order: the file is for the machine and the version that wrote it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// What a checkpoint is of: names and values of all that results depend on ("seed", "7"), in an order that is always the
// same. The first that differs is what a person is told.
using Provenance = std::vector<std::pair<std::string, std::string>>;

struct CheckpointOptions {
  // Partial sums are saved at most so often, and more rarely where saving takes more than a fiftieth of that. With 0
  // they are saved whenever they can be, and every result is kept, however quickly it was found. ≥ 0.
  double seconds = 30;
  // Told once, in a sentence, that something could not be saved (disk full, say); the computation goes on. May be
  // called from any thread that computes.
  std::function<void(const std::string& sentence)> warn = {};
};

class Checkpoint {
 public:
  // Where the numbers of an entry lie, one array after the other.
  using Values = std::vector<std::span<double>>;

  // Opens the file or creates it, and holds it against other processes while this lives. Throws InvalidArgument when an
  // option breaks its rule; IoError when it cannot be written, when another process holds it, when it is no checkpoint,
  // and when it is one of something else ("run.ckpt: is the checkpoint of another fit: its seed is 7 and here it is 8;
  // …"), which is left as it is. Costs a reading of the file.
  Checkpoint(std::string path, const Provenance& of, CheckpointOptions options = {});
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;
  // Removes the file if nothing is in it.
  ~Checkpoint();

  [[nodiscard]] const std::string& path() const;

  // What was there when it was opened.
  struct Found {
    Index results = 0;
    double bytes = 0;           // of both files
    double part = 0;            // done of the pass whose partial sums are there; 0: of none
    std::string partial_stage;  // its name
  };
  [[nodiscard]] const Found& found() const;
  // How often something was taken from it since.
  [[nodiscard]] Index taken() const;
  // Whether there is nothing to go on from.
  [[nodiscard]] bool empty() const;

  // The result of `compute`, rows×cols: the one kept under `key`, or computed and kept.
  [[nodiscard]] Matrix remembered(std::uint64_t key, Index rows, Index cols, const std::function<Matrix()>& compute);

  // Fills `values` with what is kept under `key`; false where that is nothing of their size, and they stay as they are.
  // Throws IoError when the file can no longer be read.
  [[nodiscard]] bool recall(std::uint64_t key, const Values& values);
  // Keeps them if that is worth its time: they took `seconds` to compute.
  void record(std::uint64_t key, const Values& values, double seconds);

  struct Partial {
    Index done = 0;      // of so many blocks
    double seconds = 0;  // that it took
  };
  // The same for sums of the first blocks of a pass.
  [[nodiscard]] std::optional<Partial> recall_partial(std::uint64_t key, const Values& values);
  void save_partial(std::uint64_t key, const Values& values, std::string_view stage, Index blocks,
                    const Partial& partial);
  // Whether partial sums of so many numbers, last saved so many seconds ago, are to be saved again.
  [[nodiscard]] bool due(Index numbers, double seconds) const;

  // Removes the files: what they were for is safe.
  void complete();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sextant
