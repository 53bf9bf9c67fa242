// Oracles: the bytes, names, links and permissions that POSIX shows of the file system afterwards; /dev/full and
// RLIMIT_FSIZE (EFBIG) stand for a full disk.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "data/output_file.h"
#include "file_size_limit.h"
#include "message_of.h"
#include "sextant/error.h"
#include "temporary_folder.h"

namespace fs = std::filesystem;
using namespace sextant;

namespace {

using Names = std::set<std::string>;

::mode_t permissions(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777;
}

}  // namespace

TEST(OutputFile, AppearsOnCommit) {
  const TemporaryFolder folder;
  OutputFile file(folder.path("a.bin"));
  file.write("ab");
  file.write(std::string(1'000'000, 'c'));
  file.write("d");
  EXPECT_FALSE(fs::exists(folder.path("a.bin")));
  const Names during = folder.names();
  ASSERT_EQ(during.size(), 1U);
  EXPECT_TRUE(during.begin()->starts_with(".a.bin." + std::to_string(::getpid()) + "-")) << *during.begin();
  EXPECT_TRUE(during.begin()->ends_with(".tmp"));
  file.commit();
  EXPECT_EQ(folder.bytes("a.bin"), "ab" + std::string(1'000'000, 'c') + "d");
  EXPECT_EQ(folder.names(), Names{"a.bin"});
}

TEST(OutputFile, RelativeNamesWork) {
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  OutputFile file("a.bin");
  file.write("x");
  file.commit();
  fs::current_path(before);
  EXPECT_EQ(folder.bytes("a.bin"), "x");
}

TEST(OutputFile, WithoutCommitNothingRemains) {
  const TemporaryFolder folder;
  folder.put("a.bin", "old");
  {
    OutputFile file(folder.path("a.bin"));
    file.write(std::string(1'000'000, 'c'));
  }
  EXPECT_EQ(folder.bytes("a.bin"), "old");
  EXPECT_EQ(folder.names(), Names{"a.bin"});
}

TEST(OutputFile, RewritesItsBeginning) {
  const TemporaryFolder folder;
  OutputFile file(folder.path("a.bin"));
  file.write("????5678");
  file.rewrite(0, "1234");
  file.write("9");
  file.commit();
  EXPECT_EQ(folder.bytes("a.bin"), "123456789");
}

TEST(OutputFile, PrepareChangesNothingThatCanBeSeen) {
  const TemporaryFolder folder;
  folder.put("a.bin", "old");
  OutputFile file(folder.path("a.bin"));
  file.write("new");
  file.prepare();
  EXPECT_EQ(folder.bytes("a.bin"), "old");
  file.commit();
  EXPECT_EQ(folder.bytes("a.bin"), "new");
}

TEST(OutputFile, KeepsPermissionsOfTheFileItReplaces) {
  const TemporaryFolder folder;
  for (const ::mode_t mode : {0600, 0640, 0666, 0755}) {
    folder.put("a.bin", "old");
    ASSERT_EQ(::chmod(folder.path("a.bin").c_str(), mode), 0);
    OutputFile file(folder.path("a.bin"));
    file.write("new");
    file.commit();
    EXPECT_EQ(permissions(folder.path("a.bin")), mode);
    EXPECT_EQ(folder.bytes("a.bin"), "new");
  }
}

TEST(OutputFile, NewFilesFollowTheUmask) {
  const TemporaryFolder folder;
  const ::mode_t before = ::umask(027);
  OutputFile file(folder.path("a.bin"));
  file.commit();
  ::umask(before);
  EXPECT_EQ(permissions(folder.path("a.bin")), 0640U);
}

TEST(OutputFile, ReplacesWhatALinkPointsTo) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path("deep"));
  folder.put("deep/target.bin", "old");
  fs::create_symlink("deep/target.bin", folder.path("second"));
  fs::create_symlink(folder.path("second"), folder.path("first"));
  OutputFile file(folder.path("first"));
  file.write("new");
  file.commit();
  EXPECT_TRUE(fs::is_symlink(folder.path("first")));
  EXPECT_TRUE(fs::is_symlink(folder.path("second")));
  EXPECT_EQ(folder.bytes("deep/target.bin"), "new");
  EXPECT_EQ(folder.names(), (Names{"deep", "first", "second"}));
}

TEST(OutputFile, CreatesWhatADanglingLinkPointsTo) {
  const TemporaryFolder folder;
  fs::create_symlink("target.bin", folder.path("link"));
  OutputFile file(folder.path("link"));
  file.write("new");
  file.commit();
  EXPECT_TRUE(fs::is_symlink(folder.path("link")));
  EXPECT_EQ(folder.bytes("target.bin"), "new");
}

TEST(OutputFile, LinksInACircleAreAnError) {
  const TemporaryFolder folder;
  fs::create_symlink("b", folder.path("a"));
  fs::create_symlink("a", folder.path("b"));
  EXPECT_EQ(message_of<IoError>([&] {
              OutputFile file(folder.path("a"));
              file.commit();
            }),
            folder.path("a") + ": cannot be written: Too many levels of symbolic links");
  EXPECT_TRUE(fs::is_symlink(folder.path("a")));
  EXPECT_TRUE(fs::is_symlink(folder.path("b")));
}

TEST(OutputFile, PlacesThatCannotBeWritten) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path("d"));
  folder.put("f", "old");
  const auto opening = [&](const std::string& path) { return message_of<IoError>([&] { OutputFile file(path); }); };
  EXPECT_EQ(opening(folder.path("d")), folder.path("d") + ": cannot be written: it is a directory");
  EXPECT_EQ(opening(folder.path("none/a")),
            folder.path("none/a") + ": cannot be written: the folder '" + folder.path("none") + "' does not exist");
  EXPECT_EQ(opening(folder.path("f/a")), folder.path("f/a") + ": cannot be written: Not a directory");
  EXPECT_EQ(opening(""), ": cannot be written: its name is missing");
  const std::string long_name = folder.path(std::string(256, 'n'));
  EXPECT_EQ(opening(long_name), long_name + ": cannot be written: File name too long");
  OutputFile(folder.path(std::string(255, 'n'))).commit();
  EXPECT_TRUE(fs::exists(folder.path(std::string(255, 'n'))));
}

TEST(OutputFile, NoPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TemporaryFolder folder;
  folder.put("read-only", "old");
  ASSERT_EQ(::chmod(folder.path("read-only").c_str(), 0444), 0);
  EXPECT_EQ(message_of<IoError>([&] { OutputFile file(folder.path("read-only")); }),
            folder.path("read-only") + ": cannot be written: Permission denied");
  fs::create_directory(folder.path("closed"));
  ASSERT_EQ(::chmod(folder.path("closed").c_str(), 0555), 0);
  EXPECT_EQ(message_of<IoError>([&] { OutputFile file(folder.path("closed/a")); }),
            folder.path("closed/a") + ": cannot be written: Permission denied");
}

TEST(OutputFile, FullDiskKeepsTheOldFile) {
  const TemporaryFolder folder;
  folder.put("a.bin", "old");
  {
    const FileSizeLimit limit(100'000);
    // More than the buffer: the write fails. Less: the commit does.
    for (const std::size_t size : {std::size_t{1'000'000}, std::size_t{150'000}}) {
      OutputFile file(folder.path("a.bin"));
      EXPECT_EQ(message_of<IoError>([&] {
                  file.write(std::string(size, 'c'));
                  file.commit();
                }),
                folder.path("a.bin") + ": cannot be written: File too large");
      // What was lost stays lost, also when there is room again.
      EXPECT_EQ(message_of<IoError>([&] { file.commit(); }),
                folder.path("a.bin") + ": cannot be written: an earlier write failed");
    }
  }
  EXPECT_EQ(folder.bytes("a.bin"), "old");
  EXPECT_EQ(folder.names(), Names{"a.bin"});
}

TEST(OutputFile, FullDevice) {
  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  OutputFile file("/dev/full");
  EXPECT_FALSE(file.replaces());
  file.write("x");
  EXPECT_EQ(message_of<IoError>([&] { file.commit(); }), "/dev/full: cannot be written: No space left on device");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST(OutputFile, PipesAreWrittenDirectly) {
  const TemporaryFolder folder;
  const std::string path = folder.path("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::string received;
  std::thread reader([&] { received = file_bytes(path); });
  {
    OutputFile file(path);
    EXPECT_FALSE(file.replaces());
    file.write("through");
    EXPECT_EQ(message_of<IoError>([&] { OutputFile(path).rewrite(0, "x"); }),
              path + ": cannot be written: it is not a regular file, so its beginning cannot be filled in at the end");
    file.commit();
  }
  reader.join();
  EXPECT_EQ(received, "through");
  EXPECT_TRUE(fs::is_fifo(path));
  EXPECT_EQ(folder.names(), Names{"pipe"});
}

// As with `--out /dev/stdout >> log`: the file behind a descriptor must stay the one that the descriptor is open on.
TEST(OutputFile, DescriptorsAreWrittenDirectly) {
  const TemporaryFolder folder;
  folder.put("log", "first ");
  struct stat before = {};
  ASSERT_EQ(::stat(folder.path("log").c_str(), &before), 0);
  const FileDescriptor log(::open(folder.path("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  OutputFile file("/dev/fd/" + std::to_string(log.get()));
  file.write("second");
  file.commit();
  struct stat after = {};
  ASSERT_EQ(::stat(folder.path("log").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(folder.bytes("log"), "first second");
}
