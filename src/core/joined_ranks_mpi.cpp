// The only file that knows MPI.
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "sextant/error.h"
#include "sextant/joined_ranks.h"

namespace sextant {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_at_once = std::size_t{1} << 28;  // MPI counts in int

constexpr int tag_failed = 1;  // from a rank that fails
constexpr int tag_said = 2;    // from the one that says so
// For the messages of other ranks that fail at the same time.
constexpr auto grace = 500ms;
// For mpirun to end this rank, once another has told it to.
constexpr auto patience = 20s;

// Until the request is done, leaving the core to others where that takes long.
void wait(MPI_Request request) {
  const auto start = Clock::now();
  for (int done = 0; done == 0;) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done != 0) return;
    const auto waited = Clock::now() - start;
    if (waited < 1ms)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::min<Clock::duration>(waited / 10, 2ms));
  }
}

template <class Work>
void in_pieces(std::size_t size, const Work& work) {
  for (std::size_t first = 0; first < size; first += most_at_once)
    work(first, static_cast<int>(std::min(most_at_once, size - first)));
}

// Cores this process may run on, as bits.
std::vector<unsigned char> allowed_cores() {
  constexpr std::size_t most_cores = 8192;  // the same on all ranks, which send it
  cpu_set_t* cores = CPU_ALLOC(most_cores);
  const std::size_t bytes = CPU_ALLOC_SIZE(most_cores);
  CPU_ZERO_S(bytes, cores);
  std::vector<unsigned char> bits(most_cores, 0);
  if (sched_getaffinity(0, bytes, cores) == 0)
    for (std::size_t core = 0; core < most_cores; ++core) bits[core] = CPU_ISSET_S(core, bytes, cores) ? 1 : 0;
  CPU_FREE(cores);
  return bits;
}

class MpiRanks final : public JoinedRanks {
 public:
  MpiRanks() {
    int given = MPI_THREAD_SINGLE;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given);
    MPI_Comm_dup(MPI_COMM_WORLD, &failures_);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    threads_ = share_of_cores();
  }

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  [[nodiscard]] int threads() const override { return threads_; }

  void maximum(std::span<double> values) override {
    in_pieces(values.size(), [&](std::size_t first, int count) {
      MPI_Request request = MPI_REQUEST_NULL;
      MPI_Iallreduce(MPI_IN_PLACE, values.data() + first, count, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD, &request);
      wait(request);
    });
  }

  // To one rank and back: an all-reduce may add in another order on every rank.
  void sum(std::span<double> values) override {
    in_pieces(values.size(), [&](std::size_t first, int count) {
      double* const at = values.data() + first;
      MPI_Reduce(rank_ == 0 ? MPI_IN_PLACE : at, at, count, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
      MPI_Bcast(at, count, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    });
  }

  void broadcast(std::span<std::byte> bytes, int from) override {
    in_pieces(bytes.size(), [&](std::size_t first, int count) {
      MPI_Bcast(bytes.data() + first, count, MPI_BYTE, from, MPI_COMM_WORLD);
    });
  }

  void finish() override {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    wait(request);
    MPI_Comm_free(&failures_);
    MPI_Finalize();
  }

  [[noreturn]] void fail(const std::function<void(const std::string& who)>& say, int status) override {
    tell_all(tag_failed);
    bool first = true;
    bool said = false;
    for (const auto start = Clock::now(); Clock::now() - start < grace && !said; std::this_thread::sleep_for(2ms)) {
      MPI_Status from{};
      while (arrived(tag_failed, from)) first = first && from.MPI_SOURCE > rank_;
      said = arrived(tag_said, from);
      if (rank_ == 0) break;  // none comes before it, and one that has spoken told so before
    }
    if (said || !first) {
      std::this_thread::sleep_for(patience);  // the first says it and ends this rank, too
    } else {
      tell_all(tag_said);
      std::array<char, MPI_MAX_PROCESSOR_NAME> host{};
      int length = 0;
      MPI_Get_processor_name(host.data(), &length);
      say("rank " + std::to_string(rank_) + " on " + std::string(host.data(), static_cast<std::size_t>(length)));
      std::fflush(nullptr);
    }
    MPI_Abort(MPI_COMM_WORLD, status);
    std::abort();
  }

 private:
  [[nodiscard]] static int share_of_cores() {
    const std::vector<unsigned char> own = allowed_cores();
    MPI_Comm machine = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    int here = 1;
    MPI_Comm_size(machine, &here);
    std::vector<unsigned char> all(own.size() * static_cast<std::size_t>(here));
    const int count = static_cast<int>(own.size());
    MPI_Allgather(own.data(), count, MPI_UNSIGNED_CHAR, all.data(), count, MPI_UNSIGNED_CHAR, machine);
    MPI_Comm_free(&machine);
    int alike = 0;
    for (auto each = all.begin(); each != all.end(); each += count)
      if (std::equal(own.begin(), own.end(), each)) ++alike;
    const auto cores = std::count(own.begin(), own.end(), 1);
    return std::max(1, static_cast<int>(cores) / std::max(1, alike));
  }

  // Returns when all messages are on their way. One to a rank that is at work may wait for it to answer: no longer than
  // `grace`.
  void tell_all(int tag) {
    std::vector<MPI_Request> requests(static_cast<std::size_t>(size_), MPI_REQUEST_NULL);
    for (int to = 0; to < size_; ++to)
      if (to != rank_) MPI_Isend(nullptr, 0, MPI_BYTE, to, tag, failures_, &requests[static_cast<std::size_t>(to)]);
    int sent = 0;
    for (const auto start = Clock::now(); sent == 0 && Clock::now() - start < grace; std::this_thread::sleep_for(2ms))
      MPI_Testall(size_, requests.data(), &sent, MPI_STATUSES_IGNORE);
    // Those that are left end with the process.
  }

  // Takes a message of the tag, if one is there.
  [[nodiscard]] bool arrived(int tag, MPI_Status& from) {
    int there = 0;
    MPI_Iprobe(MPI_ANY_SOURCE, tag, failures_, &there, &from);
    if (there != 0) MPI_Recv(nullptr, 0, MPI_BYTE, from.MPI_SOURCE, tag, failures_, MPI_STATUS_IGNORE);
    return there != 0;
  }

  int rank_ = 0;
  int size_ = 1;
  int threads_ = 1;
  MPI_Comm failures_ = MPI_COMM_NULL;
};

}  // namespace

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string whole(text.data(), static_cast<std::size_t>(length));
  return whole.substr(0, whole.find_first_of(",\n"));  // what it was built with follows
}

std::unique_ptr<JoinedRanks> join_ranks() { return std::make_unique<MpiRanks>(); }

}  // namespace sextant
